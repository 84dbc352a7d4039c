"""How fast a channel may go, and what a campaign may change about it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.pacing import (
    CONSERVATIVE,
    KEYS,
    PRESETS,
    InvalidPacing,
    Pacing,
    apply,
    at_throughput,
    burst,
    default_preset,
    restrict,
    shown,
    tightest,
    validated,
)

limits = st.none() | st.integers(1, 10_000)
pacings = st.builds(Pacing, **dict.fromkeys(KEYS.values(), limits))


@pytest.mark.parametrize(
    ("word", "per_second"), [("HIGH", 1000), ("STANDARD", 80), ("NOT_APPLICABLE", 80), (None, 80)]
)
def test_a_number_that_the_provider_lets_send_faster_does(
    word: str | None, per_second: int
) -> None:
    cloud = PRESETS["cloud"]
    assert at_throughput(cloud, word).per_second == per_second


@pytest.mark.parametrize(
    ("preset", "figures"),
    [
        ("conservative", (30, 20, 60, 300, 2000, 5, 10)),
        ("moderate", (10, 50, 120, 500, 3000, 3, 15)),
        ("aggressive", (3, 100, 60, 1000, 5000, 2, 5)),
    ],
)
def test_a_preset_is_what_its_name_promises(preset: str, figures: tuple[int, ...]) -> None:
    pacing = PRESETS[preset]
    assert figures == (
        pacing.message_interval,
        pacing.longer_interval_after,
        pacing.greater_interval,
        pacing.cap_hourly,
        pacing.cap_daily,
        pacing.backoff_error_threshold,
        pacing.backoff_pause_minutes,
    )


def test_the_official_provider_starts_with_its_own_limits_and_every_other_with_care() -> None:
    assert PRESETS["cloud"].per_minute_per_user is None
    assert (PRESETS["cloud"].per_second, PRESETS["cloud"].in_flight) == (80, 64)
    assert PRESETS["cloud"].message_interval is None
    assert [default_preset(name) for name in ("meta", "simulator")] == ["cloud", "cloud"]
    assert [default_preset(name) for name in ("evolution", "uazapi")] == ["conservative"] * 2


def test_a_valid_wish_is_taken_as_it_is() -> None:
    wish = {"preset": "cloud", "messageInterval": 0, "capDaily": None, "perSecond": 12}
    assert validated(wish) == wish


@pytest.mark.parametrize(
    "wish",
    [
        {"preset": "reckless"},
        {"message_interval": 3},
        {"messageInterval": -1},
        {"messageInterval": "3"},
        {"messageInterval": True},
        {"perSecond": 0},
        {"perSecond": 1.5},
        {"capDaily": 10**12},
    ],
)
def test_a_senseless_wish_is_refused_by_its_field(wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidPacing, match="messageInterval") as caught:
        validated(wish)
    assert list(caught.value.fields) == [f"pacing.{key}" for key in wish]


def test_a_preset_is_laid_down_before_the_single_settings() -> None:
    pacing = apply(CONSERVATIVE, {"perSecond": 5, "preset": "cloud"})
    assert (pacing.per_second, pacing.message_interval) == (5, None)
    assert apply(CONSERVATIVE, {"capDaily": None}).cap_daily is None


def test_a_campaign_may_go_slower_than_its_channel_but_never_faster() -> None:
    assert restrict(CONSERVATIVE, {}) is CONSERVATIVE
    slower = restrict(CONSERVATIVE, {"messageInterval": 90, "perSecond": 1})
    assert (slower.message_interval, slower.per_second) == (90, 1)
    assert slower.cap_daily == CONSERVATIVE.cap_daily
    assert restrict(CONSERVATIVE, {"preset": "cloud"}).message_interval == 30


@given(pacings, pacings)
def test_of_two_paces_each_limit_is_the_tighter(one: Pacing, other: Pacing) -> None:
    both = tightest(one, other)
    assert both == tightest(other, one)
    assert tightest(both, one) == both
    assert tightest(one, Pacing(**dict.fromkeys(KEYS.values()))) == one


def test_settings_are_shown_under_their_outside_names() -> None:
    assert shown(CONSERVATIVE)["longerIntervalAfter"] == 20
    assert set(shown(CONSERVATIVE)) == set(KEYS)


@pytest.mark.parametrize(
    ("pacing", "seconds", "most", "messages"),
    [
        (CONSERVATIVE, 1, 50, 1),
        (PRESETS["cloud"], 1, 50, 50),
        (PRESETS["cloud"], 0.5, 100, 40),
        (Pacing(message_interval=None, per_minute=20), 60, 50, 20),
        (Pacing(message_interval=3, per_minute=None), 60, 50, 20),
        (Pacing(message_interval=None, per_minute=None), 1, 7, 7),
    ],
)
def test_no_more_is_claimed_than_can_leave_soon(
    pacing: Pacing, seconds: float, most: int, messages: int
) -> None:
    assert burst(pacing, seconds, most) == messages
