"""What is promised of every adapter, each promise a function; see test_contract.py."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import pytest
from tests.contract.providers.rows import PICTURE, Row
from tests.contract.providers.strange import answering

from recado.domain.errors import InvalidInput
from recado.domain.retry import ErrorClass
from recado.platform import clock
from recado.providers.base import (
    Accepted,
    CallbackEvent,
    CallFailed,
    Capabilities,
    Config,
    Content,
    Login,
    Message,
    NumberCheck,
    NumberInfo,
    Outcome,
    Refused,
    TemplateInfo,
    Transport,
    Unsupported,
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
from recado.providers.events import InboundEvent, StatusEvent
from recado.simulator.testing import Receiver, Simulator

TO = "5531999990001"
SHORT = "553199990001"
REFERENCE = "7.1.1"
JPEG = b"\xff\xd8\xff" + b"x" * 40
Event = TypeVar("Event", bound=CallbackEvent)


@dataclass(frozen=True)
class Stage:
    """A number at a simulated server, and who listens to its callbacks."""

    row: Row
    simulator: Simulator
    receiver: Receiver
    transport: Transport
    config: Config
    patch: pytest.MonkeyPatch

    def elsewhere(self, url: str) -> Config:
        return self.row.server.elsewhere(self.config, url, self.patch)

    async def send(
        self, content: Content, *, config: Config | None = None, seconds: float = 10.0, **more: Any
    ) -> Outcome:
        message = Message(more.pop("to", TO), REFERENCE, content, **more)
        return await self.row.adapter.send(
            self.transport, config or self.config, message, write_before=None, timeout=seconds
        )

    def befall(self, kind: str, **fault: object) -> None:
        self.simulator.control("faults", {"rules": [{"fault": {"kind": kind, **fault}}]})

    def arrived(self) -> list[dict[str, Any]]:
        """The messages that the server took."""
        log: Any = self.simulator.control("log")
        return list(log["items"] if isinstance(log, dict) else log)

    def events(self, kind: type[Event]) -> list[Event]:
        """What was called back; all of it must be genuine."""
        found: list[Event] = []
        for callback in list(self.receiver.callbacks):
            assert self.row.adapter.verify(self.config, callback.headers, callback.body)
            events = self.row.adapter.parse(callback.body, arrived=clock.now())
            found += [event for event in events if isinstance(event, kind)]
        return found

    def heard(self, kind: type[Event], count: int) -> list[Event]:
        """Wait for so many events of a kind."""
        self.receiver.wait(lambda: len(self.events(kind)) >= count)
        return self.events(kind)


@dataclass(frozen=True)
class Promise:
    """A behaviour, and what a provider must be able to do for it.

    ``lacking``: what happens where it cannot.
    """

    name: str
    check: Callable[[Stage], Awaitable[None]]
    needs: Callable[[Capabilities], bool]
    lacking: Callable[[Stage], Awaitable[None]] | None


PROMISES: list[Promise] = []


def promise(
    *,
    needs: Callable[[Capabilities], bool] = lambda _: True,
    lacking: Callable[[Stage], Awaitable[None]] | None = None,
) -> Callable[[Callable[[Stage], Awaitable[None]]], Callable[[Stage], Awaitable[None]]]:
    """Add a behaviour to the table."""

    def add(check: Callable[[Stage], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
        PROMISES.append(Promise(check.__name__, check, needs, lacking))
        return check

    return add


def refuses(content: Content) -> Callable[[Stage], Awaitable[None]]:
    """Where a content cannot be sent, it is refused and nothing leaves."""

    async def check(stage: Stage) -> None:
        outcome = await stage.send(content)
        assert isinstance(outcome, Refused)
        assert outcome.fault.code == "unsupported_by_provider"
        assert stage.arrived() == []

    return check


def raises(call: Callable[[Stage], Awaitable[object]]) -> Callable[[Stage], Awaitable[None]]:
    """Where a call cannot be made, one clear error says so."""

    async def check(stage: Stage) -> None:
        with pytest.raises(Unsupported) as caught:
            await call(stage)
        assert caught.value.params["provider"] == stage.row.name

    return check


BUTTONS = Buttons("Confirma?", (Button("sim", "Sim"), Button("nao", "Não")), footer="Recado")
CHOICES = Choices("Escolha", "Ver", (Section("", (Line("r1", "Linha 1", "a primeira"),)),))


async def taken(stage: Stage, content: Content, kind: str) -> None:
    outcome = await stage.send(content)
    assert isinstance(outcome, Accepted), outcome
    (seen,) = stage.arrived()
    assert (seen["id"], seen["to"], seen["kind"]) == (outcome.provider_id, TO, kind)


# Sending --------------------------------------------------------------------------------------


@promise()
async def sends_text(stage: Stage) -> None:
    await taken(stage, Text("Olá 👋, é «isto»"), "text")
    assert stage.arrived()[0]["text"] == "Olá 👋, é «isto»"


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


async def refused(stage: Stage, error_class: ErrorClass, kind: str = "error") -> Refused:
    stage.befall(kind, code=stage.row.codes[error_class])
    outcome = await stage.send(Text("Oi"))
    assert isinstance(outcome, Refused), outcome
    assert outcome.fault.error_class is error_class
    assert stage.arrived() == []
    return outcome


@promise()
async def a_dead_number_is_told(stage: Stage) -> None:
    await refused(stage, ErrorClass.CONTACT_DEAD)


@promise()
async def a_refusal_under_status_200_is_one(stage: Stage) -> None:
    await refused(stage, ErrorClass.CONTACT_DEAD, "error_in_200")


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
    # Where each number has an address of its own, a callback need not name it.
    number = stage.row.adapter.external_id(stage.config)
    assert {event.external_id for event in found} <= {number, ""}


@promise(needs=lambda c: c.echoes_reference)
async def statuses_carry_the_reference(stage: Stage) -> None:
    await stage.send(Text("Oi"))
    assert {event.reference for event in stage.heard(StatusEvent, 3)} == {REFERENCE}


@promise()
async def a_later_failure_is_told_with_its_class(stage: Stage) -> None:
    stage.befall("async_error", code=stage.row.codes[ErrorClass.CONTACT_DEAD])
    await stage.send(Text("Oi"))
    (event,) = stage.heard(StatusEvent, 1)
    assert event.status == "failed"
    assert event.fault is not None
    assert event.fault.error_class is ErrorClass.CONTACT_DEAD


@promise()
async def an_answer_of_a_person_comes_in(stage: Stage) -> None:
    number = stage.row.adapter.external_id(stage.config)
    written = {"channel": number, "from": TO, "text": "SAIR", "name": "Ana"}
    stage.simulator.control("inbound", {"provider": stage.row.played_as, **written})
    (event,) = stage.heard(InboundEvent, 1)
    assert (event.text, event.kind, event.name) == ("SAIR", "text", "Ana")
    assert event.sender == (SHORT if stage.row.short else TO)
    assert event.message_id


@promise()
async def a_forged_callback_is_known(stage: Stage) -> None:
    await stage.send(Text("Oi"))
    stage.heard(StatusEvent, 1)
    callback, adapter = stage.receiver.callbacks[0], stage.row.adapter
    assert not adapter.verify(stage.config, callback.headers, callback.body + b" ")
    assert not adapter.verify(stage.config, {}, callback.body)
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
    return await stage.row.adapter.check_numbers(stage.transport, stage.config, [TO])


@promise(needs=lambda c: c.number_check, lacking=raises(checked))
async def checks_numbers(stage: Stage) -> None:
    (found,) = await checked(stage)
    assert (found.number, found.exists) == (TO, True)


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


async def begun(stage: Stage) -> Login:
    return await stage.row.adapter.login(stage.transport, stage.config)


@promise(needs=lambda c: c.connects_by_qr, lacking=raises(begun))
async def connects_a_phone(stage: Stage) -> None:
    login = await begun(stage)
    assert login.image or login.status == "connected"


async def ended(stage: Stage) -> None:
    await stage.row.adapter.logout(stage.transport, stage.config)


@promise(needs=lambda c: c.connects_by_qr, lacking=raises(ended))
async def disconnects_a_phone(stage: Stage) -> None:
    await ended(stage)
    check = await stage.row.adapter.check(stage.transport, stage.config)
    assert check.status != "connected"


@promise()
async def a_config_is_checked_and_keeps_its_secrets(stage: Stage) -> None:
    adapter = stage.row.adapter
    with pytest.raises(InvalidInput) as caught:
        adapter.configure(stage.row.bad)
    assert caught.value.fields
    public = {stage.config[key] for key in adapter.public_config if key in stage.config}
    assert not public & set(stage.row.wrong)
    assert set(stage.row.wrong).isdisjoint(adapter.public_config)
