"""What does `evolve` remember of each candidate, and how is it opened?

One file of SQLite. A row is written before its proposer is started, so that nothing that was begun is ever forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from agentkit.core.statefile import Form, Store, open_state
from agentkit.core.statelook import open_existing_state

NAME = "evolve.db"
# `step` is how far it came: proposing, proposed (its commit has a ref), judged, done. `state` is what it is told to be.
# `claim` names the process that works on it. `kept`: 1 when the branch has it. `decision` is the id of the one that it
# was made for, so that one decision is never tried twice. `request` is what the proposer was told.
TABLES = {
    "candidates": "id TEXT PRIMARY KEY, at REAL, batch TEXT, parent TEXT, repository TEXT, branch TEXT, base TEXT, "
    "proposer TEXT, argv TEXT, request TEXT, prompt_digest TEXT, decision TEXT UNIQUE, findings TEXT, subject TEXT, "
    "allowed TEXT, commit_id TEXT, step TEXT, state TEXT, kept INTEGER, reason TEXT, is_isolated INTEGER, "
    "cost_usd REAL, duration_s REAL, ended_at REAL, stdout TEXT, stderr TEXT, verdict TEXT, attempts INTEGER, "
    "reverts TEXT, claim TEXT, outputs TEXT, forgotten_at REAL",
    "batches": "id TEXT PRIMARY KEY, at REAL, repository TEXT, branch TEXT, base TEXT, proposer TEXT, argv TEXT, "
    "allowed TEXT, count INTEGER, jobs INTEGER, ended_at REAL, best TEXT, claim TEXT",
    "marks": "name TEXT PRIMARY KEY, at REAL",
}
INDEXES = {
    "candidates_by_commit": "candidates (commit_id)",
    "candidates_open": "candidates (at) WHERE step <> 'done'",
    "candidates_by_batch": "candidates (batch)",
}
FORM = Form(
    NAME,
    what="archive",
    loss="what was tried stands in it",
    version=1,
    application_id=0x65766F6C,  # "evol"
    tables=TABLES,
    indexes=INDEXES,
)


def open_store(environ: Mapping[str, str]) -> Store:
    """Return the archive of this state folder, made where it is missing; raises AgentkitError as `open_state` does."""
    return open_state(FORM, environ)


def open_existing(environ: Mapping[str, str]) -> AbstractContextManager[Store | None]:
    """Open the archive; None where there is none, for a question leaves nothing behind."""
    return open_existing_state(FORM, environ)
