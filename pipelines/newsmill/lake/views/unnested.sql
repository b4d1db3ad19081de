-- A flat table as a view of `articles`, for DuckDB and lakes that do not have it yet: slower, and the same.
-- What stands in braces is filled in from `lake/flat.py`.

CREATE OR REPLACE VIEW {name} AS
SELECT
    a.topic, a.partition, a."offset", n::INTEGER AS nth,
    CAST(coalesce(a.published_at, a.ingested_at) AS DATE) AS day,
    a.article_id, a.revision, a.domain, a.lang,
    a.duplicate.cluster_id AS cluster_id,
    a.duplicate.is_duplicate AS is_copy,
    a.ingested_at, a.updated_at,
    {parts}
FROM (
    SELECT
        topic, partition, "offset", published_at, ingested_at, updated_at, article_id, revision, domain, lang, duplicate,
        unnest({column}) AS e, generate_subscripts({column}, 1) AS n
    FROM articles
) a;
