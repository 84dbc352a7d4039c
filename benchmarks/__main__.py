"""Runs every benchmark of this folder, on servers of their own.

    python -m benchmarks [name …]

Each benchmark is a script of its own that finds its servers in DATABASE_URL and REDIS_URL.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from recado import embedded
from recado.platform import migrations

FOLDER = Path(__file__).parent


def main(names: list[str]) -> int:
    """Run those named, all by default; 1 if any fails."""
    scripts = [path for path in sorted(FOLDER.glob("*.py")) if not path.name.startswith("_")]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="recado-benchmarks-") as folder:
        Path(folder).chmod(0o755)
        with embedded.start(Path(folder, "home")) as servers:
            migrations.upgrade(servers.database_url)
            env = {
                **os.environ,
                "DATABASE_URL": servers.database_url,
                "REDIS_URL": servers.redis_url,
                "PYTHONPATH": str(FOLDER.parent),
            }
            for script in scripts:
                if names and script.stem not in names:
                    continue
                print(f"== {script.stem}", flush=True)
                failed += subprocess.run([sys.executable, script], env=env, check=False).returncode
            servers.destroy()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
