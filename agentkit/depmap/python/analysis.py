"""What does a whole program call and hold? All its modules are read, then values flow until nothing changes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agentkit.depmap.python.annotations import give_annotated
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.locating import Modules
from agentkit.depmap.python.module import Module, resolve_relative
from agentkit.depmap.python.scopes import Names, find_names
from agentkit.depmap.python.statements import Statements

# Python calls Python here without the C stack (since 3.11): what is nested deep is still followed.
DEEPEST = 20_000
MOST_ROUNDS = 4


class Analysis:
    """The values of a program, and what was noted while its modules were read."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.engine = Engine()
        self.engine.find_module = modules.by_name.get
        self.readers: dict[Module, Statements] = {}

    def run(self) -> None:
        """Read all modules, and let the values flow."""
        with _deep():
            names = self._find_all_names()
            for module, own in names.items():
                reader = self.readers[module] = Statements(self.engine, module, self.modules.find)
                reader.read_module(own)
            self.engine.run()
            self._enter_uncalled()

    def _find_all_names(self) -> dict[Module, Names]:
        names = {module: find_names(module.tree.body) for module in self.modules.by_path.values()}
        stars = [
            (module, inner)
            for module in names
            for base in _list_stars(module)
            if (inner := self.modules.find(base, module)) is not None
        ]
        for _ in range(len(stars) + 1):
            before = sum(len(each.bound) for each in names.values())
            for module, inner in stars:
                names[module].bound.update(name for name in names[inner].bound if not name.startswith("_"))
            if sum(len(each.bound) for each in names.values()) == before:
                break
        self.engine.module_names = {module: frozenset(each.bound) for module, each in names.items()}
        return names

    def _enter_uncalled(self) -> None:
        """Let what nothing in the program calls be called by somebody: by its own objects, and those it asks for."""
        engine = self.engine
        for _ in range(MOST_ROUNDS):
            before = engine.steps
            for function in engine.functions:
                if function.owner is not None and function.parameters and not function.parameters[0][1].values:
                    _give_self(engine, function)
            for reader in self.readers.values():
                waiting, reader.expressions.annotated = reader.expressions.annotated, []
                for node, annotation, scope in waiting:
                    if not node.values:
                        give_annotated(engine, reader.expressions, node, annotation, scope)
            engine.run()
            keys, engine.unknown_keys = engine.unknown_keys, []
            for key, act in keys:
                if not key.values:
                    act()
            engine.run()
            if engine.steps == before:
                break


def _give_self(engine: Engine, function: object) -> None:
    from agentkit.depmap.python.things import Function

    assert isinstance(function, Function)
    owner = function.owner
    assert owner is not None
    decorators = {_name_decorator(each) for each in getattr(function.node, "decorator_list", ())}
    if "staticmethod" in decorators:
        return
    is_class = "classmethod" in decorators or function.qualname.endswith((".__new__", ".__init_subclass__"))
    engine.add(function.parameters[0][1], owner if is_class else owner.instance)


def _name_decorator(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _list_stars(module: Module) -> Iterator[str]:
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            base = resolve_relative(module, node)
            if base is not None:
                yield base


@contextmanager
def _deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
