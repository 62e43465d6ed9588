"""What was begun and left: who takes it up, so that nobody does the same work twice, and how does it go on?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

from agentkit.core.claims import name_this_process
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.statefile import Store
from agentkit.core.visible import make_visible
from agentkit.evolve.batch import Batch, claim_batches, leave_batch
from agentkit.evolve.candidate import DONE, PROPOSING, Candidate, change, find_left
from agentkit.evolve.carrying import carry_batch
from agentkit.evolve.judge import find_standing
from agentkit.evolve.store import open_existing
from agentkit.evolve.telling import tell_result
from agentkit.evolve.trying import Result, carry_on, give_back
from agentkit.evolve.workbench import Workbench, open_workbench


def resume(environ: Mapping[str, str], *, as_json: bool, is_quiet: bool) -> int:
    """Take up all that nobody works on, each in its repository, and print what came of it; the worst status wins.

    What cannot go on is told, and waits again. Raises AgentkitError as `open_existing` does.
    """
    left, batches = claim_all(environ)
    status: int = Exit.OK
    roots = dict.fromkeys([*(one.repository for one in left), *(one.repository for one in batches)])
    for number, root in enumerate(roots):
        mine = [one for one in left if one.repository == root]
        runs = [one for one in batches if one.repository == root]
        try:
            # What is wrong with the configuration is told once.
            with open_workbench(root, environ, is_quiet=is_quiet or number > 0) as bench:
                _demand_same(bench, root)
                status = max(status, _go_on(bench, mine, as_json=as_json, is_quiet=is_quiet))
                status = max(status, _go_on_with_runs(bench, runs, as_json=as_json, is_quiet=is_quiet))
        except AgentkitError as error:
            _tell(error)
            status = max(status, error.status)
            _leave(environ, mine, runs)
    return status


def claim_all(environ: Mapping[str, str]) -> tuple[list[Candidate], list[Batch]]:
    """Return the candidates and the runs that nobody works on, as this process's work: of two that ask at once one gets
    each.
    """
    with open_existing(environ) as store:
        if store is None:
            return [], []
        with store.transaction():
            return claim_left(store), claim_batches(store)


def claim_left(store: Store) -> list[Candidate]:
    """Return the candidates that nobody works on, the oldest first, as this process's work."""
    ours = name_this_process()
    with store.transaction():
        left = list(find_left(store))
        store.execute_many("UPDATE candidates SET claim = ? WHERE id = ?", [(ours, one.id) for one in left])
    return [replace(one, claim=ours) for one in left]


def _demand_same(bench: Workbench, root: str) -> None:
    """Raise AgentkitError where what is there now is the repository around the folder of the one that was there."""
    if bench.repository.root != root:
        raise AgentkitError(f"{root} is no repository of its own any more", status=Exit.UNAVAILABLE)


def _go_on(bench: Workbench, left: Iterable[Candidate], *, as_json: bool, is_quiet: bool) -> int:
    status: int = Exit.OK
    for candidate in left:
        try:
            result = _take_up(bench, candidate)
        except AgentkitError as error:
            give_back(bench, candidate, error.message)
            if _is_news(candidate, error.message):
                _tell(error)
            status = max(status, error.status)
        else:
            if as_json or result.candidate.step == DONE or _is_news(candidate, result.candidate.reason):
                tell_result(bench, result, as_json=as_json, is_quiet=is_quiet)
            status = max(status, result.status)
    return status


def _is_news(candidate: Candidate, reason: str) -> bool:
    """Tell whether a person has to hear why a candidate waits: from a line of a crontab, once for each reason."""
    return sys.stdout.isatty() or reason != candidate.reason


def _take_up(bench: Workbench, candidate: Candidate) -> Result:
    is_unmade = candidate.step == PROPOSING and candidate.base and not (candidate.commit_id or candidate.reverts)
    if is_unmade and find_standing(bench.repository.root, bench.environ).accepted != candidate.base:
        # A proposer is not paid for what could not be kept: it begins with what is accepted now.
        candidate = change(bench.store, candidate, base="")
    return carry_on(bench, candidate, keeps=True)


def _go_on_with_runs(bench: Workbench, batches: Iterable[Batch], *, as_json: bool, is_quiet: bool) -> int:
    status: int = Exit.OK
    for batch in batches:
        try:
            status = max(status, _take_up_run(bench, batch, as_json=as_json, is_quiet=is_quiet))
        except AgentkitError as error:
            _tell(error)
            status = max(status, error.status)
    return status


def _take_up_run(bench: Workbench, batch: Batch, *, as_json: bool, is_quiet: bool) -> int:
    try:
        standing = find_standing(bench.repository.root, bench.environ)
    except AgentkitError:
        leave_batch(bench.store, batch)
        raise
    return carry_batch(bench, batch, standing.accepted, as_json=as_json, is_quiet=is_quiet)


def _leave(environ: Mapping[str, str], candidates: Iterable[Candidate], batches: Iterable[Batch]) -> None:
    ours = name_this_process()
    with open_existing(environ) as store:
        if store is None:
            return
        rows = [(one.id, ours) for one in candidates]
        store.execute_many("UPDATE candidates SET claim = NULL WHERE id = ? AND claim = ?", rows)
        for batch in batches:
            leave_batch(store, batch)


def _tell(error: AgentkitError) -> None:
    hint = make_visible(error.hint) if error.hint else None
    tell(AgentkitError(make_visible(error.message), hint=hint).lines())
