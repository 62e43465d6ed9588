"""What may each call of a Python program call? The door to the engine."""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.analysis import Analysis
from agentkit.depmap.python.locating import Modules
from agentkit.depmap.python.module import Module
from agentkit.depmap.python.things import Container, ExternalObject, Instance, Site

__all__ = ["Module", "Program", "PyCall", "read_program"]


@dataclass(frozen=True, slots=True, eq=False)
class PyCall:
    """One call as it is written: the node, its module, the function that it stands in (None at the top).

    `names` are what may be called: inside the program `py:MODULE:QUALNAME`, outside it the dotted name of the thing as
    it is documented, methods by the class of their object (`requests.Session.get`, `socket.socket.recv`,
    `builtins.open`). `receiver` are keys of the places where the object before the dot was made, none where that is
    not known.
    """

    node: ast.Call
    module: Module
    function: str | None
    names: frozenset[str]
    receiver: frozenset[Hashable] = frozenset()


@dataclass(slots=True)
class Program:
    """Modules by name, all their calls, and what these were found by."""

    modules: dict[str, Module] = field(default_factory=dict)
    calls: list[PyCall] = field(default_factory=list)
    analysis: Analysis | None = None
    named: frozenset[str] = frozenset()


def read_program(
    paths: Iterable[str], disk: Disk, complain: Callable[[str], None], *, is_share: bool = False
) -> Program:
    """Return the program that stands in files and folders, with the modules beside them that they import.

    `complain` is told of what cannot be read, or only in part. Nothing of it is run. Of a share in a larger map only
    what the packages that it uses show is read: these are read by themselves.
    """
    with uncollected():
        return _read(Modules(disk, is_share=is_share), paths, complain)


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: nothing is given back before the end, and looking takes most of the time."""
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_collecting:
            gc.enable()


def _read(modules: Modules, paths: Iterable[str], complain: Callable[[str], None]) -> Program:
    modules.read(paths)
    for module in modules.by_path.values():
        if module.trouble:
            complain(f"{module.path}: {module.trouble}")
    analysis = Analysis(modules)
    analysis.run()
    calls = [
        PyCall(site.node, site.module, site.function, frozenset(site.seen.values()), _find_receivers(site))
        for site in analysis.engine.sites
        if isinstance(site.node, ast.Call) and site.rule == "call"
    ]
    return Program(dict(modules.by_name), calls, analysis, frozenset(modules.named))


def _find_receivers(site: Site) -> frozenset[Hashable]:
    if site.base is None:
        return frozenset()
    keys: list[Hashable] = []
    for thing in site.base.values:
        if isinstance(thing, (ExternalObject, Container)):
            keys.append(thing.key)
        elif isinstance(thing, Instance):
            keys.append(thing.of.subject)
    return frozenset(keys)
