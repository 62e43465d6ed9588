"""Which runbook fits a finding, and how is it run at most once for each time that the finding fires?

The row in `runs` is on the disk before the program starts. Whatever is killed after that, nobody runs it again: what
was begun and not ended is told as interrupted, and a mind or a person decides.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from agentkit.core import tree
from agentkit.core.patterns import fits_pattern
from agentkit.core.times import format_duration
from agentkit.think.running import RunOutcome, cut_tail, end_leftovers, note_of, prepare_command, run_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentkit.core.settings import RunbookSettings
    from agentkit.think.store import Store

__all__ = ["RunOutcome", "find_runbook", "find_runs", "note_of", "run_runbook"]

SELECT = "SELECT id, at, runbook, episode, chosen_by, state, status, tail, duration_s, pid, pid_start, boot FROM runs"
SAME = f"{SELECT} WHERE fingerprint = ? AND episode = ? AND runbook = ? AND chosen_by = ?"
OF_FINDING = f"{SELECT} WHERE fingerprint = ? ORDER BY at DESC, id DESC"
# Both sides of now: a clock that was wrong for an hour must neither lift the bound nor hold it for years.
IN_WINDOW = "SELECT COUNT(*) FROM runs WHERE runbook = ? AND at > ? AND at < ?"
# The row of one that could not be started is taken over.
BEGIN = (
    "INSERT INTO runs (at, runbook, fingerprint, episode, chosen_by, state, pid, pid_start, boot) "
    "VALUES (?, ?, ?, ?, ?, 'started', ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, state = 'started', "
    "status = NULL, tail = NULL, duration_s = NULL, pid = excluded.pid, pid_start = excluded.pid_start, "
    "boot = excluded.boot RETURNING id"
)
STARTED = "started"
# A run that cannot be seen is over when its limit has been over for so long.
SURELY_OVER_S = 60.0


def find_runbook(runbooks: Sequence[RunbookSettings], record: Mapping[str, object]) -> RunbookSettings | None:
    """Return the first runbook each of whose patterns fits the finding; None where there is none."""
    for runbook in runbooks:
        if all(_fits(pattern, record.get(key)) for key, pattern in runbook.match.items()):
            return runbook
    return None


def run_runbook(
    store: Store,
    runbook: RunbookSettings,
    record: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    chosen_by: str,
    now: float,
) -> RunOutcome:
    """Run it for a finding of the store, unless that was done in this episode, and return what became of it.

    `chosen_by` is "match" or "model"; `now` is the instant of this call (seconds since the epoch), by which `at_most`
    counts. Must not be called inside a transaction. What is in the store already is returned as it is: only one whose
    program could not be started, and so did nothing, is tried again.
    """
    # First of all: what cannot be prepared must not be told as begun.
    program = prepare_command(runbook, record, environ)
    begun = _begin(store, runbook, str(record["fingerprint"]), chosen_by, now)
    if isinstance(begun, RunOutcome):
        return begun
    number, episode, mark = begun
    try:
        state, status, output, duration_s = run_command(program, mark)
    except BaseException:  # Ctrl-C, too: it was begun, and what it did is not known
        store.execute("UPDATE runs SET state = 'interrupted' WHERE id = ?", (number,))
        raise
    # How it ended is written before the vault is asked what to mask: dying in there must not make it unknown.
    store.execute(
        "UPDATE runs SET state = ?, status = ?, tail = '', duration_s = ? WHERE id = ?",
        (state, status, duration_s, number),
    )
    tail = ""
    if output:
        from agentkit.core.masking import mask_texts

        tail = cut_tail(mask_texts([output], environ)[0])
        store.execute("UPDATE runs SET tail = ? WHERE id = ?", (tail, number))
    return RunOutcome(state, status, tail, now, duration_s, runbook.name, chosen_by, episode, is_new=True)


def find_runs(store: Store, fingerprint: str) -> list[RunOutcome]:
    """Return what runbooks did about a finding in all its episodes, the newest first."""
    return [_read_outcome(row) for row in store.select(OF_FINDING, (fingerprint,))]


def _begin(
    store: Store, runbook: RunbookSettings, fingerprint: str, chosen_by: str, now: float
) -> tuple[int, int, str] | RunOutcome:
    """Write that it begins and return (id, episode, mark) of the run, or say why it does not begin."""
    # Looked up before anybody else has to wait for us.
    me = os.getpid()
    start, boot = tree.process_start(me), _name_place()
    with store.transaction():
        found: Any = store.first("SELECT episode FROM findings WHERE fingerprint = ?", (fingerprint,))
        episode = found[0] or 0 if found else 0
        row: Any = store.first(SAME, (fingerprint, episode, runbook.name, chosen_by))
        if row is not None:
            outcome = _read_outcome(row, now - runbook.limit_s - SURELY_OVER_S)
            if outcome.state == "interrupted" and row[5] == STARTED:
                if row[-1] == boot:
                    end_leftovers(_make_mark(row[0], row[-3], row[-2]))
                store.execute("UPDATE runs SET state = 'interrupted' WHERE id = ?", (row[0],))
            if outcome.state != "missing":
                return outcome
        count, per_s = runbook.at_most
        ran: Any = store.first(IN_WINDOW, (runbook.name, now - per_s, now + per_s))
        if ran[0] >= count:
            why = f"at_most: it ran {ran[0]} times in {format_duration(per_s)}"
            return RunOutcome("too_often", None, why, now, None, runbook.name, chosen_by, episode)
        values = (now, runbook.name, fingerprint, episode, chosen_by, me, start, boot)
        begun: Any = store.first(BEGIN, values)
        return begun[0], episode, _make_mark(begun[0], me, start)


def _read_outcome(row: tuple[Any, ...], over_before: float = -math.inf) -> RunOutcome:
    """Return what a row tells; one that began elsewhere before `over_before` is over, whatever became of it."""
    _, at, name, episode, chosen_by, state, status, tail, duration_s, pid, start, place = row
    if state == STARTED:
        here = _name_place()
        if place == here:
            is_there = tree.is_alive(pid, start)
        else:
            # In another container of this machine nobody can be seen; another start of the kernel has nobody left.
            is_there = place.partition(" ")[0] == here.partition(" ")[0] and at >= over_before
        state = "running" if is_there else "interrupted"
    return RunOutcome(state, status, tail or "", at, duration_s, name, chosen_by, episode)


def _make_mark(number: int, pid: int, start: int | None) -> str:
    return f"{number}.{pid}.{start}"


def _name_place() -> str:
    """Return what tells where a pid means something: the start of the kernel, and the container."""
    return f"{tree.read_boot_id()} {tree.read_pid_namespace()}"


def _fits(pattern: str, value: object) -> bool:
    return isinstance(value, str) and fits_pattern(pattern, value)
