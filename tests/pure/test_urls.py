"""Keys, domains and canonical links."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from newsmill.errors import Code, Rejected
from newsmill.urls import article_id, registrable_domain, trusted_canonical, url_key, without_login


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://www.Example.org:80/a/?utm_source=x&b=2&a=1#top", "https://example.org/a?a=1&b=2"),
        ("https://example.org", "https://example.org/"),
        ("https://example.org/story/1/", "https://example.org/story/1"),
        ("https://example.org/a?fbclid=1", "https://example.org/a"),
        ("https://example.org/?id=3&utm_medium=q", "https://example.org/?id=3"),
        ("https://user:secret@example.org/x", "https://example.org/x"),
        ("https://example.org./x", "https://example.org/x"),
        ("https://münchen.de/ä", "https://xn--mnchen-3ya.de/%C3%A4"),
        ("https://example.org:8443/x", "https://example.org:8443/x"),
        ("http://127.0.0.1/x", "https://127.0.0.1/x"),
        ("http://[::1]/a", "https://[::1]/a"),
    ],
)
def test_key_folds_what_tells_no_articles_apart(url: str, key: str) -> None:
    assert url_key(url) == key
    assert url_key(key) == key


def test_key_keeps_what_tells_articles_apart() -> None:
    assert (
        len({url_key(f"https://example.org/{end}") for end in ("a", "A", "a?p=1", "a?p=2", "b", "a.html")})
        == 6
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "http://[::1",
        "http://a:99999/",
        "http://a..b/",
        "http://0x7f.1/",
        "http://1.2.3/",
        "https://exa\u202emple.com/",
        "https://example.org/\r\nHost: x",
        "https://example.org/\ud800",
        "https://" + "a" * 64 + ".org/",
        "https://example.org/" + "a" * 5000,
        "https:///x",
    ],
)
def test_url_is_rejected_when_it_can_name_no_page(url: str) -> None:
    with pytest.raises(Rejected) as caught:
        url_key(url)
    assert caught.value.code is Code.URL


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://news.bbc.co.uk/1", "bbc.co.uk"),
        ("https://a.b.example.com", "example.com"),
        ("https://paper.blogspot.com/", "paper.blogspot.com"),
        ("http://127.0.0.1/", "127.0.0.1"),
        ("https://unknown.invalid/x", "unknown.invalid"),
        ("https://localhost/", "localhost"),
        ("https://WWW.Example.org/", "example.org"),
    ],
)
def test_domain_is_what_somebody_registered(url: str, domain: str) -> None:
    assert registrable_domain(url) == domain


@pytest.mark.parametrize(
    ("claimed", "trusted"),
    [
        ("https://example.org/canonical", "https://example.org/canonical"),
        ("/canonical", "https://www.example.org/canonical"),
        ("https://amp.example.org/x", "https://amp.example.org/x"),
        ("http://169.254.169.254/latest", None),
        ("https://other.org/x", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        ("", None),
        (None, None),
    ],
)
def test_canonical_is_trusted_on_its_own_domain_only(claimed: str | None, trusted: str | None) -> None:
    assert trusted_canonical(claimed, "https://www.example.org/a/b") == trusted


def test_article_id_is_stable() -> None:
    assert article_id("https://example.org/a") == "ef5d3ecea193ed7045edeb922cbd6cc1"


@given(st.text(max_size=300))
def test_any_text_gives_a_key_or_a_code(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.org/{text}"):
        try:
            key = url_key(url)
        except Rejected as rejected:
            assert rejected.code is Code.URL
        else:
            assert key.isascii() and key.startswith("https://")
            assert registrable_domain(key) == registrable_domain(url)


PARTS = st.just(" ") | st.sampled_from(
    "a A // / /a/ . .. %2F %41 %7E %C3%A4 ä + ;x=1 : @ ' ? & = a=1 b=2 a=2 && utm_source=x "
    "%75tm_source=x fbclid ?a %26 %3D # #/ #/a #! #!/b/ #top #:~:text=x #/?q=1 #// #!! %23 % %zz [ |".split()
)
HOSTS = st.sampled_from(
    "example.org www.example.org WWW.www.example.co.uk www.org münchen.de h h. 127.0.0.1 [::1] "
    "u:p@example.org www.www.www.x.example".split()
)
SCHEMES = st.sampled_from(["http://", "https://", "HTTP://"])
PORTS = st.sampled_from(["", ":80", ":443", ":8080", ":", ":0443"])


@settings(max_examples=1500)
@given(
    st.sampled_from(["http://", "https://", "HTTP://"]),
    HOSTS,
    PORTS,
    st.lists(PARTS, max_size=6).map("".join),
)
def test_key_of_a_key_is_itself(scheme: str, host: str, port: str, rest: str) -> None:
    try:
        key = url_key(f"{scheme}{host}{port}/{rest}")
    except Rejected:
        return
    assert url_key(key) == key
    assert registrable_domain(key) == registrable_domain(f"{scheme}{host}{port}/{rest}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/app#/news/1", "https://a.example/app#/news/2"),
        ("https://a.example/#!/story/1", "https://a.example/#!/story/2"),
        ("https://a.example/#!story-1", "https://a.example/#!story-2"),
        ("https://a.example/app#/news?id=1", "https://a.example/app#/news?id=2"),
        ("https://a.example/app", "https://a.example/app#/news/1"),
        ("https://a.example/?p=1&p=2", "https://a.example/?p=1&p=3"),
        ("https://a.example/?p=1", "https://a.example/?p=1&p=2"),
        ("https://a.example/?id[]=1&id[]=2", "https://a.example/?id[]=1&id[]=3"),
    ],
)
def test_pages_of_an_application_and_repeated_parameters_have_keys_of_their_own(one: str, other: str) -> None:
    assert url_key(one) != url_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/x", "https://a.example/x#comments"),
        ("https://a.example/x", "https://a.example/x#"),
        ("https://a.example/x", "https://a.example/x#/"),
        ("https://a.example/x", "https://a.example/x#!"),
        ("https://a.example/x", "https://a.example/x#!/"),
        ("https://a.example/x", "https://a.example/x#:~:text=some%20words"),
        ("https://a.example/app#/news/1", "http://www.a.example/app#/news/1/"),
        ("https://a.example/?p=1", "https://a.example/?p=1&p=1"),
        ("https://a.example/?p=1&p=2", "https://a.example/?p=2&p=1"),
        ("http://h.example/", "http://h.example:443/"),
        ("http://www.www.h.example/", "http://h.example/"),
    ],
)
def test_what_names_the_same_page_has_the_same_key(one: str, other: str) -> None:
    assert url_key(one) == url_key(other)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://ann:se@cret@example.org/x", "https://example.org/x"),
        ("HTTPS://ann@example.org:8443?q=a@b", "HTTPS://example.org:8443?q=a@b"),
        (" https://ann:secret@example.org/x", " https://example.org/x"),
        ("//ann:secret@example.org/x", "//example.org/x"),
        ("ftp://ann:secret@example.org", "ftp://example.org"),
        ("https://example.org/@ann/x", "https://example.org/@ann/x"),
        ("https://example.org?to=ann@example.org", "https://example.org?to=ann@example.org"),
        ("https://example.org#@ann", "https://example.org#@ann"),
        ("mailto:ann@example.org", "mailto:ann@example.org"),
        ("", ""),
    ],
)
def test_login_goes_from_a_url_and_nothing_else_does(url: str, clean: str) -> None:
    assert without_login(url) == clean
    assert without_login(clean) == clean


@pytest.mark.parametrize(
    "url",
    [
        "ftp://ann:secret@example.org/x",
        "https://ann:secret@exa mple.org/x",
        "https://ann:secret@example.org:port/x",
        "https://ann:secret@1.2.3.4.5/x",
        "https://ann:secret/1@example.org/x",
        "https://ann:secret\x00@example.org/x",
        "ann:secret@example.org",
    ],
)
def test_rejection_tells_no_password_when_a_url_is_broken(url: str) -> None:
    with pytest.raises(Rejected) as rejected:
        url_key(url)
    assert "secret" not in rejected.value.message
