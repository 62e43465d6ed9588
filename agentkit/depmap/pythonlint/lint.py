"""Which calls of a Python program can wait for ever, each with the call that does not?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agentkit.core.hiding import hide_secrets
from agentkit.depmap.boundsgap import Gap
from agentkit.depmap.disk import Disk
from agentkit.depmap.lint import number_waits
from agentkit.depmap.python.program import Program, PyCall
from agentkit.depmap.pythonlint import rowsdatabases, rowshttp, rowsprocesses, rowssockets, rowsthreads
from agentkit.depmap.pythonlint.around import Around
from agentkit.depmap.pythonlint.callfix import write_call
from agentkit.depmap.pythonlint.limits import Limits, count_given
from agentkit.depmap.pythonlint.pollingloops import find_endless_polling, find_polling_loops
from agentkit.depmap.pythonlint.pools import judge_pool
from agentkit.depmap.pythonlint.rows import Asked, Judge, Row, judge_row
from agentkit.depmap.pythonlint.view import View
from agentkit.depmap.wait import PARTLY, UNBOUNDED, Wait

TABLES = (rowsdatabases, rowshttp, rowsprocesses, rowssockets, rowsthreads)
JUDGES: Mapping[str, Judge] = {name: judge for table in TABLES for name, judge in table.JUDGES.items()}
ROWS: Mapping[str, Row] = {name: row for table in TABLES for name, row in table.ROWS.items()}
ALARM = "an alarm ends it in the main thread, unless its handler returns"


def lint_program(program: Program, disk: Disk) -> list[Wait]:
    """Return the waits of all modules of a program without a bound, by file and line."""
    view = View(program, disk)
    limits = Limits(view)
    around = Around(view, limits)
    found: dict[PyCall, Wait] = {}
    for call in program.calls:
        judged = (_judge(Asked(call, name, view, limits, around)) for name in sorted(view.names(call)))
        gaps = [gap for gap in judged if gap is not None]
        if gaps:
            gap = min(gaps, key=lambda each: each.type != UNBOUNDED)
            if gap.type == UNBOUNDED and around.has_alarm(call):
                gap = replace(gap, type=PARTLY, why=f"{gap.why}; {ALARM}")
            found[call] = _tell(gap, call, view, limits)
    waits = [*found.values(), *_lint_pools(view, found), *find_polling_loops(view), *find_endless_polling(view)]
    return number_waits(sorted(waits, key=lambda wait: (wait.file, wait.line or 0)))


def _judge(asked: Asked) -> Gap | None:
    judge = JUDGES.get(asked.name)
    if judge is not None:
        return judge(asked)
    row = ROWS.get(asked.name)
    return None if row is None else judge_row(row, asked)


def _tell(gap: Gap, call: PyCall, view: View, limits: Limits) -> Wait:
    changed, why = call, gap.why
    position, partial = gap.position, limits.find_partial(call)
    if partial is not None and position is not None:
        before = count_given(partial)
        if position < before and gap.instead is None:
            # What stands there already cannot be given once more: it is changed where it was given.
            changed, why = partial, f"{why}: functools.partial of line {partial.node.lineno} was given that"
            position += 1
        else:
            position -= before
        gap = replace(gap, position=position)
    command = hide_secrets(view.read_source(call.node, call.module))
    fix = hide_secrets(write_call(gap, changed, view))
    return Wait(gap.type, view.find_subject(call), command, call.module.path, call.node.lineno, command, why, fix)


def _lint_pools(view: View, found: Mapping[PyCall, Wait]) -> Iterable[Wait]:
    """Yield the pools whose end waits for a task that was found to wait."""
    for call in view.find_calls("concurrent.futures.Executor"):
        worst = judge_pool(call, view, found)
        if worst is not None:
            why = f"leaving the block waits for `{worst.command}` of line {worst.line}, which has no bound of its own"
            command = hide_secrets(view.read_source(call.node, call.module))
            subject = view.find_subject(call)
            yield Wait(worst.type, subject, command, call.module.path, call.node.lineno, command, why, worst.fix)
