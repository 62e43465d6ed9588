"""Which names does each part of a program have of its own, and what do they hold where the reader is just now?"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.module import Module, walk_statements
from agentkit.depmap.python.things import Class, Function, Node

Environment = dict[str, Node]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BUILTINS = frozenset(dir(builtins)) | {"reveal_type"}


class Names:
    """The names of one part: those that are bound in it, and those that it declares another part's."""

    __slots__ = ("bound", "globals", "nonlocals", "yields")

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.yields = False


def find_names(body: Iterable[ast.AST]) -> Names:
    """Return the names of a module, a class or a function, by all that binds one in it (not in functions within)."""
    names = Names()
    bound = names.bound
    todo = list(body)
    while todo:
        node = todo.pop()
        kind = type(node)
        if kind is ast.Name:
            if not isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
                bound.add(node.id)  # type: ignore[attr-defined]
            continue
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            bound.add(node.name)
            todo.extend(node.decorator_list)
            continue
        if kind is ast.Lambda:
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names if alias.name != "*")
            continue
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            # Its own variables are none of the part around it, but for those of `:=`.
            inner = (each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            bound.update(target.id for target in inner)
            continue
        if kind is ast.Yield or kind is ast.YieldFrom:
            names.yields = True
        elif isinstance(node, ast.Global):
            names.globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            names.nonlocals.update(node.names)
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
        ):
            bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            bound.add(node.rest)
        todo.extend(ast.iter_child_nodes(node))
    bound -= names.globals | names.nonlocals
    return names


def find_shared(tree: ast.Module) -> frozenset[str]:
    """Return the names that some function of a module sets in a part around it: these change at any time."""
    found: set[str] = set()
    for node in walk_statements(tree):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(node.names)
    return frozenset(found)


class Scope:
    """A module, a class or a function while it is read.

    `variables` hold whatever a name holds at any time: what other parts see. `now` holds what it may hold at the
    place that is just read. `label` is the function that a place in it belongs to.
    """

    __slots__ = (
        "collectors",
        "engine",
        "function",
        "kind",
        "label",
        "loops",
        "module",
        "names",
        "now",
        "of",
        "outer",
        "outside_stars",
        "qualname",
        "shared",
        "variables",
    )

    def __init__(
        self, engine: Engine, module: Module, kind: str, qualname: str | None, outer: Scope | None, *, names: Names
    ) -> None:
        self.engine = engine
        self.module = module
        self.kind = kind
        self.qualname = qualname
        self.outer = outer
        self.names = names
        self.label: str | None = outer.label if outer is not None else None
        self.shared: frozenset[str] = outer.shared if outer is not None else find_shared(module.tree)
        self.variables: Environment = {} if outer is not None else engine.globals.setdefault(module, {})
        self.now: Environment = {}
        self.function: Function | None = None
        self.of: Class | None = None
        self.collectors: list[list[tuple[str, Node]]] = []
        self.loops: list[tuple[list[Environment], list[Environment]]] = []
        self.outside_stars: list[str] = outer.outside_stars if outer is not None else []

    def inner_name(self, name: str) -> str:
        """Return the `__qualname__` of a function or class in this part."""
        if self.qualname is None:
            return name
        return f"{self.qualname}.<locals>.{name}" if self.kind == "function" else f"{self.qualname}.{name}"

    def outward(self) -> Iterator[Scope]:
        """Yield this part and those around it whose names it sees."""
        scope: Scope | None = self
        while scope is not None:
            if scope is self or scope.kind != "class":
                yield scope
            scope = scope.outer

    def top(self) -> Scope:
        """Return the module around."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def variable(self, name: str) -> Node:
        """Return what a name of this part holds at any time."""
        node = self.variables.get(name)
        if node is None:
            node = self.variables[name] = Node()
        return node

    def find(self, name: str) -> Node | None:
        """Return what a name holds here; None for a name that nothing in the module binds."""
        if name in self.names.globals:
            return self.top().variable(name)
        for scope in self.outward():
            if scope is self and name in self.now and name not in self.shared:
                return self.now[name]
            if name in scope.names.bound and (scope is not self or scope.kind != "class"):
                return scope.variable(name)
        return None

    def assign(self, name: str, value: Node) -> None:
        """Let a name hold a value from here on."""
        holder = self
        if name in self.names.globals:
            holder = self.top()
        elif name in self.names.nonlocals:
            holder = next((each for each in self.outward() if each is not self and name in each.names.bound), self)
        if holder is self:
            self.now[name] = value
            for collector in self.collectors:
                collector.append((name, value))
        self.engine.flow(value, holder.variable(name))

    def merge(self, ways: list[Environment]) -> None:
        """Go on with whatever any of the ways may have left."""
        if not ways:
            return
        if len(ways) == 1:
            self.now = dict(ways[0])
            return
        first = ways[0]
        merged = dict(first)
        for way in ways[1:]:
            for name, node in way.items():
                held = merged.get(name)
                if held is None:
                    merged[name] = node
                elif held is not node:
                    both = Node()
                    self.engine.flow(held, both)
                    self.engine.flow(node, both)
                    merged[name] = both
        self.now = merged
