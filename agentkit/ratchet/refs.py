"""Which refs and settings does the repository have, and which of them were changed by what was judged?"""

from __future__ import annotations

import hashlib
import os

from agentkit.core.repo.repository import Repository, read_rows
from agentkit.ratchet.state import read_state

Refs = dict[str, str]
# What a person's fetch moves.
FETCHED = ("refs/remotes/", "refs/prefetch/")
# What git itself obeys.
FILES = ("config", "config.worktree", "info/grafts", "info/attributes", "objects/info/alternates")
OWN = ("refs/agentkit/", *FILES, "hooks/")
# What is proposed gets a ref of its own here, before it is judged: that happens all the time, and moves nothing.
CANDIDATES = "refs/agentkit/candidates/"
STATE, VERDICTS = "refs/agentkit/ratchet", "refs/agentkit/verdicts"


def list_refs(repository: Repository) -> Refs:
    """Return {ref: what it names} of the repository; a symbolic one names `ref: …`."""
    form = "%(refname)%00%(if)%(symref)%(then)ref: %(symref)%(else)%(objectname)%(end)"
    rows = read_rows(repository.git("for-each-ref", f"--format={form}"))
    refs = dict(row.split("\0", 1) for row in rows)
    return {name: value for name, value in refs.items() if not name.startswith(FETCHED)} | _read_files(repository)


def find_moved(repository: Repository, before: Refs, after: Refs) -> list[str]:
    """Return what was moved or deleted, and what is new among the ratchet's own and what git obeys.

    Others may accept and check meanwhile: a chain that only grew, by a state that the ratchet knows, was not moved, nor
    was the branch that such a state names. A person may fetch, and others may propose.
    """
    moved = [name for name, value in before.items() if after.get(name) != value]
    new = [name for name in after if name not in before and name.startswith(OWN)]
    moved += [name for name in new if not name.startswith(CANDIDATES)]
    if not moved:
        return []
    grown = {name for name in (STATE, VERDICTS) if name in moved and _has_grown(repository, before, after, name)}
    if STATE in grown:
        state = read_state(repository)
        if state.commit != after[STATE]:
            grown.discard(STATE)
        elif after.get(state.branch) == state.accepted:
            grown.add(state.branch)
    return [name for name in moved if name not in grown]


def _has_grown(repository: Repository, before: Refs, after: Refs, name: str) -> bool:
    old, new = before.get(name), after.get(name)
    if new is None:
        return False
    if old is None:
        # The first verdict that there is, of another candidate.
        return name == VERDICTS and repository.ask("cat-file", "-e", f"{new}:verdict.json").status == 0
    chain = repository.git("rev-list", "--first-parent", "--max-count=10000", "--end-of-options", new)
    return old.encode() in chain.split()


def _read_files(repository: Repository) -> Refs:
    """Return {path: digest} of the files in the git folder that git obeys."""
    places = {repository.git_dir, repository.common_dir}
    names = [os.path.join(place, name) for place in places for name in FILES]
    for place in places:
        try:
            names += [entry.path for entry in os.scandir(os.path.join(place, "hooks"))]
        except OSError:
            continue
    files: Refs = {}
    for path in names:
        try:
            with open(path, "rb") as file:
                files[os.path.relpath(path, repository.common_dir)] = hashlib.blake2b(file.read()).hexdigest()
        except OSError:
            continue
    return files
