"""Runs the benchmarks of this folder, on servers of their own.

    python -m benchmarks [name …] [-- flag …]

Each benchmark is a script of its own that finds its servers in DATABASE_URL and REDIS_URL; what
stands behind ``--`` is handed to it.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.folders import clear_leftovers, own_folder

from recado import embedded
from recado.platform import migrations

FOLDER = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Run those named, all by default; 1 if any fails, 2 if there is none of a name."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    names, flags = arguments[:split], arguments[split + 1 :]
    scripts = {
        path.stem: path for path in sorted(FOLDER.glob("*.py")) if not path.name.startswith("_")
    }
    if unknown := set(names) - scripts.keys():
        print(f"No benchmark is called {', '.join(unknown)}. There are: {', '.join(scripts)}.")
        return 2
    clear_leftovers()
    failed = 0
    for name in names or scripts:
        print(f"== {name}", flush=True)
        failed += _run(scripts[name], flags)
    return 1 if failed else 0


def _run(script: Path, flags: list[str]) -> int:
    """Run one on fresh servers, so that none stands on what another left."""
    with own_folder("benchmarks") as folder, embedded.start(folder / "home") as servers:
        migrations.upgrade(servers.database_url)
        env = {
            **os.environ,
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "PYTHONPATH": str(FOLDER.parent),
        }
        command = [sys.executable, str(script), *flags]
        done = subprocess.run(command, env=env, check=False)
        servers.destroy()
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
