"""Short news about captchas, consent and errors are articles; notices to the reader are none."""

from __future__ import annotations

import pytest

from story_pages import read_any


def page(title: str, text: str) -> str:
    return f"<html><title>{title}</title><body><main><h1>{title}</h1><p>{text}</p></main></body></html>"


@pytest.mark.parametrize(
    ("title", "text"),
    [
        (
            "Captcha maker moves to Orrin",
            "A maker of picture puzzles moves its forty desks to Orrin in May, the county said.",
        ),
        (
            "Cookie consent banners cost a bakery 4,000 crowns",
            "The bakery sold biscuits and tracked its guests, a court found.",
        ),
        (
            "DDoS attack stops mill auction",
            "An auction of mill stones was stopped for an hour when its page fell over.",
        ),
        (
            "404 people came to the mill fair",
            "The mill fair counted 404 guests on Sunday, ten more than last year.",
        ),
        (
            "Access denied to Orrin bridge after rockfall",
            "The bridge stays closed until Friday, the county said on Monday.",
        ),
        (
            "Bad gateway blamed for flooded barn",
            "A gate in the mill race that did not shut let the water into the barn.",
        ),
        (
            "GDPR: Mühle muss Gästebuch schwärzen",
            "Die Mühle in Orrin muss Namen in ihrem Gästebuch schwärzen, sagt das Amt.",
        ),
    ],
)
def test_short_report_is_an_article_when_its_title_has_a_word_of_notices(title: str, text: str) -> None:
    assert read_any(page(title, text))[1] is None


@pytest.mark.parametrize(
    ("title", "text", "reason"),
    [
        ("Are you a human?", "Please tick the box to show that you are no robot.", "captcha"),
        ("Just a moment...", "Checking your browser before you go on.", "captcha"),
        (
            "404 - Page not found",
            "Sorry, the page you were looking for is not here. Try our front page.",
            "error_page",
        ),
        ("Access denied", "You do not have permission to see this page.", "error_page"),
        ("Seite nicht gefunden", "Die Seite, die Sie suchen, gibt es leider nicht mehr.", "error_page"),
        (
            "We value your privacy",
            "We and our partners store data on your device. You may accept or refuse. " * 6,
            "consent_page",
        ),
        ("Log in", "Please log in with your password to read on.", "login_wall"),
    ],
)
def test_notice_is_no_article_when_it_speaks_to_its_reader(title: str, text: str, reason: str) -> None:
    verdict = read_any(page(title, text))[1]
    assert verdict is not None and verdict.reason == reason
