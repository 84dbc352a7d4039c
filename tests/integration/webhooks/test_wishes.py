"""Whoever wants no more messages says so once, in whatever way, and gets none any more."""

import asyncio
import itertools
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.integration.webhooks.calling import (
    Number,
    Sent,
    body,
    change,
    connect,
    send,
    states,
    status,
)
from tests.support.statements import counting

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ContactId, WorkspaceId
from recado.domain.optout import Wish
from recado.domain.phones import phone_key
from recado.features.contacts import consent, service
from recado.features.contacts.schemas import NewContact
from recado.features.gates.service import contact_gate
from recado.features.webhooks.applying import apply_waiting
from recado.features.wishes import confirming
from recado.features.wishes.hearing import hear
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.events import EditEvent, InboundEvent

_ids = itertools.count(1)
NOON = 1_780_000_000  # seconds, some day
PENDING = DeliveryState.PENDING
WANTS_NONE = {"errors": [{"code": 131050, "title": "x", "message": "(131050) x"}]}


def said(sender: str, words: str = "SAIR", /, *, at: int = NOON, **more: Any) -> dict[str, Any]:
    """A message; with ``more`` one of another kind."""
    content = more or {"type": "text", "text": {"body": words}}
    return {"from": sender, "id": f"wamid.{next(_ids)}", "timestamp": str(at), **content}


def preference(sender: str, value: str, *, at: int = NOON) -> dict[str, Any]:
    return {
        "wa_id": sender,
        "detail": f"User requested to {value} marketing messages",
        "category": "marketing_messages",
        "value": value,
        "timestamp": at,
    }


def refused(sent: Sent, *, at: int = NOON) -> dict[str, Any]:
    told = status("failed", reference=sent.reference(), provider_id=f"wamid.{sent.id}")
    return {**told, **WANTS_NONE, "timestamp": str(at)}


async def tell(
    runtime: Runtime, number: Number, *, apply: bool = True, field: str = "messages", **told: Any
) -> None:
    """A callback of this number, stored, and applied unless that is left for later."""
    one = change(number)
    one["field"] = field
    one["value"].update(told)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(one),
        )
    if apply:
        await apply_waiting(runtime, number.workspace)


async def write(runtime: Runtime, number: Number, *messages: dict[str, Any]) -> None:
    await tell(runtime, number, messages=list(messages))


async def prefer(runtime: Runtime, number: Number, *wishes: dict[str, Any]) -> None:
    await tell(runtime, number, field="user_preferences", user_preferences=list(wishes))


async def person(runtime: Runtime, workspace: WorkspaceId) -> tuple[ContactId, str]:
    """A contact, and the digits that WhatsApp knows it by: without the ninth."""
    [contact] = await factories.contacts(runtime, workspace, 1)
    short = 8000_0000 + contact
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "UPDATE contact SET phone = %(phone)s, phone_key = %(key)s WHERE id = %(id)s",
            phone=f"+55319{short}",
            key=f"55319{short}",
            id=contact,
        )
    return contact, f"5531{short}"


async def holds(runtime: Runtime, number: Number, contact: int) -> tuple[int | None, str | None]:
    """Since when the contact wants nothing, in seconds, and from where that is known."""
    async with runtime.db.workspace(number.workspace) as tx:
        row = await tx.one(
            "SELECT extract(epoch FROM opted_out_at)::bigint AS at, opt_out_source AS source"
            " FROM contact WHERE id = %(id)s",
            id=contact,
        )
    assert row is not None
    return row["at"], row["source"]


async def waiting(runtime: Runtime, number: Number, contact: ContactId) -> Sent:
    """A delivery that waits for this contact."""
    sent = await send(runtime, number, PENDING)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "UPDATE delivery SET contact_id = %(contact)s WHERE id = %(id)s",
            contact=contact,
            id=sent.id,
        )
    return sent


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "text", "text": {"body": " sáir! "}}, ("keyword", "sáir!")),
        (
            {"type": "button", "button": {"payload": "opt-out", "text": "Chega"}},
            ("button", "Chega"),
        ),
        (
            {
                "type": "interactive",
                "interactive": {
                    "type": "button_reply",
                    "button_reply": {"id": "1", "title": "Parar"},
                },
            },
            ("button", "Parar"),
        ),
        (
            {
                "type": "interactive",
                "interactive": {
                    "type": "list_reply",
                    "list_reply": {"id": "STOP", "title": "Nada", "description": "x"},
                },
            },
            ("button", "Nada"),
        ),
    ],
)
async def test_a_word_and_a_button_opt_out_and_suppress_what_waits(
    message: dict[str, Any],
    expected: tuple[str, str],
    runtime: Runtime,
    number: Number,
    api: Api,
) -> None:
    source, word = expected
    contact, digits = await person(runtime, number.workspace)
    waits = await waiting(runtime, number, contact)
    asked = said(digits, **message)
    await write(runtime, number, asked)
    assert await holds(runtime, number, contact) == (NOON, source)
    assert await states(runtime, number, [waits]) == ["suppressed"]
    assert await runtime.redis.exists(contact_gate(number.workspace, contact))
    [kept] = (await api("GET", f"contacts/{contact}/consent"))["items"]
    assert kept.pop("recorded_at") > kept.pop("at")
    assert kept.pop("id")
    assert kept == {
        "status": "out",
        "source": source,
        "word": word,
        "channel_id": number.channel,
        "message_id": asked["id"],
        "said_by": None,
    }


async def test_a_word_in_a_sentence_changes_nothing(runtime: Runtime, number: Number) -> None:
    contact, digits = await person(runtime, number.workspace)
    waits = await waiting(runtime, number, contact)
    await write(runtime, number, said(digits, "não quero sair"))
    assert await holds(runtime, number, contact) == (None, None)
    assert await states(runtime, number, [waits]) == ["pending"]


async def test_a_message_that_is_changed_into_a_word_is_one(
    runtime: Runtime, number: Number
) -> None:
    contact, digits = await person(runtime, number.workspace)
    first = said(digits, "oi")
    changed = {"type": "text", "text": {"body": "Sair"}}
    edit = {"original_message_id": first["id"], "message": changed}
    await write(runtime, number, first, said(digits, at=NOON + 9, type="edit", edit=edit))
    assert await holds(runtime, number, contact) == (NOON + 9, "keyword")


async def test_what_we_change_on_our_phone_into_a_word_is_nobody_s_wish(
    runtime: Runtime, number: Number
) -> None:
    contact, sender = await person(runtime, number.workspace)
    ours = EditEvent(sender=sender, of="3EB0", text="SAIR", ours=True, at=clock.now())
    await hear(runtime, number.workspace, [(number.channel, ours)], [])
    assert await holds(runtime, number, contact) == (None, None)


async def test_what_was_said_last_holds_in_whatever_order_it_is_heard(
    runtime: Runtime, number: Number
) -> None:
    wishes = [("SAIR", NOON), ("VOLTAR", NOON + 60), ("PARAR", NOON + 120)]
    for order in itertools.permutations(wishes):
        contact, digits = await person(runtime, number.workspace)
        for count, (text, at) in enumerate(order, 1):
            await write(runtime, number, said(digits, text, at=at))
            last = max(order[:count], key=lambda one: one[1])
            out = last[0] != "VOLTAR"
            assert ((await holds(runtime, number, contact))[0] is not None) == out, order[:count]


async def test_within_a_second_the_order_of_hearing_counts(
    runtime: Runtime, number: Number
) -> None:
    contact, digits = await person(runtime, number.workspace)
    await write(runtime, number, said(digits), said(digits, "VOLTAR"))
    assert await holds(runtime, number, contact) == (None, None)
    await write(runtime, number, said(digits))
    assert await holds(runtime, number, contact) == (NOON, "keyword")


async def test_the_same_event_again_adds_nothing(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    out, back = said(digits), said(digits, "VOLTAR", at=NOON + 5)
    stop = preference(digits, "stop", at=NOON - 5)
    for _ in range(2):
        await write(runtime, number, out, back)
        await prefer(runtime, number, stop)
    assert await holds(runtime, number, contact) == (None, None)
    assert len((await api("GET", f"contacts/{contact}/consent"))["items"]) == 3


async def test_a_switch_at_the_provider_takes_back_only_what_was_said_there(
    runtime: Runtime, number: Number
) -> None:
    contact, digits = await person(runtime, number.workspace)
    waits = await waiting(runtime, number, contact)
    await prefer(runtime, number, preference(digits, "stop"))
    assert await holds(runtime, number, contact) == (NOON, "provider_preference")
    assert await states(runtime, number, [waits]) == ["suppressed"]
    await write(runtime, number, said(digits, at=NOON + 1))
    await prefer(runtime, number, preference(digits, "resume", at=NOON + 2))
    assert await holds(runtime, number, contact) == (NOON + 1, "keyword")
    await write(runtime, number, said(digits, "quero receber", at=NOON + 3))
    await prefer(runtime, number, preference(digits, "stop", at=NOON + 4))
    await prefer(runtime, number, preference(digits, "signup", at=NOON + 5))
    assert (await holds(runtime, number, contact))[1] == "provider_preference"
    await prefer(runtime, number, preference(digits, "resume", at=NOON + 6))
    assert await holds(runtime, number, contact) == (None, None)


async def test_a_message_refused_for_an_opt_out_is_one(runtime: Runtime, number: Number) -> None:
    sent = await send(runtime, number)
    waits = await waiting(runtime, number, sent.contact)
    await tell(runtime, number, statuses=[refused(sent)])
    assert await states(runtime, number, [sent, waits]) == ["failed", "suppressed"]
    assert await holds(runtime, number, sent.contact) == (NOON, "provider_error")
    await prefer(runtime, number, preference(await digits_of(runtime, number, sent), "resume"))
    assert await holds(runtime, number, sent.contact) == (None, None)


async def digits_of(runtime: Runtime, number: Number, sent: Sent) -> str:
    async with runtime.db.workspace(number.workspace) as tx:
        key: str = await tx.value(
            "SELECT phone_key FROM contact WHERE id = %(id)s", id=sent.contact
        )
    return key


async def test_an_answer_of_ours_refused_for_an_opt_out_is_one(
    runtime: Runtime, number: Number
) -> None:
    contact, digits = await person(runtime, number.workspace)
    await write(runtime, number, said(digits, "oi"))
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO message (workspace_id, conversation_id, channel_id, direction, kind,"
            " provider_id, status) SELECT workspace_id, id, channel_id, 'out', 'text', 'wamid.O',"
            " 'sent' FROM conversation WHERE contact_id = %(contact)s",
            contact=contact,
        )
    failed = {**status("failed", provider_id="wamid.O"), **WANTS_NONE}
    await tell(runtime, number, statuses=[failed])
    assert (await holds(runtime, number, contact))[1] == "provider_error"


async def test_a_report_of_another_number_s_message_opts_nobody_out(
    runtime: Runtime, number: Number, api: Api
) -> None:
    sent = await send(runtime, number)
    other = await connect(api, number.workspace)
    await tell(runtime, other, statuses=[{**refused(sent), "recipient_id": "5511900000000"}])
    assert await holds(runtime, number, sent.contact) == (None, None)


async def test_what_one_said_to_one_number_holds_for_all(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    other = await connect(api, number.workspace)
    waits = await waiting(runtime, other, contact)
    await write(runtime, number, said(digits))
    assert await states(runtime, other, [waits]) == ["suppressed"]


async def test_one_workspace_s_opt_out_is_no_other_s(
    runtime: Runtime, number: Number, other_number: Number
) -> None:
    contact, digits = await person(runtime, number.workspace)
    async with runtime.db.workspace(other_number.workspace) as tx:
        theirs = await service.create(tx, NewContact(phone=f"+{digits[:4]}9{digits[4:]}"))
    await write(runtime, other_number, said(digits))
    assert await holds(runtime, number, contact) == (None, None)
    assert (await holds(runtime, other_number, theirs.id))[1] == "keyword"


async def test_what_a_person_did_here_and_what_was_said_count_by_their_times(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    now = int(time.time())
    await write(runtime, number, said(digits, at=now - 60))
    shown = await api("POST", f"contacts/{contact}/opt-in")
    assert shown["opted_out_at"] is None
    await write(runtime, number, said(digits, at=now - 30))  # late, as callbacks may be
    assert await holds(runtime, number, contact) == (None, None)
    await api("POST", f"contacts/{contact}/opt-out")
    await write(runtime, number, said(digits, "VOLTAR", at=now - 20))
    assert (await holds(runtime, number, contact))[1] == "api"
    kept = (await api("GET", f"contacts/{contact}/consent", limit=3))["items"]
    assert [(one["status"], one["source"]) for one in kept] == [
        ("in", "keyword"),
        ("out", "api"),
        ("out", "keyword"),
    ]
    assert kept[1]["said_by"].startswith("key:")


async def test_a_stranger_s_opt_out_holds_when_they_are_added_later(
    runtime: Runtime, number: Number, api: Api
) -> None:
    short = f"5531{8900_0000 + next(_ids)}"
    await write(runtime, number, said(short))
    phone = f"+{short[:4]}9{short[4:]}"
    await api("POST", "contacts", {"phone": phone}, status=409)
    [known] = (await api("GET", "contacts", search=short[4:]))["items"]
    assert known["opt_out_source"] == "keyword"


async def test_the_opt_out_of_somebody_without_a_number_holds_once_they_are_known(
    runtime: Runtime, number: Number
) -> None:
    contact, digits = await person(runtime, number.workspace)
    other, more = await person(runtime, number.workspace)
    await write(
        runtime,
        number,
        {**said("", at=NOON), "from_user_id": f"BR.{contact}"},
        {**said("", at=NOON), "from_user_id": f"BR.{other}"},
        {**said("", "VOLTAR", at=NOON + 1), "from_user_id": f"BR.{other}"},
    )
    assert await holds(runtime, number, contact) == (None, None)
    await write(
        runtime,
        number,
        {**said(digits, "oi", at=NOON + 9), "from_user_id": f"BR.{contact}"},
        {**said(more, "oi", at=NOON + 9), "from_user_id": f"BR.{other}"},
    )
    assert await holds(runtime, number, contact) == (NOON, "keyword")
    assert await holds(runtime, number, other) == (None, None)
    await write(
        runtime, number, {**said("", "VOLTAR", at=NOON + 10), "from_user_id": f"BR.{contact}"}
    )
    assert await holds(runtime, number, contact) == (None, None)


async def test_who_opted_out_and_was_deleted_comes_back_opted_out(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    other, more = await person(runtime, number.workspace)
    await write(runtime, number, said(digits), said(more), said(more, "VOLTAR", at=NOON + 1))
    for gone in (contact, other):
        await api("DELETE", f"contacts/{gone}", status=204)
    again = await api("POST", "contacts", {"phone": f"+{digits}"}, status=201)
    assert (await holds(runtime, number, again["id"])) == (NOON, "keyword")
    assert len((await api("GET", f"contacts/{again['id']}/consent"))["items"]) == 1
    welcome = await api("POST", "contacts", {"phone": f"+{more}"}, status=201)
    assert await holds(runtime, number, welcome["id"]) == (None, None)


async def test_own_words_count_from_the_moment_they_are_saved(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    await write(runtime, number, said(digits, "chega", at=NOON))
    assert await holds(runtime, number, contact) == (None, None)
    await api("PUT", "settings/consent", {"opt_out_words": ["Chega!"]})
    await write(runtime, number, said(digits, "CHEGA", at=NOON + 1))
    assert await holds(runtime, number, contact) == (NOON + 1, "keyword")


async def test_many_opt_outs_cost_as_many_statements_as_one_of_each_kind(
    runtime: Runtime, number: Number, own_database_url: str
) -> None:
    async def cost(each: int) -> int:
        people = [await person(runtime, number.workspace) for _ in range(each)]
        strangers = [f"5531{8800_0000 + next(_ids)}" for _ in range(each)]
        for _ in range(each):
            failed = refused(await send(runtime, number))
            await tell(runtime, number, apply=False, statuses=[failed])
        heard = [said(digits) for _, digits in people] + [said(digits) for digits in strangers]
        for message in heard:
            await tell(runtime, number, apply=False, messages=[message])
        with counting(own_database_url) as statements:
            await apply_waiting(runtime, number.workspace)
        return statements.total

    assert await cost(1) == await cost(30)
    async with runtime.db.workspace(number.workspace) as tx:
        assert await tx.value("SELECT count(*) FROM contact WHERE opted_out_at IS NULL") == 0
        assert await tx.value("SELECT count(*) FROM consent_change") == 93


async def answers(runtime: Runtime, number: Number, contact: ContactId) -> list[str]:
    """What was put into the contact's conversations for them to read, in order."""
    async with runtime.db.workspace(number.workspace) as tx:
        rows = await tx.all(
            "SELECT m.text FROM message m JOIN conversation v ON v.id = m.conversation_id"
            " WHERE v.contact_id = %(contact)s AND m.direction = 'out' ORDER BY m.id",
            contact=contact,
        )
    return [row["text"] for row in rows]


async def test_who_opts_out_or_in_by_writing_is_answered_once(
    runtime: Runtime, number: Number, api: Api, finish_jobs: FinishJobs
) -> None:
    contact, digits = await person(runtime, number.workspace)
    now = int(time.time()) - 60
    asked = said(digits, at=now)
    for message in (asked, asked, *(said(digits, at=now + n) for n in range(1, 10))):
        await write(runtime, number, message)
    await finish_jobs()
    built_in = (await api("GET", "settings/consent"))["built_in"]
    assert await answers(runtime, number, contact) == [built_in["opt_out_confirmation"]]
    assert "VOLTAR" in built_in["opt_out_confirmation"]
    await api("PUT", "settings/consent", {"opt_in_confirmation": "Oba!"})
    await write(runtime, number, said(digits, "VOLTAR", at=now + 20))
    await write(runtime, number, said(digits, "VOLTAR", at=now + 21))
    await finish_jobs()
    assert (await answers(runtime, number, contact))[1:] == ["Oba!"]
    await api("PUT", "settings/consent", {"confirm": False})
    await write(runtime, number, said(digits, at=now + 30))
    await finish_jobs()
    assert len(await answers(runtime, number, contact)) == 2


async def test_a_confirmation_whose_job_is_repeated_is_the_same_one(
    runtime: Runtime, number: Number, finish_jobs: FinishJobs
) -> None:
    contact, digits = await person(runtime, number.workspace)
    await write(runtime, number, said(digits, at=int(time.time())))
    await finish_jobs()
    async with runtime.db.workspace(number.workspace) as tx:
        change_id = await tx.value("SELECT id FROM consent_change")
    await confirming.confirm(runtime, number.workspace, [change_id])
    assert len(await answers(runtime, number, contact)) == 1


async def test_what_nobody_wrote_to_us_just_now_is_not_answered(
    runtime: Runtime, number: Number, api: Api, finish_jobs: FinishJobs
) -> None:
    now = int(time.time())
    sent = await send(runtime, number)
    await tell(runtime, number, statuses=[refused(sent, at=now)])
    (one, digits), (other, more), (third, _), (late, old) = [
        await person(runtime, number.workspace) for _ in range(4)
    ]
    await prefer(runtime, number, preference(digits, "stop", at=now))
    await write(runtime, number, said(more, at=now), said(more, "VOLTAR", at=now))
    await api("POST", f"contacts/{third}/opt-out")
    await write(runtime, number, said(old, at=now - 86_400))
    await finish_jobs()
    for contact in (sent.contact, one, other, third, late):
        assert await answers(runtime, number, contact) == []


async def test_settings_of_opt_outs_are_checked_and_kept(api: Api, other_api: Api) -> None:
    shown = await api("GET", "settings/consent")
    assert (shown["opt_out_words"], shown["confirm"]) == ([], True)
    assert shown["built_in"]["opt_out_words"][:2] == ["SAIR", "PARAR"]
    wrong = {"opt_out_words": ["x"], "opt_in_words": ["sair"], "opt_out_payloads": ["START"]}
    for name, value in wrong.items():
        told = await api("PUT", "settings/consent", {name: value}, status=422)
        assert list(told["error"]["fields"]) == [name]
        assert told["error"]["code"] == "invalid_consent_settings"
    for odd in ({"opt_out_words": "chega"}, {"colour": 1}, {"opt_out_confirmation": "\x00"}):
        await api("PUT", "settings/consent", odd, status=422)
    await api("PUT", "settings/consent", {"opt_out_words": ["Chega"], "confirm": False})
    kept = await api("PUT", "settings/consent", {"opt_in_words": ["oi de novo"]})
    assert (kept["opt_out_words"], kept["opt_in_words"]) == (["Chega"], ["oi de novo"])
    assert not kept["confirm"]
    assert (await other_api("GET", "settings/consent"))["opt_out_words"] == []


async def test_a_suppressing_tag_outlives_an_opt_in(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    await api("PATCH", f"contacts/{contact}", {"tags": ["DNC"]})
    await write(runtime, number, said(digits), said(digits, "VOLTAR", at=NOON + 1))
    draft = {
        "name": "Aviso",
        "channel_ids": [number.channel],
        "audience": {"contact_ids": [contact]},
        "content": {"type": "text", "text": "Olá"},
    }
    campaign = await api("POST", "campaigns", draft, status=201)
    told = await api("POST", f"campaigns/{campaign['id']}/preflight")
    assert (told["audience"], told["suppressed"]) == (0, {"tag:DNC": 1})


async def test_opt_outs_heard_side_by_side_are_answered_once(
    runtime: Runtime, number: Number, finish_jobs: FinishJobs
) -> None:
    contact, digits = await person(runtime, number.workspace)
    now = int(time.time())

    async def apply(event: InboundEvent) -> None:
        await hear(runtime, number.workspace, [(number.channel, event)], [])

    await write(runtime, number, said(digits, "oi", at=now))
    wishes = [
        InboundEvent(
            sender=digits,
            message_id=f"m{n}",
            text="SAIR",
            at=datetime.fromtimestamp(now + n, UTC),
        )
        for n in range(8)
    ]
    await asyncio.gather(*map(apply, wishes))
    await finish_jobs()
    assert len(await answers(runtime, number, contact)) == 1
    assert (await holds(runtime, number, contact))[0] == now


async def test_a_wish_of_a_contact_that_is_deleted_meanwhile_is_not_lost(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    await api("DELETE", f"contacts/{contact}", status=204)
    lost = consent.Said(
        contact_id=contact,
        person=phone_key(digits),
        wish=Wish.OUT,
        source=consent.Source.KEYWORD,
        at=datetime.fromtimestamp(NOON, UTC),
    )
    async with runtime.db.workspace(number.workspace) as tx:
        assert (await consent.record(tx, [lost], now=clock.now())).turned == []
    again = await api("POST", "contacts", {"phone": f"+{digits}"}, status=201)
    assert await holds(runtime, number, again["id"]) == (NOON, "keyword")
