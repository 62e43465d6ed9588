"""Which waits without a bound have the files and folders that a person names, or all that the map knows?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from agentkit.core.unitfiles import is_unit_name
from agentkit.depmap.crondocument import read_jobs
from agentkit.depmap.disk import Disk
from agentkit.depmap.lint import lint
from agentkit.depmap.lintunits import lint_units
from agentkit.depmap.mapping import Reader
from agentkit.depmap.namedfiles import (
    Complain,
    find_files,
    has_python,
    is_crontab,
    read_crontab_jobs,
    read_scripts,
    read_unit,
)
from agentkit.depmap.pythonlint.reading import lint_python
from agentkit.depmap.roots import PYTHON, SCRIPT
from agentkit.depmap.store import Map, unpack
from agentkit.depmap.unitmap import map_units
from agentkit.depmap.wait import Wait


def lint_paths(paths: Iterable[str], complain: Complain, *, search_path: str | None = None) -> list[Wait]:
    """Return the waits of files and folders, each once; a folder that holds `etc` is the root of a machine.

    `complain` is told of what cannot be read, or only partly.
    """
    found: dict[Wait, None] = {}
    for path in paths:
        whole = os.path.abspath(path)
        if os.path.isdir(os.path.join(whole, "etc")):
            disk = Disk(whole)
            found.update(dict.fromkeys(_lint_machine(whole, disk, complain)))
            continue
        disk = Disk("/", search_path=search_path)
        scripts: list[str] = []
        if has_python(whole, disk):
            # All of a folder is one program.
            found.update(dict.fromkeys(lint_python([whole], disk, complain)))
            if not os.path.isdir(whole):
                continue
        for file in find_files(whole, disk, complain):
            if is_unit_name(os.path.basename(file)) or is_crontab(file):
                found.update(dict.fromkeys(_lint_other(file, disk, complain)))
            else:
                scripts.append(file)
        found.update(dict.fromkeys(_lint_scripts(scripts, disk, complain, named=whole)))
    return _sort(found)


def lint_map(chart: Map, complain: Complain) -> list[Wait]:
    """Return the waits of everything that the map was built from, as it is on disk now."""
    root = str(chart.meta("root") or "/")
    disk = Disk(root)
    found = dict.fromkeys(_lint_scripts(_list_documents(chart, SCRIPT), disk, complain))
    for path in _list_documents(chart, PYTHON):
        found.update(dict.fromkeys(lint_python([path], disk, complain)))
    found.update(dict.fromkeys(_lint_declared(root, disk, complain)))
    return _sort(found)


def _list_documents(chart: Map, kind: str) -> list[str]:
    rows = chart.connection.execute("SELECT path FROM documents WHERE kind = ? ORDER BY path", (kind,)).fetchall()
    return [unpack(path) for (path,) in rows]


def _lint_machine(root: str, disk: Disk, complain: Complain) -> Iterator[Wait]:
    reader = Reader(root)
    yield from _lint_scripts(reader.find_scripts("/", is_machine=True), disk, complain)
    for path in reader.find_programs("/", is_machine=True):
        yield from lint_python([path], disk, complain)
    yield from _lint_declared(root, disk, complain)


def _lint_scripts(paths: Iterable[str], disk: Disk, complain: Complain, *, named: str | None = None) -> Iterator[Wait]:
    """Yield the waits of scripts; a text that only others source is judged as it stands in them."""
    fragments: dict[str, list[Wait]] = {}
    sourced: set[str] = set()
    for path in paths:
        for script in read_scripts(path, disk, complain, is_named=path == named):
            sourced.update(script.read_files)
            waits = lint(script, disk)
            if path == named or disk.read_head(path).startswith(b"#!"):
                yield from waits
            else:
                fragments[path] = waits
    for path, waits in fragments.items():
        if path not in sourced:
            yield from waits


def _lint_declared(root: str, disk: Disk, complain: Complain) -> Iterator[Wait]:
    """Yield the waits of a machine's crontabs and units."""
    jobs, unreadable = read_jobs(disk)
    for path, why in unreadable:
        complain(f"{path}: {why}")
    for _, node, script in jobs:
        # What a line's own text calls; a script that it starts is linted by itself.
        yield from lint(script, disk, node)
    units = map_units(root)
    for path, why in units.troubles:
        complain(f"{path}: {why}")
    yield from lint_units(units)


def _lint_other(path: str, disk: Disk, complain: Complain) -> Iterator[Wait]:
    """Yield the waits of a unit or of a crontab."""
    name = os.path.basename(path)
    if not is_unit_name(name):
        for _, node, script in read_crontab_jobs(path, disk, complain):
            yield from lint(script, disk, node)
        return
    units = read_unit(path, complain)
    yield from (wait for wait in lint_units(units) if wait.subject == f"unit:{name}")


def _sort(waits: Iterable[Wait]) -> list[Wait]:
    return sorted(waits, key=lambda wait: (wait.file, wait.line or 0, wait.key))
