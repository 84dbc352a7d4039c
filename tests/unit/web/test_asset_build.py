"""The build hook: it works once, and then only when something has changed."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from recado.web.assets import Assets

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recado_hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    frontend = tmp_path / "frontend"
    (frontend / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "vite.config.js", "src/app.js"):
        (frontend / name).write_text(name)
    (tmp_path / "src/recado/web/static").mkdir(parents=True)
    (tmp_path / "src/recado/web/page.html").write_text("<p class='flex'></p>")
    return tmp_path


@pytest.fixture
def node(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for Node.js, which would take a network and a minute; notes what it is asked."""
    asked: list[str] = []

    def run(cwd: Path, *args: str) -> None:
        if "ci" in args:
            asked.append("install")
            (cwd / "node_modules").mkdir(exist_ok=True)
        else:
            asked.append("build")
            (output,) = [arg.partition("=")[2] for arg in args if arg.startswith("--outDir=")]
            Path(output).mkdir()
            (Path(output) / "manifest.json").write_text("{}")

    monkeypatch.setattr(hook, "_node", run)
    return asked


def test_a_second_build_of_the_same_sources_does_nothing(
    hook: ModuleType, tree: Path, node: list[str]
) -> None:
    hook.build(tree)
    hook.build(tree)
    assert node == ["install", "build"]


@pytest.mark.parametrize(
    ("changed", "done"),
    [
        ("frontend/src/app.js", ["build"]),
        ("src/recado/web/page.html", ["build"]),
        ("frontend/package-lock.json", ["install", "build"]),
    ],
)
def test_a_change_is_built_and_packages_are_installed_only_for_a_new_lock(
    hook: ModuleType, tree: Path, node: list[str], changed: str, done: list[str]
) -> None:
    hook.build(tree)
    node.clear()
    (tree / changed).write_text("changed")
    hook.build(tree)
    assert node == done


def test_a_failed_build_leaves_the_last_good_one_in_place(
    hook: ModuleType, tree: Path, node: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.build(tree)
    (tree / "frontend/src/app.js").write_text("broken")

    def fail(_cwd: Path, *_args: str) -> None:
        raise RuntimeError("Vite says no")

    monkeypatch.setattr(hook, "_node", fail)
    with pytest.raises(RuntimeError, match="Vite says no"):
        hook.build(tree)
    static = tree / "src/recado/web/static"
    assert [path.name for path in static.iterdir()] == ["dist"]
    assert (static / "dist/manifest.json").exists()


def test_catalogues_are_compiled(hook: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "pt_BR/LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text('msgid "Campaigns"\nmsgstr "Campanhas"\n')
    hook.compile_catalogues(tmp_path)
    assert b"Campanhas" in (folder / "messages.mo").read_bytes()


def test_the_lock_file_names_no_registry_and_every_package_s_digest() -> None:
    lock = (ROOT / "frontend/package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')


def test_an_asset_is_found_by_the_name_of_its_source() -> None:
    assets = Assets(
        {
            "src/app.js": {"file": "assets/app-1.js", "css": ["assets/app-2.css"]},
            "icons.svg": {"file": "assets/icons-3.svg"},
        }
    )
    assert assets.script("app.js") == "/static/assets/app-1.js"
    assert assets.styles("app.js") == ["/static/assets/app-2.css"]
    assert assets.icon("send") == "/static/assets/icons-3.svg#send"
