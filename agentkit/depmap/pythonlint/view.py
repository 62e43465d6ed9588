"""What is known of a whole program that is linted: its calls by name, by object and by caller, and its scopes?"""

from __future__ import annotations

import ast
from collections.abc import Hashable

from agentkit.depmap.calls import HOLE
from agentkit.depmap.disk import Disk
from agentkit.depmap.python.module import Module
from agentkit.depmap.python.program import Program, PyCall
from agentkit.depmap.python.texts import Texts
from agentkit.depmap.python.things import Site
from agentkit.depmap.pythonlint.librarynames import settle
from agentkit.depmap.pythonlint.scopes import Scope, Scopes

DEEPEST = 8
MOST_CALLERS = 300


class View:
    """A program and what the rules ask about it."""

    def __init__(self, program: Program, disk: Disk) -> None:
        self.program = program
        self.disk = disk
        self._scopes: dict[Module, Scopes] = {}
        self._names: dict[PyCall, frozenset[str]] = {}
        self._lines: dict[Module, list[str]] = {}
        self.by_node: dict[ast.AST, PyCall] = {call.node: call for call in program.calls}
        # The key of an object begins with where the call stands that made it.
        self._by_place = {_place(call): call for call in program.calls}
        self._by_object: dict[Hashable, list[PyCall]] = {}
        self._on_made: dict[tuple[Hashable, ...], list[PyCall]] = {}
        self._by_text: dict[tuple[str, str], list[PyCall]] | None = None
        self._callers: dict[str, list[PyCall]] = {}
        self._by_name: dict[str, list[PyCall]] = {}
        sites = program.analysis.engine.sites if program.analysis is not None else ()
        self._sites = {site.node: site for site in sites if site.rule == "call" and site.node is not None}
        self.texts = Texts()
        for call in program.calls:
            for key in call.receiver:
                self._by_object.setdefault(key, []).append(call)
                if isinstance(key, tuple):
                    self._on_made.setdefault(key[:4], []).append(call)
            for name in self.names(call):
                (self._callers if name.startswith("py:") else self._by_name).setdefault(name, []).append(call)

    def scopes(self, module: Module) -> Scopes:
        """Return the scopes of a module."""
        if module not in self._scopes:
            self._scopes[module] = Scopes(module)
        return self._scopes[module]

    def lines(self, module: Module) -> list[str]:
        """Return the lines of a module."""
        if module not in self._lines:
            self._lines[module] = module.text.split("\n")
        return self._lines[module]

    def read_source(self, node: ast.expr, module: Module) -> str:
        """Return an expression on one line: as it is written, or put together again where it has several."""
        if node.lineno != node.end_lineno or node.end_col_offset is None:
            return unparse(node)
        raw = self.lines(module)[node.lineno - 1].encode(errors="surrogatepass")
        return raw[node.col_offset : node.end_col_offset].decode(errors="surrogatepass")

    def read_function(self, call: PyCall) -> str:
        """Return the text of the function or module that a call stands in."""
        node = self.scope(call).node
        if isinstance(node, ast.Module):
            return call.module.text
        return "\n".join(self.lines(call.module)[node.lineno - 1 : node.end_lineno])

    def is_after(self, call: PyCall, before: PyCall) -> bool:
        """Tell whether a call is made whenever another one was made before it, in the same function."""
        scopes = self.scopes(call.module)
        first = scopes.find_statement(before.node)
        if first is None or call.module is not before.module or call.function != before.function:
            return False
        suite = scopes.find_suite(first)
        behind = suite[suite.index(first) :]
        return call.node.lineno > before.node.lineno and any(each in behind for each in scopes.list_around(call.node))

    def scope(self, call: PyCall) -> Scope:
        """Return the scope that a call stands in."""
        return self.scopes(call.module).find_scope(call.node)

    def find_site(self, call: PyCall) -> Site | None:
        """Return what the engine knows of a call."""
        return self._sites.get(call.node)

    def read_texts(self, call: PyCall, place: int, name: str) -> tuple[str, ...]:
        """Return the texts that an argument may be, with HOLE for what only shows when it runs."""
        site = self.find_site(call)
        return (HOLE,) if site is None else self.texts.read(site.arguments.first(place, name)) or (HOLE,)

    def names(self, call: PyCall) -> frozenset[str]:
        """Return what a call may call: of the program itself `py:…`, of a library the name that the rules know."""
        if call not in self._names:
            self._names[call] = frozenset(map(settle, call.names))
        return self._names[call]

    def find_calls(self, name: str) -> list[PyCall]:
        """Return the calls of a thing of a library."""
        return self._by_name.get(name, [])

    def find_subject(self, call: PyCall) -> str:
        """Return the node of the map that a call stands in."""
        return f"py:{call.module.name}:{call.function}" if call.function else f"py:{call.module.name}"

    def find_callers(self, call: PyCall) -> list[PyCall]:
        """Return the calls of the function that a call stands in."""
        return [] if call.function is None else self._callers.get(self.find_subject(call), [])

    def find_callers_of(self, function: ast.AST, module: Module) -> list[PyCall]:
        """Return the calls of a function; of a class's `__init__` those of the class."""
        name = f"py:{module.name}:{self.scopes(module).find_qualname(function)}"
        names = dict.fromkeys((name, name.removesuffix(".__init__")))
        return [call for each in names for call in self._callers.get(each, ())][:MOST_CALLERS]

    def find_makers(self, call: PyCall) -> list[PyCall]:
        """Return the calls that made the object before the dot."""
        keys = [key[:4] for key in call.receiver if isinstance(key, tuple)]
        found = [self._by_place[key] for key in keys if key in self._by_place]
        func = call.node.func
        if not found and isinstance(func, ast.Attribute) and (inner := self.by_node.get(strip_await(func.value))):
            found.append(inner)
        return found

    def find_on_same(self, call: PyCall) -> list[PyCall]:
        """Return the calls of all that the object before the dot is asked; by its text, where no more is known."""
        if call.receiver:
            return [each for key in call.receiver for each in self._by_object.get(key, ())]
        if not isinstance(call.node.func, ast.Attribute):
            return []
        if self._by_text is None:
            self._by_text = self._list_by_text()
        same = self._by_text.get((call.module.path, unparse(call.node.func.value)), [])
        return [each for each in same if each.function == call.function]

    def find_on_made(self, call: PyCall) -> list[PyCall]:
        """Return the calls of all that the object is asked which this call makes."""
        return self._on_made.get(_place(call), [])

    def _list_by_text(self) -> dict[tuple[str, str], list[PyCall]]:
        """Return the calls of methods by their module and the text before the dot."""
        found: dict[tuple[str, str], list[PyCall]] = {}
        for call in self.program.calls:
            if isinstance(call.node.func, ast.Attribute):
                found.setdefault((call.module.path, unparse(call.node.func.value)), []).append(call)
        return found


def _place(call: PyCall) -> tuple[Hashable, ...]:
    return call.module.path, call.node.lineno, call.node.col_offset, call.node.end_col_offset


def strip_await(node: ast.expr) -> ast.expr:
    """Return what is awaited."""
    return node.value if isinstance(node, ast.Await) else node


def unparse(node: ast.AST) -> str:
    """Return the text of a node, however deep it is."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return "…"
