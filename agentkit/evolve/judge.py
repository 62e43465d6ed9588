"""What does the ratchet say: where the branch stands, and whether a candidate may be kept?

It is asked as a process of its own, `agentkit ratchet …`: evolve has no gate of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.locks import load_locks
from agentkit.core.ourselves import call_ourselves
from agentkit.core.process import run_program
from agentkit.core.program import Ended, Program

LOOK_LIMIT = timedelta(minutes=2)
LONGEST_ANSWER_BYTES = 256 * 1024 * 1024
# The ratchet keeps no more than so much of what one test said, or somewhat more.
CUT_FROM = 5900
ACCEPT, REJECT = "accept", "reject"


@dataclass(frozen=True)
class Standing:
    """Where a branch stands: its name, the accepted commit, and how many commits it is ahead of it."""

    branch: str
    accepted: str
    ahead: int


@dataclass(frozen=True)
class Ruling:
    """What came of asking: the verdict's record where there is one, and `trouble` where the ratchet gave none.

    `status` is that of the ratchet.
    """

    status: int
    verdict: Record | None
    trouble: str


def find_standing(root: str, environ: Mapping[str, str]) -> Standing:
    """Return where the branch of a work tree stands; raises AgentkitError with the ratchet's status and words."""
    return read_standing(look(root, environ, load_locks))


def look(folder: str, environ: Mapping[str, str], meanwhile: Callable[[], None]) -> Ended:
    """Let the ratchet look where the branch of the work tree around a folder stands; `read_standing` tells what it saw.

    `meanwhile` is called when it has begun, and again as long as it goes on.
    """
    return _ask(folder, environ, LOOK_LIMIT, "status", "--json", meanwhile=meanwhile)


def read_standing(ended: Ended) -> Standing:
    """Return what a look has shown; raises AgentkitError with the ratchet's status and words."""
    record = _read(ended, "baseline")
    if record is None:
        raise _tell(ended)
    if ended.status != 0:
        troubles = record.get("troubles")
        why = troubles[0] if isinstance(troubles, list) and troubles else _tell(ended).message
        raise AgentkitError(str(why), hint="agentkit ratchet status", status=ended.status or Exit.INTERNAL)
    return Standing(str(record["branch"]), str(record["commit"]), int(str(record["ahead"])))


def judge(
    root: str, environ: Mapping[str, str], commit: str, *, limit_s: float, keeps: bool, allowed: str | None
) -> Ruling:
    """Let the ratchet judge a commit; `keeps` lets branch and baseline move to it when it is accepted.

    `allowed` is a person's reason why the judge's own settings may change.
    """
    words = ["accept" if keeps else "check", "--rev", commit, "--json"]
    if allowed is not None:
        words += ["--judge-changed", allowed]
    ended = _ask(root, environ, timedelta(seconds=limit_s), *words)
    if ended.outcome in ("timed-out", "unkillable"):
        return Ruling(Exit.TIMED_OUT, None, f"the ratchet did not end within {limit_s:g}s")
    verdict = _read(ended, "verdict")
    # A verdict that accepts, and a way that was not free, end with a status of their own.
    if ended.status in (Exit.OK, Exit.FINDINGS, Exit.BAD_DATA) and verdict is not None:
        return Ruling(ended.status, verdict, "")
    return Ruling(ended.status or Exit.INTERNAL, None, _tell(ended).message)


def find_verdict(root: str, environ: Mapping[str, str], base: str, commit: str) -> Record | None:
    """Return the verdict that the ratchet already gave on a commit held against this base; None where there is none."""
    ended = _ask(root, environ, LOOK_LIMIT, "show", commit, "--json")
    verdict = _read(ended, "verdict")
    if verdict is None or verdict.get("base") != base or verdict.get("candidate") != commit:
        return None
    return verdict


def read_outputs(root: str, environ: Mapping[str, str], commit: str) -> list[Record]:
    """Return what the tests said that a commit made fail: `id` and `text` each, in whole lines."""
    verdict = _read(_ask(root, environ, LOOK_LIMIT, "show", commit, "--json"), "verdict") or {}
    outputs = verdict.get("outputs")
    rows = [one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []
    return [{**one, "text": _leave_halves(str(one.get("text", "")))} for one in rows]


def roll_back(root: str, environ: Mapping[str, str], *, is_dry: bool) -> str:
    """Let branch and baseline go back by one accepted state; return what the ratchet says of it.

    Raises AgentkitError with the ratchet's status and words, and then nothing has moved.
    """
    ended = _ask(root, environ, LOOK_LIMIT, "rollback", "1", *(["--dry-run"] if is_dry else []))
    if ended.status != 0:
        raise _tell(ended)
    return ended.stdout.decode("utf-8", "replace")


def _leave_halves(text: str) -> str:
    """Return a text without the lines at which the ratchet may have cut it: half of a secret is masked by nobody."""
    return text.partition("\n")[2].rpartition("\n")[0] if len(text) >= CUT_FROM else text


def _ask(
    root: str,
    environ: Mapping[str, str],
    limit: timedelta,
    *words: str,
    meanwhile: Callable[[], None] | None = None,
) -> Ended:
    argv = call_ourselves("ratchet", *words)
    program = Program(argv, limit=limit, environment=environ, folder=root, keep_bytes=LONGEST_ANSWER_BYTES)
    return run_program(program, tell=meanwhile)


def _read(ended: Ended, kind: str) -> Record | None:
    for line in reversed(ended.stdout.splitlines()):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("kind") == kind:
            return record
    return None


def _tell(ended: Ended) -> AgentkitError:
    """Return what the ratchet said on stderr, with its status."""
    if ended.outcome in ("timed-out", "unkillable"):
        return AgentkitError("the ratchet gave no answer in time", status=Exit.TIMED_OUT)
    rows = [row for row in ended.stderr.decode("utf-8", "replace").splitlines() if row.strip()]
    faults = [row.partition("error: ")[2] for row in rows if "error: " in row]
    hints = [row.partition("hint: ")[2] for row in rows if "hint: " in row]
    why = faults[0] if faults else (rows[-1] if rows else ended.trouble or f"the ratchet ended with {ended.status}")
    return AgentkitError(why, hint=hints[0] if hints else None, status=ended.status or Exit.INTERNAL)
