"""An extractor of one's own: on pages that have one, the text is what stands in `<div class="story-box">`."""

from lxml import html as parser

from newsmill.config import PageConfig


class StoryBox:
    """Gives the box's paragraphs; pages without a box are left to newsmill."""

    def __init__(self, config: PageConfig) -> None:
        self._config = config

    def extract(self, html: str, *, url: str, own: str) -> str | None:
        """The article's text, paragraphs joined by one newline, or None."""
        boxes = parser.fromstring(html).xpath('//div[@class="story-box"]')
        if not boxes:
            return None
        return "\n".join(paragraph.text_content() for paragraph in boxes[0].iter("p"))
