"""What is a candidate: as it stands in the archive, and as the record that travels?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from agentkit.core.asides import write_instant
from agentkit.core.claims import is_claim_held
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.statefile import Store
from agentkit.core.times import format_instant

if TYPE_CHECKING:
    from agentkit.core.statefile import Row

PROPOSING, PROPOSED_STEP, JUDGED, DONE = "proposing", "proposed", "judged", "done"
PROPOSED, ACCEPTED, REJECTED, NO_EVIDENCE, REVERTED = "proposed", "accepted", "rejected", "no-evidence", "reverted"
STATES = (PROPOSED, ACCEPTED, REJECTED, NO_EVIDENCE, REVERTED)
STATUSES = {PROPOSED: Exit.TRY_LATER, ACCEPTED: Exit.OK, REJECTED: Exit.FINDINGS, NO_EVIDENCE: Exit.BAD_DATA,
            REVERTED: Exit.OK}  # fmt: skip
REFS = "refs/agentkit/candidates"
# As much of an id as a person reads: 48 bits of time and 16 of chance.
SHOWN_ID = 16
LEAST = 4
OPEN_BATCHES = "SELECT id FROM batches WHERE ended_at IS NULL"


@dataclass(frozen=True)
class Candidate:
    """One change, from its intent on; what stands in the archive under these names (see `store.TABLES`).

    `argv` is the proposer as a list in JSON, `findings` too; `verdict` is the record of the ratchet, as text. `branch`
    and `base` are "" until it is the turn of a decision that was written down before; `request` holds that alone then.
    """

    id: str
    at: float
    repository: str
    branch: str
    base: str
    proposer: str
    argv: str | None = None
    batch: str | None = None
    parent: str | None = None
    request: str | None = None
    prompt_digest: str | None = None
    decision: str | None = None
    findings: str = "[]"
    subject: str = ""
    allowed: str | None = None
    commit_id: str | None = None
    step: str = PROPOSING
    state: str = PROPOSED
    kept: int = 0
    reason: str = ""
    is_isolated: int | None = None
    cost_usd: float | None = None
    duration_s: float = 0.0
    ended_at: float | None = None
    stdout: str = ""
    stderr: str = ""
    verdict: str | None = None
    attempts: int = 0
    reverts: str | None = None
    claim: str | None = None
    outputs: str | None = None
    forgotten_at: float | None = None

    @property
    def ref(self) -> str:
        """Return the ref that holds its commit."""
        return f"{REFS}/{self.id}"

    @property
    def judgement(self) -> Mapping[str, object] | None:
        """Return the verdict's record; None while there is none."""
        return None if self.verdict is None else dict(json.loads(self.verdict))

    @property
    def metrics(self) -> dict[str, float | None]:
        """Return {name: value} of the metrics that the ratchet measured."""
        rows = (self.judgement or {}).get("metrics")
        return {str(row["name"]): row["now"] for row in rows} if isinstance(rows, list) else {}

    def record(self, host: str) -> Record:
        """Return the record that travels (kind `candidate`)."""
        return {
            "v": 1,
            "kind": "candidate",
            "at": format_instant(self.at),
            "host": host,
            "id": self.id,
            "repository": self.repository,
            "branch": self.branch or None,
            "base": self.base or None,
            "parent": self.parent,
            "commit": self.commit_id,
            "proposer": self.proposer,
            "prompt_digest": self.prompt_digest,
            "state": self.state,
            "step": self.step,
            "kept": bool(self.kept),
            "reason": self.reason,
            "verdict": self.judgement,
            "metrics": self.metrics,
            "cost_usd": self.cost_usd,
            "duration_s": round(self.duration_s, 3),
            "ended_at": write_instant(self.ended_at),
            "isolated": None if self.is_isolated is None else bool(self.is_isolated),
            "allowed": self.allowed,
            "decision": self.decision,
            "findings": json.loads(self.findings),
            "batch": self.batch,
            "reverts": self.reverts,
            "forgotten_at": write_instant(self.forgotten_at),
        }


COLUMNS = tuple(spot.name for spot in fields(Candidate))
SELECT = f"SELECT {', '.join(COLUMNS)} FROM candidates"  # noqa: S608  # the names of columns
INSERT = f"INSERT INTO candidates ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608


def add(store: Store, candidate: Candidate) -> None:
    """Write a candidate down; sqlite3.IntegrityError where its decision has one already."""
    store.execute(INSERT, [getattr(candidate, name) for name in COLUMNS])


def change(store: Store, candidate: Candidate, **news: str | float | None) -> Candidate:
    """Write down what is new of a candidate, and return it as it stands then."""
    words = ", ".join(f"{name} = ?" for name in news)
    store.execute(f"UPDATE candidates SET {words} WHERE id = ?", [*news.values(), candidate.id])  # noqa: S608
    return replace(candidate, **news)  # type: ignore[arg-type]  # each is of its field's type


def mark_reverted(store: Store, name: str, reason: str) -> None:
    """Write down that the branch does not have the candidate of this id any more."""
    store.execute("UPDATE candidates SET state = ?, kept = 0, reason = ? WHERE id = ?", (REVERTED, reason, name))


def read(store: Store, name: str) -> Candidate:
    """Return the candidate whose id, or commit, begins with a name.

    Raises AgentkitError: usage where it is too short, unavailable where none does, several do, or it is a run.
    """
    if len(name) < LEAST:
        raise AgentkitError(
            f"{name!r} is too short for a candidate; give its first {LEAST} letters, or more",
            hint="agentkit evolve log",
            status=Exit.USAGE,
        )
    found = select(store, "WHERE substr(id, 1, ?1) = ?2 OR substr(commit_id, 1, ?1) = ?2 LIMIT 4", (len(name), name))
    if len(found) == 1:
        return found[0]
    if not found:
        _demand_no_run(store, name)
    ids = ", ".join(one.id[:SHOWN_ID] for one in found[:3])
    what = f"{name} may be {ids}" if found else f"there is no candidate {name}"
    raise AgentkitError(what, hint="agentkit evolve log", status=Exit.UNAVAILABLE)


def _demand_no_run(store: Store, name: str) -> None:
    """Raise AgentkitError (unavailable) where a name is that of a run, with the way to its candidates."""
    runs = store.select("SELECT id, count, best FROM batches WHERE substr(id, 1, ?1) = ?2 LIMIT 2", (len(name), name))
    if len(runs) == 1:
        run, count, best = runs[0]
        kept = f"agentkit evolve show {str(best)[:SHOWN_ID]} is the one that was kept" if best else None
        raise AgentkitError(
            f"{str(run)[:SHOWN_ID]} is a run, of {int(count or 0)} candidates; name one of these",
            hint=kept or f"agentkit evolve log --json, in which they have batch {str(run)[:SHOWN_ID]}",
        )


def find_parent(store: Store, base: str) -> str | None:
    """Return the id of the candidate whose commit is the base; None where that was made by a person."""
    row = store.first("SELECT id FROM candidates WHERE commit_id = ? AND kept = 1", (base,))
    return str(row[0]) if row else None


def select(store: Store, words: str = "", values: tuple[str | float, ...] = ()) -> list[Candidate]:
    """Return the candidates that the end of a SELECT asks for."""
    return [_from_row(row) for row in store.select(f"{SELECT} {words}", values)]


def find_left(store: Store) -> Iterator[Candidate]:
    """Yield the candidates that were begun, and that nobody works on, the oldest first.

    Those of a run that has not ended are that one's to deal with.
    """
    words = f"WHERE step <> '{DONE}' AND (batch IS NULL OR batch NOT IN ({OPEN_BATCHES})) ORDER BY at, id"
    for candidate in select(store, words):
        if candidate.claim is None or not is_claim_held(candidate.claim):
            yield candidate


def _from_row(row: Row) -> Candidate:
    return Candidate(**dict(zip(COLUMNS, row, strict=True)))  # type: ignore[arg-type]  # as they were written
