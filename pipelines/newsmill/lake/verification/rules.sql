-- The checker's rules over rows: each query gives the places that break it. The rule and what is wrong
-- stand in the comment before it. Tables: fate, articles, quarantine, cluster_events, takedowns as readers
-- see them up to the ledger's offsets; committed(topic, partition, next); known(days, horizon, lasting): how
-- long URLs are known, from that schema version on, and before. What is checked
-- are the rows of new_*, beside those of near_* (around their offsets), articles_by_id and
-- events_by_cluster (those that they name), gaps, and articles_to_be_empty (which a takedown may concern).
-- Without a snapshot to begin at, all of these hold all rows.

-- C2: offsets with more than one fate
SELECT topic, partition, "offset", count(*)
FROM near_fate WHERE fate <> 'gap' GROUP BY ALL HAVING count(*) > 1;

-- C2: fates that do not exist
SELECT topic, partition, "offset", fate FROM new_fate
WHERE fate NOT IN ('article', 'copy', 'revision', 'redelivery', 'not_article', 'withheld', 'quarantined', 'gap');

-- C2: offsets that have a fate and lie in a gap, or in two gaps
SELECT f.topic, f.partition, f."offset", f.fate
FROM near_fate f JOIN gaps g ON f.topic = g.topic AND f.partition = g.partition
 AND f."offset" >= g."offset" AND f."offset" < g.offset_end
WHERE f.fate <> 'gap' OR f."offset" <> g."offset" OR f.offset_end <> g.offset_end;

-- C2: fates without their reason
SELECT topic, partition, "offset", fate FROM new_fate
WHERE fate IN ('not_article', 'withheld', 'quarantined', 'gap') AND reason IS NULL;

-- C1: fates at or beyond the committed offset
SELECT f.topic, f.partition, f."offset" FROM new_fate f LEFT JOIN committed c USING (topic, partition)
WHERE c.next IS NULL OR coalesce(f.offset_end, f."offset" + 1) > c.next;

-- C3: the same revision of an article more than once while its URL is known
SELECT topic, partition, "offset", article_id, revision FROM (
  SELECT *, ingested_at - lag(ingested_at) OVER (PARTITION BY article_id, revision ORDER BY ingested_at) AS since
  FROM articles_by_id), known
WHERE since < to_days(CASE WHEN try_cast(versions['schema'] AS INTEGER) >= lasting THEN days ELSE horizon END);

-- C3: offsets with more than one row of articles
SELECT topic, partition, "offset", count(*) FROM near_articles GROUP BY ALL HAVING count(*) > 1;

-- C3: offsets with more than one row of quarantine
SELECT topic, partition, "offset", count(*) FROM near_quarantine GROUP BY ALL HAVING count(*) > 1;

-- C3: fates whose row of articles is missing or another
SELECT f.topic, f.partition, f."offset", f.fate
FROM new_fate f LEFT JOIN near_articles a USING (topic, partition, "offset")
WHERE f.fate IN ('article', 'copy', 'revision')
  AND (a.fate IS DISTINCT FROM f.fate OR a.article_id IS DISTINCT FROM f.article_id
       OR a.revision IS DISTINCT FROM f.revision OR a.ingested_at IS DISTINCT FROM f.ingested_at);

-- C3: rows of articles without their fate
SELECT a.topic, a.partition, a."offset" FROM new_articles a
ANTI JOIN (SELECT * FROM near_fate WHERE fate IN ('article', 'copy', 'revision')) f
USING (topic, partition, "offset");

-- C3: quarantined fates without their payload
SELECT f.topic, f.partition, f."offset" FROM new_fate f
ANTI JOIN near_quarantine q USING (topic, partition, "offset") WHERE f.fate = 'quarantined';

-- C3: rows of quarantine without their fate
SELECT q.topic, q.partition, q."offset" FROM new_quarantine q
ANTI JOIN (SELECT * FROM near_fate WHERE fate = 'quarantined') f USING (topic, partition, "offset");

-- C7: copies whose matched article is not in the lake
SELECT a.topic, a.partition, a."offset", a.duplicate.matched_id FROM new_articles a
ANTI JOIN articles_by_id m ON m.article_id = a.duplicate.matched_id
WHERE a.duplicate.is_duplicate AND a.duplicate.matched_id IS NOT NULL;

-- C7: articles that are copies of themselves
SELECT topic, partition, "offset" FROM new_articles
WHERE duplicate.is_duplicate AND duplicate.matched_id = article_id;

-- C7: representatives that are not in the lake, and left no story
SELECT DISTINCT e.cluster_id, e.representative_id FROM new_cluster_events e
ANTI JOIN articles_by_id m ON m.article_id = e.representative_id
ANTI JOIN departed d ON d.article_id = e.representative_id;

-- C7: clusters with articles whose representative left
SELECT c.cluster_id, last.representative_id FROM (
  SELECT e.cluster_id, arg_max({representative_id: e.representative_id, size: e.size}, (e.ingested_at, e.seq)) AS last
  FROM cluster_events e SEMI JOIN new_cluster_events n ON n.cluster_id = e.cluster_id
  WHERE e.event <> 'merged' GROUP BY e.cluster_id) c
JOIN departed d ON d.article_id = last.representative_id
ANTI JOIN (FROM cluster_events WHERE event = 'merged') m ON m.cluster_id = c.cluster_id
WHERE last.size > 0;

-- C7: articles of clusters that are not in the lake, and did not leave
SELECT DISTINCT e.cluster_id, e.article_id FROM new_cluster_events e
ANTI JOIN articles_by_id m ON m.article_id = e.article_id
ANTI JOIN departed d ON d.article_id = e.article_id
WHERE e.event IN ('created', 'joined');

-- C7: clusters of articles that no event created
SELECT a.topic, a.partition, a."offset", a.duplicate.cluster_id FROM new_articles a
ANTI JOIN events_by_cluster e ON e.cluster_id = a.duplicate.cluster_id;

-- C7: clusters that merged into more than one other
SELECT cluster_id, count(DISTINCT merged_into) FROM cluster_events
WHERE event = 'merged' GROUP BY 1 HAVING count(DISTINCT merged_into) > 1;

-- C7: clusters that merge in a circle
WITH RECURSIVE merges AS (SELECT DISTINCT cluster_id, merged_into FROM cluster_events WHERE event = 'merged'),
chains(first, last, steps) AS (
  SELECT cluster_id, merged_into, 1 FROM merges
  UNION ALL
  SELECT c.first, m.merged_into, c.steps + 1 FROM chains c JOIN merges m ON m.cluster_id = c.last
  WHERE c.last <> c.first AND c.steps < 1000)
SELECT DISTINCT first FROM chains WHERE last = first OR steps = 1000;

-- C10: rows whose text no row has: `newsmill replay` brings it back while the topic has the record
SELECT a.topic, a.partition, a."offset" FROM articles_to_be_empty a
ANTI JOIN (SELECT DISTINCT body_hash FROM articles WHERE body IS NOT NULL) h USING (body_hash)
WHERE a.body IS NULL AND a.body_hash IS NOT NULL;

-- W1: articles that were taken down and are readable
SELECT DISTINCT a.topic, a.partition, a."offset" FROM articles_to_be_empty a
JOIN takedowns t ON (t.kind = 'url' AND t.value = a.url_key) OR (t.kind = 'domain' AND t.value = a.domain)
WHERE a.body IS NOT NULL OR a.title IS NOT NULL OR a.copy_sketch IS NOT NULL
   OR len(a.entities) > 0 OR len(a.places) > 0;

-- C11: rows of articles whose rows of article_entities are missing or others
SELECT topic, partition, "offset", named[1:3], told[1:3] FROM (
  SELECT topic, partition, "offset", list_transform(entities, lambda e: e.entity_id) AS named FROM near_articles
  WHERE len(entities) > 0) a
FULL JOIN (
  SELECT topic, partition, "offset", list(entity_id ORDER BY nth) AS told FROM near_article_entities GROUP BY ALL) e
USING (topic, partition, "offset")
WHERE named IS DISTINCT FROM told;

-- C11: rows of articles whose rows of article_places are missing or others
SELECT topic, partition, "offset", named[1:3], told[1:3] FROM (
  SELECT topic, partition, "offset", list_transform(places, lambda p: p.name) AS named FROM near_articles
  WHERE len(places) > 0) a
FULL JOIN (
  SELECT topic, partition, "offset", list(name ORDER BY nth) AS told FROM near_article_places GROUP BY ALL) p
USING (topic, partition, "offset")
WHERE named IS DISTINCT FROM told;

-- C14: offsets with more than one row of copy_sketches
SELECT topic, partition, "offset", count(*) FROM near_copy_sketches GROUP BY ALL HAVING count(*) > 1;

-- C14: rows of articles whose row of copy_sketches is missing, another, or tells what was taken down
SELECT topic, partition, "offset" FROM (
  SELECT topic, partition, "offset", {article: article_id, revision: revision, cluster: duplicate.cluster_id,
    domain: domain, ingested_at: ingested_at, there: withheld IS NULL} AS told FROM near_articles) a
FULL JOIN (
  SELECT topic, partition, "offset", {article: article_id, revision: revision, cluster: cluster_id,
    domain: domain, ingested_at: ingested_at, there: sketch IS NOT NULL} AS told FROM near_copy_sketches) s
USING (topic, partition, "offset")
WHERE a.told IS DISTINCT FROM s.told;
