"""One page without Beam: its title, language, date and the people and places it names."""

import sys
from pathlib import Path

from newsmill import Config, Enricher, NotArticle, Rejected, read_page
from newsmill.demo import PAGES


def main(file: Path, url: str) -> int:
    """Print what the page says; 1 where it can't be read or is no article."""
    config = Config()
    try:
        found = read_page(file.read_bytes(), url, config=config)
    except Rejected as error:
        print(f"{error.code}: {error.message}")
        return 1
    if isinstance(found, NotArticle):
        print(f"no article: {found.reason}")
        return 1
    page = found.page
    print(f"{found.language.code}  {page.published_on}  {page.title}")
    for entity in Enricher.open(config.enrich).enrich_text(page.body, language=found.language.code).entities:
        print(f"  {entity.coarse}  {entity.name}  {entity.wikidata_id or ''}")
    return 0


if __name__ == "__main__":
    given = sys.argv[1:] or [str(sorted(PAGES.glob("*.html"))[0]), "https://example.org/story"]
    sys.exit(main(Path(given[0]), given[1]))
