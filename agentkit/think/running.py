"""What does a runbook's program do, and how is that told in a few words?

It is run with a limit, its whole tree is ended, and of what it printed only the end is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from agentkit.core.times import format_duration, format_instant
from agentkit.core.visible import make_block_visible, make_visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentkit.core.process import Ended
    from agentkit.core.settings import RunbookSettings

TAIL_BYTES = 2048
# More than the vault keeps of one value: a value that was cut in two could not be known again and masked.
KEPT_BYTES = 2 * 1024 * 1024
QUOTE_LETTERS = 200
NAME_OF_IT = "AGENTKIT_RUNBOOK"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of a runbook for one finding.

    `state`: "ok" (status 0), "failed", "timeout", "missing" (its program could not be started, so it did nothing),
    "interrupted" (who ran it is gone, and what it did is not known), "running" (another process is at it), "too_often"
    (`at_most` is reached, so it was not run). `status` is a shell's, None where there is none. `tail` is the end of
    what it printed (at most 2 KiB, secrets masked, one control character as a person would write it), or why it did not
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


def run_command(
    runbook: RunbookSettings, record: Mapping[str, object], environ: Mapping[str, str]
) -> tuple[str, int | None, str, float]:
    """Run the program with the finding as one JSON line on its stdin; return (state, status, output, seconds).

    The output is as it came: the end of stdout, then that of stderr.
    """
    from agentkit.core.process import run_program
    from agentkit.core.program import Program

    program = Program(
        tuple(runbook.run),
        limit=timedelta(seconds=runbook.limit_s),
        environment={**environ, NAME_OF_IT: runbook.name},
        # Escapes alone: whatever a log held, the line is ASCII, and no reader has to know an encoding.
        stdin=json.dumps(record, separators=(",", ":")).encode() + b"\n",
        keep_bytes=KEPT_BYTES,
    )
    ended = run_program(program)
    return _name_state(ended), ended.status, _tell_output(ended), ended.duration.total_seconds()


def cut_tail(text: str) -> str:
    """Return the end of it that is kept, at most TAIL_BYTES of UTF-8, safe for a terminal."""
    shown = make_block_visible(text[-TAIL_BYTES:]).strip().encode("utf-8", "replace")
    return shown[-TAIL_BYTES:].decode("utf-8", "ignore")


def note_of(outcome: RunOutcome) -> str:
    """Return what became of it in one line, for a prompt and for a person."""
    took = "" if outcome.duration_s is None else f" after {format_duration(outcome.duration_s)}"
    said = _quote(outcome.tail)
    told = {
        "ok": f"ok{took}{said}",
        "failed": f"failed with status {outcome.status}{took}{said}",
        "timeout": f"did not end and was ended{took}{said}",
        "missing": f"could not be started{said}",
        "too_often": f"not run{said}",
        "running": "runs now",
        "interrupted": "interrupted: who ran it is gone, and what it did is not known; it is not run again for this",
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
    pieces = [piece.decode("utf-8", "replace") for piece in (ended.stdout, ended.stderr)]
    if ended.trouble:
        pieces.append(ended.trouble)
    if ended.left_behind:
        left = ", ".join(f"{name} (pid {pid})" for pid, name in ended.left_behind[:5])
        pieces.append(f"[ended with it, what it left running: {left}]")
    if ended.unkillable:
        left = ", ".join(f"pid {pid} (waits in {where})" for pid, where in ended.unkillable[:5])
        pieces.append(f"[would not end and is left: {left}]")
    return "\n".join(piece.rstrip("\n") for piece in pieces if piece.strip())


def _quote(tail: str) -> str:
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    if not lines:
        return ""
    last = make_visible(lines[-1])
    return f": {last if len(last) <= QUOTE_LETTERS else '…' + last[-QUOTE_LETTERS:]}"
