"""A sink of one's own: the articles of a lake, without their texts, as JSON Lines."""

import json
import sys
from datetime import datetime

from newsmill import Lake

COLUMNS = ["article_id", "url", "domain", "title", "lang", "published_at", "ingested_at"]


def main(lake: str) -> None:
    """Print an object for each row of `articles`, as the newest commit has them."""
    for batch in Lake(lake).rows("articles").to_batches(columns=COLUMNS):
        for row in batch.to_pylist():
            print(json.dumps(row, default=datetime.isoformat, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1])
