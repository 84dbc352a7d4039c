"""A workspace's settings of campaigns: what they may be, and what they are by default."""

from typing import Any

import pytest

from recado.domain.campaign_settings import KEYS, InvalidSettings, shown, validated

GOOD: dict[str, Any] = {
    "suppressionTagNames": ["DNC", "parar"],
    "perContactDaily": 2,
    "unknownGraceMinutes": 0,
    "notificationsWebhook": "https://example.org/recado",
    "resendUnknown": True,
    "messageInterval": 12.5,
}


def test_what_is_saved_is_shown_and_the_rest_is_as_it_is_by_default() -> None:
    assert validated(GOOD) == GOOD
    everything = shown(GOOD)
    assert set(everything) == set(KEYS)
    assert {key: everything[key] for key in GOOD} == GOOD
    assert everything["capDaily"] == 2000
    assert validated({"perContactDaily": None, "notificationsWebhook": None})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("suppressionTagNames", "DNC"),
        ("suppressionTagNames", [" "]),
        ("perContactDaily", 0),
        ("perContactDaily", True),
        ("unknownGraceMinutes", -1),
        ("notificationsWebhook", "ftp://example.org"),
        ("resendUnknown", 1),
        ("capDaily", 0),
        ("cor", "azul"),
    ],
)
def test_a_senseless_setting_is_refused_by_its_name(key: str, value: object) -> None:
    with pytest.raises(InvalidSettings) as refused:
        validated({**GOOD, key: value})
    assert list(refused.value.fields) == [key]
