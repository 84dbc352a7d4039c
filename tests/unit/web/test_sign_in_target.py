"""Where signing in leads."""

import pytest

from recado.web.login.views import HOME, _target


@pytest.mark.parametrize("path", ["/campaigns/7", "/campaigns?before=3", "/docs"])
def test_signing_in_leads_to_the_page_that_was_asked_for(path: str) -> None:
    assert _target(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "javascript:alert(1)",
        "/login?next=/login",
        "/a\r\nSet-Cookie: a=b",
        7,
    ],
)
def test_signing_in_never_leads_to_another_site(path: object) -> None:
    assert _target(path) == HOME
