"""Facts about processes, ports and logs."""

import os
import socket
import subprocess
from pathlib import Path

from recado.embedded.processes import (
    choose_port,
    is_alive,
    is_full,
    look_at,
    read_pid,
    read_tail,
    wait_for,
)


def test_a_process_that_ended_is_not_alive_even_before_it_is_reaped() -> None:
    process = subprocess.Popen(["true"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read() == b""
    assert wait_for(lambda: not is_alive(process.pid), 10)
    process.wait()
    assert not is_alive(process.pid)


def test_numbers_that_no_process_has_are_not_alive() -> None:
    assert [is_alive(pid) for pid in (0, -1, 2**31 - 1, 2**80)] == [False] * 4
    assert is_alive(os.getpid())


def test_a_process_serves_only_the_folder_it_works_in(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        facts = look_at(process.pid)
        assert facts is not None
        assert facts.serves(tmp_path, "sleep")
        assert not facts.serves(tmp_path, "postgres")
        assert not facts.serves(other, "sleep")
        assert not facts.serves(tmp_path / "missing", "sleep")
    finally:
        process.kill()
        process.wait()
    assert look_at(process.pid) is None


def test_a_remembered_port_is_kept_while_it_is_free() -> None:
    free = choose_port(None)
    assert choose_port(free) == free
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert choose_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_a_tail_shows_the_last_lines_since_the_start(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"old\n" + b"\xff new\n" * 20)
    assert read_tail(log, since=4, lines=2) == "  \N{REPLACEMENT CHARACTER} new\n" * 1 + (
        "  \N{REPLACEMENT CHARACTER} new"
    )
    assert "old" in read_tail(log, lines=99)
    assert read_tail(log, since=log.stat().st_size) == "  (nothing)"
    assert read_tail(tmp_path / "none") == "  (no log)"


def test_a_pid_file_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    contents = {"": None, "12\nrest": 12, "x": None, "\n7": None}
    for text, pid in contents.items():
        path.write_text(text)
        assert read_pid(path) == pid
    assert read_pid(tmp_path / "none") is None


def test_a_full_disk_is_known_by_the_words_of_the_server(tmp_path: Path) -> None:
    assert is_full(tmp_path / "missing", "PANIC: No space left on device")
    assert not is_full(tmp_path / "missing", "something else")
