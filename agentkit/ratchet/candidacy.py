"""What becomes of a candidate that a person names: judged, written down, and (by `accept`) taken over?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import write_record
from agentkit.core.locks import load_locks
from agentkit.core.repo.commits import take_patch, take_rev
from agentkit.core.repo.repository import Repository, demand_quiet, find_repository
from agentkit.ratchet.judging import Judgement, judge
from agentkit.ratchet.metrics import keep_best
from agentkit.ratchet.repair import repair
from agentkit.ratchet.snapshot import take_work_tree
from agentkit.ratchet.state import State, read_state, write_state
from agentkit.ratchet.telling import tell_progress, tell_verdict
from agentkit.ratchet.verdict import ACCEPT, exit_status
from agentkit.ratchet.verdictlog import append_verdict

# Fifty that accept at once each begin again when another one was quicker.
MOST_ROUNDS = 200
LIMIT_S = 3600.0


@dataclass(frozen=True)
class Asked:
    """The words of `check` and `accept`: at most one of `rev`, `patch` and `work_tree`; without any it is HEAD.

    `judge_reason` is why the ratchet's own settings may change.
    """

    rev: str | None = None
    patch: str | None = None
    work_tree: bool = False
    judge_reason: str | None = None
    as_json: bool = False
    quiet: bool = False

    def of(self, rev: str) -> Asked:
        """Return the same for a commit."""
        return replace(self, rev=rev)

    def __post_init__(self) -> None:
        given = [word for word, is_given in (("--rev", self.rev is not None), ("--patch", self.patch is not None),
                                             ("--work-tree", self.work_tree)) if is_given]  # fmt: skip
        if len(given) > 1:
            raise AgentkitError(f"{' and '.join(given)}: give one of them", status=Exit.USAGE)


def check_candidate(folder: str, environ: Mapping[str, str], asked: Asked) -> int:
    """Judge a candidate, write the verdict down and print it; the baseline stays. Returns the status."""
    repository = open_repository(folder, environ)
    take = _choose(repository, asked)
    state = read_state(repository)
    judgement = _judge(repository, state, take(state), asked)
    _tell(repository, judgement, _write_down(repository, judgement), asked)
    return exit_status(judgement.verdict.answer)


def accept_if_good(folder: str, environ: Mapping[str, str], asked: Asked) -> int:
    """Judge a candidate and, where nothing got worse, move branch and baseline together. Returns the status.

    Where another candidate was accepted meanwhile it is judged again on top of that.
    """
    from agentkit.ratchet.moving import demand_free_way

    repository = open_repository(folder, environ)
    demand_quiet(repository)
    take = _choose(repository, asked)
    due = time.monotonic() + LIMIT_S
    for _ in range(MOST_ROUNDS):
        state = read_state(repository)
        candidate = take(state)
        try:
            # What would be in the way is told now, and not when the tests have run.
            demand_free_way(repository, state, candidate, keeps_files=asked.work_tree)
            judgement = _judge(repository, state, candidate, asked)
            record = _write_down(repository, judgement)
            if judgement.verdict.answer == ACCEPT:
                _move(repository, state, judgement, record, keeps_files=asked.work_tree)
        except AgentkitError as error:
            has_moved = error.status == Exit.TRY_LATER and read_state(repository).commit != state.commit
            if not has_moved or asked.patch is None or time.monotonic() > due:
                raise
            continue
        _tell(repository, judgement, record, asked)
        return exit_status(judgement.verdict.answer)
    raise AgentkitError(
        "others were accepted before this one each time", hint="agentkit ratchet accept again", status=Exit.TRY_LATER
    )


def open_repository(folder: str, environ: Mapping[str, str]) -> Repository:
    """Return the repository around a folder, with what an earlier run was cut off from brought to its end."""
    repository = find_repository(folder, environ)
    mended = repair(repository)
    if mended:
        warn(mended)
    return repository


def _choose(repository: Repository, asked: Asked) -> Callable[[State], str]:
    """Return what makes the candidate's commit, given the state that it is held against."""
    if asked.patch is not None:
        patch = _read_patch(asked.patch)
        return lambda state: take_patch(repository, state.accepted, patch)
    if asked.work_tree:
        return lambda state: take_work_tree(repository, state.accepted)
    commit = take_rev(repository, "HEAD" if asked.rev is None else asked.rev)
    return lambda _: commit


def _read_patch(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise AgentkitError(
            f"{path}: {error.strerror}", hint="--patch FILE, or --patch - for stdin", status=Exit.BAD_DATA
        ) from error


def _judge(repository: Repository, state: State, candidate: str, asked: Asked) -> Judgement:
    with tell_progress(repository.environ, is_wanted=not asked.quiet and not asked.as_json) as tell:

        def look(name: str, done: int, total: int | None) -> None:
            _load_rest()
            if tell:
                tell(name, done, total)

        judgement = judge(repository, state, candidate, look, may_change_judge=asked.judge_reason is not None)
    if not asked.judge_reason:
        return judgement
    hints = (*judgement.verdict.hints, f"the judge may change: {asked.judge_reason}")
    return replace(judgement, verdict=replace(judgement.verdict, hints=hints))


def _load_rest() -> None:
    """Load what a verdict is written down with: while pytest is loaded, and before the candidate's first line."""
    import agentkit.ratchet.following
    import agentkit.ratchet.viewing  # noqa: F401

    load_locks()


def _write_down(repository: Repository, judgement: Judgement) -> Mapping[str, object]:
    """Put a verdict on the list, before anything moves by it; return its record."""
    from agentkit.ratchet.viewing import read_host

    verdict = judgement.verdict
    record = verdict.record(read_host(repository.environ), datetime.now(UTC))
    return {**record, "evidence": append_verdict(repository, record, judgement.files, verdict.candidate)}


def _move(
    repository: Repository, state: State, judgement: Judgement, record: Mapping[str, object], *, keeps_files: bool
) -> None:
    from agentkit.ratchet.moving import accept_candidate

    candidate = judgement.verdict.candidate
    evidence = {"verdict.json": json.dumps(record, indent=1, sort_keys=True).encode() + b"\n", **judgement.files}
    best = keep_best(state.metrics, judgement.metrics)
    commit = write_state(
        repository, state, candidate, state.branch, judgement.outcomes, judgement.unstable, best, evidence
    )
    for told in accept_candidate(repository, state, commit, candidate, keeps_files=keeps_files):
        warn(told)


def _tell(repository: Repository, judgement: Judgement, record: Mapping[str, object], asked: Asked) -> None:
    if asked.as_json:
        write_record(record)
    elif judgement.verdict.answer != ACCEPT or not asked.quiet:  # a cron line prints nothing when all is well
        tell_verdict(repository, judgement.verdict, str(record["evidence"]), judgement.failures)
