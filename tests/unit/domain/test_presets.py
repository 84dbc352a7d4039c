"""A workspace's own presets: their names, what they may hold, and what they come to."""

from dataclasses import replace

import pytest

from recado.domain.pacing import CONSERVATIVE, PRESETS, InvalidPacing, Pacing, apply, restrict
from recado.domain.presets import (
    BuiltInPreset,
    InvalidPresetName,
    check_name,
    checked,
    known,
    own,
)


@pytest.mark.parametrize("name", ["noite", "a", "0-fast_lane", "x" * 40])
def test_a_plain_name_is_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "Noite", "à-noite", "-x", "two words", "x" * 41, "a\n"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidPresetName):
        check_name(name)


@pytest.mark.parametrize("name", PRESETS)
def test_a_built_in_preset_stays_as_it_is(name: str) -> None:
    with pytest.raises(BuiltInPreset, match=name):
        check_name(name)


def test_an_own_preset_starts_from_the_most_careful_or_from_the_built_in_one_it_names() -> None:
    saved = {
        "perMinute": 3,
        "preset:noite": {"messageInterval": 90},
        "preset:dia": {"preset": "moderate", "capDaily": 100},
    }
    assert list(own(saved)) == ["dia", "noite"]
    presets = known(saved)
    assert list(presets) == [*PRESETS, "dia", "noite"]
    assert presets["noite"] == replace(CONSERVATIVE, message_interval=90)
    assert presets["dia"] == replace(PRESETS["moderate"], cap_daily=100)
    assert known({}) == PRESETS


def test_an_own_preset_names_no_other_own_one() -> None:
    assert checked({"preset": "cloud"}) == {"preset": "cloud"}
    with pytest.raises(InvalidPacing):
        checked({"preset": "noite"})


def test_a_preset_that_is_no_more_leaves_the_most_careful_one() -> None:
    assert apply(PRESETS["cloud"], {"preset": "noite"}) == CONSERVATIVE
    slow = known({"preset:noite": {"messageInterval": 90}})
    channel = Pacing(message_interval=1, cap_daily=None)
    assert restrict(channel, {"preset": "noite"}, slow).message_interval == 90
    assert restrict(channel, {"preset": "noite"}).message_interval == 30
