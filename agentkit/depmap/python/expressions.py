"""Which variable holds what an expression gives, and what flows into it?"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from functools import partial

from agentkit.depmap.python import attributes, displays, elements
from agentkit.depmap.python.calling import call
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.module import Module
from agentkit.depmap.python.scopes import BUILTINS, Environment, Names, Scope
from agentkit.depmap.python.things import (
    Arguments,
    At,
    Class,
    Container,
    External,
    Function,
    Instance,
    Node,
    Running,
    Site,
    Super,
    Thing,
)

LONGEST_EVAL = 2000
METHODS = {
    ast.Add: "__add__",
    ast.Sub: "__sub__",
    ast.Mult: "__mul__",
    ast.Div: "__truediv__",
    ast.FloorDiv: "__floordiv__",
    ast.Mod: "__mod__",
    ast.BitOr: "__or__",
    ast.BitAnd: "__and__",
    ast.BitXor: "__xor__",
    ast.LShift: "__lshift__",
    ast.RShift: "__rshift__",
    ast.MatMult: "__matmul__",
    ast.Pow: "__pow__",
}
SIGNS = {ast.Add: "+", ast.Div: "/", ast.Mod: "%"}


class Expressions:
    """Reads the expressions of one module."""

    def __init__(self, engine: Engine, module: Module) -> None:
        self.engine = engine
        self.module = module
        # Lambdas are read when what stands around them is.
        self.lambdas: list[tuple[Function, ast.Lambda, Scope, Environment]] = []
        # The variables of the comprehensions around: lambdas within see them.
        self.temporary: Environment = {}
        self.annotated: list[tuple[Node, ast.expr, Scope]] = []
        self._readers: dict[type, Callable[..., Node]] = {
            ast.Constant: self._read_constant,
            ast.Name: self._read_name,
            ast.Attribute: self._read_attribute,
            ast.Call: self.read_call,
            ast.Subscript: self._read_subscript,
            ast.BinOp: self._read_operator,
            ast.BoolOp: self._read_any,
            ast.IfExp: self._read_choice,
            ast.Lambda: self._read_lambda,
            ast.List: partial(displays.read_display, self),
            ast.Tuple: partial(displays.read_display, self),
            ast.Set: partial(displays.read_display, self),
            ast.Dict: partial(displays.read_dict, self),
            ast.ListComp: partial(displays.read_comprehension, self),
            ast.SetComp: partial(displays.read_comprehension, self),
            ast.GeneratorExp: partial(displays.read_comprehension, self),
            ast.DictComp: partial(displays.read_comprehension, self),
            ast.JoinedStr: self._read_joined,
            ast.FormattedValue: self._read_formatted,
            ast.Await: self._read_await,
            ast.Yield: self._read_yield,
            ast.YieldFrom: self._read_yield_from,
            ast.NamedExpr: self._read_walrus,
            ast.UnaryOp: self._read_unary,
            ast.Compare: self._read_compare,
            ast.Starred: self._read_starred,
        }

    def read(self, node: ast.expr, scope: Scope) -> Node:
        """Return the variable that holds what an expression gives."""
        reader = self._readers.get(type(node))
        return reader(node, scope) if reader is not None else Node()

    def at(self, node: ast.AST, scope: Scope) -> At:
        """Return where a node stands."""
        return self.module, scope.label, getattr(node, "lineno", 0)

    def key(self, node: ast.AST) -> tuple[Hashable, ...]:
        """Return what tells a place from all others."""
        return (
            self.module.path,
            getattr(node, "lineno", 0),
            getattr(node, "col_offset", 0),
            getattr(node, "end_col_offset", 0),
        )

    def _holding(self, thing: Thing) -> Node:
        return attributes.holding(self.engine, thing)

    def _read_constant(self, node: ast.Constant, scope: Scope) -> Node:
        del scope
        value = node.value
        if isinstance(value, str):
            return self._holding(self.engine.text(value))
        if isinstance(value, bytes):
            return self._holding(self.engine.text(value.decode("latin-1")))
        if isinstance(value, int):
            return self._holding(self.engine.number(int(value)))
        return Node()

    def _read_name(self, node: ast.Name, scope: Scope) -> Node:
        found = scope.find(node.id)
        if found is not None:
            return found
        name = node.id
        if name == "__file__":
            return self._holding(self.engine.text(self.module.path))
        if name == "__name__":
            return self._holding(self.engine.text(self.module.name))
        holder = scope.top().variable(name)
        outside = Node()
        if name in BUILTINS:
            self.engine.add(outside, self.engine.external(f"builtins.{name}"))
        else:
            for star in scope.outside_stars:
                self.engine.add(outside, self.engine.external(f"{star}.{name}"))
        self.engine.flow(holder, outside)
        return outside

    def _read_attribute(self, node: ast.Attribute, scope: Scope) -> Node:
        into = Node()
        base = self.read(node.value, scope)
        attributes.load(self.engine, base, node.attr, into, self.at(node, scope))
        return into

    def read_call(self, node: ast.Call, scope: Scope) -> Node:
        """Return what a call gives, and remember it as a site."""
        function = node.func
        base = None
        if isinstance(function, ast.Attribute):
            base = self.read(function.value, scope)
            called = Node()
            attributes.load(self.engine, base, function.attr, called, self.at(function, scope))
        else:
            called = self.read(function, scope)
        site = Site(self.module, scope.label, node.lineno, self._read_arguments(node, scope))
        site.node, site.base, site.called = node, base, called
        self.engine.sites.append(site)
        if isinstance(function, ast.Name) and function.id == "super" and scope.find("super") is None:
            self._read_super(site, scope)
        elif isinstance(function, ast.Name) and function.id == "eval" and scope.find("eval") is None:
            self._read_eval(node, site, scope)
        call(self.engine, site)
        return site.result

    def _read_arguments(self, node: ast.Call, scope: Scope) -> Arguments:
        positions = []
        for each in node.args:
            if isinstance(each, ast.Starred):
                positions.append((self.read(each.value, scope), True))
            else:
                positions.append((self.read(each, scope), False))
        names, doubles = {}, []
        for keyword in node.keywords:
            value = self.read(keyword.value, scope)
            if keyword.arg is None:
                doubles.append(value)
            else:
                names[keyword.arg] = value
        return Arguments(positions, names, doubles)

    def _read_super(self, site: Site, scope: Scope) -> None:
        given = site.arguments.first(1)
        method: Scope | None = scope
        while method is not None and (method.function is None or method.function.owner is None):
            method = method.outer
        function = method.function if method is not None else None
        if function is None or function.owner is None:
            return
        after = function.owner
        if given is None:
            if not function.parameters:
                return
            given = function.parameters[0][1]

        def take(thing: Thing) -> None:
            if isinstance(thing, (Instance, Class)):
                made = self.engine.one(("super", after, thing), lambda: Super(after, thing))
                self.engine.add(site.result, made)

        self.engine.watch(given, take)

    def _read_eval(self, node: ast.Call, site: Site, scope: Scope) -> None:
        """Read the text of an `eval` that is a constant."""
        text = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if not isinstance(text, str) or len(text) > LONGEST_EVAL:
            return
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        ast.increment_lineno(tree, node.lineno - 1)
        self.engine.flow(self.read(tree.body, scope), site.result)

    def _read_subscript(self, node: ast.Subscript, scope: Scope) -> Node:
        into = Node()
        base = self.read(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            bounds = tuple(_read_bound(each) for each in (node.slice.lower, node.slice.upper, node.slice.step))
            elements.slice_items(self.engine, base, bounds, into)  # type: ignore[arg-type]
        else:
            key = self.read(node.slice, scope)
            elements.load_item(self.engine, base, key, into, self.at(node, scope))
        return into

    def _read_operator(self, node: ast.BinOp, scope: Scope) -> Node:
        left, right = self.read(node.left, scope), self.read(node.right, scope)
        return self.operate(node.op, left, right, node, scope)

    def operate(self, operator: ast.operator, left: Node, right: Node, node: ast.AST, scope: Scope) -> Node:
        """Return what an operator makes of two values."""
        engine, into, at = self.engine, Node(), self.at(node, scope)
        sign = SIGNS.get(type(operator))
        if sign is not None:
            engine.add(into, engine.formed(sign, [left, right], self.key(node)))
        method = METHODS[type(operator)]

        def take(thing: Thing) -> None:
            if isinstance(thing, Instance):
                attributes.call_method(engine, thing, method, Arguments([(right, False)]), into, at=at)
            elif isinstance(thing, Container):
                made = engine.container(thing.kind, (self.key(node), sign))
                if not made.items:
                    made.items = [(left, True), (right, True)]
                elements.iterate(engine, left, made.some, at)
                elements.iterate(engine, right, made.some, at)
                engine.add(into, made)

        engine.watch(left, take)
        return into

    def _read_any(self, node: ast.BoolOp, scope: Scope) -> Node:
        into = Node()
        for each in node.values:
            self.engine.flow(self.read(each, scope), into)
        return into

    def _read_choice(self, node: ast.IfExp, scope: Scope) -> Node:
        into = Node()
        self.read(node.test, scope)
        self.engine.flow(self.read(node.body, scope), into)
        self.engine.flow(self.read(node.orelse, scope), into)
        return into

    def _read_lambda(self, node: ast.Lambda, scope: Scope) -> Node:
        function = Function(self.module, scope.inner_name("<lambda>"), node, node.lineno)
        self.read_parameters(function, node.args, scope)
        self.engine.functions.append(function)
        self.lambdas.append((function, node, scope, dict(self.temporary)))
        return self._holding(function)

    def read_parameters(self, function: Function, arguments: ast.arguments, scope: Scope) -> None:
        """Give a function its parameters, with what their defaults hold."""
        plain = [*arguments.posonlyargs, *arguments.args]
        for argument in plain:
            node = Node()
            function.parameters.append((argument.arg, node))
            function.named[argument.arg] = node
        for argument in arguments.posonlyargs:
            del function.named[argument.arg]
        for argument in arguments.kwonlyargs:
            function.named[argument.arg] = Node()
        first = len(plain) - len(arguments.defaults)
        for place, default in enumerate(arguments.defaults, first):
            self.engine.flow(self.read(default, scope), function.parameters[place][1])
        for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if given is not None:
                self.engine.flow(self.read(given, scope), function.named[argument.arg])
        if arguments.vararg is not None:
            function.rest = self.engine.container("tuple", ("rest", function))
        if arguments.kwarg is not None:
            function.keyword = self.engine.container("dict", ("keyword", function))
        nodes = {**dict(function.parameters), **function.named}
        for argument in (*plain, *arguments.kwonlyargs):
            if argument.annotation is not None:
                self.annotated.append((nodes[argument.arg], argument.annotation, scope))

    def open_function(self, function: Function, arguments: ast.arguments, scope: Scope, names: Names) -> Scope:
        """Return the scope of a function, in which its parameters hold their values."""
        inner = Scope(self.engine, self.module, "function", function.qualname, scope, names=names)
        inner.function, inner.label = function, function.qualname
        nodes = {**dict(function.parameters), **function.named}
        if arguments.vararg is not None and function.rest is not None:
            nodes[arguments.vararg.arg] = self._holding(function.rest)
        if arguments.kwarg is not None and function.keyword is not None:
            nodes[arguments.kwarg.arg] = self._holding(function.keyword)
        inner.names.bound.update(nodes)
        for name, node in nodes.items():
            inner.assign(name, node)
        return inner

    def _read_joined(self, node: ast.JoinedStr, scope: Scope) -> Node:
        parts = [self.read(each, scope) for each in node.values]
        return self._holding(self.engine.formed("f", parts, self.key(node)))

    def _read_formatted(self, node: ast.FormattedValue, scope: Scope) -> Node:
        value = self.read(node.value, scope)
        if node.format_spec is None and node.conversion in (-1, ord("s")):
            return value
        # Padded or quoted, it reads otherwise.
        return self._holding(self.engine.formed("format", [value], self.key(node)))

    def _read_await(self, node: ast.Await, scope: Scope) -> Node:
        into, value = Node(), self.read(node.value, scope)
        at = self.at(node, scope)

        def take(thing: Thing) -> None:
            if isinstance(thing, Running):
                self.engine.flow(thing.function.returns, into)
            elif isinstance(thing, Instance):
                attributes.call_method(self.engine, thing, "__await__", Arguments([]), into, at=at)
            else:
                self.engine.add(into, thing)

        self.engine.watch(value, take)
        return into

    def _read_yield(self, node: ast.Yield, scope: Scope) -> Node:
        if scope.function is not None and scope.function.yields is not None and node.value is not None:
            self.engine.flow(self.read(node.value, scope), scope.function.yields)
        return Node()

    def _read_yield_from(self, node: ast.YieldFrom, scope: Scope) -> Node:
        into, value = Node(), self.read(node.value, scope)
        if scope.function is not None and scope.function.yields is not None:
            elements.iterate(self.engine, value, scope.function.yields, self.at(node, scope))
        self.engine.watch(
            value,
            lambda thing: self.engine.flow(thing.function.returns, into) if isinstance(thing, Running) else None,
        )
        return into

    def _read_walrus(self, node: ast.NamedExpr, scope: Scope) -> Node:
        value = self.read(node.value, scope)
        if isinstance(node.target, ast.Name):
            scope.assign(node.target.id, value)
        return value

    def _read_unary(self, node: ast.UnaryOp, scope: Scope) -> Node:
        inner = node.operand
        if isinstance(node.op, ast.USub) and isinstance(inner, ast.Constant) and type(inner.value) is int:
            return self._holding(self.engine.number(-inner.value))
        self.read(inner, scope)
        return Node()

    def _read_compare(self, node: ast.Compare, scope: Scope) -> Node:
        left = self.read(node.left, scope)
        at = self.at(node, scope)
        for operator, each in zip(node.ops, node.comparators, strict=True):
            right = self.read(each, scope)
            if isinstance(operator, (ast.In, ast.NotIn)):
                self.engine.watch(right, lambda thing: self._look_in(thing, left, at))
        return Node()

    def _look_in(self, thing: Thing, key: Node, at: At) -> None:
        if isinstance(thing, External) and thing.name in elements.ENVIRONMENT:
            self.engine.environment.append((key, at))
        elif isinstance(thing, Instance):
            attributes.call_method(self.engine, thing, "__contains__", Arguments([(key, False)]), Node(), at=at)

    def _read_starred(self, node: ast.Starred, scope: Scope) -> Node:
        return self.read(node.value, scope)


def _read_bound(node: ast.expr | None) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _read_bound(node.operand)
        return -inner if inner is not None else None
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else None
