"""Callbacks at a fixed rate into one web process, while a campaign runs and PostgreSQL restarts.

    python -m benchmarks callbacks [-- --rate N --seconds N --no-restart]

Meta's bodies, signed, with one status or one message each; the times of all calls are settled
beforehand, and what is not taken comes again. At the end everything is counted in the database:
a callback is lost if no stored row has its message's id, or if its effect is missing.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from tests.support.folders import own_folder

from benchmarks._stage import MEGABYTE, Channel, Stage, judged, seconds_of, stage, until
from recado import embedded
from recado.domain.ids import ChannelId
from recado.embedded.servers import EmbeddedServers
from recado.features.channels import service as channels
from recado.platform import migrations
from recado.providers.meta import webhook

NUMBER, ACCOUNT, SECRET = "200000000000001", "300000000000001", "benchmark"
WORDS = ("sent", "delivered", "read")
SENDS = 15  # a second, by the campaign
LEAD = 3.0  # seconds until the first callback
RECOVERY = 2.0  # seconds after a restart that still count as the restart's


@dataclass
class Tries:
    """What the callers have written down."""

    rows: list[tuple[int, float, float, int]]
    restart: tuple[float, float] = (0.0, 0.0)
    memory: list[int] = field(default_factory=list)

    def tell(self, planned: int) -> None:
        """Print counts and times."""
        codes = Counter(status for *_, status in self.rows)
        other = len(self.rows) - codes[200] - codes[503] - codes[0]
        print(
            f"callbacks {planned:,}, tries {len(self.rows):,}: answered 200 {codes[200]:,},"
            f" 503 {codes[503]:,}, other {other}, refused or broken off {codes[0]:,};"
            f" came again {len({c for c, *_, s in self.rows if s != 200}):,}"
        )
        _times("answer time, all tries", [(a - due) * 1000 for _, due, a, _ in self.rows])
        begin, end = self.restart
        calm = [
            (a - due) * 1000
            for _, due, a, _ in self.rows
            if not (a >= begin and due <= end + RECOVERY)
        ]
        if end:
            _times(f"outside of the restart's {end - begin + RECOVERY:.1f} s", calm)
        if self.memory:
            print(f"memory of the web process: {max(self.memory) / MEGABYTE:.0f} MB at most")


def _times(what: str, values: Sequence[float]) -> None:
    ordered = sorted(values)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.99))
    print(f"{what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {ordered[-1]:.0f} ms")


async def connect(opened: Stage, channel: Channel) -> tuple[Channel, str]:
    """A number at Meta in the same workspace, and the path that it is called back at."""
    async with opened.runtime.db.workspace(channel.workspace_id) as tx:
        made = await channels.create(
            tx,
            opened.runtime,
            opened.transport,
            name="meta",
            provider="meta",
            config={
                "phone_number_id": NUMBER,
                "waba_id": ACCOUNT,
                "access_token": "token",
                "app_secret": SECRET,
                "verify_token": "benchmark",
                "base_url": "http://127.0.0.1:1",
            },
        )
        path = channels.webhook_url(opened.runtime, made).partition("/webhooks")[2]
        return Channel(channel.workspace_id, ChannelId(made.id), NUMBER), "/webhooks" + path


async def sent_before(opened: Stage, meta: Channel, count: int) -> None:
    """A run that has left through the number: who is spoken of in the callbacks."""
    await opened.run(meta, count)
    async with opened.runtime.db.workspace(meta.workspace_id) as tx:
        await tx.run(
            "INSERT INTO part (workspace_id, delivery_id, position, status, provider_id)"
            " SELECT workspace_id, id, 1, 'sent', 'wamid.' || ltrim(phone, '+') FROM delivery"
            " WHERE run_id = (SELECT max(run_id) FROM delivery)"
        )
        await tx.run(
            "UPDATE delivery SET status = 'sent', channel_id = %(channel)s"
            " WHERE run_id = (SELECT max(run_id) FROM delivery)",
            channel=meta.id,
        )
        await tx.run("UPDATE drive SET due_at = NULL WHERE channel_id = %(id)s", id=meta.id)


def bodies(phones: Sequence[str], messages: int, chance: random.Random) -> list[tuple[str, bytes]]:
    """Each callback with what is unique about it, in a random order."""
    now = int(time.time())
    found: list[tuple[str, dict[str, Any]]] = []
    for phone in phones:
        for place, word in enumerate(WORDS):
            told = {
                "id": f"wamid.{phone}",
                "status": word,
                "timestamp": str(now + place),
                "recipient_id": phone,
                "conversation": {"id": "c" * 32, "origin": {"type": "marketing"}},
                "pricing": {"billable": True, "pricing_model": "PMP", "category": "marketing"},
            }
            found.append((f"wamid.{phone} {word}", {"statuses": [told]}))
    for number in range(messages):
        phone = phones[number % len(phones)]
        said = {
            "from": phone,
            "id": f"wamid.in{number}",
            "timestamp": str(now),
            "type": "text",
            "text": {"body": "Ol\u00e1, a que horas \u00e9 a assembleia?"},
        }
        person = {"profile": {"name": "Pessoa"}, "wa_id": phone}
        found.append((f"wamid.in{number} text", {"contacts": [person], "messages": [said]}))
    chance.shuffle(found)
    return [(name, _envelope(value)) for name, value in found]


def _envelope(value: dict[str, Any]) -> bytes:
    metadata = {"display_phone_number": "5511900000001", "phone_number_id": NUMBER}
    whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    entry = {"id": ACCOUNT, "changes": [{"field": "messages", "value": whole}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def _plan(path: str, begin: float, rate: float, calls: Sequence[bytes]) -> Iterator[str]:
    host, _, port = os.environ["RECADO_PUBLIC_URL"].partition("://")[2].partition(":")
    how = {"host": host, "port": int(port), "path": path, "begin": begin, "per_second": rate}
    yield json.dumps(how) + "\n"
    for body in calls:
        given = {"body": body.decode(), "signature": webhook.sign(SECRET, body)}
        yield json.dumps(given) + "\n"


async def call(
    opened: Stage, path: str, calls: Sequence[bytes], rate: float, servers: EmbeddedServers | None
) -> Tries:
    """Have them called, with a restart of PostgreSQL in the middle."""
    plan, results = opened.folder / "plan", opened.folder / "results"
    begin = time.time() + LEAD + len(calls) / 20_000
    with plan.open("w") as file:
        file.writelines(_plan(path, begin, rate, calls))
    script = Path(__file__).with_name("_callers.py")
    caller = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(plan), str(results)
    )
    web, memory, restart = psutil.Process(opened.processes[1].pid), [], (0.0, 0.0)
    before, (_, applying) = seconds_of(web), opened.cpu()
    half = begin + len(calls) / rate / 2
    while caller.returncode is None:
        memory.append(web.memory_info().rss)
        if servers is not None and not restart[1] and time.time() >= half:
            from_, _ = time.time(), await asyncio.to_thread(servers.restart_postgres)
            restart = (from_, time.time())
        await asyncio.sleep(0.2)
    used = seconds_of(web) - before
    applying = opened.cpu()[1] - applying
    took, thousand = time.time() - begin, len(calls) / 1000
    print(
        f"all taken within {took:.1f} s; processor for 1,000 callbacks: {used / thousand:.2f} s of"
        f" the web process, {applying / thousand:.2f} s of the one that applies them;"
        f" load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    rows = [tuple(json.loads(line)) for line in results.read_text().splitlines()]
    return Tries(rows, restart, memory)


async def count_lost(opened: Stage, meta: Channel, names: Sequence[str], people: int) -> None:
    """Look for each callback and its effect, once all that are stored have been applied."""

    async def applied() -> bool:
        rows = await opened.rows(
            meta.workspace_id, "SELECT 1 FROM callback WHERE processed_at IS NULL LIMIT 1"
        )
        return not rows

    began = time.monotonic()
    await until(applied, "the end of applying")
    print(f"all applied {time.monotonic() - began:.1f} s after the last answer")
    stored: Counter[str] = Counter()
    for row in await opened.rows(
        meta.workspace_id,
        "SELECT convert_from(body, 'UTF8')::jsonb #> '{entry,0,changes,0,value}' AS value,"
        " error FROM callback WHERE channel_id = %(id)s",
        id=meta.id,
    ):
        for one in row["value"].get("statuses", []):
            stored[f"{one['id']} {one['status']}"] += 1
        for one in row["value"].get("messages", []):
            stored[f"{one['id']} text"] += 1
    lost = [name for name in names if name not in stored]
    (row,) = await opened.rows(
        meta.workspace_id,
        "SELECT count(*) FILTER (WHERE status = 'read') AS read FROM delivery"
        " WHERE channel_id = %(id)s",
        id=meta.id,
    )
    (kept,) = await opened.rows(
        meta.workspace_id,
        "SELECT count(*) AS messages FROM message WHERE channel_id = %(id)s AND direction = 'in'",
        id=meta.id,
    )
    expected = sum(name.endswith(" text") for name in names)
    print(
        f"stored {stored.total():,} ({stored.total() - len(stored)} of them again);"
        f" lost {len(lost)} ({judged(len(lost), 0, most=True)});"
        f" without effect: {people - row['read']} of {people:,} deliveries,"
        f" {expected - kept['messages']} of {expected:,} messages"
    )


async def main(rate: float, seconds: float, servers: EmbeddedServers | None) -> None:
    """Start the processes, measure, stop them."""
    async with stage(workers=1, latency_ms=20) as opened:
        sending = await opened.channel(await opened.workspace(), perSecond=SENDS)
        meta, path = await connect(opened, sending)
        total = int(rate * seconds)
        people = total // 4
        await sent_before(opened, meta, people)
        rows = await opened.rows(
            meta.workspace_id,
            "SELECT ltrim(phone, '+') AS phone FROM delivery WHERE channel_id = %(id)s ORDER BY id",
            id=meta.id,
        )
        named = bodies(
            [row["phone"] for row in rows], total - people * len(WORDS), random.Random(1)
        )
        campaign = int(SENDS * (seconds + LEAD))
        run = await opened.run(sending, campaign)
        tries = await call(opened, path, [body for _, body in named], rate, servers)
        tries.tell(len(named))
        await opened.reached(sending, run, campaign)
        await count_lost(opened, meta, [name for name, _ in named], people)
        log = await opened.log(sending)
        (row,) = await opened.rows(
            sending.workspace_id, "SELECT * FROM run WHERE id = %(run)s", run=run
        )
        told = ", ".join(
            f"{word} {row[word]:,}"
            for word in ("pending", "sending", "sent", "delivered", "read", "failed", "unknown")
        )
        distinct = len({one["to"] for one in log})
        print(
            f"campaign of {campaign:,}: accepted {len(log):,}, distinct {distinct:,},"
            f" twice {len(log) - distinct}; {told}"
        )


def run(rate: float, seconds: float, *, restart: bool) -> None:
    """On servers of its own, as one of them is restarted."""
    with own_folder("benchmarks") as folder, embedded.start(folder / "home") as servers:
        migrations.upgrade(servers.database_url)
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = (
            servers.database_url,
            servers.redis_url,
        )
        asyncio.run(main(rate, seconds, servers if restart else None))
        servers.destroy()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1_000, help="callbacks a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--no-restart", action="store_true")
    given = parser.parse_args()
    run(given.rate, given.seconds, restart=not given.no_restart)
