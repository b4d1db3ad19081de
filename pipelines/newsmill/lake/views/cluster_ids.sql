-- `cluster_ids` for engines without recursion, in place of that of clusters.sql.

-- Where a cluster went: clusters merge, so an id that a row of `articles` has may go on under another one. Followed
-- over 8 merges one after another; `newsmill sql` follows as many as there are.
CREATE OR REPLACE VIEW cluster_ids AS
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
