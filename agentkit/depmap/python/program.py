"""What may each call of a Python program call? The door to the engine."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.locating import Modules
from agentkit.depmap.python.module import Module

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
    """Modules by name, and all their calls."""

    modules: dict[str, Module] = field(default_factory=dict)
    calls: list[PyCall] = field(default_factory=list)


def read_program(paths: Iterable[str], disk: Disk, complain: Callable[[str], None]) -> Program:
    """Return the program that stands in files and folders, with the modules beside them that they import.

    `complain` is told of what cannot be read, or only in part. Nothing of it is run.
    """
    from agentkit.depmap.python.simple import find_calls

    modules = Modules(disk)
    modules.read(paths)
    program = Program(dict(modules.by_name))
    for module in modules.by_path.values():
        if module.trouble:
            complain(f"{module.path}: {module.trouble}")
        program.calls.extend(find_calls(module, modules))
    return program
