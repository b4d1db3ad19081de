-- Each story with what its articles say together. For DuckDB. Expects the views of clusters.sql
-- and articles.sql, `copies` among them.

-- One row for each id that a cluster ever had: so `articles JOIN stories ON stories.known_as =
-- articles.duplicate.cluster_id` finds the story as it is now, whatever id a row has. An article that left its
-- story for another one since is found by `article_clusters`.
CREATE OR REPLACE VIEW stories AS
WITH members AS (
    SELECT
        c.cluster_id, a.article_id, a.domain, a.lang, a.published_at, a.ingested_at, a.origin,
        k.article_id IS NOT NULL AS is_copy, k.copy_type
    FROM articles_latest a JOIN article_clusters c USING (article_id)
    LEFT JOIN copies k USING (article_id)
), earliest AS (
    SELECT cluster_id, article_id AS earliest_id, domain AS earliest_domain, published_at AS earliest_at
    FROM members
    QUALIFY row_number() OVER (
        PARTITION BY cluster_id ORDER BY published_at NULLS LAST, ingested_at, article_id
    ) = 1
), spread AS (
    SELECT
        m.cluster_id,
        min(m.published_at) FILTER (m.domain <> e.earliest_domain) AS first_elsewhere_at,
        max(m.published_at) AS last_at,
        list_sort(list(DISTINCT m.lang)) AS languages
    FROM members m JOIN earliest e USING (cluster_id) GROUP BY m.cluster_id
), named AS (
    SELECT cluster_id, origin.agency AS agency, sum(origin.confidence) AS evidence
    FROM members WHERE origin.agency IS NOT NULL GROUP BY ALL
), agencies AS (
    SELECT cluster_id, agency, evidence / sum(evidence) OVER (PARTITION BY cluster_id) AS agency_share
    FROM named
    QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY evidence DESC, agency) = 1
), sizes AS (
    SELECT
        cluster_id,
        count(*) FILTER (is_copy) AS copies,
        count(*) FILTER (copy_type = 'exact') AS exact,
        count(*) FILTER (copy_type = 'truncated') AS truncated,
        count(*) FILTER (copy_type = 'extended') AS extended,
        count(*) FILTER (copy_type = 'edited') AS edited,
        count(*) FILTER (is_copy AND copy_type IS NULL) AS of_unknown_type
    FROM members GROUP BY cluster_id
)
SELECT
    i.cluster_id AS known_as,
    c.*, -- of `clusters`: current id, representative, size, domains, first_at, last_at
    e.earliest_id,
    e.earliest_domain,
    e.earliest_at,
    p.first_elsewhere_at,          -- when another site than the earliest article's published it first
    p.last_at AS last_published_at,
    p.languages,
    a.agency,       -- the one that most evidence names, by its confidence; null where nothing names one
    a.agency_share, -- of the evidence that names any
    s.copies,       -- as the view `copies` has them: all articles but one; their number by type:
    s.exact,
    s.truncated,
    s.extended,
    s.edited,
    s.of_unknown_type -- came before what they are copies of, with another text: nothing was compared
FROM cluster_ids i
JOIN clusters c ON c.cluster_id = i.current_id
LEFT JOIN earliest e ON e.cluster_id = c.cluster_id
LEFT JOIN spread p ON p.cluster_id = c.cluster_id
LEFT JOIN agencies a ON a.cluster_id = c.cluster_id
LEFT JOIN sizes s ON s.cluster_id = c.cluster_id;
