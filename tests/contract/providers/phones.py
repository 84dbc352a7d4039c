"""What is promised of adapters whose channels are telephones; see test_contract.py."""

from tests.contract.providers.stage import SHORT, Stage, promise, raises, taken

from recado.providers.base import (
    Accepted,
    Login,
    Refused,
)
from recado.providers.content import (
    Text,
)
from recado.providers.events import (
    ConnectionEvent,
    EchoEvent,
    FromPerson,
    InboundEvent,
    QrEvent,
)


async def begun(stage: Stage) -> Login:
    return await stage.row.adapter.login(stage.transport, stage.config)


async def state_of(stage: Stage) -> str:
    return (await stage.row.adapter.check(stage.transport, stage.config)).status


@promise(needs=lambda c: c.connects_by_qr, lacking=raises(begun))
async def connects_a_phone_by_a_picture(stage: Stage) -> None:
    assert (await begun(stage)).status == "connected"  # nothing is to be done
    stage.becomes("logged_out")
    assert await state_of(stage) == "disconnected"
    login = await begun(stage)
    assert (login.status, login.pairing_code) == ("connecting", "")
    assert login.image.startswith("data:image/png;base64,")
    assert stage.heard(QrEvent, 1)[0].image == login.image
    assert await state_of(stage) == "connecting"
    stage.becomes("open")
    stage.receiver.wait(lambda: any(one.number for one in stage.events(ConnectionEvent)))
    assert await state_of(stage) == "connected"


async def paired(stage: Stage) -> Login:
    return await stage.row.adapter.login(stage.transport, stage.config, phone="5511900000001")


@promise(needs=lambda c: c.connects_by_qr, lacking=raises(paired))
async def connects_a_phone_by_a_code_to_type(stage: Stage) -> None:
    stage.becomes("logged_out")
    login = await paired(stage)
    assert login.status == "connecting"
    assert len(login.pairing_code) == 8
    assert stage.heard(QrEvent, 1)[0].pairing_code == login.pairing_code


async def ended(stage: Stage) -> None:
    await stage.row.adapter.logout(stage.transport, stage.config)


@promise(needs=lambda c: c.connects_by_qr, lacking=raises(ended))
async def disconnects_a_phone(stage: Stage) -> None:
    await ended(stage)
    assert await state_of(stage) == "disconnected"
    told = stage.heard(ConnectionEvent, 1)[-1]
    assert (told.status, told.returns) == ("disconnected", False)
    assert isinstance(await stage.send(Text("Oi")), Refused)
    await ended(stage)  # what is to be true is true already


@promise(needs=lambda c: c.connects_by_qr)
async def a_connection_that_will_return_is_told_from_one_that_will_not(stage: Stage) -> None:
    stage.becomes("close", reason=428)
    assert stage.heard(ConnectionEvent, 1)[-1].returns
    stage.receiver.callbacks.clear()
    stage.becomes("close", reason=403)
    assert not stage.heard(ConnectionEvent, 1)[-1].returns


@promise(needs=lambda c: c.connects_by_qr)
async def people_who_hide_their_number_are_known_by_their_other_id(stage: Stage) -> None:
    for share, known in ("lid_share", True), ("lid_only_share", False):
        stage.simulator.control("settings", {share: 1.0})
        try:
            stage.written(text="Oi")
            event = stage.heard(InboundEvent, 1)[-1]
        finally:
            stage.simulator.control("settings", {share: 0.0})
        assert event.sender == (SHORT if known else "")
        hidden = event.user_id or ""
        assert hidden.endswith("@lid") or (known and not hidden)
        stage.receiver.callbacks.clear()
    await taken(stage, Text("Oi"), "text", to=hidden)


@promise(needs=lambda c: c.connects_by_qr)
async def what_is_typed_on_our_phone_is_ours(stage: Stage) -> None:
    identifier = stage.written(text="Respondo daqui", from_me=True)
    (echo,) = stage.heard(EchoEvent, 1)
    assert (echo.by, echo.provider_id, echo.text) == ("phone", identifier, "Respondo daqui")
    assert echo.recipient == SHORT
    assert stage.events(InboundEvent) == []


@promise(needs=lambda c: c.connects_by_qr)
async def what_a_program_sent_is_told(stage: Stage) -> None:
    outcome = await stage.send(Text("Oi"))
    assert isinstance(outcome, Accepted)
    (echo,) = stage.heard(EchoEvent, 1)
    assert (echo.by, echo.provider_id, echo.recipient) == ("api", outcome.provider_id, SHORT)


@promise(needs=lambda c: c.connects_by_qr)
async def what_is_tapped_comes_with_what_stands_behind_it(stage: Stage) -> None:
    for more in ({}, {"plain": True}, {"list": True}):
        stage.receiver.callbacks.clear()
        stage.written(button={"id": "sair", "text": "Não quero mais", **more})
        (event,) = stage.heard(InboundEvent, 1)
        assert (event.text, event.choice) == ("Não quero mais", "sair")
        assert event.kind == ("interactive" if "list" in more else "button")


@promise(needs=lambda c: c.connects_by_qr)
async def files_and_replies_come_in(stage: Stage) -> None:
    medium = {"type": "document", "file_name": "conta.pdf", "caption": "Segue"}
    stage.written(media=medium, quoted="3EB0AA")
    (event,) = stage.heard(InboundEvent, 1)
    assert (event.kind, event.text, event.reply_to) == ("document", "Segue", "3EB0AA")
    assert event.media is not None
    assert (event.media.filename, event.media.mime_type) == ("conta.pdf", "application/pdf")
    stage.receiver.callbacks.clear()
    stage.written(media={"type": "audio", "voice": True})
    (event,) = stage.heard(InboundEvent, 1)
    assert event.media is not None
    assert (event.kind, event.media.voice) == ("audio", True)


@promise(needs=lambda c: c.connects_by_qr)
async def messages_of_groups_are_none_of_ours(stage: Stage) -> None:
    stage.written(text="Oi a todos", group="120363000000000001@g.us")
    stage.simulator.settle()
    assert stage.events(FromPerson) == []
