"""Which candidates are so old that their commits and texts may go, and how do they go by age alone?

Only what was not kept goes: its ref, so that git may collect the commit, and what was printed. The row stays with id,
state and reason. A clock that jumps makes nothing old: two looks have to agree, a day or more apart.
"""

from __future__ import annotations

import re
import time

from agentkit.core.claims import is_claim_held
from agentkit.core.errors import AgentkitError
from agentkit.core.repo.repository import Repository, find_repository, read_rows
from agentkit.core.statefile import Store
from agentkit.evolve.candidate import ACCEPTED, DONE, NO_EVIDENCE, REFS, REJECTED
from agentkit.evolve.workbench import Workbench

DAY_S = 86400.0
# Whoever looks after a longer pause than this may have another clock than before, and only takes the time.
LONGEST_PAUSE_S = 7 * DAY_S
MARK = "forgotten"
# In one look, in each repository; what is left then goes on another day.
MOST = 500
LIMIT_S = 20.0
EXPIRED = (
    f"step = '{DONE}' AND kept = 0 AND state IN ('{REJECTED}', '{NO_EVIDENCE}', '{ACCEPTED}') "
    "AND forgotten_at IS NULL AND ended_at < ?"
)
ID = re.compile(r"[0-9a-f]{32}")


def forget_when_due(bench: Workbench, now: float) -> None:
    """Forget what is older than `[evolve] keep_days`, where nobody has looked within a day; `now` as of `time.time`.

    A repository that is gone, or in which another git or a candidate is at work, waits for another day: what judges
    holds a ref that goes meanwhile against the one that it judges.
    """
    if not _is_due(bench.store, now):
        return
    before = now - bench.settings.keep_days * DAY_S
    rows = bench.store.select(f"SELECT DISTINCT repository FROM candidates WHERE {EXPIRED}", (before,))  # noqa: S608
    due = time.monotonic() + LIMIT_S
    for root in dict.fromkeys([bench.repository.root, *(str(row[0]) for row in rows)]):
        if time.monotonic() > due:
            return
        try:
            repository = find_repository(root, bench.environ)
            if repository.root == root and not _is_at_work(bench.store, root):
                _forget_in(bench.store, repository, before, now)
        except AgentkitError:
            continue


def _is_at_work(store: Store, root: str) -> bool:
    claims = f"SELECT claim FROM candidates WHERE repository = ? AND step <> '{DONE}' AND claim IS NOT NULL"  # noqa: S608
    return any(is_claim_held(str(claim)) for (claim,) in store.select(claims, (root,)))


def _is_due(store: Store, now: float) -> bool:
    if _is_fresh(_read_mark(store), now):
        return False
    with store.transaction():
        last = _read_mark(store)
        if _is_fresh(last, now):
            return False
        store.execute("INSERT OR REPLACE INTO marks (name, at) VALUES (?, ?)", (MARK, now))
    return last is not None and 0 <= now - last <= LONGEST_PAUSE_S


def _is_fresh(last: float | None, now: float) -> bool:
    return last is not None and 0 <= now - last < DAY_S


def _read_mark(store: Store) -> float | None:
    row = store.first("SELECT at FROM marks WHERE name = ?", (MARK,))
    return None if row is None else float(str(row[0]))


def _forget_in(store: Store, repository: Repository, before: float, now: float) -> None:
    """Let the refs of one repository go, and then the texts: cut off in between, it is done again."""
    held = _list_refs(repository)
    words = f"SELECT id, commit_id FROM candidates WHERE {EXPIRED} AND repository = ? ORDER BY ended_at LIMIT {MOST}"  # noqa: S608
    rows = [(str(row[0]), row[1]) for row in store.select(words, (before, repository.root))]
    # A ref that holds something else was moved by somebody, who may want it.
    expired = [name for name, commit in rows if held.get(name, commit) == commit]
    old = [name for name in sorted(held) if int(name[:12], 16) / 1000 < before]
    lost = [name for name in old if not _is_wanted(store, name)]
    _remove_refs(repository, {name: held[name] for name in dict.fromkeys([*expired, *lost[:MOST]]) if name in held})
    store.execute_many(
        "UPDATE candidates SET stdout = '', stderr = '', request = NULL, verdict = NULL, outputs = NULL, "
        "forgotten_at = ? WHERE id = ?",
        [(now, name) for name in expired],
    )


def _is_wanted(store: Store, name: str) -> bool:
    """Tell whether the archive knows a candidate, and has not forgotten it."""
    return store.first("SELECT 1 FROM candidates WHERE id = ? AND forgotten_at IS NULL", (name,)) is not None


def _list_refs(repository: Repository) -> dict[str, str]:
    """Return {id: commit} of the refs that evolve made."""
    raw = repository.git("for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)", REFS)
    rows = (row.split("\0") for row in read_rows(raw))
    found = ((ref.removeprefix(f"{REFS}/"), commit) for ref, commit, symref in rows if not symref)
    return {name: commit for name, commit in found if ID.fullmatch(name)}


def _remove_refs(repository: Repository, refs: dict[str, str]) -> None:
    orders = "".join(f"delete {REFS}/{name}\0{commit}\0" for name, commit in refs.items())
    if orders:
        repository.git("update-ref", "--no-deref", "--stdin", "-z", stdin=orders.encode())
