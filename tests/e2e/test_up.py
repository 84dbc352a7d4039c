"""``recado up`` as a person uses it: one command, then the main job in one line."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest
from tests.support.folders import own_folder

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "contatos.csv"
PATIENCE = 90.0
TEXT = "Olá {nome}, assembleia do {condominio} amanhã."


@dataclass
class Up:
    """A running ``recado up``."""

    process: "subprocess.Popen[str]"
    ready: dict[str, Any]

    def get(self, path: str) -> bytes:
        request = Request(self.ready["url"] + path)
        request.add_header("Authorization", f"Bearer {self.ready['api_key']}")
        with urlopen(request, timeout=20) as response:
            body: bytes = response.read()
            return body

    def json(self, path: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.get(path))
        return document


def _environment(home: Path) -> dict[str, str]:
    foreign = {"DATABASE_URL", "REDIS_URL", "RECADO_SECRET_KEY", "RECADO_PUBLIC_URL"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "RECADO_HOME": str(home), "LANG": "en_US.UTF-8", "COLUMNS": "200"}


def _command(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "recado", *arguments],
        env=_environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def _up(home: Path) -> Up:
    process = subprocess.Popen(
        [sys.executable, "-m", "recado", "up", "--json", "--port", "0"],
        env=_environment(home),
        cwd=home.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    assert process.stdout is not None
    line = process.stdout.readline()
    watchdog.cancel()
    if not line:
        _, said = process.communicate(timeout=PATIENCE)
        pytest.fail(f"recado up ended with {process.returncode}: {said[-3000:]}")
    return Up(process, json.loads(line))


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with own_folder("up") as folder:
        yield folder / "casa"


@pytest.fixture(scope="module")
def up(home: Path) -> Iterator[Up]:
    running = _up(home)
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=PATIENCE)


@pytest.mark.timeout(240)
def test_one_line_sends_a_file_to_everyone_in_it_once(up: Up, home: Path) -> None:
    sent = _command(home, "send", str(EXAMPLE), "--text", TEXT, "--channel", "simulador", "--wait")
    assert sent.returncode == 0, sent.stderr
    assert "942 created, 30 updated, 0 unchanged, 28 rejected" in sent.stdout

    with urlopen(up.ready["simulator_url"] + "/_sim/stats", timeout=20) as response:
        stats = json.load(response)
    assert (stats["accepted"], stats["distinct"], stats["duplicates"]) == (942, 942, 0)

    campaign = up.json("/api/v1/campaigns")["items"][0]["id"]
    progress = up.json(f"/api/v1/campaigns/{campaign}/progress")
    assert progress["status"] == "completed"
    parts = ("pending", "sending", "sent", "failed", "unknown", "suppressed", "cancelled")
    assert progress["total"] == 942 == sum(progress[part] for part in (*parts, "expired"))

    report = up.get(f"/api/v1/campaigns/{campaign}/report.csv").decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(report)))
    assert len(lines) == len({line["contact_id"] for line in lines}) == 942
    assert {line["status"] for line in lines} <= {"sent", "delivered", "read"}


@pytest.mark.timeout(240)
def test_a_second_start_on_the_same_home_says_where_the_first_one_is(up: Up, home: Path) -> None:
    second = _command(home, "up", "--port", "0")
    assert second.returncode == 1
    assert up.ready["url"] in second.stderr


@pytest.mark.timeout(240)
def test_after_a_kill_it_comes_back_with_its_data_and_ends_cleanly(up: Up, home: Path) -> None:
    ours = [
        child
        for child in psutil.Process(up.process.pid).children()
        if {"web", "worker", "simulator"} & set(child.cmdline())
    ]
    up.process.kill()
    up.process.wait()
    gone, alive = psutil.wait_procs(ours, timeout=30)
    assert len(gone) == 3
    assert not alive

    again = _up(home)
    try:
        assert again.ready["api_key"] == up.ready["api_key"]
        assert again.json("/api/v1/campaigns")["items"][0]["status"] == "completed"
        children = psutil.Process(again.process.pid).children()
    finally:
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(timeout=PATIENCE) == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    # What runs on is nobody's: the servers have ended as well.
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(home) in str(p.info["cmdline"])]


def test_without_an_installation_a_command_says_how_to_start_one(home: Path) -> None:
    nowhere = _command(home.parent / "nowhere", "campaign", "progress", "1")
    assert nowhere.returncode == 1
    assert "recado up" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
