"""What datatrove's Trafilatura block makes of evaluation pages, with the settings of `datatrove_blocks`.

Usage: python datatrove_texts.py FOLDER_OF_HTML_GZ   (prints one JSON object a page: id, text)
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from datatrove_blocks import EXTRACTOR


def main(folder: Path) -> None:
    """Print the texts."""
    for file in sorted(folder.glob("*.html.gz")):
        text = EXTRACTOR.extract(gzip.decompress(file.read_bytes()).decode("utf-8", "replace"))
        print(json.dumps({"id": file.name.removesuffix(".html.gz"), "text": text or ""}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
