"""Is what is old forgotten, and nothing that still counts?"""

from __future__ import annotations

from agentkit.think.forgetting import DAY_S, forget_old
from agentkit.think.store import Store, open_store

NOW = 1_795_000_000.0
OLD = NOW - 100 * DAY_S


def count(store: Store, table: str) -> int:
    return int(str(store.select(f"SELECT count(*) FROM {table}")[0][0]))


def fill(store: Store, at: float) -> None:
    for state in ("firing", "resolved"):
        name = f"{state} {at}"
        store.execute("INSERT INTO findings (fingerprint, state, last_seen_at) VALUES (?, ?, ?)", (name, state, at))
        store.execute("INSERT INTO runs (at, runbook, fingerprint, episode) VALUES (?, 'fix', ?, 1)", (at, name))
    store.execute("INSERT INTO journal (id, at) VALUES (?, ?)", (str(at), at))
    store.execute("INSERT INTO decisions (id, at, printed_at) VALUES (?, ?, ?)", (str(at), at, at))
    store.execute("INSERT INTO decisions (id, at) VALUES (?, ?)", (f"untold {at}", at))
    store.execute("INSERT INTO calls (at, cost) VALUES (?, 1)", (at,))


def test_what_is_old_is_forgotten_but_not_what_fires_was_told_nobody_or_counts(own_environ: dict[str, str]) -> None:
    with open_store(own_environ) as store:
        fill(store, OLD)
        fill(store, NOW - 50 * DAY_S)
        forget_old(store, 90, NOW)
        kept = {table: count(store, table) for table in ("findings", "runs", "journal", "decisions", "calls")}
        assert kept == {"findings": 3, "runs": 3, "journal": 1, "decisions": 3, "calls": 1}
        # Whatever is kept, the budget looks back to the beginning of the month.
        forget_old(store, 1, NOW + 2 * DAY_S)
        assert (count(store, "calls"), count(store, "journal")) == (1, 0)


def test_a_clock_that_jumps_ahead_for_a_moment_forgets_nothing(own_environ: dict[str, str]) -> None:
    with open_store(own_environ) as store:
        forget_old(store, 90, NOW)
        fill(store, NOW)
        for at in (NOW + 400 * DAY_S, NOW + DAY_S):
            forget_old(store, 90, at)
        assert (count(store, "calls"), count(store, "findings")) == (1, 2)


def test_a_finding_is_not_forgotten_before_what_a_runbook_did_about_it(own_environ: dict[str, str]) -> None:
    with open_store(own_environ) as store:
        fill(store, OLD)
        # It ran long after the finding was heard of, and before a person dropped it.
        store.execute("UPDATE runs SET at = ?", (NOW - DAY_S,))
        forget_old(store, 90, NOW)
        assert (count(store, "findings"), count(store, "runs")) == (2, 2)


def test_it_is_done_once_a_day(own_environ: dict[str, str]) -> None:
    with open_store(own_environ) as store:
        forget_old(store, 90, NOW)
        fill(store, OLD)
        forget_old(store, 90, NOW + DAY_S / 2)
        assert count(store, "journal") == 1
        forget_old(store, 90, NOW + DAY_S)
        assert count(store, "journal") == 0
