"""What does a runbook's program do, and how is that told in a few words?

It is run with a limit, its whole tree is ended, and of what it printed only the end is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from agentkit.core import tree
from agentkit.core.program import Program
from agentkit.core.times import format_duration, format_instant
from agentkit.core.visible import make_block_visible, make_visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentkit.core.program import Ended
    from agentkit.core.settings import RunbookSettings

TAIL_BYTES = 2048
# Far more than the tail, for the vault knows a value only as a whole: it must not be cut where the tail begins.
KEPT_BYTES = 64 * 1024
QUOTE_LETTERS = 300
NAMED_AT_MOST = 5
LEFTOVER_GRACE_S = 0.2
LEFTOVER_LIMIT_S = 0.5
NAME_OF_RUNBOOK = "AGENTKIT_RUNBOOK"
NAME_OF_RUN = "AGENTKIT_RUN"
# What no text holds; looking for values among a flood of it takes the vault a minute.
UNPRINTED = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r\x1b"}


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of a runbook for one finding.

    `state`: "ok" (status 0), "failed", "timeout", "missing" (its program could not be started, so it did nothing),
    "interrupted" (who ran it is gone, and what it did is not known), "running" (another process is at it), "too_often"
    (`at_most` is reached, so it was not run). `status` is a shell's, None where there is none. `tail` is the end of
    what it printed (at most 2 KiB, secrets masked, control characters made visible), or why it did not
    run. `started_at` is seconds since the epoch. `is_new` says that it was run by this very call.
    """

    state: str
    status: int | None
    tail: str
    started_at: float
    duration_s: float | None
    runbook: str = ""
    chosen_by: str = ""
    episode: int = 0
    is_new: bool = False


def prepare_command(runbook: RunbookSettings, record: Mapping[str, object], environ: Mapping[str, str]) -> Program:
    """Return the program with its bounds and the finding as one JSON line on its stdin."""
    return Program(
        tuple(runbook.run),
        limit=timedelta(seconds=runbook.limit_s),
        environment={**environ, NAME_OF_RUNBOOK: runbook.name},
        # Escapes alone: whatever a log held, the line is ASCII, and no reader has to know an encoding.
        stdin=json.dumps(record, separators=(",", ":")).encode() + b"\n",
        keep_bytes=KEPT_BYTES,
    )


def run_command(program: Program, mark: str) -> tuple[str, int | None, str, float]:
    """Run the program and return (state, status, output, seconds); `mark` is what its processes are known by.

    The output is not masked yet: the end of stdout, then that of stderr.
    """
    from agentkit.core.process import run_program

    ended = run_program(replace(program, environment={**(program.environment or {}), NAME_OF_RUN: mark}))
    return _name_state(ended), ended.status, _tell_output(ended), ended.duration.total_seconds()


def end_leftovers(mark: str) -> None:
    """End what a run whose runner is gone left running; it would be held by no limit any more."""
    entry = f"{NAME_OF_RUN}={mark}".encode()

    def find_living() -> dict[int, int]:
        marked = tree.find_marked(entry)
        return marked | tree.find_descendants(*marked)

    tree.end_all(find_living, grace_s=LEFTOVER_GRACE_S, limit_s=LEFTOVER_LIMIT_S)


def cut_tail(text: str) -> str:
    """Return the end of it that is kept, at most TAIL_BYTES of UTF-8, safe for a terminal."""
    shown = make_block_visible(text[-TAIL_BYTES:]).strip().encode("utf-8", "replace")
    return shown[-TAIL_BYTES:].decode("utf-8", "ignore")


def note_of(outcome: RunOutcome) -> str:
    """Return what became of it in one line, for a prompt and for a person; it quotes what the program printed."""
    took = "" if outcome.duration_s is None else f" after {format_duration(outcome.duration_s)}"
    said = _quote(outcome.tail)
    told = {
        "ok": f"ok{took}{said}",
        "failed": f"failed with status {outcome.status}{took}{said}",
        "timeout": f"did not end and was ended{took}{said}",
        "missing": f"could not be started{said}",
        "too_often": f"not run{said}",
        "running": "runs now",
        "interrupted": "interrupted: who ran it is gone, what it did is not known, and it is not run again for this",
    }[outcome.state]
    return f"runbook {make_visible(outcome.runbook)} at {format_instant(outcome.started_at)}: {told}"


def _name_state(ended: Ended) -> str:
    if ended.outcome in ("timed-out", "unkillable"):
        return "timeout"
    if ended.outcome == "not-started":
        return "missing"
    return "ok" if ended.status == 0 else "failed"


def _tell_output(ended: Ended) -> str:
    """Return what it printed and what a person has to know besides, as one text."""
    pieces = [piece.decode("utf-8", "replace").translate(UNPRINTED) for piece in (ended.stdout, ended.stderr)]
    if ended.trouble:
        pieces.append(ended.trouble)
    if ended.left_behind:
        left = ", ".join(f"{name} (pid {pid})" for pid, name in ended.left_behind[:NAMED_AT_MOST])
        pieces.append(f"[ended with it, what it left running: {left}]")
    if ended.unkillable:
        left = ", ".join(f"pid {pid} (waits in {where})" for pid, where in ended.unkillable[:NAMED_AT_MOST])
        pieces.append(f"[would not end and is left: {left}]")
    return "\n".join(piece.rstrip("\n") for piece in pieces if piece.strip())


def _quote(tail: str) -> str:
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    said = make_visible(" | ".join(lines))
    return f": {said if len(said) <= QUOTE_LETTERS else '…' + said[-QUOTE_LETTERS:]}" if said else ""
