-- The table `articles` of a lake, kept by what `newsmill changes` tells. A row that is told takes the place of the one
-- with its key; of one that is removed only the key is told, so it goes right after.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['topic', 'partition', 'offset'],
    on_schema_change='append_new_columns',
    post_hook="DELETE FROM {{ this }} WHERE change = 'removed'"
) }}
SELECT * FROM read_parquet('{{ var("changed") }}')
