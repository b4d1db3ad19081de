"""Rules for single sites, from a YAML file that an operator keeps. Off unless `page.site_overrides` is set.

    example.org:
      body: [.story-text, "#article"]     # only inside the first of these that the page has
      remove: [.promo-box, aside]          # these never

A selector is `tag`, `.class`, `#id`, or a tag with one of them (`div.promo`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from newsmill.errors import ConfigError, Rejected
from newsmill.page.tree import Element
from newsmill.urls import registrable_domain

_SELECTOR: Final = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([A-Za-z0-9_-]+))?")


class SiteRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one registrable domain."""

    body: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@lru_cache(maxsize=4)
def load(path: Path) -> dict[str, SiteRules]:
    """Read a file of rules, once a process.

    Raises:
        ConfigError: When the file can't be read, or with every rule that is wrong.
    """
    try:
        read: Any = YAML(typ="safe").load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(read, dict):
        raise ConfigError(f"{path}: must be a mapping of domains to rules")
    rules, problems = {}, []
    for domain, stated in read.items():
        try:
            site = msgspec.convert(stated, SiteRules)
        except msgspec.ValidationError as error:
            problems.append(f"{path}: {domain}: {error}")
            continue
        wrong = [
            selector
            for selector in site.body + site.remove
            if not selector or not _SELECTOR.fullmatch(selector)
        ]
        problems += [f"{path}: {domain}: no selector that is understood: {selector!r}" for selector in wrong]
        rules[str(domain)] = site
    if problems:
        raise ConfigError(problems)
    return rules


def apply(root: Element, url: str, path: Path) -> Element:
    """The part of a page that its site's rules leave; the page itself where there are none."""
    try:
        site = load(path).get(registrable_domain(url))
    except Rejected:
        return root
    if site is None:
        return root
    for selector in site.remove:
        for element in list(_matching(root, selector)):
            if element.getparent() is not None:
                element.drop_tree()
    for selector in site.body:
        found = next(_matching(root, selector), None)
        if found is not None:
            return found
    return root


def _matching(root: Element, selector: str) -> Iterator[Element]:
    match = _SELECTOR.fullmatch(selector)
    assert match is not None
    tag, kind, name = match.groups()
    for element in root.iter(tag or "*"):
        named = [element.get("id")] if kind == "#" else (element.get("class") or "").split()
        if kind is None or name in named:
            yield element
