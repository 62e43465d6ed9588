"""What does `think` remember, and how is it opened?

One file of SQLite: the inbox, what runbooks did, each call of a model with what it was allowed to cost, the journal.
Imported when nothing wakes anybody: nothing but `sqlite3` here.
"""

from __future__ import annotations

from agentkit.core.statefile import BUSY_LIMIT_S, Form, Store, open_state

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUSY_LIMIT_S", "NAME", "Store", "open_store"]

NAME = "think.db"

# `waits`: 1 while nobody has dealt with it. `episode` counts how often it fired anew after it was gone. `claim` names
# the process that deals with it, `teller` the one that made a decision and tells it. Money is in nanodollars; `cost`
# and `tokens` of a call are what was reserved for it until it is settled, so that one sum tells what may have been
# spent.
TABLES = {
    "findings": "fingerprint TEXT PRIMARY KEY, host TEXT, source TEXT, type TEXT, subject TEXT, severity TEXT, "
    "state TEXT, record TEXT, group_key TEXT, episode INTEGER, first_seen_at REAL, last_seen_at REAL, count INTEGER, "
    "waits INTEGER, waiting_since REAL, waiting_for TEXT, not_before REAL, handled_at REAL, handled_by TEXT, "
    "claim TEXT",
    "groups": "key TEXT PRIMARY KEY, thought_at REAL",
    "runs": "id INTEGER PRIMARY KEY, at REAL, runbook TEXT, fingerprint TEXT, episode INTEGER, chosen_by TEXT, "
    "state TEXT, status INTEGER, tail TEXT, duration_s REAL, pid INTEGER, pid_start INTEGER, boot TEXT, "
    "UNIQUE (fingerprint, episode, runbook, chosen_by)",
    "calls": "id INTEGER PRIMARY KEY, at REAL, settled_at REAL, provider TEXT, model TEXT, purpose TEXT, state TEXT, "
    "reserved_cost INTEGER, cost INTEGER, reserved_tokens INTEGER, tokens INTEGER, outcome TEXT",
    "providers": "name TEXT PRIMARY KEY, state TEXT, step INTEGER, open_until REAL, not_before REAL, last_error TEXT, "
    "last_error_at REAL, last_ok_at REAL, digest TEXT, probe TEXT",
    "journal": "id TEXT PRIMARY KEY, at REAL, purpose TEXT, group_key TEXT, provider TEXT, model TEXT, prompt TEXT, "
    "answer TEXT, trouble TEXT, call INTEGER, cost INTEGER, tokens INTEGER",
    "decisions": "id TEXT PRIMARY KEY, at REAL, group_key TEXT, record TEXT, teller TEXT, printed_at REAL",
    "meta": "name TEXT PRIMARY KEY, value TEXT",
}
INDEXES = {
    "findings_waiting": "findings (waits, state)",
    "findings_by_subject": "findings (subject, host) WHERE state = 'firing' AND severity = 'critical'",
    "findings_by_group": "findings (group_key)",
    "runs_by_runbook": "runs (runbook, at)",
    "calls_by_time": "calls (at)",
    "decisions_unprinted": "decisions (at) WHERE printed_at IS NULL",
    "decisions_by_group": "decisions (group_key, at)",
}
FORM = Form(
    NAME,
    what="inbox",
    loss="what was spent stands in it",
    version=1,
    application_id=0x74686E6B,  # "thnk"
    tables=TABLES,
    indexes=INDEXES,
)


def open_store(environ: Mapping[str, str]) -> Store:
    """Return the store of this state folder, made where it is missing; raises AgentkitError as `open_state` does."""
    return open_state(FORM, environ)
