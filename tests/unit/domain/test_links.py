"""Which addresses a provider may be told to fetch."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain import links
from recado.domain.links import InvalidLink


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/a.jpg",
        "http://EXAMPLE.com:8080/a%20b.jpg?x=1&y=%C3%A1#z",
        "https://cdn_1.example.com./a",
        "https://xn--bcher-kva.example.org/",
        "https://8.8.8.8/a",
        "https://[2606:4700:4700::1111]/a",
    ],
)
def test_a_public_address_may_be_fetched(link: str) -> None:
    links.check(link)
    links.check(link, allow_private=True)


PRIVATE = [
    "http://localhost/a",
    "http://localhost./a",
    "http://intranet/a",
    "http://files.internal/a",
    "http://printer.local:80/a",
    "http://127.0.0.1/a",
    "http://127.1/a",
    "http://2130706433/a",
    "http://0x7f000001/a",
    "http://0x7f.0.0.1/a",
    "http://0177.0.0.1/a",
    "http://10.0.0.8/a",
    "http://100.64.0.1/a",
    "http://169.254.169.254/latest/meta-data",
    "http://0.0.0.0/a",
    "http://224.0.0.1/a",
    "http://[::1]/a",
    "http://[fd00::1]/a",
    "http://[fe80::1]/a",
    "http://[::ffff:10.0.0.8]/a",
    "http://[64:ff9b::a00:8]/a",
    "http://[2002:a00:8::]/a",
    "http://[ff0e::1]/a",
    "http://a..example.com/a",
    "http://-a.example.com/a",
]


@pytest.mark.parametrize("link", PRIVATE)
def test_an_address_of_our_own_network_may_not_unless_that_is_allowed(link: str) -> None:
    with pytest.raises(InvalidLink, match="private"):
        links.check(link)
    links.check(link, allow_private=True)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "a.jpg",
        "//example.com/a",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:///a",
        "https://example.com:99999/a",
        "https://[::1/a",
        "https://ana:segredo@example.com/a",
        "https://@example.com/a",
        "https://example.com/{nome}",
        "https://example.com/a b",
        "https://example.com/á",
        "https://example.com\\@127.0.0.1/a",
        "https://example.com/a\n",
        "https://example.com/" + "a" * 2048,
    ],
)
@pytest.mark.parametrize("allow_private", [True, False])
def test_what_is_no_address_is_refused_wherever_it_may_lie(link: str, allow_private: bool) -> None:
    with pytest.raises(InvalidLink):
        links.check(link, allow_private=allow_private)


@given(st.text(max_size=60))
def test_nothing_that_is_written_breaks_it(link: str) -> None:
    for text in (link, f"http://{link}", f"http://[{link}]/"):
        with suppress(InvalidLink):
            links.check(text)
