"""Identity of pages: pure string rules, nothing is ever fetched.

Two URLs that name the same page have the same key. The rules (version in `RULES`) fold what no
publisher uses to tell two articles apart: scheme, `www.`, default port, a fragment that is no route of
an application (`#/…`, `#!…`), order of the query's parameters, campaign and click trackers, a trailing
slash. The key of a key is itself.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urljoin, urlsplit

import idna
from w3lib.url import canonicalize_url, url_query_cleaner

from newsmill.errors import Code, Rejected
from newsmill.runtime.once import once

if TYPE_CHECKING:
    from tldextract import TLDExtract

RULES: Final = 2
"""Version of the key's rules: a change of any rule raises it, since old and new keys don't meet."""

MAX_LENGTH: Final = 4096

TRACKERS: Final = frozenset(
    """
    _ga _gl _hsenc _hsmi at_campaign at_custom1 at_custom2 at_custom3 at_custom4 at_medium cmpid dclid
    ecid fb_action_ids fb_action_types fb_ref fb_source fbclid gbraid gclid gclsrc guccounter
    guce_referrer guce_referrer_sig icid igshid mc_cid mc_eid mkt_tok msclkid ncid ns_campaign
    ns_mchannel ns_source oly_anon_id oly_enc_id spm twclid utm_brand utm_campaign utm_cid utm_content
    utm_id utm_medium utm_name utm_place utm_reader utm_referrer utm_social utm_social-type utm_source
    utm_swu utm_term utm_viz_id vero_conv vero_id wbraid wickedid yclid ysclid
    """.split()
)
"""Query parameters that tell where a reader came from, never which page it is."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\\]")
_ROUTE = re.compile(r"(?:/|!)[/!]*[^/!]")
_LOGIN = re.compile(r"^(\s{0,9}(?:[a-z][a-z0-9+.-]{0,30}:)?[/\\]{2})[^/?#\\]*@", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def url_key(url: str) -> str:
    """Normalise a URL to the key that identifies its page.

    >>> url_key("http://www.Example.org:80/a/?utm_source=x&b=2&a=1#top")
    'https://example.org/a?a=1&b=2'

    Raises:
        Rejected: `E_URL` when it is no http(s) URL with a usable host, is longer than `MAX_LENGTH`
            characters, or holds control, bidirectional or surrogate characters.
    """
    return _normalised(url)


@lru_cache(maxsize=2048)
def _normalised(url: str) -> str:
    """The key; asked for where a page is decoded, where its site is looked up, and where it is drafted."""
    key = _folded(url.strip())
    for _ in range(_MOST_FOLDS):
        again = _folded(key)
        if again == key:
            break
        key = again
    return key


_MOST_FOLDS: Final = 8
"""What one pass uncovers (an escaped name of a tracker, a slash behind a slash) the next one folds."""


def _folded(url: str) -> str:
    parts, host, port = _checked(url)
    kept = url_query_cleaner(
        f"https://{host}{port}{parts.path or '/'}?{parts.query}", TRACKERS, remove=True, unique=False
    )
    key: str = canonicalize_url(kept, keep_blank_values=True, keep_fragments=False)
    path, question, query = key.partition("?")
    if path.count("/") > 3:
        path = path.rstrip("/")
    query = "&".join(dict.fromkeys(query.split("&")))  # the same parameter with the same value counts once
    return path + (question + query if query else "") + _route(parts.fragment)


def _route(fragment: str) -> str:
    """The fragment where it is a route: applications show another page for each, at one address."""
    if not _ROUTE.match(fragment):
        return ""
    normal = canonicalize_url(f"https://route/#{fragment}", keep_fragments=True).partition("#")[2]
    return f"#{normal.rstrip('/')}"


def without_login(url: str) -> str:
    """A URL without the name and the password before its host: they are a reader's, and name no page.

    >>> without_login("https://ann:secret@example.org/@ann?x=a@b")
    'https://example.org/@ann?x=a@b'
    """
    return _LOGIN.sub(r"\1", url)


def registrable_domain(url: str) -> str:
    """The domain somebody registered (eTLD + 1), lower case, ASCII; the host where it has none.

    Platforms where each customer has a subdomain (`x.blogspot.com`) count as separate domains.
    The suffix list is the one in the `tldextract` wheel: nothing is downloaded.

    >>> registrable_domain("https://news.bbc.co.uk/1")
    'bbc.co.uk'

    Raises:
        Rejected: `E_URL`, as `url_key`.
    """
    return _domain(_checked(url.strip())[1])


def site(url: str | None) -> str | None:
    """The registrable domain of a URL; None of what is no URL.

    >>> site("https://news.bbc.co.uk/1"), site("no URL"), site(None)
    ('bbc.co.uk', None, None)
    """
    try:
        return None if url is None else registrable_domain(url)
    except Rejected:
        return None


def is_public_suffix(host: str) -> bool:
    """Whether sites of different owners have their domains below a host, e.g. `co.uk`, `blogspot.com`.

    >>> is_public_suffix("co.uk"), is_public_suffix("bbc.co.uk"), is_public_suffix("127.0.0.1")
    (True, False, False)
    """
    return bool(_suffixes().extract_str(host).suffix == host)


def article_id(url_key: str) -> str:
    """32 hex digits (BLAKE2b, 128 bits) of a URL key."""
    return hashlib.blake2b(url_key.encode(), digest_size=16).hexdigest()


def trusted_canonical(claimed: str | None, page_url: str) -> str | None:
    """The canonical URL a page claims, absolute, when it may be believed.

    A page may speak for its own registrable domain only: otherwise one hostile page could take the
    place of another site's article.
    """
    if not claimed:
        return None
    try:
        absolute = urljoin(page_url, claimed.strip())
        same = registrable_domain(absolute) == registrable_domain(page_url)
    except (Rejected, ValueError):
        return None
    return absolute if same else None


def _checked(url: str) -> tuple[SplitResult, str, str]:
    """(parts, host in ASCII, ":port" or "") of a usable URL."""
    if len(url) > MAX_LENGTH:
        raise Rejected(Code.URL, f"URL of {len(url)} characters, more than {MAX_LENGTH}")
    if _UNSAFE.search(url):
        raise Rejected(Code.URL, f"URL with control or invisible characters: {_shown(url)}")
    try:
        parts = urlsplit(without_login(url))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Rejected(Code.URL, f"no URL: {_shown(url)}") from None
    if parts.scheme not in ("http", "https"):
        raise Rejected(Code.URL, f"no http(s) URL: {_shown(url)}")
    default = port in (None, 443) or (port == 80 and parts.scheme == "http")
    return parts, _ascii_host(host, url), "" if default else f":{port}"


def _shown(url: str) -> str:
    """A URL in a message; what may be a password is left out, also where no URL can have its signs."""
    start, at, end = url.rpartition("@")
    scheme, slashes, _ = start.partition("//")
    return repr((f"{scheme + slashes if slashes else ''}…@{end}" if at else url)[:200])


@lru_cache(maxsize=4096)
def _ascii_host(host: str, url: str) -> str:
    host = host.rstrip(".").lower()
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host).compressed}]"
        except ValueError:
            raise Rejected(Code.URL, f"no usable host: {_shown(url)}") from None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise Rejected(Code.URL, f"no usable host ({error}): {_shown(url)}") from None
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Rejected(Code.URL, f"no usable host: {_shown(url)}")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise Rejected(Code.URL, f"no usable host: {_shown(url)}") from None
    while len(labels) > 2 and labels[0] == "www":
        labels = labels[1:]
    return ".".join(labels)


@once
def _suffixes() -> TLDExtract:
    """The suffix list, imported for the first host: its library imports an HTTP client, never used here."""
    from tldextract import TLDExtract

    return TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


@lru_cache(maxsize=4096)
def _domain(host: str) -> str:
    if host.startswith("["):
        return host
    found = _suffixes().extract_str(host)
    return found.top_domain_under_public_suffix or host
