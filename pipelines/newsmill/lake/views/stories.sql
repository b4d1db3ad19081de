-- Each story with what its articles say together. For DuckDB, and for other engines in spark.sql and trino.sql.
-- Expects the views of clusters.sql and articles.sql, `copies` among them.

-- One row for each id that a cluster ever had: so `articles JOIN stories ON stories.known_as =
-- articles.duplicate.cluster_id` finds the story as it is now, whatever id a row has. An article that left its
-- story for another one since is found by `article_clusters`.
CREATE OR REPLACE VIEW stories AS
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
