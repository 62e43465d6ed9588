"""What do the calls of a module call, by imports, aliases and the constructors that were assigned to names?"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Hashable, Iterator

from agentkit.depmap.python.locating import Modules
from agentkit.depmap.python.module import Module, resolve_relative
from agentkit.depmap.python.program import PyCall

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
RETURNS = {"builtins.open": "io.TextIOWrapper"}


class _Scope:
    def __init__(self, outer: _Scope | None, qualname: str | None, kind: str) -> None:
        self.outer = outer
        self.qualname = qualname
        self.kind = kind
        self.names: dict[str, str] = {}
        self.made: dict[str, tuple[str, Hashable]] = {}
        self.attributes: dict[str, tuple[str, Hashable]] = {}

    def child(self, name: str) -> str:
        if self.qualname is None:
            return name
        return f"{self.qualname}.<locals>.{name}" if self.kind == "function" else f"{self.qualname}.{name}"


def find_calls(module: Module, modules: Modules) -> Iterator[PyCall]:
    """Yield the calls of a module."""
    yield from _Reader(module, modules).read()


class _Reader:
    def __init__(self, module: Module, modules: Modules) -> None:
        self.module, self.modules = module, modules
        self.calls: list[PyCall] = []

    def read(self) -> list[PyCall]:
        top = _Scope(None, None, "module")
        self._fill(self.module.tree.body, top)
        self._walk(self.module.tree.body, top, None)
        return self.calls

    def _fill(self, body: list[ast.stmt], scope: _Scope) -> None:
        todo: list[ast.AST] = list(reversed(body))
        while todo:
            node = todo.pop()
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                scope.names[node.name] = f"py:{self.module.name}:{scope.child(node.name)}"
                continue
            if isinstance(node, ast.Lambda):
                continue
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    scope.names[alias.asname or name] = name
            elif isinstance(node, ast.ImportFrom):
                base = resolve_relative(self.module, node)
                for alias in node.names:
                    if base:
                        scope.names[alias.asname or alias.name] = self._join(base, alias.name)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind(target, node.value, scope)
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
                self._bind(node.target, node.value, scope)
            elif isinstance(node, (ast.With, ast.AsyncWith)):
                for item in node.items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, item.context_expr, scope)
            todo.extend(reversed(list(ast.iter_child_nodes(node))))

    def _join(self, base: str, name: str) -> str:
        inner = self.modules.by_name.get(base)
        if inner is not None and f"{base}.{name}" not in self.modules.by_name:
            return f"py:{base}:{name}"
        return f"{base}.{name}"

    def _bind(self, target: ast.expr, value: ast.expr, scope: _Scope) -> None:
        made: tuple[str, Hashable] | None = None
        if isinstance(value, ast.Await):
            value = value.value
        if isinstance(value, ast.Call):
            called = self._name(value.func, scope)[0]
            if called is not None:
                called = RETURNS.get(called, called)
                made = (called, (self.module.path, value.lineno, value.col_offset))
        if isinstance(target, ast.Name):
            if made is not None:
                scope.made[target.id] = made
            elif isinstance(value, (ast.Name, ast.Attribute)):
                name, _ = self._name(value, scope)
                if name is not None:
                    scope.names[target.id] = name
        elif made is not None and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            holder: _Scope | None = scope
            while holder is not None and holder.kind != "class":
                holder = holder.outer
            if holder is not None and target.value.id in ("self", "cls"):
                holder.attributes[target.attr] = made

    def _name(self, node: ast.expr, scope: _Scope) -> tuple[str | None, frozenset[Hashable]]:
        """Return what an expression names, and where the object before the dot was made."""
        if isinstance(node, ast.Name):
            at: _Scope | None = scope
            while at is not None:
                if at.kind != "class" or at is scope:
                    if node.id in at.names:
                        return at.names[node.id], frozenset()
                    if node.id in at.made:
                        return at.made[node.id][0], frozenset({at.made[node.id][1]})
                at = at.outer
            return (f"builtins.{node.id}" if hasattr(builtins, node.id) else None), frozenset()
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                holder: _Scope | None = scope
                while holder is not None and holder.kind != "class":
                    holder = holder.outer
                if holder is not None and node.attr in holder.attributes:
                    name, key = holder.attributes[node.attr]
                    return name, frozenset({key})
                if holder is not None and node.attr in holder.names:
                    return holder.names[node.attr], frozenset()
            base, key = self._name(node.value, scope)
            if base is None:
                return None, frozenset()
            if base in self.modules.by_name and f"{base}.{node.attr}" not in self.modules.by_name:
                return f"py:{base}:{node.attr}", key
            return f"{base}.{node.attr}", key
        if isinstance(node, ast.Call):
            name, _ = self._name(node.func, scope)
            return RETURNS.get(name or "", name), frozenset({(self.module.path, node.lineno, node.col_offset)})
        return None, frozenset()

    def _walk(self, body: list[ast.stmt], scope: _Scope, function: str | None) -> None:
        todo: list[tuple[ast.AST, _Scope, str | None]] = [(node, scope, function) for node in reversed(body)]
        while todo:
            node, at, inside = todo.pop()
            if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
                is_class = isinstance(node, ast.ClassDef)
                called = "<lambda>" if isinstance(node, ast.Lambda) else node.name
                inner = _Scope(at, at.child(called), "class" if is_class else "function")
                content: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
                if not isinstance(node, ast.Lambda):
                    self._fill(node.body, inner)
                    todo.extend((each, at, inside) for each in node.decorator_list)
                if isinstance(node, FUNCTIONS):
                    todo.extend((each, at, inside) for each in node.args.defaults)
                if isinstance(node, ast.ClassDef):
                    for each in node.body:
                        if isinstance(each, FUNCTIONS):
                            method = _Scope(inner, inner.child(each.name), "function")
                            self._fill(each.body, method)
                todo.extend((each, inner, inside if is_class else inner.qualname) for each in reversed(content))
                continue
            if isinstance(node, ast.Call):
                name, receiver = self._name(node.func, at)
                names = frozenset({name} if name is not None else ())
                self.calls.append(PyCall(node, self.module, inside, names, receiver))
            todo.extend((each, at, inside) for each in reversed(list(ast.iter_child_nodes(node))))
