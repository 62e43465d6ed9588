"""Is what the ratchet keeps in a repository whole: both chains, every object, no lock left behind, a way to judge?"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta

from agentkit.core.errors import AgentkitError
from agentkit.core.lines import CRITICAL, WARNING
from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.checkout import read_tree
from agentkit.core.repo.repository import Repository
from agentkit.core.times import format_duration
from agentkit.ratchet.settings import choose_python, read_settings
from agentkit.ratchet.sign import Sign, from_error
from agentkit.ratchet.state import PARTS, STATE_REF, State
from agentkit.ratchet.verdictlog import VERDICT_REF
from agentkit.ratchet.verdicts import Filed
from agentkit.ratchet.viewing import SHORT

STATES, VERDICTS = f"ref:{STATE_REF}", f"ref:{VERDICT_REF}"
# Git itself holds a lock for an instant, and the index for as long as somebody writes the message of a commit.
STALE_S = 600.0
AT_ONCE = 100
WALK_LIMIT = timedelta(minutes=10)


def check_states(repository: Repository, state: State) -> Iterator[Sign]:
    """Yield what does not hold in the chain of states: numbers go down by one, parents are what `about.json` names."""
    words = ("log", "--first-parent", f"--max-count={state.number}", "--format=%H %P", "--end-of-options", state.commit)
    rows = [row.split(" ") for row in repository.git(*words).decode().splitlines()]
    # Behind a state with one parent lies the history of the code.
    end = next((place for place, row in enumerate(rows, start=1) if len(row) < 3), len(rows))
    rows = rows[:end]
    for first in range(0, len(rows), AT_ONCE):
        block = rows[first : first + AT_ONCE]
        blobs = read_blobs(repository, [f"{row[0]}:{part}" for row in block for part in PARTS])
        for place, (commit, *parents) in enumerate(block):
            number = state.number - first - place
            missing = [part for part in PARTS if f"{commit}:{part}" not in blobs]
            fault = f"it has no {missing[0]}" if missing else _compare(blobs[f"{commit}:about.json"], number, parents)
            if fault:
                yield _tell_state(commit, fault)
    if len(rows) < state.number:
        yield _tell_state(rows[-1][0], f"the chain ends after {len(rows)} of {state.number} states")


def check_verdicts(verdicts: Sequence[Filed]) -> Iterator[Sign]:
    """Yield the verdicts that cannot be read or stand with another candidate than they name."""
    for one in verdicts:
        if one.trouble:
            short = one.place.commit[:SHORT]
            title, step = f"the verdict {short}: {one.trouble}", f"git show {short}"
            yield Sign("verdict-broken", VERDICTS, CRITICAL, title, step, key=one.place.commit)


def check_objects(repository: Repository, refs: Sequence[str]) -> Iterator[Sign]:
    """Yield what git cannot reach from the refs."""
    try:
        repository.git("rev-list", "--objects", "--quiet", "--end-of-options", *refs, limit=WALK_LIMIT)
    except AgentkitError as error:
        yield from_error("objects-missing", f"file:{repository.common_dir}", error)


def find_stale_locks(repository: Repository, branch: str, now: float) -> Iterator[Sign]:
    """Yield the locks of git that nobody can still be holding for a moment's work."""
    folders = sorted({repository.git_dir, repository.common_dir})
    paths = [f"{folder}/{name}.lock" for folder in folders for name in ("index", "HEAD")]
    paths += [
        f"{repository.common_dir}/{name}.lock" for name in ("packed-refs", STATE_REF, VERDICT_REF, branch) if name
    ]
    for path in paths:
        try:
            age = now - os.lstat(path).st_mtime
        except OSError:
            continue
        if age > STALE_S:
            title = f"{path} is {format_duration(age)} old: a git was killed, or one waits for a person"
            yield Sign(
                "lock-stale", f"file:{path}", WARNING, title, f"fuser -v {path}, and where nobody has it: rm {path}"
            )


def check_judge(repository: Repository, state: State) -> Iterator[Sign]:
    """Yield what would keep the next candidate from being judged."""
    subject = f"file:{repository.root or repository.common_dir}"
    try:
        settings = read_settings(repository, read_tree(repository, state.accepted))
    except AgentkitError as error:
        yield from_error("settings", subject, error)
        return
    program = settings.command[0] if settings.command else choose_python(repository, settings)
    path = repository.environ.get("PATH", os.defpath)
    if "/" in program and not os.path.isabs(program) and settings.command:
        pass  # it is in the checkout, or it is not: the next run tells
    elif shutil.which(program, path=path) is None:
        type_ = "runner-missing" if settings.command else "interpreter-missing"
        yield Sign(
            type_,
            f"file:{program}",
            CRITICAL,
            f"{program} cannot be run, and it runs the tests",
            "agentkit ratchet check",
        )
    holdout = os.path.join(repository.root, os.path.expanduser(settings.holdout)) if settings.holdout else ""
    if holdout and not os.path.isdir(holdout):
        yield Sign(
            "holdout-missing", f"file:{holdout}", CRITICAL, f"the hold-out {holdout} is no folder", f"ls -d {holdout}"
        )


def _compare(raw: bytes, number: int, parents: Sequence[str]) -> str:
    """Return what of a state's `about.json` is not so, "" where all is."""
    try:
        about = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return f"about.json: {error}"
    if not isinstance(about, dict) or about.get("number") != number:
        return f"about.json does not say that it is number {number}"
    if len(parents) != (1 if number == 1 else 2) or parents[-1] != about.get("accepted"):
        return "its parents are not the state before it and the accepted commit"
    return ""


def _tell_state(commit: str, fault: str) -> Sign:
    short = commit[:SHORT]
    return Sign("state-broken", STATES, CRITICAL, f"the state {short}: {fault}", f"git show {short}", key=commit)
