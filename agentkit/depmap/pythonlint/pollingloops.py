"""Which loops look again and again for something that may never come, without counting and without a clock?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agentkit.core.hiding import hide_secrets
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.view import View, unparse
from agentkit.depmap.wait import UNBOUNDED, Wait

WHY = "it looks again and again, and what it looks for may never come"
LEAVES = (ast.Break, ast.Return)
# A body of more than so many statements does its work, and does not look.
MOST_STEPS = 3
SLEEPS = frozenset({"time.sleep", "asyncio.sleep"})
# What looks at the world outside of the process.
LOOKS = frozenset(
    {
        *("os.path.exists", "os.path.isfile", "os.path.isdir", "os.path.islink", "os.path.getsize", "os.path.ismount"),
        *("os.listdir", "os.access", "pathlib.Path.exists", "pathlib.Path.is_file", "pathlib.Path.is_dir"),
        *("subprocess.call", "os.system", "subprocess.Popen.poll", "socket.socket.connect_ex"),
    }
)
# A sleep, and the limit of one look, count nothing.
NO_CLOCK = re.compile(r"\btime\.sleep\b|\btimeout\s*=\s*[\d.]+")
CLOCK = re.compile(r"\b(?:time|monotonic|perf_counter|now|utcnow|deadline|timeout|tries|attempts?|retries|count)\b")


def find_polling_loops(view: View) -> Iterator[Wait]:
    """Yield the loops `while not there: sleep` that nothing ends but what they look for."""
    seen: set[ast.AST] = set()
    for name in LOOKS:
        for call in view.find_calls(name):
            loop = _find_loop(call, view)
            if loop is None or loop in seen or not _only_waits(loop, call, view):
                continue
            seen.add(loop)
            test = view.read_source(loop.test, call.module)
            command = hide_secrets(f"while {test}:")
            inner = f"({test})" if isinstance(loop.test, ast.BoolOp) else test
            fix = hide_secrets(f"deadline = time.monotonic() + 60; while time.monotonic() < deadline and {inner}:")
            yield Wait(UNBOUNDED, view.find_subject(call), command, call.module.path, loop.lineno, command, WHY, fix)


def find_endless_polling(view: View) -> Iterator[Wait]:
    """Yield the loops `while True` that sleep, and that only what they look for ends."""
    seen: set[ast.AST] = set()
    for name in SLEEPS:
        for call in view.find_calls(name):
            loop = _find_endless(call, view)
            if loop is None or loop in seen or not _leaves_when_there(loop, view):
                continue
            seen.add(loop)
            if _has_clock(loop, view.lines(call.module)):
                continue
            command = f"while {view.read_source(loop.test, call.module)}:"
            fix = "deadline = time.monotonic() + 60; while time.monotonic() < deadline:"
            yield Wait(UNBOUNDED, view.find_subject(call), command, call.module.path, loop.lineno, command, WHY, fix)


def _find_endless(call: PyCall, view: View) -> ast.While | None:
    """Return the nearest loop around a call, if it is one without an end of its own."""
    for around in view.scopes(call.module).list_inside(call.node):
        if isinstance(around, (ast.For, ast.AsyncFor, ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        if isinstance(around, ast.While):
            return around if isinstance(around.test, ast.Constant) and around.test.value else None
    return None


def _leaves_when_there(loop: ast.While, view: View) -> bool:
    """Tell whether a loop does nothing but look, leave when it found, and sleep: by `if`, or when nothing is raised."""
    leaving = False
    for each in loop.body:
        if isinstance(each, ast.If) and not each.orelse:
            looks = {name for node in ast.walk(each.test) for name in _names_of(node, view)} & LOOKS
            if not looks or not isinstance(each.body[-1], LEAVES):
                return False
            leaving = True
        elif isinstance(each, ast.Try):
            ends = [*each.body, *each.orelse]
            handled = [node for handler in each.handlers for inner in handler.body for node in ast.walk(inner)]
            if not isinstance(ends[-1], LEAVES) or len(ends) > MOST_STEPS or not each.handlers:
                return False
            if any(isinstance(node, (*LEAVES, ast.Raise, ast.If, ast.AugAssign)) for node in handled):
                return False
            leaving = True
        elif not isinstance(each, ast.Expr) or not isinstance(each.value, (ast.Call, ast.Await)):
            return False
    return leaving


def _names_of(node: ast.AST, view: View) -> frozenset[str]:
    call = view.by_node.get(node)
    return view.names(call) if call is not None else frozenset()


def _find_loop(call: PyCall, view: View) -> ast.While | None:
    """Return the loop whose test a call is."""
    scopes = view.scopes(call.module)
    inner: ast.AST = call.node
    for around in scopes.list_inside(call.node):
        if isinstance(around, ast.stmt):
            return around if isinstance(around, ast.While) and inner is around.test else None
        inner = around
    return None


def _only_waits(loop: ast.While, call: PyCall, view: View) -> bool:
    """Tell whether a loop sleeps, and neither leaves by itself nor counts nor looks at a clock."""
    sleeps = False
    for each in loop.body:
        for node in ast.walk(each):
            if isinstance(node, (ast.Break, ast.Return, ast.Raise, ast.AugAssign, ast.Yield, ast.Await)):
                return False
            inner = view.by_node.get(node)
            sleeps = sleeps or (inner is not None and bool(view.names(inner) & SLEEPS))
    return sleeps and not CLOCK.search(unparse(loop.test)) and not _has_clock(loop, view.lines(call.module))


def _has_clock(loop: ast.While, lines: list[str]) -> bool:
    return any(CLOCK.search(NO_CLOCK.sub("", line)) for line in lines[loop.lineno : loop.end_lineno])
