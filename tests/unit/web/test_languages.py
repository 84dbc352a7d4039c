"""The language of a page, and numbers and times in it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from recado.domain.errors import NotFound, TooManyRequests
from recado.platform.i18n import LOCALES, negotiate, translator
from recado.providers.base import Unsupported

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2026, 11, 20, 15, 5, tzinfo=UTC)  # 12:05 in São Paulo


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "pt_BR"),
        ("", "pt_BR"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt_BR"),
        ("pt-PT", "pt_BR"),
        ("en-GB,en;q=0.9", "en"),
        ("fr,en;q=0.7,pt;q=0.9", "pt_BR"),
        ("de, en;q=0.5", "en"),
        ("en;q=0, pt", "pt_BR"),
        ("*", "pt_BR"),
        ("en;q=much", "pt_BR"),
        (";;,,;q=", "pt_BR"),
    ],
)
def test_the_browser_gets_the_language_it_wants_most_of_those_there_are(
    header: str | None, expected: str
) -> None:
    assert negotiate(accept_language=header) == expected


def test_what_a_person_chose_goes_before_what_the_browser_says() -> None:
    assert negotiate("en", "pt_BR", accept_language="pt-BR") == "en"
    assert negotiate(None, "pt-BR", accept_language="en") == "pt_BR"


def test_a_choice_that_names_no_language_of_ours_is_passed_over() -> None:
    assert negotiate("tlh", "<script>", accept_language="en") == "en"


def test_an_unknown_locale_speaks_the_first_language() -> None:
    assert translator("xx").locale == LOCALES[0]


def test_english_needs_no_catalogue() -> None:
    english = translator("en")
    assert english.gettext("Campaigns") == "Campaigns"
    assert english.language == "en"


def test_portuguese_is_spoken_from_the_catalogue() -> None:
    portuguese = translator("pt_BR")
    assert portuguese.gettext("Campaigns") == "Campanhas"
    assert portuguese.pgettext("tile", "Sent") == "Enviadas"
    assert portuguese.gettext("Sent") == "Enviada"
    assert portuguese.language == "pt-BR"


def test_an_error_is_told_in_the_reader_s_language() -> None:
    assert translator("pt_BR").error(TooManyRequests(retry_after=30)).endswith("em 30 segundos.")
    assert translator("en").error(TooManyRequests(retry_after=30)).endswith("in 30 seconds.")


def test_the_kind_of_thing_that_is_missing_is_translated_too() -> None:
    assert "campanha" in translator("pt_BR").error(NotFound("campaign"))
    assert "campaign" in translator("en").error(NotFound("campaign"))


def test_what_a_provider_cannot_do_is_said_in_words() -> None:
    error = Unsupported(provider="meta", what="number_check")
    assert "checking numbers" in translator("en").error(error)
    assert "verificar números" in translator("pt_BR").error(error)


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert translator("pt_BR").number(1234567) == "1.234.567"
    assert translator("en").number(1234567) == "1,234,567"
    assert translator("pt_BR").percent(0.985) == "98,5%"
    assert translator("en").percent(0.5) == "50%"


def test_a_moment_of_today_is_a_time_of_day_and_any_other_has_its_date() -> None:
    portuguese = translator("pt_BR")
    yesterday = datetime(2026, 11, 19, 15, 5, tzinfo=UTC)
    assert portuguese.moment(NOON, SAO_PAULO, now=NOON) == "12:05"
    assert portuguese.moment(yesterday, SAO_PAULO, now=NOON) == "19/11/2026 12:05"


def test_today_is_the_day_of_the_workspace_and_not_of_greenwich() -> None:
    late = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)  # still the 20th, 22:00, in São Paulo
    assert translator("pt_BR").moment(late, SAO_PAULO, now=NOON) == "22:00"


def test_a_count_takes_the_form_that_goes_with_it() -> None:
    english = translator("en")
    assert english.ngettext("{n} contact", "{n} contacts", 1) == "1 contact"
    assert english.ngettext("{n} contact", "{n} contacts", 1200) == "1,200 contacts"
