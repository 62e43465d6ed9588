"""Where in a module does an expression stand: in which function, inside what, and what was its name bound to?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentkit.depmap.python.module import Module, resolve_relative

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Holder = ast.Module | ast.ClassDef | Function
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# How a name got its value: by an assignment, as a parameter, by an import, otherwise.
ASSIGNED, PARAMETER, IMPORTED, OTHER = "assigned", "parameter", "imported", "other"
OWNERS = ("self", "cls")


@dataclass(frozen=True, slots=True)
class Binding:
    """One way in which a name gets a value.

    `value` is the expression (of a parameter its default; None: none, or not to be had), `target` the dotted name of
    what is imported.
    """

    kind: str
    value: ast.expr | None = None
    target: str = ""


@dataclass(slots=True)
class Scope:
    """The names of one function, class or module."""

    node: Holder
    outer: Scope | None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    # Of a class: what its methods give to `self`, each with the scope in which the value stands.
    attributes: dict[str, list[tuple[ast.expr, Scope]]] = field(default_factory=dict)

    def find(self, name: str) -> tuple[Scope, list[Binding]] | None:
        """Return the scope that a name is of when it is read here, and its bindings; None: it is nobody's."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not isinstance(scope.node, ast.ClassDef)):
                return scope, scope.names[name]
            scope = scope.outer
        return None

    def find_class(self) -> Scope | None:
        """Return the class around, of which `self` is an object."""
        scope: Scope | None = self
        while scope is not None and not isinstance(scope.node, ast.ClassDef):
            scope = scope.outer
        return scope


class Scopes:
    """The scopes of a module, and what stands around each of its nodes."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.top = Scope(module.tree, None)
        self._parents: dict[ast.AST, ast.AST] = {}
        self._scopes: dict[ast.AST, Scope] = {module.tree: self.top}
        self._shared: list[tuple[Scope, str]] = []
        self._fill()

    def find_scope(self, node: ast.AST) -> Scope:
        """Return the innermost function, class or module that a node stands in."""
        for around in self.list_around(node):
            if around in self._scopes:
                return self._scopes[around]
        return self.top

    def find_qualname(self, function: ast.AST) -> str:
        """Return the `__qualname__` of a function or class."""
        parts: list[str] = []
        for node in (function, *self.list_around(function)):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                if parts and isinstance(node, FUNCTIONS):
                    parts.append("<locals>")
                parts.append("<lambda>" if isinstance(node, ast.Lambda) else node.name)
        return ".".join(reversed(parts))

    def find_parent(self, node: ast.AST) -> ast.AST | None:
        """Return what a node is a part of."""
        return self._parents.get(node)

    def list_around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node is a part of, innermost first, up to the module."""
        parent = self._parents.get(node)
        while parent is not None:
            yield parent
            parent = self._parents.get(parent)

    def list_inside(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node is a part of, innermost first, up to the function that it stands in."""
        for around in self.list_around(node):
            if isinstance(around, (*FUNCTIONS, ast.ClassDef)):
                return
            yield around

    def find_statement(self, node: ast.AST) -> ast.stmt | None:
        """Return the statement that an expression stands in."""
        return next((each for each in self.list_around(node) if isinstance(each, ast.stmt)), None)

    def find_suite(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return the statements among which one stands."""
        parent = self._parents.get(statement)
        for name in ("body", "orelse", "finalbody"):
            suite = getattr(parent, name, None)
            if isinstance(suite, list) and statement in suite:
                return suite
        return [statement]

    def _fill(self) -> None:
        todo: list[tuple[ast.AST, Scope]] = [(self.module.tree, self.top)]
        while todo:
            node, scope = todo.pop()
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node
                inner = scope
                if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                    inner = Scope(child, scope)
                    self._scopes[child] = inner
                    self._enter(child, scope, inner)
                self._bind(child, scope)
                todo.append((child, inner))
        for scope, name in self._shared:
            # What a function gives to a name of the module is one more value of that.
            for holder in (self.top, scope.outer or self.top):
                holder.names.setdefault(name, []).append(Binding(OTHER))

    def _enter(self, node: ast.AST, scope: Scope, inner: Scope) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            _add(scope, node.name, Binding(OTHER))
        if isinstance(node, FUNCTIONS):
            for argument in list_parameters(node):
                value = find_default(node, argument.arg)
                _add(inner, argument.arg, Binding(PARAMETER, value))
            for rest in (node.args.vararg, node.args.kwarg):
                if rest is not None:
                    _add(inner, rest.arg, Binding(OTHER))

    def _bind(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _bind_target(target, node.value, scope)
        elif isinstance(node, ast.AnnAssign):
            # `x: int` alone gives it no value, and of a dataclass one that its maker is given.
            _bind_target(node.target, node.value, scope)
        elif isinstance(node, ast.NamedExpr):
            _bind_target(node.target, node.value, scope)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            _add(scope, node.target.id, Binding(OTHER))
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            for each in ast.walk(node.target):
                if isinstance(each, ast.Name):
                    _add(scope, each.id, Binding(OTHER))
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            _bind_target(node.optional_vars, None, scope)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                _add(scope, name, Binding(IMPORTED, target=alias.name if alias.asname else name))
        elif isinstance(node, ast.ImportFrom):
            base = resolve_relative(self.module, node) or ""
            for alias in node.names:
                _add(scope, alias.asname or alias.name, Binding(IMPORTED, target=f"{base}.{alias.name}"))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            _add(scope, node.name, Binding(OTHER))
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            self._shared.extend((scope, name) for name in node.names)


def list_parameters(function: Function) -> list[ast.arg]:
    """Return the parameters of a function that have names, in their order."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def find_default(function: Function, name: str) -> ast.expr | None:
    """Return the default of a parameter, None where it has none."""
    arguments = function.args
    ordered = [*arguments.posonlyargs, *arguments.args]
    for argument, value in zip(reversed(ordered), reversed(arguments.defaults), strict=False):
        if argument.arg == name:
            return value
    for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.arg == name:
            return given
    return None


def _add(scope: Scope, name: str, binding: Binding) -> None:
    scope.names.setdefault(name, []).append(binding)


def _bind_target(target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        _add(scope, target.id, Binding(OTHER if value is None else ASSIGNED, value))
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id in OWNERS:
        holder = scope.find_class()
        if holder is not None and value is not None:
            holder.attributes.setdefault(target.attr, []).append((value, scope))
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        is_alike = len(parts) == len(target.elts)
        for place, each in enumerate(target.elts):
            _bind_target(each, parts[place] if is_alike else None, scope)
    elif isinstance(target, ast.Starred):
        _bind_target(target.value, None, scope)
