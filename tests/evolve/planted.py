"""Rows of the archive that nobody has to wait for: a candidate or a run in any state, as the verbs would write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from agentkit.core.ids import new_id
from agentkit.evolve.candidate import DONE, Candidate, add
from agentkit.evolve.store import open_store

BASE, COMMIT = "b" * 40, "c" * 40
# A process of another boot: that it is gone is known without looking.
DEAD = "1 1 00000000-0000-0000-0000-000000000000 1"
VERDICT = {
    "v": 1, "kind": "verdict", "at": "2026-11-22T03:00:00.000Z", "host": "web-1", "answer": "reject",
    "reason": "t::a was pass and fails now", "base": BASE, "candidate": COMMIT,
    "regressed": [{"id": "t::a", "was": "pass", "now": "fail", "why": "fails now"}], "missing": [], "fixed": [],
    "new": [], "unstable": [], "metrics": [], "mechanism": None, "hints": [], "runs": [], "evidence": "",
}  # fmt: skip


def plant(environ: Mapping[str, str], at: float, **more: str | float | None) -> Candidate:
    """Write down a candidate that was begun at an instant and rejected, or what is said of it; return it."""
    begun = Candidate(new_id(at), at, "/srv/scripts", "refs/heads/main", BASE, "mend")
    ended = {"step": DONE, "state": "rejected", "reason": "t::a was pass and fails now", "ended_at": at + 1}
    candidate = replace(begun, **{**ended, **more})  # type: ignore[arg-type]  # each is of its field's type
    with open_store(environ) as store:
        add(store, candidate)
    return candidate


def plant_run(environ: Mapping[str, str], at: float, *, count: int, claim: str | None) -> str:
    """Write down a run of candidates that has not ended; return its id."""
    number = new_id(at)
    row = (number, at, "/srv/scripts", "refs/heads/main", BASE, "mend", json.dumps(["mend"]), count, 2, claim)
    with open_store(environ) as store:
        store.execute(
            "INSERT INTO batches (id, at, repository, branch, base, proposer, argv, count, jobs, claim) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    return number
