"""What the campaign pages show, from the figures that the features answer."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from starlette.datastructures import QueryParams

from recado.domain.ids import CampaignId
from recado.domain.retry import ErrorClass
from recado.domain.runs import RunState
from recado.features.campaigns.models import Campaign
from recado.features.campaigns.schemas import Progress
from recado.features.reports.pace import Pace, _pace
from recado.platform.i18n import translator
from recado.web.campaigns import labels, models, schedule
from recado.web.campaigns.deliveries import LONGEST_TRAIL, Place

CAMPAIGN = CampaignId(7)


def progress(**figures: int) -> Progress:
    return Progress(campaign_id=7, status="running", **figures)


def test_progress_is_not_whole_while_one_delivery_is_open() -> None:
    assert models.percent(progress(total=100_000, sent=99_999, pending=1)) == 99
    assert models.percent(progress(total=100_000, sent=100_000)) == 100
    assert models.percent(progress(total=0)) == 0


def test_the_pieces_of_the_bar_count_nobody_twice() -> None:
    shown = progress(
        total=100, sent=60, delivered=40, read=10, failed=5, unknown=2, suppressed=3, pending=30
    )
    pieces = models._pieces(shown)
    assert {piece.name: piece.length for piece in pieces} == {
        "read": 10,
        "delivered": 30,
        "sent": 20,
        "failed": 5,
        "unknown": 2,
        "skipped": 3,
    }
    assert pieces[-1].start + pieces[-1].length == pytest.approx(models.percent(shown))


def test_the_page_s_script_begins_with_the_figures_of_the_page() -> None:
    shown = progress(total=10, sent=4, pending=6)
    context = models.progress_context(translator("pt_BR"), shown, Pace((100,), (4.0,)))
    assert json.loads(context["live"].progress)["sent"] == 4
    assert json.loads(context["live"].history) == [[100], [4.0]]
    assert context["done_text"] == "4 de 10 resolvidas"
    assert json.loads(context["live"].texts)["held"].format(held=0) == context["held_text"]
    assert json.loads(context["live"].rules)["paused"] == [
        "cancel",
        "fail",
        "finish",
        "prepared",
        "reopen",
        "repeat",
        "resume",
        "schedule",
    ]


THIN = "\N{NARROW NO-BREAK SPACE}"
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def scheduled(status: str = "running", **schedule: Any) -> Campaign:
    return Campaign(status=status, starts_at=None, schedule=schedule)


def test_a_schedule_is_told_in_words() -> None:
    window = {
        "weekdays": [1, 2, 3, 4, 6], "from": "09:00", "to": "18:00",
        "timezone": "America/Sao_Paulo", "skip_holidays": "BR",
    }  # fmt: skip
    campaign = scheduled(
        "draft",
        start_at="2031-03-03T12:00:00+00:00",
        end_at="2031-03-08T00:00:00+00:00",
        window=window,
        repeat={"every": "day", "interval": 2},
    )
    assert schedule.lines(translator("pt_BR"), campaign, SAO_PAULO) == [
        "Começa em 03/03/2031 09:00",
        "A cada 2 dias",
        "seg.-qui., sáb., das 09:00 às 18:00 (America/Sao_Paulo), menos em feriados nacionais (BR)",
        "Termina no máximo em 07/03/2031 21:00",
    ]
    own = {**window, "weekdays": list(range(1, 8)), "timezone": "contact", "skip_holidays": None}
    for every, told in (("week", "Every week"), ("month", "Every month")):
        campaign = scheduled(start_at="2031-03-03T12:00Z", window=own, repeat={"every": every})
        assert schedule.lines(translator("en"), campaign, SAO_PAULO) == [
            told,
            f"every day, 9:00{THIN}AM to 6:00{THIN}PM, in each contact's own time zone",
        ]
    assert schedule.lines(translator("en"), scheduled(), SAO_PAULO) == []


def test_a_campaign_outside_its_hours_says_until_when() -> None:
    now = datetime(2031, 3, 3, 9, tzinfo=UTC)
    shown = progress(total=10, pending=10)
    assert models.waiting_text(translator("en"), shown, SAO_PAULO, now) == ""
    shown.waiting_until = now + timedelta(hours=3)
    told = models.waiting_text(translator("pt_BR"), shown, SAO_PAULO, now)
    assert told.endswith("a partir de 09:00.")


def test_every_state_and_every_class_of_error_has_a_name() -> None:
    assert set(labels.CAMPAIGN) == {state.value for state in RunState}
    of_sending = {kind.value for kind in ErrorClass} - {ErrorClass.INBOUND_ONLY.value}
    assert set(labels.ERRORS) == of_sending


def test_a_pause_is_explained_in_our_words_or_in_the_provider_s() -> None:
    texts = models._texts(translator("en"))
    assert models.paused_text(texts, "by_person").startswith("Paused by a person")
    assert "132001: no template" in models.paused_text(texts, "132001: no template")
    assert models.paused_text(texts, None).startswith("Paused.")


def test_one_can_go_on_and_back_through_the_pages() -> None:
    first = Place.read(QueryParams("status=failed"))
    third = first.on(50).on(120)
    again = Place.read(QueryParams(urlsplit(third.address(CAMPAIGN)).query))
    assert again == third
    assert again.number == 3
    second = again.back()
    assert second is not None
    assert (second.after, second.number, second.status) == (50, 2, "failed")
    assert second.back() == first
    assert first.back() is None
    assert first.address(CAMPAIGN) == "/campaigns/7?status=failed"


def test_an_address_stays_short_however_far_one_goes() -> None:
    place = Place.read(QueryParams(""))
    for page in range(1, 1001):
        place = place.on(page * 10**17)
    trail = parse_qs(urlsplit(place.address(CAMPAIGN)).query)["trail"][0]
    assert trail.count("-") == LONGEST_TRAIL - 1
    assert place.number == 1001


def test_where_the_way_back_is_lost_it_leads_to_the_first_page() -> None:
    back = Place.read(QueryParams("after=900&page=19")).back()
    assert back is not None
    assert (back.after, back.number) == (0, 1)


@pytest.mark.parametrize(
    "query",
    ["status=bogus", "after=-1", "after=x&page=y", "after=" + "9" * 30, "trail=a-b--", "after=١"],
)
def test_an_address_that_makes_no_sense_means_the_beginning(query: str) -> None:
    assert Place.read(QueryParams(query)).address(CAMPAIGN) == "/campaigns/7"


def test_the_chart_begins_with_the_pace_so_far_and_shows_a_pause_as_nothing() -> None:
    rows = [{"at": 0, "sent": 4}, {"at": 3, "sent": 2}]
    pace = _pace(rows, began=1000.0, steps=5, step=2)
    assert pace.seconds == (1002, 1004, 1006, 1008, 1010)
    assert pace.per_minute == (120.0, 0.0, 0.0, 60.0, 0.0)


def test_a_run_that_has_sent_nothing_has_no_chart() -> None:
    assert _pace([], began=1000.0, steps=50, step=2) == Pace()
