-- The flat tables as views of `articles`, for DuckDB and lakes that do not have them yet: slower, and the same.

CREATE OR REPLACE VIEW article_entities AS
SELECT
    a.topic, a.partition, a."offset", n::INTEGER AS nth,
    CAST(coalesce(a.published_at, a.ingested_at) AS DATE) AS day,
    a.article_id, a.revision, a.domain, a.lang,
    a.duplicate.cluster_id AS cluster_id,
    a.duplicate.is_duplicate AS is_copy,
    a.ingested_at, a.updated_at,
    e.entity_id, e.name, e.type, e.coarse, e.wikidata_id, e.country, e.salience, e.in_title, e.mention_count
FROM (
    SELECT
        topic, partition, "offset", published_at, ingested_at, updated_at, article_id, revision, domain, lang, duplicate,
        unnest(entities) AS e, generate_subscripts(entities, 1) AS n
    FROM articles
) a;

CREATE OR REPLACE VIEW article_places AS
SELECT
    a.topic, a.partition, a."offset", n::INTEGER AS nth,
    CAST(coalesce(a.published_at, a.ingested_at) AS DATE) AS day,
    a.article_id, a.revision, a.domain, a.lang,
    a.duplicate.cluster_id AS cluster_id,
    a.duplicate.is_duplicate AS is_copy,
    a.ingested_at, a.updated_at,
    e.name, e.kind, e.country, e.admin1, e.geonameid, e.lat, e.lon, e.score
FROM (
    SELECT
        topic, partition, "offset", published_at, ingested_at, updated_at, article_id, revision, domain, lang, duplicate,
        unnest(places) AS e, generate_subscripts(places, 1) AS n
    FROM articles
) a;
