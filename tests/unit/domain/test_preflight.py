"""What a person is told before a campaign starts."""

from dataclasses import replace
from datetime import datetime, time
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.forecast import forecast
from recado.domain.pacing import PRESETS
from recado.domain.preflight import (
    SENTENCES,
    Code,
    Facts,
    NewChannel,
    PreflightWarning,
    warnings,
    wise,
)
from recado.domain.schedules import Schedule
from recado.domain.windows import Window

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
HARMLESS = Facts(
    contacts=100,
    pacing=PRESETS["conservative"],
    tz=SAO_PAULO,
    text="Olá {nome}, a assembleia do {condominio} será amanhã.",
)


def codes(**changes: Any) -> list[Code]:
    return [warning.code for warning in warnings(replace(HARMLESS, **changes))]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO)


def test_a_small_and_slow_campaign_of_personal_texts_is_not_warned_of() -> None:
    assert warnings(HARMLESS) == []


@pytest.mark.parametrize(("contacts", "warned"), [(5000, False), (5001, True)])
def test_many_contacts_are_warned_of(*, contacts: int, warned: bool) -> None:
    assert (codes(contacts=contacts) == [Code.MANY_CONTACTS]) is warned


@pytest.mark.parametrize(("interval", "warned"), [(3, False), (2.9, True), (0, True), (None, True)])
def test_a_short_interval_is_warned_of(*, interval: float | None, warned: bool) -> None:
    pacing = replace(PRESETS["conservative"], message_interval=interval)
    assert (codes(pacing=pacing) == [Code.SHORT_INTERVAL]) is warned
    assert codes(pacing=pacing, official=True) == []


@pytest.mark.parametrize(("dead", "warned"), [(0, False), (4, False), (5, True), (100, True)])
def test_a_list_with_many_dead_numbers_is_warned_of(*, dead: int, warned: bool) -> None:
    assert (codes(dead=dead) == [Code.DEAD_NUMBERS]) is warned


@pytest.mark.parametrize(("left_out", "warned"), [(0, False), (5, False), (6, True), (100, True)])
def test_a_list_of_which_many_numbers_are_left_out_is_warned_of(
    *, left_out: int, warned: bool
) -> None:
    assert (codes(left_out=left_out) == [Code.DEAD_LEFT_OUT]) is warned


@pytest.mark.parametrize(("unchecked", "warned"), [(0, False), (49, False), (50, True)])
def test_numbers_that_could_be_checked_first_are_warned_of(*, unchecked: int, warned: bool) -> None:
    assert (codes(unchecked=unchecked) == [Code.UNCHECKED_NUMBERS]) is warned


def test_an_empty_audience_has_no_dead_numbers() -> None:
    assert codes(contacts=0) == []


def test_a_new_channel_over_its_warm_up_is_warned_of_by_name() -> None:
    channels = (NewChannel("novo", 50, 51), NewChannel("outro", 50, 50))
    (warning,) = warnings(replace(HARMLESS, new_channels=channels))
    assert warning.code is Code.WARM_UP
    assert "'novo'" in warning.message()
    assert "50" in warning.message()


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("Assembleia amanhã às 19h.", True),
        ("Olá {nome}!", False),
        ("Olá {nome|amigo}!", False),
        ("Use {{ e }} à vontade, {nome}", False),
        ("", True),
        (None, False),
    ],
)
def test_the_same_text_to_everyone_is_warned_of(*, text: str | None, warned: bool) -> None:
    assert (codes(text=text) == [Code.SAME_TEXT]) is warned


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Olá {{nome}}, {cargo}!", "{{nome}}"),
        ("Olá {{ nome }}, {cargo}!", "{{ nome }}"),
        ("Olá {{nome|amigo}}, {cargo}!", "{{nome|amigo}}"),
        ("Olá {{primeiro nome}}, {cargo}!", "{{primeiro nome}}"),
        ("Olá {{endereço}}, {cargo}!", "{{endereço}}"),
    ],
)
def test_a_variable_written_as_other_tools_do_is_warned_of(text: str, written: str) -> None:
    (warning,) = warnings(replace(HARMLESS, text=text))
    assert warning.code is Code.FOREIGN_VARIABLE
    assert warning.params == {"written": written, "shown": written[1:-1]}
    assert written in warning.message()


@pytest.mark.parametrize(
    "text",
    [
        "Entre chaves: {{{nome}}}",
        "Vazio {{}} e {nome}",
        "Número {{1}} e {nome}",
        "Chaves soltas {{ {nome}",
    ],
)
def test_braces_that_are_meant_are_not_warned_of(text: str) -> None:
    assert codes(text=text) == []


def test_a_text_that_is_no_template_is_not_warned_of_twice() -> None:
    assert codes(text="Olá {nome") == []


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("Olá {nome}, veja https://exemplo.com/a?b=1.", "https://exemplo.com/a?b=1"),
        ("Olá {nome} (http://exemplo.local)", "http://exemplo.local"),
        ("Olá {nome}, www.exemplo.com.br!", "www.exemplo.com.br"),
        ("Olá {nome}, exemplo.com.br/pagar agora", "exemplo.com.br/pagar"),
        ("{nome}: wa.me/55", "wa.me/55"),
        ("Olá {nome}, https://exemplo.com/{codigo}", "https://exemplo.com/"),
    ],
)
def test_a_link_in_the_first_message_is_warned_of(text: str, link: str) -> None:
    (warning,) = warnings(replace(HARMLESS, text=text))
    assert (warning.code, warning.params) == (Code.LINK, {"link": link})


@pytest.mark.parametrize(
    "text",
    [
        "Olá {nome}, escreva para maria.silva@exemplo.com.br",
        "Olá {nome}, são R$ 1.500,00 às 15.30h",
        "Olá {nome}.Tudo bem?",
        "Olá {nome}, fim.de.semana",
    ],
)
def test_what_only_looks_like_a_link_is_none(text: str) -> None:
    assert codes(text=text) == []


@pytest.mark.parametrize(("length", "warned"), [(1000, False), (1001, True)])
def test_a_long_text_is_warned_of(*, length: int, warned: bool) -> None:
    assert (codes(text="{nome}".ljust(length, "x")) == [Code.LONG_TEXT]) is warned


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-03-02 09:00", "2026-03-02 21:59", []),
        ("2026-03-02 09:00", "2026-03-02 22:00", [Code.NIGHT]),
        ("2026-03-02 07:59", "2026-03-02 09:00", [Code.NIGHT]),
        ("2026-03-02 08:00", "2026-03-02 09:00", []),
        ("2026-03-07 09:00", "2026-03-07 10:00", [Code.WEEKEND]),
        ("2026-03-06 21:00", "2026-03-08 10:00", [Code.NIGHT, Code.WEEKEND]),
    ],
)
def test_messages_at_night_and_on_weekends_are_warned_of(
    since: str, until: str, expected: list[Code]
) -> None:
    assert codes(sending=[(at(since), at(until))]) == expected


def test_hours_are_those_of_the_contacts() -> None:
    evening = [(at("2026-03-02 20:00"), at("2026-03-02 21:00"))]
    assert codes(sending=evening) == []
    assert codes(sending=evening, tz=ZoneInfo("Europe/Lisbon")) == [Code.NIGHT]


def test_a_window_of_working_hours_keeps_a_long_campaign_out_of_nights_and_weekends() -> None:
    now = at("2026-03-02 12:00")
    office = Schedule(window=Window(frozenset({1, 2, 3, 4, 5}), time(9), time(18), "contact"))
    for schedule, expected in ((office, []), (Schedule(), [Code.NIGHT, Code.WEEKEND])):
        found = forecast(20_000, PRESETS["conservative"], schedule, now, SAO_PAULO)
        assert codes(sending=found.stretches) == expected


def test_all_warnings_come_at_once_and_the_gravest_first() -> None:
    facts = Facts(
        contacts=10_000,
        pacing=PRESETS["cloud"],
        tz=SAO_PAULO,
        sending=[(at("2026-03-06 09:00"), at("2026-03-08 10:00"))],
        text="{{nome}}, veja www.exemplo.com " + "x" * 1000,
        dead=1000,
        left_out=1000,
        unchecked=9000,
        new_channels=[NewChannel("novo", 50, 5000)],
        stopped_channels={"velho": "131031: account locked"},
        template=[PreflightWarning(code) for code in Code if code.startswith("template_")],
    )
    assert [warning.code for warning in warnings(facts)] == list(Code)


def test_every_warning_has_a_sentence_that_says_what_to_do() -> None:
    assert set(SENTENCES) == set(Code)
    assert all(sentence.count(". ") + sentence.count(": ") >= 1 for sentence in SENTENCES.values())


def test_a_warning_is_translated_before_it_is_filled_in() -> None:
    warning = PreflightWarning(Code.LONG_TEXT, {"length": 1200, "most": 1000})

    def translate(sentence: str) -> str:
        assert sentence == warning.sentence
        return "{length} é mais que {most}."

    assert warning.message(translate) == "1200 é mais que 1000."
    assert PreflightWarning(Code.NIGHT).message() == SENTENCES[Code.NIGHT]


@given(
    st.text(max_size=200) | st.text("{} nome|.:/wcom", max_size=60),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_every_warning_can_be_told(text: str, contacts: int, dead: int) -> None:
    facts = replace(HARMLESS, text=text, contacts=contacts, dead=dead)
    for warning in warnings(facts):
        asked = {name for _, name, _, _ in Formatter().parse(warning.sentence) if name}
        assert asked == set(warning.params)
        assert warning.message()


@pytest.mark.parametrize(
    ("warm_up", "age", "official", "allowed"),
    [
        (None, 0.5, True, None),
        (None, 0.5, False, 50),
        (None, 2.0, False, 112),
        (None, 14.0, False, None),
        (20, 3.0, True, 160),
        (20, 3.0, False, 160),
    ],
)
def test_a_new_channel_should_send_less_by_its_warm_up_or_by_caution(
    *, warm_up: int | None, age: float, official: bool, allowed: int | None
) -> None:
    pacing = replace(PRESETS["conservative"], warm_up_daily=warm_up)
    assert wise(pacing, age, official=official) == allowed
