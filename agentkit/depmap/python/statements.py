"""What do the statements of a module do, in their order, with every way through them taken?"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial

from agentkit.depmap.python import attributes, elements
from agentkit.depmap.python.attributes import add_base, call_method, holding
from agentkit.depmap.python.calling import call
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.expressions import Expressions
from agentkit.depmap.python.importing import read_import, read_import_from
from agentkit.depmap.python.module import Module
from agentkit.depmap.python.scopes import Environment, Names, Scope, find_names
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
    Thing,
)
from agentkit.depmap.python.ways import is_end, is_for_checkers, list_ways

Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Statements:
    """Reads one module."""

    def __init__(self, engine: Engine, module: Module, find_module: Callable[[str, Module], Module | None]) -> None:
        self.engine = engine
        self.module = module
        self.find_module = find_module
        self.expressions = Expressions(engine, module)
        self.waiting: list[tuple[Function, Definition, Scope, Names]] = []
        self.imports: list[tuple[str, str | None, int, Module | None]] = []
        self.is_whole = True
        self._readers: dict[type, Callable[..., bool]] = {
            ast.Assign: self._read_assign,
            ast.AnnAssign: self._read_annotated,
            ast.AugAssign: self._read_augmented,
            ast.Expr: self._read_expression,
            ast.Return: self._read_return,
            ast.FunctionDef: self._read_function,
            ast.AsyncFunctionDef: self._read_function,
            ast.ClassDef: self._read_class,
            ast.If: self._read_if,
            ast.For: self._read_for,
            ast.AsyncFor: self._read_for,
            ast.While: self._read_while,
            ast.With: self._read_with,
            ast.AsyncWith: self._read_with,
            ast.Try: self._read_try,
            ast.Raise: self._read_raise,
            ast.Import: partial(read_import, self),
            ast.ImportFrom: partial(read_import_from, self),
            ast.Match: self._read_match,
            ast.Break: self._read_jump,
            ast.Continue: self._read_jump,
            ast.Assert: self._read_assert,
        }
        trystar = getattr(ast, "TryStar", None)
        if trystar is not None:
            self._readers[trystar] = self._read_try

    def read_module(self, names: Names) -> None:
        """Read the module, then its functions."""
        scope = Scope(self.engine, self.module, "module", None, None, names=names)
        self._read_deep(self.module.tree.body, scope)
        while self.waiting or self.expressions.lambdas:
            if self.waiting:
                function, node, outer, names = self.waiting.pop()
                inner = self.expressions.open_function(function, node.args, outer, names)
                self._read_deep(node.body, inner)
                continue
            function, lambda_, outer, temporary = self.expressions.lambdas.pop()
            inner = self.expressions.open_function(function, lambda_.args, outer, find_names([lambda_.body]))
            inner.now = {**temporary, **inner.now}
            try:
                self.engine.flow(self.expressions.read(lambda_.body, inner), function.returns)
            except RecursionError:
                self.is_whole = False

    def _read_deep(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        try:
            self.read_body(body, scope)
        except RecursionError:
            self.is_whole = False

    def read_body(self, body: Sequence[ast.stmt], scope: Scope) -> bool:
        """Read statements as far as they are reached; tell whether what stands behind them is."""
        for node in body:
            reader = self._readers.get(type(node))
            if reader is not None and not reader(node, scope):
                return False
        return True

    def _value(self, node: ast.expr, scope: Scope) -> Node:
        return self.expressions.read(node, scope)

    # -- assignments -------------------------------------------------------------------------------------------------

    def _read_expression(self, node: ast.Expr, scope: Scope) -> bool:
        self._value(node.value, scope)
        return not is_end(node.value)

    def _read_assert(self, node: ast.Assert, scope: Scope) -> bool:
        self._value(node.test, scope)
        return True

    def _read_assign(self, node: ast.Assign, scope: Scope) -> bool:
        value = self._value(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)
        return True

    def _read_annotated(self, node: ast.AnnAssign, scope: Scope) -> bool:
        if scope.of is not None and isinstance(node.target, ast.Name) and "ClassVar" not in ast.dump(node.annotation):
            scope.of.ordered.append(node.target.id)
            self.expressions.annotated.append((scope.of.instance.field(node.target.id), node.annotation, scope))
        if node.value is not None:
            self.assign(node.target, self._value(node.value, scope), scope)
        elif isinstance(node.target, ast.Attribute):
            self._value(node.target.value, scope)
        return True

    def _read_augmented(self, node: ast.AugAssign, scope: Scope) -> bool:
        target = node.target
        before = self._value(target, scope)
        value = self._value(node.value, scope)
        made = self.expressions.operate(node.op, before, value, node, scope)
        at, engine = self.expressions.at(node, scope), self.engine
        key = self.expressions.key(node)

        def extend(thing: Thing) -> None:
            if isinstance(thing, Container) and thing.kind == "list" and thing.key != (key, "+"):
                elements.iterate(engine, value, thing.some, at)
                thing.added[key] = (value, True)

        if not isinstance(target, ast.Name):
            # Elsewhere the list may be known by other names too.
            engine.watch(before, extend)
        self.assign(target, made, scope)
        return True

    def assign(self, target: ast.expr, value: Node, scope: Scope) -> None:
        """Let a value flow into a target."""
        at = self.expressions.at(target, scope)
        if isinstance(target, ast.Name):
            scope.assign(target.id, value)
        elif isinstance(target, ast.Attribute):
            attributes.store(self.engine, self._value(target.value, scope), target.attr, value, at)
        elif isinstance(target, ast.Subscript):
            base = self._value(target.value, scope)
            key = Node() if isinstance(target.slice, ast.Slice) else self._value(target.slice, scope)
            if isinstance(target.slice, ast.Slice):
                element = Node()
                elements.iterate(self.engine, value, element, at)
                value = element
            elements.store_item(self.engine, base, key, value, at)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            inner = [(Node(), isinstance(each, ast.Starred)) for each in target.elts]
            elements.unpack(self.engine, value, inner, at, self.expressions.key(target))
            for each, (held, _) in zip(target.elts, inner, strict=True):
                self.assign(each, held, scope)

    def _read_return(self, node: ast.Return, scope: Scope) -> bool:
        if node.value is not None:
            value = self._value(node.value, scope)
            if scope.function is not None:
                self.engine.flow(value, scope.function.returns)
        return False

    # -- definitions -------------------------------------------------------------------------------------------------

    def _read_function(self, node: Definition, scope: Scope) -> bool:
        function = Function(self.module, scope.inner_name(node.name), node, node.lineno)
        function.is_async = isinstance(node, ast.AsyncFunctionDef)
        names = find_names(node.body)
        if names.yields:
            function.yields = Node()
        self.expressions.read_parameters(function, node.args, scope)
        function.owner = scope.of
        self.engine.functions.append(function)
        if node.returns is not None:
            self.expressions.annotated.append((function.returns, node.returns, scope))
        value = holding(self.engine, function)
        scope.assign(node.name, self._decorate(node.decorator_list, value, scope))
        self.waiting.append((function, node, scope, names))
        return True

    def _decorate(self, decorators: list[ast.expr], value: Node, scope: Scope) -> Node:
        called = [(self._value(each, scope), each) for each in decorators]
        for decorator, node in reversed(called):
            site = Site(self.module, scope.label, node.lineno, Arguments([(value, False)]), "decorator")
            site.node, site.called = node, decorator
            self.engine.sites.append(site)
            call(self.engine, site)
            value = site.result
        return value

    def _read_class(self, node: ast.ClassDef, scope: Scope) -> bool:
        made = Class(self.module, scope.inner_name(node.name))
        for base in node.bases:
            add_base(self.engine, made, self._value(base, scope))
        for keyword in node.keywords:
            self._value(keyword.value, scope)
        inner = Scope(self.engine, self.module, "class", made.qualname, scope, names=find_names(node.body))
        inner.of, inner.variables = made, made.members
        for name in inner.names.bound:
            inner.variable(name)
        self.read_body(node.body, inner)
        scope.assign(node.name, self._decorate(node.decorator_list, holding(self.engine, made), scope))
        return True

    # -- ways --------------------------------------------------------------------------------------------------------

    def _read_if(self, node: ast.If, scope: Scope) -> bool:
        self._value(node.test, scope)
        before = scope.now
        ways: list[Environment] = []
        for body in list_ways(node):
            scope.now = dict(before)
            count = len(self.imports)
            if self.read_body(body, scope):
                ways.append(scope.now)
            if body is node.body and is_for_checkers(node.test):
                # Never bound when it runs; annotations are read by them all the same.
                del self.imports[count:]
        scope.merge(ways or [before])
        return bool(ways)

    def _read_match(self, node: ast.Match, scope: Scope) -> bool:
        subject = self._value(node.subject, scope)
        before = scope.now
        ways = [before]
        for case in node.cases:
            scope.now = dict(before)
            self._bind_pattern(case.pattern, subject, scope)
            if case.guard is not None:
                self._value(case.guard, scope)
            if self.read_body(case.body, scope):
                ways.append(scope.now)
        scope.merge(ways)
        return True

    def _bind_pattern(self, pattern: ast.pattern, subject: Node, scope: Scope) -> None:
        for each in ast.walk(pattern):
            is_whole = each is pattern
            if isinstance(each, ast.MatchAs) and each.name:
                scope.assign(each.name, subject if is_whole else Node())
            elif isinstance(each, ast.MatchStar) and each.name:
                scope.assign(each.name, Node())
            elif isinstance(each, ast.MatchMapping) and each.rest:
                scope.assign(each.rest, Node())

    def _read_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> bool:
        element = Node()
        elements.iterate(self.engine, self._value(node.iter, scope), element, self.expressions.at(node, scope))
        self._loop(node, scope, lambda: self.assign(node.target, element, scope))
        return True

    def _read_while(self, node: ast.While, scope: Scope) -> bool:
        if isinstance(node.test, ast.Constant) and not node.test.value:
            return self.read_body(node.orelse, scope)
        self._loop(node, scope, lambda: self._value(node.test, scope))
        is_endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return not is_endless or any(isinstance(each, ast.Break) for each in ast.walk(node))

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, scope: Scope, begin: Callable[[], object]) -> None:
        """Read a loop once, with each variable that it sets as it may be in any of its turns."""
        turns: Environment = {}
        for name in find_names([node]).bound:
            both = Node()
            if name in scope.now:
                self.engine.flow(scope.now[name], both)
            turns[name] = both
        before = dict(scope.now)
        scope.now = {**scope.now, **{name: both for name, both in turns.items() if name in scope.names.bound}}
        begin()
        breaks: list[Environment] = []
        ends: list[Environment] = []
        scope.loops.append((breaks, ends))
        if self.read_body(node.body, scope):
            ends.append(scope.now)
        scope.loops.pop()
        for way in (*ends, *breaks):
            for name, both in turns.items():
                if name in way and way[name] is not both:
                    self.engine.flow(way[name], both)
        # A loop that never turned leaves what was there before.
        scope.now = {**before, **{name: both for name, both in turns.items() if name in scope.names.bound}}
        self.read_body(node.orelse, scope)

    def _read_jump(self, node: ast.Break | ast.Continue, scope: Scope) -> bool:
        if scope.loops:
            scope.loops[-1][0 if isinstance(node, ast.Break) else 1].append(scope.now)
        return False

    def _read_try(self, node: ast.Try, scope: Scope) -> bool:
        before = dict(scope.now)
        collector: list[tuple[str, Node]] = []
        scope.collectors.append(collector)
        ways = []
        if self.read_body(node.body, scope) and self.read_body(node.orelse, scope):
            ways.append(scope.now)
        scope.collectors.pop()
        # A handler begins after any part of the body.
        scope.merge([before, *({name: value} for name, value in collector)])
        any_part = scope.now
        for handler in node.handlers:
            scope.now = dict(any_part)
            if handler.type is not None:
                caught = self._value(handler.type, scope)
                if handler.name:
                    self._catch(handler, caught, scope)
            if self.read_body(handler.body, scope):
                ways.append(scope.now)
        if not ways:
            scope.now = any_part
            self.read_body(node.finalbody, scope)
            return False
        scope.merge(ways)
        return self.read_body(node.finalbody, scope)

    def _catch(self, handler: ast.ExceptHandler, caught: Node, scope: Scope) -> None:
        into = Node()

        def take(thing: Thing) -> None:
            if isinstance(thing, Class):
                self.engine.add(into, thing.instance)
            elif isinstance(thing, External):
                self.engine.add(into, self.engine.external_object(thing.name, ("caught", thing.name), None))
            elif isinstance(thing, Container):
                self.engine.watch(thing.every, take)

        self.engine.watch(caught, take)
        scope.assign(handler.name or "", into)

    def _read_raise(self, node: ast.Raise, scope: Scope) -> bool:
        if node.exc is not None:
            value = self._value(node.exc, scope)
            at = self.expressions.at(node, scope)
            classes = Node()
            self.engine.watch(
                value, lambda thing: self.engine.add(classes, thing) if isinstance(thing, Class) else None
            )
            attributes.call_implied(self.engine, classes, Arguments([]), Node(), at, rule="raise")
        if node.cause is not None:
            self._value(node.cause, scope)
        return False

    def _read_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> bool:
        prefix = "__a" if isinstance(node, ast.AsyncWith) else "__"
        for item in node.items:
            value = self._value(item.context_expr, scope)
            entered = Node()
            at = self.expressions.at(item.context_expr, scope)
            self.engine.watch(value, lambda thing, e=entered, at=at: self._enter(thing, e, prefix, at))  # type: ignore[misc]
            if item.optional_vars is not None:
                self.assign(item.optional_vars, entered, scope)
        # What a body raises may end at a manager such as `contextlib.suppress`.
        return self.read_body(node.body, scope) or any(isinstance(each, ast.Raise) for each in ast.walk(node))

    def _enter(self, thing: Thing, into: Node, prefix: str, at: At) -> None:
        if isinstance(thing, Instance):
            result = Node()
            call_method(self.engine, thing, f"{prefix}enter__", Arguments([]), result, at=at)
            call_method(self.engine, thing, f"{prefix}exit__", Arguments([(Node(), False)] * 3), Node(), at=at)
            self.engine.watch(result, lambda made: self._await(made, into))
        elif isinstance(thing, Running):
            if thing.function.yields is not None:
                self.engine.flow(thing.function.yields, into)
        else:
            self.engine.add(into, thing)

    def _await(self, thing: Thing, into: Node) -> None:
        if isinstance(thing, Running) and thing.function.yields is None:
            self.engine.flow(thing.function.returns, into)
        else:
            self.engine.add(into, thing)
