"""What is promised of every adapter, each promise a function; see test_contract.py."""

import time
from collections.abc import Sequence
from typing import get_args

import pytest
from tests.contract.providers.rows import PICTURE
from tests.contract.providers.stage import (
    DEAD,
    REFERENCE,
    SHORT,
    TO,
    Stage,
    promise,
    raises,
    refuses,
    taken,
)
from tests.contract.providers.strange import answering

from recado.domain.errors import InvalidInput
from recado.domain.retry import ErrorClass
from recado.platform import clock
from recado.providers.base import (
    Accepted,
    CallFailed,
    Message,
    NumberCheck,
    NumberInfo,
    Refused,
    TemplateInfo,
    Unsure,
    Upload,
)
from recado.providers.content import (
    Button,
    Buttons,
    Choices,
    Media,
    MediaKind,
    Section,
    Template,
    Text,
)
from recado.providers.content import Row as Line
from recado.providers.events import (
    InboundEvent,
    StatusEvent,
)

JPEG = b"\xff\xd8\xff" + b"x" * 40

BUTTONS = Buttons("Confirma?", (Button("sim", "Sim"), Button("nao", "Não")), footer="Recado")
CHOICES = Choices("Escolha", "Ver", (Section("", (Line("r1", "Linha 1", "a primeira"),)),))


# Sending --------------------------------------------------------------------------------------


@promise()
async def sends_text(stage: Stage) -> None:
    await taken(stage, Text("Olá 👋, é «isto»"), "text")
    assert stage.arrived()[0]["text"] == "Olá 👋, é «isto»"


@promise()
async def braces_arrive_as_they_are(stage: Stage) -> None:
    text = "Use {{name}} e {{{ first_name }}}"
    await taken(stage, Text(text), "text")
    # What cannot be seen may stand between them.
    assert stage.arrived()[0]["text"].replace("\N{WORD JOINER}", "") == text


@promise(needs=lambda c: c.template, lacking=refuses(Template("hello_world", "en_US")))
async def sends_templates(stage: Stage) -> None:
    for template in stage.row.templates:
        outcome = await stage.send(template)
        assert isinstance(outcome, Accepted), (template.name, outcome)
    assert len(stage.arrived()) == len(stage.row.templates) > 0


@promise()
async def sends_media_by_link_or_refuses_the_kind(stage: Stage) -> None:
    for kind in get_args(MediaKind):
        captioned = kind in {"image", "video", "document"}
        outcome = await stage.send(Media(kind, PICTURE, caption="Veja" if captioned else ""))
        known = kind in stage.row.adapter.capabilities.media
        assert isinstance(outcome, Accepted if known else Refused), (kind, outcome)
    assert len(stage.arrived()) == len(stage.row.adapter.capabilities.media)


async def uploaded(stage: Stage) -> str:
    upload = Upload("image", "image/jpeg", JPEG, 'foto "1".jpg')
    return await stage.row.adapter.upload(stage.transport, stage.config, upload)


@promise(needs=lambda c: c.uploads, lacking=raises(uploaded))
async def sends_media_by_the_id_of_an_upload(stage: Stage) -> None:
    await taken(stage, Media("image", media_id=await uploaded(stage)), "image")
    with pytest.raises(InvalidInput):
        await stage.row.adapter.upload(
            stage.transport, stage.config, Upload("image", "image/jpeg", b"no picture")
        )


@promise(needs=lambda c: "buttons" in c.interactive, lacking=refuses(BUTTONS))
async def sends_buttons(stage: Stage) -> None:
    await taken(stage, BUTTONS, "interactive")


@promise(needs=lambda c: "list" in c.interactive, lacking=refuses(CHOICES))
async def sends_a_list(stage: Stage) -> None:
    await taken(stage, CHOICES, "interactive")


@promise()
async def answers_a_message(stage: Stage) -> None:
    outcome = await stage.send(Text("Sim"), reply_to="wamid.HBgM")
    assert isinstance(outcome, Accepted)


@promise()
async def tells_the_recipients_id(stage: Stage) -> None:
    outcome = await stage.send(Text("Oi"))
    assert isinstance(outcome, Accepted)
    assert outcome.wa_id == (SHORT if stage.row.short else TO)


# What goes wrong -------------------------------------------------------------------------------


async def refused(
    stage: Stage, error_class: ErrorClass, kind: str = "error", **fault: object
) -> Refused:
    stage.befall(kind, **(fault or {"code": stage.row.codes[error_class]}))
    outcome = await stage.send(Text("Oi"))
    assert isinstance(outcome, Refused), outcome
    assert outcome.fault.error_class is error_class
    assert stage.arrived() == []
    return outcome


@promise()
async def a_dead_number_is_told(stage: Stage) -> None:
    await refused(stage, ErrorClass.CONTACT_DEAD)


@promise()
async def a_wrong_request_is_the_messages_fault(stage: Stage) -> None:
    await refused(stage, ErrorClass.REQUEST)


@promise()
async def an_account_that_whatsapp_holds_back_is_told(stage: Stage) -> None:
    if ErrorClass.ACCOUNT_QUALITY not in stage.row.codes:
        pytest.skip("it has no words for that")
    await refused(stage, ErrorClass.ACCOUNT_QUALITY)


@promise()
async def a_refusal_under_status_200_is_one(stage: Stage) -> None:
    fault, error_class = stage.row.in_200
    await refused(stage, error_class, "error_in_200", **fault)


@promise()
async def a_throttle_says_how_long(stage: Stage) -> None:
    stage.befall("rate_limited", retry_after=7)
    outcome = await stage.send(Text("Oi"))
    assert isinstance(outcome, Refused)
    assert outcome.fault.error_class is ErrorClass.THROTTLE_CHANNEL
    assert outcome.fault.retry_after == 7.0


@promise()
async def wrong_credentials_are_the_channels_fault(stage: Stage) -> None:
    outcome = await stage.send(Text("Oi"), config={**stage.config, **stage.row.wrong})
    assert isinstance(outcome, Refused)
    assert outcome.fault.error_class is ErrorClass.AUTH


async def unsure(stage: Stage, taken: int, *, seconds: float = 10.0) -> None:
    """Nobody knows: the server may have taken it, and did or did not."""
    outcome = await stage.send(Text("Oi"), seconds=seconds)
    assert isinstance(outcome, Unsure), outcome
    assert len(stage.arrived()) == taken


@promise()
async def a_page_of_html_tells_nothing(stage: Stage) -> None:
    stage.befall("html")
    await unsure(stage, 0)


@promise()
async def an_answer_that_never_comes_tells_nothing(stage: Stage) -> None:
    stage.befall("hang")
    await unsure(stage, 0, seconds=0.3)


@promise()
async def a_closed_connection_tells_nothing(stage: Stage) -> None:
    stage.befall("accept_then_drop")
    await unsure(stage, 1)


@promise()
async def a_server_error_tells_nothing(stage: Stage) -> None:
    stage.befall("server_error_after_accept")
    await unsure(stage, 1)


@promise()
async def strange_answers_tell_nothing(stage: Stage) -> None:
    for body in (b"", b"{", b"[]", b"null", b"{}", b"\xff" * 9, b"[" * 5_000):
        async with answering(200, body) as url:
            elsewhere = stage.elsewhere(url)
            outcome = await stage.send(Text("Oi"), config=elsewhere)
        assert isinstance(outcome, Unsure), body[:20]


@promise()
async def where_nobody_listens_nothing_has_left(stage: Stage) -> None:
    elsewhere = stage.elsewhere("http://127.0.0.1:9")
    outcome = await stage.send(Text("Oi"), config=elsewhere)
    assert isinstance(outcome, Refused)
    assert outcome.fault.error_class is ErrorClass.NETWORK_NOT_SENT


@promise()
async def a_request_whose_time_has_passed_does_not_leave(stage: Stage) -> None:
    outcome = await stage.row.adapter.send(
        stage.transport,
        stage.config,
        Message(TO, REFERENCE, Text("Oi")),
        write_before=time.monotonic() - 1,
        timeout=10,
    )
    assert isinstance(outcome, Refused)
    assert outcome.fault.code == "grant_expired"
    assert stage.arrived() == []


# Callbacks -------------------------------------------------------------------------------------


@promise()
async def statuses_come_back(stage: Stage) -> None:
    outcome = await stage.send(Text("Oi"))
    assert isinstance(outcome, Accepted)
    found = stage.heard(StatusEvent, 3)
    assert {event.provider_id for event in found} == {outcome.provider_id}
    assert {"sent", "delivered", "read"} == {event.status for event in found}
    assert {event.external_id for event in found} == {stage.row.server.named(stage.config)}


@promise()
async def statuses_carry_the_reference_where_it_is_echoed(stage: Stage) -> None:
    await stage.send(Text("Oi"))
    found = stage.heard(StatusEvent, 3)
    assert {event.status for event in found if event.reference} == stage.row.referenced
    assert {event.reference for event in found} <= {REFERENCE, None}
    assert stage.row.adapter.capabilities.echoes_reference == bool(stage.row.referenced)


@promise()
async def a_later_failure_is_told_with_its_class(stage: Stage) -> None:
    stage.befall("async_error", code=stage.row.codes[ErrorClass.CONTACT_DEAD])
    await stage.send(Text("Oi"))
    if stage.row.later is None:
        stage.simulator.settle()
        assert "failed" not in {event.status for event in stage.events(StatusEvent)}
        return
    (event,) = stage.heard(StatusEvent, 1)
    assert event.status == "failed"
    assert event.fault is not None
    assert event.fault.error_class is stage.row.later


@promise()
async def an_answer_of_a_person_comes_in(stage: Stage) -> None:
    stage.written(text="SAIR", name="Ana")
    (event,) = stage.heard(InboundEvent, 1)
    assert (event.text, event.kind, event.name) == ("SAIR", "text", "Ana")
    assert event.sender == (SHORT if stage.row.short else TO)
    assert event.message_id


@promise()
async def a_forged_callback_is_known(stage: Stage) -> None:
    await stage.send(Text("Oi"))
    stage.heard(StatusEvent, 1)
    callback, adapter = stage.receiver.callbacks[0], stage.row.adapter
    for headers, body in stage.row.server.forged(callback.headers, callback.body):
        assert not adapter.verify(stage.config, headers, body)
    others = {key: "another" for key in stage.config if key not in adapter.public_config}
    assert not adapter.verify({**stage.config, **others}, callback.headers, callback.body)


@promise()
async def an_unreadable_callback_is_one_kind_of_error(stage: Stage) -> None:
    for body in (b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000):
        with pytest.raises(ValueError, match=r".*"):
            stage.row.adapter.parse(body, arrived=clock.now())
        assert stage.row.adapter.external_ids(body) == set()


# The rest --------------------------------------------------------------------------------------


@promise()
async def a_check_tells_whether_messages_can_leave(stage: Stage) -> None:
    adapter = stage.row.adapter
    assert (await adapter.check(stage.transport, stage.config)).status == "connected"
    wrong = await adapter.check(stage.transport, {**stage.config, **stage.row.wrong})
    assert wrong.status == "disconnected"
    assert wrong.detail
    away = stage.elsewhere("http://127.0.0.1:9")
    assert (await adapter.check(stage.transport, away)).status == "disconnected"


@promise()
async def a_channel_that_is_cut_off_is_told(stage: Stage) -> None:
    stage.befall("disconnect")
    assert isinstance(await stage.send(Text("Oi")), Refused)
    check = await stage.row.adapter.check(stage.transport, stage.config)
    assert check.status != "connected"


async def marked(stage: Stage) -> None:
    await stage.row.adapter.mark_read(stage.transport, stage.config, "wamid.HBgM", sender=TO)


@promise(needs=lambda c: c.read_marks, lacking=raises(marked))
async def marks_a_message_as_read(stage: Stage) -> None:
    await marked(stage)
    wrong = {**stage.config, **stage.row.wrong}
    with pytest.raises(CallFailed) as caught:
        await stage.row.adapter.mark_read(stage.transport, wrong, "wamid.HBgM")
    assert caught.value.fault.error_class is ErrorClass.AUTH


async def checked(stage: Stage) -> Sequence[NumberCheck]:
    return await stage.row.adapter.check_numbers(stage.transport, stage.config, [DEAD, TO])


@promise(needs=lambda c: c.number_check, lacking=raises(checked))
async def checks_numbers(stage: Stage) -> None:
    stage.simulator.control("settings", {"missing_suffix": DEAD[-6:], "lid_share": 1.0})
    try:
        dead, alive = await checked(stage)
    finally:
        stage.simulator.control("settings", {"missing_suffix": "", "lid_share": 0.0})
    assert (dead.number, dead.exists, dead.wa_id) == (DEAD, False, None)
    assert (alive.number, alive.exists, alive.wa_id) == (TO, True, SHORT)
    assert alive.user_id is not None
    assert alive.user_id.endswith("@lid")


async def listed(stage: Stage) -> Sequence[TemplateInfo]:
    return await stage.row.adapter.templates(stage.transport, stage.config)


@promise(needs=lambda c: c.template, lacking=raises(listed))
async def lists_templates_and_what_they_take(stage: Stage) -> None:
    found = {(one.name, one.language): one for one in await listed(stage)}
    for template in stage.row.templates:
        info = found[template.name, template.language]
        assert info.status == "APPROVED"
        assert len(info.variables) == len(template.body)
        assert (info.header is None) == (template.header is None)


async def informed(stage: Stage) -> NumberInfo:
    return await stage.row.adapter.number_info(stage.transport, stage.config)


@promise(needs=lambda c: c.number_info, lacking=raises(informed))
async def tells_of_the_number(stage: Stage) -> None:
    info = await informed(stage)
    assert (info.quality, info.status) == ("GREEN", "CONNECTED")
    assert info.display_number


@promise()
async def a_config_is_checked_and_keeps_its_secrets(stage: Stage) -> None:
    adapter = stage.row.adapter
    with pytest.raises(InvalidInput) as caught:
        adapter.configure(stage.row.bad)
    assert caught.value.fields
    public = {stage.config[key] for key in adapter.public_config if key in stage.config}
    assert not public & set(stage.row.wrong)
    assert set(stage.row.wrong).isdisjoint(adapter.public_config)
