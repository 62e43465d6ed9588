"""What does the repository say about how it is judged? Read from the accepted commit, never from the work tree."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.checkout import Tree
from agentkit.core.repo.repository import Repository
from agentkit.core.times import parse_duration

PROJECT_FILE, OWN_FILE = "pyproject.toml", "agentkit.toml"
FILES = (OWN_FILE, PROJECT_FILE)
TABLE = "tool.agentkit.ratchet"
REPORT_WORD = "{report}"
ENVIRONMENTS = (".venv", "venv")


@dataclass(frozen=True)
class Settings:
    """How a commit is judged; a repository that says nothing is judged by pytest.

    `command` empty means pytest with `pytest` as further words and the named `plugins`; else a program that writes a
    report of tests to the file whose name it gets in place of `{report}`. `tests` are further paths that belong to the
    tests, `holdout` is a folder of tests outside the repository, `unstable` are ids that never count, `environment`
    names variables that the tests may see.
    """

    command: tuple[str, ...] = ()
    pytest: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    python: str = ""
    metrics: tuple[str, ...] = ()
    holdout: str = ""
    tests: tuple[str, ...] = ()
    unstable: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    limit: timedelta = timedelta(minutes=30)


def read_settings(repository: Repository, tree: Tree) -> Settings:
    """Return the settings of a tree; raises AgentkitError (configuration) that names file, key and nearest one."""
    names = {path: tree[path].name for path in FILES if path in tree}
    files = read_blobs(repository, names.values())
    for path, keys in ((OWN_FILE, ("ratchet",)), (PROJECT_FILE, TABLE.split("."))):
        raw = files.get(names.get(path, ""))
        if raw is None:
            continue
        import tomllib

        try:
            table: object = tomllib.loads(raw.decode("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise _fault(path, f"is no TOML: {error}") from None
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        if table is not None:
            return _read_table(table, path, ".".join(keys))
    return Settings()


def choose_python(repository: Repository, settings: Settings) -> str:
    """Return the interpreter that runs the tests: the one that is named, else the repository's own, else ours."""
    if settings.python:
        path = os.path.expanduser(settings.python)
        return path if os.path.isabs(path) else os.path.join(repository.root, path)
    for folder in ENVIRONMENTS:
        path = os.path.join(repository.root, folder, "bin", "python")
        if repository.root and os.access(path, os.X_OK):
            return path
    return sys.executable


def find_in_environment(repository: Repository, python: str, paths: Iterable[str]) -> list[str]:
    """Return which of a tree's paths are, or would become, the interpreter of the tests or its environment."""
    inside = os.path.relpath(python, repository.root) if repository.root else ""
    folder = os.path.dirname(os.path.dirname(inside))
    own = [inside] if not inside.startswith("..") else []
    around = [f"{place}/" for place in (folder,) if own and place]
    places = tuple(f"{place}/bin/python" for place in ENVIRONMENTS)
    return [path for path in paths if path in own or path.startswith((*places, *around))]


def _read_table(table: object, path: str, where: str) -> Settings:
    if not isinstance(table, dict):
        raise _fault(path, f"{where}: expected a table [{where}]")
    known = [field.name for field in fields(Settings)]
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            from difflib import get_close_matches

            nearest = next(iter(get_close_matches(key, known, n=1)), None)
            hint = f"did you mean {where}.{nearest}?" if nearest else f"known keys: {', '.join(sorted(known))}"
            raise _fault(path, f"unknown key {where}.{key}", hint=hint)
        values[key] = _read_value(key, value, path, where)
    settings = Settings(**values)  # type: ignore[arg-type]  # each value was read as its key's kind
    if settings.command and not any(REPORT_WORD in word for word in settings.command):
        raise _fault(path, f"{where}.command: no word of it holds {REPORT_WORD}, where its report has to go")
    return settings


def _read_value(key: str, value: object, path: str, where: str) -> object:
    if key == "limit":
        try:
            if isinstance(value, str):
                return timedelta(seconds=parse_duration(value, key))
        except AgentkitError:
            pass
        raise _fault(path, f"{where}.limit: expected a duration such as 10m, found {value!r}")
    if key in ("python", "holdout"):
        if isinstance(value, str) and value:
            return value
        raise _fault(path, f"{where}.{key}: expected a text, found {value!r}")
    if isinstance(value, list) and all(isinstance(word, str) and word and "\0" not in word for word in value):
        return tuple(value)
    raise _fault(path, f"{where}.{key}: expected a list of words, found {value!r}")


def _fault(path: str, what: str, *, hint: str | None = None) -> AgentkitError:
    return AgentkitError(f"{path}: {what}", hint=hint, status=Exit.CONFIGURATION)
