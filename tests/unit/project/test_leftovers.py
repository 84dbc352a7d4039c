"""What a session that was killed leaves behind is ended by the next one, and only that."""

import subprocess
import sys
from pathlib import Path

import psutil
from tests.support.folders import clear_leftovers, own_folder

ROOT = Path(__file__).parents[3]

# As a session that starts a server and has no chance to end it.
_KILLED = """
import os, subprocess, sys
from tests.support.folders import own_folder
with own_folder("killed") as folder:
    server = subprocess.Popen(["sleep", "600"], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    print(folder, server.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_servers_and_folders_of_a_killed_session_go_and_those_of_a_live_one_stay() -> None:
    with own_folder("live") as live, subprocess.Popen(["sleep", "600"], cwd=live) as ours:
        killed = subprocess.run(
            [sys.executable, "-c", _KILLED], cwd=ROOT, capture_output=True, text=True, check=False
        )
        folder, pid = killed.stdout.split()
        assert Path(folder).is_dir()
        assert psutil.pid_exists(int(pid))
        clear_leftovers()
        assert not Path(folder).exists()
        assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == "zombie"
        assert live.is_dir()
        assert ours.poll() is None
        ours.kill()
