-- What each article says now, and what people ask of it, flat. For DuckDB; `python -m newsmill.lake.dialects spark`
-- writes the same for Spark, `… trino` for Trino. Days are those of the session's time zone: set it to UTC. Expects
-- `articles`, `article_entities`, `article_places`, `fate` and the views of clusters.sql, e.g.
--   CREATE VIEW articles AS SELECT * FROM iceberg_scan('lake/articles');

-- The newest revision of each article: one row an article.
CREATE OR REPLACE VIEW articles_latest AS
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
CREATE OR REPLACE VIEW article_entities_latest AS
SELECT e.*
FROM article_entities e
JOIN articles_latest a
  ON a.article_id = e.article_id AND a.ingested_at = e.ingested_at AND a.revision = e.revision;

-- The places in the text of each article's newest revision.
CREATE OR REPLACE VIEW article_places_latest AS
SELECT p.*
FROM article_places p
JOIN articles_latest a
  ON a.article_id = p.article_id AND a.ingested_at = p.ingested_at AND a.revision = p.revision;

-- How often an entity is in the news of a day: with copies, and each story once.
CREATE OR REPLACE VIEW entity_daily AS
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
CREATE OR REPLACE VIEW copies AS
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
CREATE OR REPLACE VIEW sources AS
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
CREATE OR REPLACE VIEW source_weeks AS
SELECT
    CAST(date_trunc('week', ingested_at) AS DATE) AS week,
    domain,
    count(*) AS articles,
    count(c.copy_id) AS copies,
    CAST(count(c.copy_id) AS DOUBLE) / count(*) AS copy_share
FROM articles_latest
LEFT JOIN (SELECT article_id AS copy_id FROM copies) c ON c.copy_id = article_id
GROUP BY CAST(date_trunc('week', ingested_at) AS DATE), domain;
