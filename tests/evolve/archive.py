"""How does a test come to an archive: candidates as nights of work leave them, written by evolve's own hand?"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace

from agentkit.core.ids import new_id
from agentkit.evolve.candidate import (
    ACCEPTED,
    DONE,
    NO_EVIDENCE,
    PROPOSED,
    PROPOSED_STEP,
    REJECTED,
    REVERTED,
    Candidate,
    add,
)
from agentkit.evolve.store import open_store

NOW = 1_795_762_800.0  # 2026-11-27, 07:00 UTC
NIGHT_S = 86_400
MADE_BY = ("mend-locks", "codemod --quotes", "agent --model small", "patch")
REASONS = {
    ACCEPTED: "nothing that worked stopped working",
    REJECTED: "test_backup.py::test_it_holds_one_lock was pass and is fail",
    NO_EVIDENCE: "the proposer changed nothing",
    REVERTED: "taken back by a person",
    PROPOSED: "the ratchet is held by another process",
}


def sha(text: str) -> str:
    """Return what looks like the name of a commit."""
    return hashlib.sha1(text.encode()).hexdigest()


def make_one(at: float, state: str, *, base: str = sha("person"), **more: object) -> Candidate:
    """Return a candidate that was begun at an instant and is at its end."""
    name = new_id(at)
    plain = Candidate(
        name, at, "/srv/scripts", "refs/heads/main", base, MADE_BY[0], state=state, reason=REASONS[state],
        step=PROPOSED_STEP if state == PROPOSED else DONE, kept=int(state == ACCEPTED), commit_id=sha(name),
        duration_s=12.5, ended_at=None if state == PROPOSED else at + 20,
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]  # the names of its fields


def make_verdict(one: Candidate, metrics: Mapping[str, tuple[float | None, float | None]], *, why: str = "") -> str:
    """Return a verdict on a candidate; `metrics` is {name: (best, now)}, in ms where lower is better."""
    worse = [
        {"id": "test_backup.py::test_it_holds_one_lock", "was": "pass", "now": "fail", "why": why or "assert 2 == 1"}
    ]
    answers = {ACCEPTED: "accept", REJECTED: "reject"}
    rows = [
        {"name": name, "unit": "ms", "direction": "lower", "best": best, "now": now, "limit": None, "worse": False,
         "why": ""}
        for name, (best, now) in metrics.items()
    ]  # fmt: skip
    return json.dumps(
        {"v": 1, "kind": "verdict", "answer": answers.get(one.state, "no evidence"), "reason": one.reason,
         "base": one.base, "candidate": one.commit_id, "regressed": worse if one.state == REJECTED else [],
         "missing": [], "fixed": ["test_backup.py::test_it_ends"] if one.state == ACCEPTED else [], "new": [],
         "unstable": [], "metrics": rows, "mechanism": None, "hints": [], "runs": [], "evidence": ""}
    )  # fmt: skip


def make_nights(
    choices: random.Random, count: int, *, nights: int = 7, is_measured: bool = True, repository: str = "/srv/scripts"
) -> list[Candidate]:
    """Return candidates of some nights up to `NOW`, some of them of one run, with a metric that gets better."""
    found: list[Candidate] = []
    tip, parent, best = sha(f"person {repository}"), None, 48.0
    for night in range(nights):
        at = NOW - (nights - night) * NIGHT_S + 14 * 3600
        # Now and then a person commits something by day.
        if night and choices.random() < 0.15:
            tip, parent = sha(f"{repository} {night}"), None
        share = count * (night + 1) // nights - count * night // nights
        batch = new_id(at) if choices.random() < 0.4 and share > 3 else None
        for number in range(share):
            at += choices.uniform(60, 36_000 / share)
            state = choices.choices([ACCEPTED, REJECTED, NO_EVIDENCE], [3, 6, 2])[0]
            # Of a run the last one that was accepted is kept.
            is_kept = state == ACCEPTED and (batch is None or number > share - 4)
            one = make_one(
                at, state, base=tip, parent=parent, batch=batch, kept=int(is_kept), repository=repository,
                proposer=choices.choice(MADE_BY), cost_usd=round(choices.expovariate(60), 5),
                duration_s=choices.uniform(4, 90), findings=json.dumps([sha(str(night)) + "0" * 24]),
            )  # fmt: skip
            if is_measured and state != NO_EVIDENCE:
                goal = 20 + (best - 20) * (1 - choices.uniform(0.0, 8 / count))
                now = goal if state == ACCEPTED else best * choices.uniform(0.97, 1.6)
                metrics = {"backup time": (best, now), "lines": (900.0 - night, 899.0 - night)}
                one = replace(one, verdict=make_verdict(one, metrics))
                best = min(best, now) if is_kept else best
            found.append(one)
            if is_kept:
                tip, parent = str(one.commit_id), one.id
                if batch is not None:
                    break
    return found


def file(environ: Mapping[str, str], candidates: Iterable[Candidate]) -> None:
    """Write candidates into the archive."""
    with open_store(environ) as store, store.transaction():
        for one in candidates:
            add(store, one)
