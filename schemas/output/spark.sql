-- What each article says now, and what people ask of it, flat, and the state of stories.
-- Made from clusters.sql, articles.sql and stories.sql: do not edit.
-- For Spark, over temporary views or tables `articles`, `article_entities`, `article_places`, `cluster_events` and `fate`, e.g.
--   spark.read.format("iceberg").load("lake/articles").createOrReplaceTempView("articles")

-- Where a cluster went: clusters merge, so an id that a row of `articles` has may go on under another one. Followed
-- over 8 merges one after another; `newsmill sql` follows as many as there are.
CREATE OR REPLACE TEMPORARY VIEW cluster_ids AS
WITH merges AS (
    SELECT n.cluster_id, n.merged_into
    FROM (
        SELECT
            cluster_id, merged_into,
            row_number() OVER (PARTITION BY cluster_id ORDER BY ingested_at DESC, seq DESC) AS nth
        FROM cluster_events WHERE event = 'merged'
    ) n
    WHERE n.nth = 1
)
SELECT
    c.cluster_id,
    coalesce(
        m8.merged_into, m7.merged_into, m6.merged_into, m5.merged_into,
        m4.merged_into, m3.merged_into, m2.merged_into, m1.merged_into, c.cluster_id
    ) AS current_id
FROM (SELECT DISTINCT cluster_id FROM cluster_events) c
LEFT JOIN merges m1 ON m1.cluster_id = c.cluster_id
LEFT JOIN merges m2 ON m2.cluster_id = m1.merged_into
LEFT JOIN merges m3 ON m3.cluster_id = m2.merged_into
LEFT JOIN merges m4 ON m4.cluster_id = m3.merged_into
LEFT JOIN merges m5 ON m5.cluster_id = m4.merged_into
LEFT JOIN merges m6 ON m6.cluster_id = m5.merged_into
LEFT JOIN merges m7 ON m7.cluster_id = m6.merged_into
LEFT JOIN merges m8 ON m8.cluster_id = m7.merged_into;

-- The cluster in which an article is now; none where a replay took it out of the lake.
CREATE OR REPLACE TEMPORARY VIEW article_clusters AS
SELECT e.article_id, i.current_id AS cluster_id, e.ingested_at AS since
FROM (
    SELECT
        article_id, cluster_id, event, ingested_at,
        row_number() OVER (PARTITION BY article_id ORDER BY ingested_at DESC, seq DESC) AS nth
    FROM cluster_events WHERE event IN ('created', 'joined', 'left')
) e JOIN cluster_ids i ON i.cluster_id = e.cluster_id
WHERE e.nth = 1 AND e.event <> 'left';

-- The article that stands for a cluster now; of clusters that no other one took in.
CREATE OR REPLACE TEMPORARY VIEW representatives AS
SELECT r.cluster_id, r.representative_id
FROM (
    SELECT
        e.cluster_id, e.representative_id,
        row_number() OVER (PARTITION BY e.cluster_id ORDER BY e.ingested_at DESC, e.seq DESC) AS nth
    FROM cluster_events e JOIN cluster_ids i ON i.cluster_id = e.cluster_id
    WHERE e.event IN ('created', 'joined', 'representative_changed') AND i.current_id = e.cluster_id
) r
WHERE r.nth = 1;

-- One row for each cluster that has articles.
CREATE OR REPLACE TEMPORARY VIEW clusters AS
SELECT
    c.cluster_id,
    min(r.representative_id) AS representative_id,
    count(*) AS size,
    count(DISTINCT d.domain) AS domains,
    min(d.ingested_at) AS first_at,
    max(d.ingested_at) AS last_at
FROM article_clusters c
JOIN (
    SELECT
        article_id, domain, ingested_at,
        row_number() OVER (PARTITION BY article_id ORDER BY ingested_at DESC, seq DESC) AS nth
    FROM cluster_events WHERE event IN ('created', 'joined')
) d ON d.article_id = c.article_id AND d.nth = 1
JOIN representatives r ON r.cluster_id = c.cluster_id
GROUP BY c.cluster_id;

-- The newest revision of each article: one row an article.
CREATE OR REPLACE TEMPORARY VIEW articles_latest AS
SELECT a.*
FROM articles a
JOIN (
    SELECT r.article_id, r.ingested_at, max(r.revision) AS revision
    FROM articles r
    JOIN (SELECT article_id, max(ingested_at) AS ingested_at FROM articles GROUP BY article_id) n
      ON n.article_id = r.article_id AND n.ingested_at = r.ingested_at
    GROUP BY r.article_id, r.ingested_at
) newest
  ON newest.article_id = a.article_id AND newest.ingested_at = a.ingested_at AND newest.revision = a.revision;

-- What each article's newest revision names.
CREATE OR REPLACE TEMPORARY VIEW article_entities_latest AS
SELECT e.*
FROM article_entities e
JOIN articles_latest a
  ON a.article_id = e.article_id AND a.ingested_at = e.ingested_at AND a.revision = e.revision;

-- The places in the text of each article's newest revision.
CREATE OR REPLACE TEMPORARY VIEW article_places_latest AS
SELECT p.*
FROM article_places p
JOIN articles_latest a
  ON a.article_id = p.article_id AND a.ingested_at = p.ingested_at AND a.revision = p.revision;

-- How often an entity is in the news of a day: with copies, and each story once.
CREATE OR REPLACE TEMPORARY VIEW entity_daily AS
SELECT
    day,
    entity_id,
    min(name) AS name,
    min(type) AS type,
    count(DISTINCT article_id) AS articles, -- two names of one entity in an article are two rows
    count(DISTINCT cluster_id) AS stories,
    count(DISTINCT domain) AS domains,
    CAST(sum(mention_count) AS BIGINT) AS mentions
FROM article_entities_latest
GROUP BY day, entity_id;

-- Who copied whom: one row for each article that is a copy, as known now; `sources`, `source_weeks`, `stories` and
-- the report count these. All articles of a story but one are: `original` is the one that stands for it, by the
-- events. So an article that came first is a copy, too, once one that was published before it has come, and those of
-- two stories that turned out to be one are copies of the one that stands for both, while `duplicate` of their rows
-- stays as it was when they were written. `copy_type`, `similarity` and `matched`, the article whose text it was
-- compared with, are as known then, too: they are null of an article that was no copy then, since nothing was
-- compared, but for `copy_type`, which is `exact` where both have the same text.
CREATE OR REPLACE TEMPORARY VIEW copies AS
SELECT
    CAST(coalesce(c.published_at, c.ingested_at) AS DATE) AS day,
    c.article_id,
    c.url,
    c.domain,
    c.lang,
    c.published_at,
    CASE WHEN c.duplicate.is_duplicate THEN c.duplicate.copy_type WHEN c.body_hash = o.body_hash THEN 'exact' END
        AS copy_type,
    c.duplicate.similarity AS similarity,
    k.cluster_id AS cluster_id,
    o.article_id AS original_id,
    o.url AS original_url,
    o.domain AS original_domain,
    o.published_at AS original_published_at,
    m.article_id AS matched_id,
    m.domain AS matched_domain
FROM articles_latest c
JOIN article_clusters k ON k.article_id = c.article_id
JOIN representatives s ON s.cluster_id = k.cluster_id
LEFT JOIN articles_latest o ON o.article_id = s.representative_id
LEFT JOIN articles_latest m ON m.article_id = c.duplicate.matched_id
WHERE s.representative_id <> c.article_id;

-- One row for each site: what comes of its records, how much of it is copied, in which language, since when.
-- `host` is the one that most of its articles are at, `country` that of its top-level domain (ISO 3166-1 alpha-2;
-- null for those that are no country's, or are used as if they were none's). `paywalled_share` is null where no
-- article says whether it is free.
CREATE OR REPLACE TEMPORARY VIEW sources AS
SELECT
    r.domain,
    n.site_name,
    h.host,
    CASE
        WHEN regexp_extract(r.domain, '[.]([a-z][a-z])$', 1)
            IN ('', 'tv', 'io', 'co', 'me', 'eu', 'fm', 'ai', 'cc', 'ws', 'la', 'ly', 'to', 'gg') THEN NULL
        WHEN r.domain LIKE '%.uk' THEN 'GB'
        ELSE upper(regexp_extract(r.domain, '[.]([a-z][a-z])$', 1))
    END AS country,
    l.lang,
    r.first_seen,
    r.last_seen,
    r.records,
    r.not_article,
    r.quarantined,
    coalesce(a.articles, 0) AS articles,
    coalesce(a.copies, 0) AS copies,
    CAST(a.copies AS DOUBLE) / a.articles AS copy_share,
    CASE WHEN a.told > 0 THEN CAST(a.paywalled AS DOUBLE) / a.articles END AS paywalled_share
FROM (
    SELECT
        domain,
        min(ingested_at) AS first_seen,
        max(ingested_at) AS last_seen,
        count(*) AS records,
        count(*) FILTER (WHERE fate = 'not_article') AS not_article,
        count(*) FILTER (WHERE fate = 'quarantined') AS quarantined
    FROM fate
    WHERE domain IS NOT NULL
    GROUP BY domain
) r
LEFT JOIN (
    SELECT
        domain,
        count(*) AS articles,
        count(c.copy_id) AS copies,
        count(*) FILTER (WHERE NOT is_accessible_for_free) AS paywalled,
        count(is_accessible_for_free) AS told
    FROM articles_latest
    LEFT JOIN (SELECT article_id AS copy_id FROM copies) c ON c.copy_id = article_id
    GROUP BY domain
) a ON a.domain = r.domain
LEFT JOIN (
    SELECT domain, lang, row_number() OVER (PARTITION BY domain ORDER BY articles DESC, lang) AS nth
    FROM (SELECT domain, lang, count(*) AS articles FROM articles_latest GROUP BY domain, lang) x
) l ON l.domain = r.domain AND l.nth = 1
LEFT JOIN (
    SELECT domain, host, row_number() OVER (PARTITION BY domain ORDER BY articles DESC, host) AS nth
    FROM (
        SELECT domain, lower(regexp_extract(url, '://([^/:?#]+)', 1)) AS host, count(*) AS articles
        FROM articles_latest GROUP BY domain, lower(regexp_extract(url, '://([^/:?#]+)', 1))
    ) z
) h ON h.domain = r.domain AND h.nth = 1
LEFT JOIN (
    SELECT domain, site_name, row_number() OVER (PARTITION BY domain ORDER BY articles DESC, site_name) AS nth
    FROM (
        SELECT domain, site_name, count(*) AS articles
        FROM articles_latest WHERE site_name IS NOT NULL GROUP BY domain, site_name
    ) y
) n ON n.domain = r.domain AND n.nth = 1;

-- Pages and share of copies of each site, by week of ingest.
CREATE OR REPLACE TEMPORARY VIEW source_weeks AS
SELECT
    CAST(date_trunc('week', ingested_at) AS DATE) AS week,
    domain,
    count(*) AS articles,
    count(c.copy_id) AS copies,
    CAST(count(c.copy_id) AS DOUBLE) / count(*) AS copy_share
FROM articles_latest
LEFT JOIN (SELECT article_id AS copy_id FROM copies) c ON c.copy_id = article_id
GROUP BY CAST(date_trunc('week', ingested_at) AS DATE), domain;

-- One row for each id that a cluster ever had: so `articles JOIN stories ON stories.known_as =
-- articles.duplicate.cluster_id` finds the story as it is now, whatever id a row has. An article that left its
-- story for another one since is found by `article_clusters`.
CREATE OR REPLACE TEMPORARY VIEW stories AS
SELECT
    i.cluster_id AS known_as,
    c.*, -- of `clusters`: current id, representative, size, domains, first_at, last_at
    t.earliest_id,
    t.earliest_domain,
    t.earliest_at,
    t.first_elsewhere_at, -- when another site than the earliest article's published it first
    t.last_published_at,
    t.languages,
    t.agency, -- the one that most evidence names, by its confidence; null where nothing names one
    CASE WHEN t.agency IS NOT NULL THEN t.evidence / t.all_evidence END AS agency_share,
    t.copies, -- as the view `copies` has them: all articles but one; their number by type:
    t.exact,
    t.truncated,
    t.extended,
    t.edited,
    t.of_unknown_type -- came before what they are copies of, with another text: nothing was compared
FROM cluster_ids i
JOIN clusters c ON c.cluster_id = i.current_id
LEFT JOIN (
    SELECT
        m.cluster_id,
        max(m.article_id) FILTER (WHERE m.nth = 1) AS earliest_id,
        max(m.earliest_domain) AS earliest_domain,
        max(m.published_at) FILTER (WHERE m.nth = 1) AS earliest_at,
        min(m.published_at) FILTER (WHERE m.domain <> m.earliest_domain) AS first_elsewhere_at,
        max(m.published_at) AS last_published_at,
        array_sort(array_agg(DISTINCT m.lang)) AS languages,
        max(m.agency) FILTER (WHERE m.place = 1) AS agency,
        max(m.evidence) FILTER (WHERE m.place = 1) AS evidence,
        sum(m.confidence) FILTER (WHERE m.agency IS NOT NULL) AS all_evidence,
        count(m.copy_id) AS copies,
        count(*) FILTER (WHERE m.copy_type = 'exact') AS exact,
        count(*) FILTER (WHERE m.copy_type = 'truncated') AS truncated,
        count(*) FILTER (WHERE m.copy_type = 'extended') AS extended,
        count(*) FILTER (WHERE m.copy_type = 'edited') AS edited,
        count(m.copy_id) FILTER (WHERE m.copy_type IS NULL) AS of_unknown_type
    FROM (
        SELECT
            n.*,
            first_value(n.domain) OVER (
                PARTITION BY n.cluster_id ORDER BY n.published_at NULLS LAST, n.ingested_at, n.article_id
            ) AS earliest_domain,
            row_number() OVER (
                PARTITION BY n.cluster_id ORDER BY n.published_at NULLS LAST, n.ingested_at, n.article_id
            ) AS nth,
            row_number() OVER (
                PARTITION BY n.cluster_id ORDER BY n.evidence DESC NULLS LAST, n.agency, n.article_id
            ) AS place
        FROM (
            SELECT
                l.cluster_id, a.article_id, a.domain, a.lang, a.published_at, a.ingested_at,
                a.origin.agency AS agency, a.origin.confidence AS confidence,
                k.article_id AS copy_id, k.copy_type,
                CASE WHEN a.origin.agency IS NOT NULL THEN
                    sum(a.origin.confidence) OVER (PARTITION BY l.cluster_id, a.origin.agency)
                END AS evidence
            FROM articles_latest a
            JOIN article_clusters l ON l.article_id = a.article_id
            LEFT JOIN copies k ON k.article_id = a.article_id
        ) n
    ) m
    GROUP BY m.cluster_id
) t ON t.cluster_id = c.cluster_id;
