"""What bounds a call that starts another program, or waits for one, for a person, or for the other end of a fifo?"""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import replace

from agentkit.depmap.boundsgap import KILL_AFTER_S, Gap, unbounded
from agentkit.depmap.boundsshell import looks_like_fifo
from agentkit.depmap.calls import HOLE
from agentkit.depmap.lintaround import is_fifo_on_disk
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.limits import ABSENT, GIVEN, NONE
from agentkit.depmap.pythonlint.rows import Asked, Judges, Row, Rows, escape, judge_row
from agentkit.depmap.pythonlint.startedwaits import judge_started, list_commands
from agentkit.depmap.pythonlint.view import unparse
from agentkit.depmap.wait import PARTLY, UNBOUNDED

RUNNERS = ("run", "call", "check_call", "check_output")
OUTPUTS = ("getoutput", "getstatusoutput")
OUTPUT_FIX = "subprocess.run({first}, shell=True, capture_output=True, text=True, timeout=60)"
NON_BLOCKING = re.compile(r"\bO_NONBLOCK\b|\bset_blocking\(")
WAITS = Row("it waits for the program for ever", "timeout", 0)
COMMUNICATES = Row("it waits for the program for ever", "timeout", 1)


def _has_shell(asked: Asked, starter: PyCall) -> bool:
    return asked.limits.read(starter, "shell", None).state == GIVEN


def judge_run(asked: Asked) -> Gap | None:
    """Judge subprocess.run and its kin: a timeout kills what they started, and they return."""
    state = asked.limits.read(asked.call, "timeout", None).state
    if state not in (ABSENT, NONE):
        return None
    gap = judge_started(asked, asked.call)
    return None if gap is None else Gap(gap.type, gap.why, f"timeout={gap.limit_s}", gap.limit_s)


def judge_text(asked: Asked) -> Gap | None:
    """Judge os.system, os.popen and getoutput, which take no limit: the text may have one."""
    gap = judge_started(asked, asked.call)
    if gap is None:
        return None
    first = asked.call.node.args[0] if asked.call.node.args else None
    if gap.instead and isinstance(first, ast.Constant) and isinstance(first.value, str) and HOLE not in gap.instead:
        # Where the text is that one command, its own bound is put into it.
        inner = gap.instead if list_commands(asked, asked.call) == [first.value.strip()] else None
        text = inner or f"timeout -k {KILL_AFTER_S} {gap.limit_s} sh -c {shlex.quote(first.value)}"
        return Gap(gap.type, gap.why, None, gap.limit_s, f"{{func}}({escape(unparse(ast.Constant(text)))})")
    verb = asked.name.rpartition(".")[2]
    fix = OUTPUT_FIX.replace("60", str(gap.limit_s))
    endings = {
        "getoutput": f"{fix}.stdout",
        "getstatusoutput": fix,
        "popen": f'{{func}}("timeout -k {KILL_AFTER_S} {gap.limit_s} sh -c " + shlex.quote({{first}}){{rest}})',
        "system": f"subprocess.run({{first}}, shell=True, timeout={gap.limit_s}).returncode",
    }
    return Gap(gap.type, gap.why, None, gap.limit_s, endings[verb])


def judge_wait(asked: Asked) -> Gap | None:
    """Judge the wait for a process: a limit, or a program that cannot wait; one that was killed is gone."""
    row = COMMUNICATES if asked.name.endswith("communicate") else WAITS
    gap = judge_row(row, asked)
    if gap is None:
        return None
    program = _judge_makers(asked)
    if program is None:
        return None
    if asked.around.is_killed_before(asked.call):
        if row is WAITS:
            return None
        why = "it was killed, but what it started may hold the pipe open"
        return replace(gap, type=PARTLY, why=why, add="timeout=10")
    return replace(gap, type=program.type, why=program.why, add=f"timeout={program.limit_s}", limit_s=program.limit_s)


def judge_awaited(asked: Asked) -> Gap | None:
    """Judge the wait for a process of asyncio."""
    if asked.around.is_limited(asked.call) or asked.around.is_killed_before(asked.call):
        return None
    program = _judge_makers(asked)
    if program is None:
        return None
    return Gap(program.type, program.why, None, program.limit_s, f"asyncio.wait_for({{call}}, {program.limit_s})")


def judge_pipe(asked: Asked) -> Gap | None:
    """Judge reading from the pipe of a process: at its end, or at each line, one waits for it."""
    program = _judge_makers(asked)
    if program is None or asked.around.is_polled(asked.call):
        return None
    if NON_BLOCKING.search(asked.view.read_function(asked.call)):
        return None
    why = "it reads until the program closes the pipe, or for ever"
    func = asked.call.node.func
    text = unparse(func.value) if isinstance(func, ast.Attribute) else ""
    owner, _, pipe = text.rpartition(".")
    if asked.name.endswith(".read") and not asked.call.node.args and pipe in ("stdout", "stderr"):
        at = 0 if pipe == "stdout" else 1
        return Gap(
            program.type, why, None, program.limit_s, f"{escape(owner)}.communicate(timeout={program.limit_s})[{at}]"
        )
    return Gap(program.type, why, None, program.limit_s, "select.select([{object}], [], [], 60)[0] and {call}")


def _judge_makers(asked: Asked) -> Gap | None:
    """Return what the worst of the programs leaves open that this process may be."""
    makers = [
        each
        for each in asked.view.find_makers(asked.call)
        if any(name.rpartition(".")[2] in STARTERS for name in asked.view.names(each))
    ]
    if not makers:
        return unbounded("it waits for the program for ever")
    gaps = [gap for each in makers if (gap := judge_started(asked, each)) is not None]
    return min(gaps, key=lambda gap: (gap.type != UNBOUNDED, gap.why, gap.limit_s), default=None)


STARTERS = frozenset({"Popen", "create_subprocess_exec", "create_subprocess_shell"})


def judge_popen(asked: Asked) -> Gap | None:
    """Judge Popen as a context: leaving it waits for the program, whatever was waited for before."""
    scopes = asked.view.scopes(asked.call.module)
    item = scopes.find_parent(asked.call.node)
    if not isinstance(item, ast.withitem):
        return None
    gap = judge_started(asked, asked.call)
    around = scopes.find_parent(item)
    if gap is None or around is None or isinstance(around, ast.AsyncWith):
        return None
    name = unparse(item.optional_vars) if item.optional_vars is not None else ""
    if any(isinstance(node, ast.Call) and _may_end(node, name) for node in ast.walk(around)):
        return None
    why = f"leaving the block waits for the program: {gap.why}"
    return Gap(gap.type, why, None, gap.limit_s, _bound_words(asked, gap.limit_s))


def _bound_words(asked: Asked, limit_s: int) -> str:
    """Return a call of Popen with timeout in front of its words, or of the text of its shell."""
    node = asked.call.node
    named = next((each for each in node.keywords if each.arg == "args"), None)
    first = node.args[0] if node.args else named.value if named is not None else ast.List([])
    rest = map(unparse, (*node.args[1:], *(each for each in node.keywords if each is not named)))
    text = unparse(first)
    if _has_shell(asked, asked.call):
        bounded = f'"timeout -k {KILL_AFTER_S} {limit_s} sh -c " + shlex.quote({text})'
    else:
        inner = text[1:-1] if isinstance(first, ast.List) else f"*{text}"
        bounded = f'["timeout", "-k", "{KILL_AFTER_S}", "{limit_s}", {inner}]'
    return f"{{func}}({escape(', '.join([bounded, *rest]))})"


def _may_end(node: ast.Call, name: str) -> bool:
    """Tell whether a call ends the process of that name, or hands it to somebody who may."""
    is_handed = any(isinstance(each, ast.Name) and each.id == name for each in node.args)
    return is_handed or unparse(node.func).endswith((".kill", ".terminate", ".killpg"))


def judge_waitpid(asked: Asked) -> Gap | None:
    """Judge os.waitpid and its kin: WNOHANG makes them return at once."""
    if "WNOHANG" in unparse(asked.call.node) or len(asked.call.node.args) + len(asked.call.node.keywords) < 1:
        return None
    if asked.around.is_killed_before(asked.call):
        return None
    at = 2 if asked.name == "os.waitid" else 0 if asked.name == "os.wait3" else 1
    if len(asked.call.node.args) <= at:
        return unbounded("it waits for the child for ever", "os.WNOHANG")
    given = unparse(asked.call.node.args[at])
    found = asked.limits.find_value(asked.call.node.args[at], asked.call.module, asked.view.scope(asked.call))
    if found is None or not isinstance(found[0], (ast.Constant, ast.Attribute, ast.BinOp)):
        return None
    flags = "os.WNOHANG" if given == "0" else f"{given} | os.WNOHANG"
    arguments = [*map(unparse, asked.call.node.args)]
    arguments[at] = flags
    return unbounded("it waits for the child for ever", instead=f"{{func}}({escape(', '.join(arguments))})")


def judge_open(asked: Asked) -> Gap | None:
    """Judge the opening of a fifo: it waits until another opens the other end."""
    if not asked.call.node.args:
        return None
    first = asked.call.node.args[0]
    if asked.name == "os.open" and "O_NONBLOCK" in unparse(asked.call.node):
        return None
    if not any(_is_fifo(asked, first, path) for path in asked.view.read_texts(asked.call, 0, "file")):
        return None
    mode = asked.view.read_texts(asked.call, 1, "mode")[0] if asked.name != "os.open" else "r"
    mode = "r" if HOLE in mode else mode
    if "+" in mode or "O_RDWR" in unparse(asked.call.node):
        return None
    flag = "os.O_WRONLY" if mode[:1] in ("w", "a") or "O_WRONLY" in unparse(asked.call.node) else "os.O_RDONLY"
    other = "reader" if flag == "os.O_WRONLY" else "writer"
    opened = f"os.open({{first}}, {flag} | os.O_NONBLOCK)"
    if asked.name != "os.open":
        opened = f"os.fdopen({opened}{', ' + repr(mode) if mode != 'r' else ''})"
    return unbounded(f"the fifo opens only when a {other} comes", instead=opened)


def _is_fifo(asked: Asked, node: ast.expr, path: str) -> bool:
    """Tell whether a path is one that the program makes a fifo, that lies there as one, or is called so."""
    for maker in asked.view.find_calls("os.mkfifo"):
        if not maker.node.args or maker.module is not asked.call.module:
            continue
        if HOLE not in path and path in asked.view.read_texts(maker, 0, "path"):
            return True
        is_same = unparse(maker.node.args[0]) == unparse(node)
        if is_same and (isinstance(node, ast.Attribute) or asked.view.is_after(asked.call, maker)):
            return True
    if HOLE in path:
        return False
    return looks_like_fifo(path) or (path.startswith("/") and is_fifo_on_disk(asked.view.disk, path))


def judge_pause(asked: Asked) -> Gap | None:
    """Judge signal.pause: an alarm is a signal too."""
    return None if asked.around.has_alarm(asked.call) else judge_row(PAUSE, asked)


def judge_input(asked: Asked) -> Gap | None:
    """Judge a question to a person."""
    if asked.around.is_polled(asked.call):
        return None
    fix = "select.select([sys.stdin], [], [], 60)[0] and {call}"
    return unbounded("it waits for a person for ever", instead=fix)


PAUSE = Row("it waits for a signal for ever", serves=True, instead="signal.alarm(60); {call}")
JUDGES: Judges = {
    "signal.pause": judge_pause,
    **{f"subprocess.{verb}": judge_run for verb in RUNNERS},
    **{f"subprocess.{verb}": judge_text for verb in OUTPUTS},
    "os.system": judge_text,
    "os.popen": judge_text,
    "subprocess.Popen": judge_popen,
    "subprocess.Popen.wait": judge_wait,
    "subprocess.Popen.communicate": judge_wait,
    **{
        f"subprocess.Popen.{pipe}.{verb}": judge_pipe
        for pipe in ("stdout", "stderr")
        for verb in ("read", "readline", "readlines")
    },
    "asyncio.subprocess.Process.wait": judge_awaited,
    "asyncio.subprocess.Process.communicate": judge_awaited,
    **{f"os.{verb}": judge_waitpid for verb in ("waitpid", "wait3", "wait4", "waitid")},
    "builtins.open": judge_open,
    "io.open": judge_open,
    "os.open": judge_open,
    "builtins.input": judge_input,
    "getpass.getpass": judge_input,
}
ROWS: Rows = {
    "os.wait": Row("it waits for a child for ever", instead="os.waitpid(-1, os.WNOHANG)"),
    "signal.sigwait": Row("it waits for a signal for ever", serves=True, instead="signal.sigtimedwait({first}, 60)"),
    "signal.sigwaitinfo": Row(
        "it waits for a signal for ever", serves=True, instead="signal.sigtimedwait({first}, 60)"
    ),
}
