"""Chromium, and what a page did in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]

OUTSIDE = """
() => {
  const found = [], shown = e => e.getClientRects().length > 0;
  for (const card of document.querySelectorAll("section, .tiles div, header")) {
    const box = card.getBoundingClientRect();
    for (const inner of card.querySelectorAll("*")) {
      if (!shown(inner) || inner.closest(".skip, legend")) continue;
      const rect = inner.getBoundingClientRect();
      const name = `${inner.tagName} ${inner.textContent.trim().slice(0, 40)}`;
      if (rect.right > box.right + 0.5 || rect.left < box.left - 0.5) found.push(`outside its card: ${name}`);
      if (inner.scrollWidth > inner.clientWidth + 1 && getComputedStyle(inner).overflowX !== "visible")
        found.push(`cut: ${name}`);
    }
  }
  for (const text of document.querySelectorAll("svg text")) {
    if (!shown(text)) continue;
    const rect = text.getBoundingClientRect(), box = text.ownerSVGElement.getBoundingClientRect();
    if (rect.right > box.right + 0.5 || rect.left < box.left - 0.5 || rect.bottom > box.bottom + 0.5)
      found.push(`outside its picture: ${text.textContent}`);
  }
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) found.push(`the page is ${wide} wide`);
  return found;
}
"""
"""Gives what is wider than its card, cut, or outside its picture."""

OVERLAPS = """
name => {
  const boxes = [...document.querySelectorAll(name)].filter(e => e.getClientRects().length)
    .map(e => [e.textContent, e.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([text, a], n) => boxes.slice(n + 1).forEach(([other, b]) => {
    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
      found.push(`${text} / ${other}`);
  }));
  return found;
}
"""
"""Gives pairs of texts that lie over each other."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: apt install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Opened:
    """A page and what it did."""

    def __init__(self, browser: Browser, url: str, *, width: int = 1280, dark: bool = False) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self.page: Page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url, wait_until="load")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *exc: object) -> None:
        self.context.close()


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two `rgb(r, g, b)` colours."""

    def luminance(colour: str) -> float:
        channels = [int(c) / 255 for c in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
