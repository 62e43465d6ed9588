"""Another user of the machine: an interpreter that it may run, and what it needs of the tests' own libraries.

The tree of the tests and its environment may lie behind a folder that is closed to others, /root say.
"""

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, TypedDict

from packaging.requirements import Requirement

from tests.conftest import ROOT

LIMIT_S = 120.0
NOBODY = 65534


class _Who(TypedDict):
    user: int
    group: int
    extra_groups: list[int]


AS_NOBODY: Final[_Who] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@contextmanager
def open_to_others() -> Iterator[Path]:
    """Make a folder through which other users may pass; pytest keeps its own closed to them."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@cache
def find_python() -> str:
    """Return the interpreter of the tests, or one of its version, that every user may run."""
    candidates = [sys._base_executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"]
    for path in candidates:
        try:
            ended = subprocess.run(
                [path, "-I", "-c", "import ensurepip, venv"], **AS_NOBODY, cwd="/",
                env={}, capture_output=True, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        except OSError:
            continue
        if ended.returncode == 0:
            return path
    raise AssertionError(f"no other user may run {' or '.join(candidates)}: install Python where everybody gets in")


def find_dependencies() -> list[importlib.metadata.Distribution]:
    """Return all that agentkit needs to run, as it is installed here, and nothing of what only its tests need."""
    todo: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = dict[str, importlib.metadata.Distribution]()
    while todo:
        needed = Requirement(todo.pop())
        if needed.name.lower() in found or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        installed = importlib.metadata.distribution(needed.name)
        found[needed.name.lower()] = installed
        todo += installed.requires or []
    return list(found.values())


def copy_libraries(folder: Path) -> Path:
    """Copy agentkit and what it needs to a new folder under this one, for the path of modules of another user."""
    libraries = folder / "libraries"
    shutil.copytree(ROOT / "agentkit", libraries / "agentkit", ignore=shutil.ignore_patterns("__pycache__"))
    for installed in find_dependencies():
        for file in installed.files or []:
            if not str(file).startswith("..") and file.suffix != ".pyc":
                target = libraries / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(installed.locate_file(file)), target)
    for path in [libraries, *libraries.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return libraries
