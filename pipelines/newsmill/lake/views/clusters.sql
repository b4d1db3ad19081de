-- The state of the stories' clusters, from their events. For DuckDB; but for `cluster_ids`, which follows merges as
-- far as they go, also in spark.sql and trino.sql. Expects `cluster_events`, e.g.
--   CREATE VIEW cluster_events AS SELECT * FROM iceberg_scan('lake/cluster_events');

-- Where a cluster went: clusters merge, so an id that a row of `articles` has may go on under another one.
CREATE OR REPLACE VIEW cluster_ids AS
WITH RECURSIVE merges AS (
    SELECT cluster_id, merged_into FROM cluster_events WHERE event = 'merged'
    QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY ingested_at DESC, seq DESC) = 1
), steps(cluster_id, current_id, step) AS (
    SELECT DISTINCT cluster_id, cluster_id, 0 FROM cluster_events
    UNION ALL
    SELECT s.cluster_id, m.merged_into, s.step + 1
    FROM steps s JOIN merges m ON m.cluster_id = s.current_id WHERE s.step < 1000
)
SELECT cluster_id, arg_max(current_id, step) AS current_id FROM steps GROUP BY cluster_id;

-- The cluster in which an article is now; none where a replay took it out of the lake.
CREATE OR REPLACE VIEW article_clusters AS
SELECT e.article_id, i.current_id AS cluster_id, e.ingested_at AS since
FROM (
    SELECT
        article_id, cluster_id, event, ingested_at,
        row_number() OVER (PARTITION BY article_id ORDER BY ingested_at DESC, seq DESC) AS nth
    FROM cluster_events WHERE event IN ('created', 'joined', 'left')
) e JOIN cluster_ids i ON i.cluster_id = e.cluster_id
WHERE e.nth = 1 AND e.event <> 'left';

-- The article that stands for a cluster now; of clusters that no other one took in.
CREATE OR REPLACE VIEW representatives AS
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
CREATE OR REPLACE VIEW clusters AS
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
