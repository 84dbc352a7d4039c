"""What is installed is whole: code, statements, scripts, pages, translations, assets."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.unit.project.markdown import ROOT

SOURCE = ROOT / "src"
# Only for building: a wheel carries the compiled catalogue.
LEFT_OUT = frozenset({".po", ".pyc"})


def needed() -> set[str]:
    """Every file of the package as it lies in the source tree, the built ones included."""
    return {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "recado").rglob("*")
        if path.is_file() and path.suffix not in LEFT_OUT and not path.name.startswith(".")
    }


def test_the_wheel_has_every_file_that_the_program_needs(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("hatchling")), "build", "-t", "wheel"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("recado-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert needed() - packed == set()
    assert "recado/cli/contatos.csv" in packed  # what `recado up --demo` imports
    kinds = {Path(name).suffix for name in packed}
    assert {".py", ".sql", ".lua", ".html", ".mo", ".typed", ".css", ".js", ".woff2"} <= kinds
