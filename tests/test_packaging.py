import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from agentkit import __version__
from agentkit.core.errors import EXIT_TABLE

ROOT = Path(__file__).parent.parent


def run(*words: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of this tree, built without any network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [found] = folder.glob("agentkit-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment that pip installed the wheel into; it sees the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    [packages] = [path for path in sys.path if path.endswith("site-packages")][:1]
    [place] = folder.glob("lib/python*/site-packages")
    (place / "dependencies.pth").write_text(f"{packages}\n")
    return folder


def test_the_version_stands_in_one_form_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


def test_the_wheel_holds_the_schemas_the_page_the_license_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "agentkit/core/schemas/finding.json" in names
    pages = ("agentkit/core/webpage", "agentkit/depmap/webpage", "agentkit/evolve/familytree")
    own = {f"{page}/{path.name}" for page in pages for path in (ROOT / page).iterdir() if path.is_file()}
    assert own - set(names) == set()
    assert f"agentkit-{__version__}.data/scripts/agentkit" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "agentkit/entry"))]


def test_the_script_is_ours_and_runs_the_interpreter_it_was_installed_with(installed: Path) -> None:
    first, *rest = (installed / "bin" / "agentkit").read_text().splitlines()
    assert first == f"#!{installed / 'bin' / 'python'}" or first.startswith(f"#!{installed / 'bin' / 'python3'}")
    assert rest == (ROOT / "agentkit" / "entry" / "agentkit").read_text().splitlines()[1:]


def test_the_installed_program_answers(installed: Path, tmp_path: Path) -> None:
    ended = run(installed / "bin" / "agentkit", "--help", cwd=tmp_path)
    assert EXIT_TABLE[0][2] in ended.stdout


def test_it_works_through_a_link_as_pipx_makes_one(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "agentkit").symlink_to(installed / "bin" / "agentkit")
    ended = run(tmp_path / "agentkit", "--version", cwd=tmp_path, environ={})
    assert ended.stdout == f"agentkit {__version__}\n"


def test_a_module_beside_the_script_is_not_ours(installed: Path, tmp_path: Path) -> None:
    stray = installed / "bin" / "typer.py"
    stray.write_text("raise SystemExit('stray')\n")
    try:
        ended = run(installed / "bin" / "agentkit", "--version", cwd=tmp_path)
    finally:
        stray.unlink()
    assert ended.stdout == f"agentkit {__version__}\n"


def test_the_script_costs_a_hot_verb_no_regular_expressions(installed: Path, tmp_path: Path) -> None:
    # -X importtime tells on stderr of every module that is loaded, by the script too.
    python = installed / "bin" / "python"
    ended = subprocess.run(
        [
            str(python),
            "-S",
            "-X",
            "importtime",
            str(installed / "bin" / "agentkit"),
            "heartbeat",
            "run",
            "x",
            "--",
            "true",
        ],
        env={"PYTHONPATH": str(ROOT), "AGENTKIT_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "agentkit.heartbeat.run" in loaded
    assert loaded & {"re", "typing", "importlib.metadata", "pathlib", "json"} == set()


def test_an_editable_install_has_the_same_script(tmp_path: Path) -> None:
    backend = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    run(sys.executable, "-c", backend, tmp_path, cwd=ROOT)
    [built] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as content:
        script = content.read(f"agentkit-{__version__}.data/scripts/agentkit").decode()
    assert script == (ROOT / "agentkit" / "entry" / "agentkit").read_text()
