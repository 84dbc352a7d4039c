"""A campaign through each provider's simulated server, while some of its contacts answer SAIR.

    python -m benchmarks providers [-- --count N --share S]

Who answers is drawn by lot, and when is spread over the campaign: some have their message by then,
of others it waits. Counted are, by the simulator's log, what was accepted and what came twice; and
by Redis' clock, what left for a contact after its opt-out was on record.
"""

import argparse
import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks._stage import Channel, Stage, judged, stage, until
from recado.domain.ids import ChannelId, RunId

PER_SECOND = 35  # so that a thousand take half a minute
LATENCY_MS = 60
# The same pace for all of them: what is proven here is not the pace.
PACING = {"preset": "cloud", "perSecond": PER_SECOND, "inFlight": 20}
META = {
    "phone_number_id": "106540352240001",
    "waba_id": "102290129340001",
    "access_token": "segredo-de-acesso",
    "app_secret": "segredo-do-app",
    "verify_token": "confere",
}
EVOLUTION = {"instance": "loja", "api_key": "segredo-da-instancia"}
UAZAPI = {"token": "segredo-da-instancia"}


@dataclass(frozen=True)
class Played:
    """A provider: its config, how the simulator is told of the number, and what it calls it."""

    provider: str
    config: dict[str, str]
    known: dict[str, str]
    named: str


PLAYED = (
    Played("meta", META, META, META["phone_number_id"]),
    Played("evolution", EVOLUTION, EVOLUTION | {"version": "2.3.7"}, EVOLUTION["instance"]),
    Played("uazapi", UAZAPI, UAZAPI | {"name": "portaria"}, "portaria"),
)


async def connect(opened: Stage, played: Played) -> Channel:
    """A number of this provider in a workspace of its own, connected by the API."""
    workspace = await opened.workspace()
    headers = await opened.key(workspace)
    known = {"provider": played.provider, **played.known}
    await _post(opened, f"{opened.simulator}/_sim/channels", known)
    config = {**played.config, "base_url": f"{opened.simulator}/{played.provider}"}
    wanted = {
        "name": played.provider,
        "provider": played.provider,
        "config": config,
        "pacing": PACING,
    }
    url = f"{os.environ['RECADO_PUBLIC_URL']}/api/v1/channels"
    made = await _post(opened, url, wanted, headers)
    if played.provider == "meta":  # the others are told by the channel itself where to call
        known["callback_url"] = made["webhook_url"]
        await _post(opened, f"{opened.simulator}/_sim/channels", known)
    return Channel(workspace, ChannelId(made["id"]), played.named)


async def _post(
    opened: Stage, url: str, body: dict[str, Any], headers: dict[str, str] | None = None
) -> Any:
    async with opened.http.post(url, json=body, headers=headers) as answer:
        if not answer.ok:
            raise RuntimeError(f"{url}: {answer.status} {await answer.text()}")
        return await answer.json()


async def answer(opened: Stage, channel: Channel, phones: Sequence[str], seconds: float) -> None:
    """These write SAIR, one after the other."""
    for phone in phones:
        said = {"channel": channel.number, "from": phone, "text": "SAIR"}
        await _post(opened, f"{opened.simulator}/_sim/inbound", said)
        await asyncio.sleep(seconds / len(phones))


async def measure(opened: Stage, played: Played, count: int, share: float) -> None:
    """One campaign, and what there is to say of it."""
    channel = await connect(opened, played)
    run = await opened.run(channel, count)
    rows = await opened.rows(
        channel.workspace_id, "SELECT ltrim(phone, '+') AS phone FROM delivery ORDER BY id"
    )
    leaving = random.Random(1).sample([row["phone"] for row in rows], int(count * share))
    await opened.reached(channel, run, count // 20)
    answering = asyncio.create_task(
        answer(opened, channel, leaving, 0.8 * count / PER_SECOND), name="answers"
    )
    await opened.reached(channel, run, count)
    await answering

    async def heard() -> bool:
        found = await opened.rows(
            channel.workspace_id, "SELECT count(*) AS n FROM contact WHERE opted_out_at IS NOT NULL"
        )
        return bool(found[0]["n"] >= len(leaving))

    await until(heard, "all opt-outs", seconds=60)
    await asyncio.sleep(2)  # for what might still leave

    async def told() -> bool:
        return not await opened.rows(
            channel.workspace_id, "SELECT FROM callback WHERE processed_at IS NULL"
        )

    await until(told, "all callbacks", seconds=90)
    await tell(opened, played, channel, run)


async def tell(opened: Stage, played: Played, channel: Channel, run: RunId) -> None:
    """Print what is on record, here and at the simulator."""
    (row,) = await opened.rows(
        channel.workspace_id,
        "SELECT r.total, r.sent, r.delivered, r.read, r.failed, r.unknown, r.suppressed,"
        " (SELECT count(*) FROM contact WHERE opted_out_at IS NOT NULL) AS out"
        " FROM run r WHERE r.id = %(run)s",
        run=run,
    )
    (left,) = await opened.rows(
        channel.workspace_id,
        "WITH out AS (SELECT contact_id, min(recorded_at) AS at FROM consent_change"
        "  WHERE status = 'out' GROUP BY contact_id)"
        " SELECT count(*) FILTER (WHERE a.left_at > o.at) AS after,"
        "  count(*) FILTER (WHERE a.left_at <= o.at AND a.ended_at > o.at) AS wire,"
        "  count(*) FILTER (WHERE a.left_at <= o.at) AS before"
        " FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
        " JOIN out o ON o.contact_id = d.contact_id",
    )
    texts = await opened.log(channel)
    # What the campaign says, and the one confirmation of each opt-out.
    ours = [one for one in texts if "assembleia" in (one["text"] or "")]
    confirmed = len(texts) - len(ours)
    distinct = len({one["to"] for one in ours})
    print(
        f"{played.provider}: of {row['total']:,} accepted {len(ours):,}, distinct {distinct:,},"
        f" twice {len(ours) - distinct} ({judged(len(ours) - distinct, 0, most=True)});"
        f" sent {row['sent']:,}, delivered {row['delivered']:,}, read {row['read']:,},"
        f" failed {row['failed']}, unknown {row['unknown']}, suppressed {row['suppressed']}"
    )
    print(
        f"{played.provider}: opted out {row['out']}, {left['before']} of them after their message"
        f" had left ({left['wire']} were on the wire), {confirmed} confirmed; requests that left"
        f" after the opt-out was on record {left['after']}"
        f" ({judged(left['after'], 0, most=True)})"
    )


async def main(count: int, share: float, names: Sequence[str]) -> None:
    """Start the processes, measure one provider after the other, stop them."""
    async with stage(workers=1, latency_ms=LATENCY_MS) as opened:
        for played in PLAYED:
            if not names or played.provider in names:
                await measure(opened, played, count, share)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("names", nargs="*", help="providers, all by default")
    given = parser.parse_args()
    asyncio.run(main(given.count, given.share, given.names))
