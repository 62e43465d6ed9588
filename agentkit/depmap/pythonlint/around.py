"""What around a call bounds it: a default of sockets, a limit of asyncio, an alarm; or does a service wait in it?"""

from __future__ import annotations

import ast

from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.limits import ABSENT, GIVEN, NONE, Limits
from agentkit.depmap.pythonlint.scopes import FUNCTIONS, Scopes
from agentkit.depmap.pythonlint.view import View, unparse

MOST_CALLERS = 50
DEEPEST = 8
KILLS = frozenset({"kill"})
# Asked first, they say whether there is something to be read; each is judged by itself.
POLLS = (
    *("select.select", "select.poll.poll", "select.epoll.poll", "selectors.DefaultSelector.select"),
    *("multiprocessing.Connection.poll", "multiprocessing.wait", "zmq.Socket.poll", "zmq.Poller.poll"),
)
ALARMS = ("signal.alarm", "signal.setitimer")
Place = tuple[int, int]


class Around:
    """Answers what stands around the calls of a program."""

    def __init__(self, view: View, limits: Limits) -> None:
        self.view = view
        self.limits = limits

    def has_socket_default(self, call: PyCall) -> bool:
        """Tell whether socket.setdefaulttimeout gave all sockets a limit before this call."""
        return any(
            self.limits.read(each, "timeout", 0).state not in (ABSENT, NONE) and self._is_before(each, call)
            for each in self.view.find_calls("socket.setdefaulttimeout")
        )

    def has_alarm(self, call: PyCall) -> bool:
        """Tell whether an alarm is set at the call: by the last word before it in its function, or at the top."""
        alarms = [each for name in ALARMS for each in self.view.find_calls(name)]
        own = [each for each in alarms if each.module is call.module and each.function == call.function]
        before = [each for each in own if _place(each) < _place(call)]
        if before:
            return self._sets(max(before, key=_place))
        return bool(alarms) and all(map(self._sets, alarms)) and any(self._is_before(each, call) for each in alarms)

    def _sets(self, alarm: PyCall) -> bool:
        position = 1 if alarm.node.args[1:] else 0
        return self.limits.read(alarm, "seconds", position).state == GIVEN

    def _is_before(self, setter: PyCall, call: PyCall) -> bool:
        """Tell whether what is set is so when the call is made: set at the top or in main, or before it beside it."""
        is_same = setter.module is call.module and setter.function == call.function
        if is_same:
            return _place(setter) < _place(call)
        return setter.function is None or setter.function.rpartition(".")[2] == "main"

    def is_polled(self, call: PyCall) -> bool:
        """Tell whether it was asked before, in the same function, whether there is something to be read."""
        polls = (each for name in POLLS for each in self.view.find_calls(name))
        return any(
            each.module is call.module and each.function == call.function and _place(each) < _place(call)
            for each in polls
        )

    def is_service(self, call: PyCall) -> bool:
        """Tell whether the call stands in a loop without an end: waiting for work is what a service does."""
        scopes = self.view.scopes(call.module)
        inner: ast.AST = call.node
        for around in scopes.list_inside(call.node):
            is_body = isinstance(around, ast.While) and inner is not around.test
            if isinstance(around, ast.While) and is_body and _is_true(around.test) and not _can_end(around):
                return True
            inner = around
        return False

    def is_limited(self, call: PyCall, depth: int = 0) -> bool:
        """Tell whether asyncio ends what is awaited: wait_for or timeout() around it, or around all who call it."""
        scopes = self.view.scopes(call.module)
        if self._has_limit_around(call, scopes):
            return True
        if call.function is None or depth > DEEPEST:
            return False
        callers = self.view.find_callers(call)
        if not callers or len(callers) > MOST_CALLERS:
            return False
        return all(each.function != call.function and self.is_limited(each, depth + 1) for each in callers)

    def _has_limit_around(self, call: PyCall, scopes: Scopes) -> bool:
        inner: ast.AST = call.node
        for around in scopes.list_around(call.node):
            if isinstance(around, (*FUNCTIONS, ast.ClassDef)):
                return False
            if isinstance(around, ast.Call) and around.args and inner is around.args[0]:
                waiting = self.view.by_node.get(around)
                if waiting is not None and "asyncio.wait_for" in self.view.names(waiting) and self._gives(waiting, 1):
                    return True
            if isinstance(around, (ast.With, ast.AsyncWith)) and inner in around.body:
                for item in around.items:
                    limit = self.view.by_node.get(item.context_expr)
                    if limit is not None and "asyncio.timeout" in self.view.names(limit) and self._gives(limit, 0):
                        return True
            inner = around
        return False

    def _gives(self, limit: PyCall, position: int) -> bool:
        """Tell whether a limit is one, whatever its argument is called in its library."""
        names = ("timeout", "delay", "when", "seconds")
        states = {self.limits.read(limit, name, position).state for name in names} - {ABSENT}
        return bool(states) and not states & {NONE}

    def is_killed_before(self, call: PyCall, verbs: frozenset[str] = KILLS) -> bool:
        """Tell whether the process was killed just before it is waited for."""
        scopes = self.view.scopes(call.module)
        statement = scopes.find_statement(call.node)
        if statement is None:
            return False
        suite = scopes.find_suite(statement)
        earlier = suite[: suite.index(statement)]
        same = {each.node for each in self.view.find_on_same(call)}
        for each in earlier:
            for node in ast.walk(each):
                if not isinstance(node, ast.Call) or not _kills(node, verbs):
                    continue
                if node in same or "SIGKILL" in unparse(node):
                    return True
        return False


def _kills(node: ast.Call, verbs: frozenset[str]) -> bool:
    name = unparse(node.func).rpartition(".")[2]
    return name in verbs or (name in ("send_signal", "killpg") and "SIGKILL" in unparse(node))


def _is_true(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)


def _can_end(loop: ast.While) -> bool:
    """Tell whether a break or a return leads out of a loop."""
    todo: list[tuple[ast.AST, bool]] = [(each, False) for each in loop.body]
    while todo:
        node, is_inner = todo.pop()
        if isinstance(node, ast.Return) or (isinstance(node, ast.Break) and not is_inner):
            return True
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            continue
        is_loop = isinstance(node, (ast.For, ast.AsyncFor, ast.While))
        todo.extend((child, is_inner or is_loop) for child in ast.iter_child_nodes(node))
    return False


def _place(call: PyCall) -> Place:
    return call.node.lineno, call.node.col_offset
