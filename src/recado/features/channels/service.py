"""Making, reading, changing and checking channels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from recado.domain import pacing, presets
from recado.domain.errors import Conflict, NotFound
from recado.domain.ids import ChannelId
from recado.domain.pacing import Pacing
from recado.features.channels.models import Channel, ChannelRoute
from recado.features.settings.presets import presets_for
from recado.platform import clock, crypto
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import CallFailed, Check, Config, Provider, Transport
from recado.providers.registry import provider as provider_named


class ChannelNameTaken(Conflict):
    code = "channel_name_taken"
    sentence = "A channel with the name '{name}' exists already. Choose another name."


class NumberTaken(Conflict):
    code = "number_taken"
    sentence = "This number is connected already, here or in another workspace. Remove it there."


class OtherNumber(Conflict):
    code = "other_number"
    sentence = "A channel stays with its number. Make a new channel for the other one."


class ChannelInUse(Conflict):
    code = "channel_in_use"
    sentence = "A running campaign sends through this channel. Pause or cancel it first."


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel ready for use: its adapter, its credentials, its pace.

    ``tier``: how many people its portfolio may reach in a day outside of conversations.
    """

    id: ChannelId
    adapter: Provider
    config: Config
    pacing: Pacing
    created_at: datetime
    portfolio: str | None
    tier: int | None
    paused_until: datetime | None  # with a reason and without a time: until a person checks it
    paused_reason: str | None
    deleted: bool


async def create(
    tx: Transaction,
    runtime: Runtime,
    transport: Transport,
    *,
    name: str,
    provider: str,
    config: Mapping[str, Any],
    pacing_given: Mapping[str, Any] | None = None,
) -> Channel:
    """Add a number, check its credentials at the provider, and note the address for callbacks.

    Raises:
        UnknownProvider, InvalidConfig, InvalidPacing: The input is wrong.
        ChannelNameTaken, NumberTaken: It is there already.
        SimulatorAway: The simulator does not answer.
    """
    adapter = provider_named(provider)
    pace = pacing.validated(pacing_given or {}, await presets_for(tx, pacing_given))
    full = adapter.configure(config)
    channel = Channel(
        workspace_id=tx.workspace_id,
        name=name,
        provider=provider,
        status="connecting",
        key=crypto.random_token(18),
        config={key: full[key] for key in sorted(adapter.public_config) if key in full},
        secrets=runtime.sealer.seal(full),
        account=adapter.account_id(full),
        pacing={"preset": pacing.default_preset(provider), **pace},
    )
    tx.session.add(channel)
    try:
        await tx.session.flush()
    except IntegrityError as error:
        raise ChannelNameTaken(name=name) from error
    await _note_route(tx, channel, adapter.external_id(full), adapter.account_id(full))
    asked_at, url = clock.now(), webhook_url(runtime, channel)
    _apply(channel, await _introduced(adapter, transport, full, url), asked_at)
    await tx.session.flush()
    await _have_templates_read(tx, runtime, channel)
    return channel


async def everyone(tx: Transaction, *, limit: int, after: int | None) -> list[Channel]:
    """The workspace's channels, the oldest first."""
    statement = select(Channel).where(Channel.deleted_at.is_(None)).order_by(Channel.id)
    if after is not None:
        statement = statement.where(Channel.id > after)
    return list(await tx.session.scalars(statement.limit(limit)))


async def get(tx: Transaction, channel_id: ChannelId) -> Channel:
    """One channel; raises NotFound."""
    channel = await tx.session.get(Channel, (tx.workspace_id, channel_id))
    if channel is None or channel.deleted_at is not None:
        raise NotFound("channel")
    return channel


async def named(tx: Transaction, name: str) -> Channel:
    """The channel of this name, upper and lower case being the same; raises NotFound."""
    channel: Channel | None = await tx.session.scalar(
        select(Channel).where(
            func.lower(Channel.name) == name.lower(), Channel.deleted_at.is_(None)
        )
    )
    if channel is None:
        raise NotFound("channel")
    return channel


async def has_provider(tx: Transaction, provider: str) -> bool:
    """Whether the workspace has a channel of this provider."""
    found = await tx.session.scalar(
        select(Channel.id)
        .where(Channel.provider == provider, Channel.deleted_at.is_(None))
        .limit(1)
    )
    return found is not None


async def change(
    tx: Transaction,
    channel_id: ChannelId,
    *,
    name: str | None,
    pacing_given: Mapping[str, Any] | None,
    now: datetime,
) -> Channel:
    """Rename a channel or change its pace; holds for the very next message."""
    channel = await get(tx, channel_id)
    if pacing_given is not None:
        pace = pacing.validated(pacing_given, await presets_for(tx, pacing_given))
        channel.pacing = {**channel.pacing, **pace}
    if name is not None:
        channel.name = name
    channel.updated_at = now
    try:
        await tx.session.flush()
    except IntegrityError as error:
        raise ChannelNameTaken(name=name) from error
    return channel


async def reconfigure(
    tx: Transaction,
    runtime: Runtime,
    transport: Transport,
    channel_id: ChannelId,
    given: Mapping[str, Any],
) -> Check:
    """Give some of a channel's config anew, its credentials for example, and check it with that.

    Raises:
        InvalidConfig: The input is wrong.
        OtherNumber: It would be another number's.
    """
    channel = await get(tx, channel_id)
    adapter, old = provider_named(channel.provider), runtime.sealer.open(channel.secrets)
    full = adapter.reconfigure(old, given)
    if adapter.external_id(full) != adapter.external_id(old):
        raise OtherNumber
    channel.config = {key: full[key] for key in sorted(adapter.public_config) if key in full}
    channel.secrets = runtime.sealer.seal(full)
    if (account_id := adapter.account_id(full)) != adapter.account_id(old):
        await _move_route(tx, channel_id, account_id)
        channel.account = account_id
        await _have_templates_read(tx, runtime, channel)
    return await check(tx, runtime, transport, channel_id)


async def remove(tx: Transaction, channel_id: ChannelId, now: datetime) -> None:
    """Take a number out of use; what it has sent stays on record.

    Raises:
        ChannelInUse: A campaign that has not ended sends through it.
    """
    channel = await get(tx, channel_id)
    busy = await tx.value(
        "SELECT 1 FROM campaign_channel cc JOIN campaign c"
        " ON c.workspace_id = cc.workspace_id AND c.id = cc.campaign_id"
        " WHERE cc.workspace_id = %(workspace_id)s AND cc.channel_id = %(channel_id)s"
        " AND c.status IN ('scheduled', 'preparing', 'running', 'paused') LIMIT 1",
        workspace_id=tx.workspace_id,
        channel_id=channel_id,
    )
    if busy:
        raise ChannelInUse
    channel.deleted_at = now
    await tx.session.flush()
    async with tx.taking("recado_system"):
        await tx.session.execute(
            sql_delete(ChannelRoute).where(
                ChannelRoute.owner_workspace == tx.workspace_id,
                ChannelRoute.channel_id == channel_id,
            )
        )


async def check(
    tx: Transaction, runtime: Runtime, transport: Transport, channel_id: ChannelId
) -> Check:
    """Ask the provider for the channel's state and keep the answer."""
    channel = await get(tx, channel_id)
    opened = opened_channel(channel, runtime)
    asked_at, url = clock.now(), webhook_url(runtime, channel)
    answer = await _introduced(opened.adapter, transport, opened.config, url)
    _apply(channel, answer, asked_at)
    if answer.status == "connected":
        channel.paused_until = channel.paused_reason = channel.paused_by = None
        channel.account_at = asked_at  # a person knows what was said of the account before
    await tx.session.flush()
    return answer


async def reconnect(runtime: Runtime, transport: Transport, *, provider: str) -> None:
    """Tell a provider all of its channels' addresses again, in every workspace."""
    async with runtime.db.system() as tx:
        found = list(
            await tx.session.scalars(
                select(Channel).where(Channel.provider == provider, Channel.deleted_at.is_(None))
            )
        )
    for channel in found:
        opened = opened_channel(channel, runtime)
        await opened.adapter.connect(transport, opened.config, webhook_url(runtime, channel))


def opened_channel(
    channel: Channel, runtime: Runtime, saved: Mapping[str, Any] | None = None
) -> OpenChannel:
    """A channel with its adapter and its credentials open.

    Args:
        channel: Its row.
        runtime: Holds the key to its credentials.
        saved: The workspace's settings, its own presets among them; the channel's own come before.
    """
    adapter = provider_named(channel.provider)
    return OpenChannel(
        id=ChannelId(channel.id),
        adapter=adapter,
        config=runtime.sealer.open(channel.secrets),
        pacing=pacing_of(
            channel.provider, channel.pacing, saved or {}, throughput=channel.throughput
        ),
        created_at=channel.created_at,
        portfolio=channel.portfolio,
        tier=channel.tier,
        paused_until=channel.paused_until,
        paused_reason=channel.paused_reason,
        deleted=channel.deleted_at is not None,
    )


def pacing_of(
    provider: str,
    own: Mapping[str, Any],
    saved: Mapping[str, Any],
    *,
    throughput: str | None = None,
) -> Pacing:
    """The pace of a channel: its preset, the workspace's settings over it, its own keys over both.

    Args:
        provider: Has a preset for channels that name none.
        own: The channel's keys, as they are stored.
        saved: The workspace's settings.
        throughput: How fast the provider lets the number send, in its word.
    """
    preset = own.get("preset", pacing.default_preset(provider))
    start = pacing.apply(pacing.CONSERVATIVE, {"preset": preset}, presets.known(saved))
    if preset == "cloud":
        start = pacing.at_throughput(start, throughput)
    keys = {key: value for key, value in own.items() if key != "preset"}
    return pacing.apply(pacing.apply(start, saved), keys)


async def pause(
    tx: Transaction,
    channel_id: ChannelId,
    *,
    until: datetime | None,
    reason: str,
    by: Literal["connection"] | None = None,
) -> bool:
    """Let nothing leave through a channel; None until a person checks it.

    ``by``: what else may end it.

    Returns whether that is new: one that waits for a person goes on waiting for the same reason.
    """
    paused = await tx.run(
        "UPDATE channel SET paused_until = %(until)s,"
        " paused_reason = %(reason)s, paused_by = %(by)s, updated_at = now()"
        " WHERE workspace_id = %(workspace_id)s AND id = %(channel_id)s"
        " AND (paused_reason IS NULL OR paused_until IS NOT NULL)",
        until=until,
        reason=reason,
        by=by,
        workspace_id=tx.workspace_id,
        channel_id=channel_id,
    )
    return paused > 0


def webhook_url(runtime: Runtime, channel: Channel) -> str:
    """The address that the provider of this channel calls."""
    return f"{runtime.public_url}/webhooks/{channel.provider}/{channel.key}"


async def _note_route(
    tx: Transaction, channel: Channel, external_id: str, account_id: str | None
) -> None:
    async with tx.taking("recado_system"):
        tx.session.add(
            ChannelRoute(
                channel_key=channel.key,
                provider=channel.provider,
                external_id=external_id,
                account_id=account_id,
                owner_workspace=tx.workspace_id,
                channel_id=channel.id,
            )
        )
        try:
            await tx.session.flush()
        except IntegrityError as error:
            raise NumberTaken from error


async def _move_route(tx: Transaction, channel_id: ChannelId, account_id: str | None) -> None:
    async with tx.taking("recado_system"):
        await tx.session.execute(
            update(ChannelRoute)
            .where(
                ChannelRoute.owner_workspace == tx.workspace_id,
                ChannelRoute.channel_id == channel_id,
            )
            .values(account_id=account_id)
        )


async def _introduced(
    adapter: Provider, transport: Transport, config: Config, callback_url: str
) -> Check:
    """Tell the provider where to call back, and ask it for the channel's state.

    Messages may leave where it does not take the address, so that is a detail of the state.
    """
    try:
        await adapter.connect(transport, config, callback_url)
    except CallFailed as error:
        fault = error.fault
        answer = await adapter.check(transport, config)
        if fault.detail in answer.detail:
            return answer
        refused = f"webhook: {fault.code}: {fault.detail}"
        return replace(answer, detail="; ".join(filter(None, (answer.detail, refused))))
    return await adapter.check(transport, config)


async def _have_templates_read(tx: Transaction, runtime: Runtime, channel: Channel) -> None:
    if channel.account is not None:
        await runtime.queue.defer(
            tx,
            "templates:sync",
            once=f"templates {tx.workspace_id}",
            workspace_id=tx.workspace_id,
        )


def _apply(channel: Channel, answer: Check, asked_at: datetime) -> None:
    channel.status = answer.status
    channel.status_detail = answer.detail[:500] or None
    channel.connection_at = asked_at
    if answer.portfolio is not None:
        channel.portfolio = answer.portfolio
    if answer.tier is not None:  # any number of people is told as the number's own information
        channel.tier, channel.tier_at = answer.tier, asked_at
    if answer.status != "connected" and _waits_for_phone(channel):
        channel.paused_reason = f"disconnected: {channel.status_detail or answer.status}"
        channel.paused_until, channel.paused_by = None, "connection"


def _waits_for_phone(channel: Channel) -> bool:
    """Whether only a phone can end its state, and no person's check is asked for already."""
    if not provider_named(channel.provider).capabilities.connects_by_qr:
        return False
    return (
        channel.paused_reason is None
        or channel.paused_until is not None
        or channel.paused_by == "connection"
    )
