"""What does a hook do when git runs it: leave evidence, and (before a push) judge what is pushed?"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.commits import take_rev
from agentkit.core.repo.repository import Repository, find_repository, read_rows
from agentkit.ratchet.candidacy import Asked, check_candidate
from agentkit.ratchet.hookplace import HOOKS, PRE_PUSH
from agentkit.ratchet.hookrecord import ENDED, PASSED, REFUSED, STARTED, append_event
from agentkit.ratchet.state import State, read_state
from agentkit.ratchet.verdict import ACCEPT, NO_EVIDENCE, REJECT
from agentkit.ratchet.verdicts import Filed, list_places, read_verdicts
from agentkit.ratchet.viewing import SHORT, name_branch

NOT_JUDGED, DELETED, ACCEPTED, NO_BASELINE = "not judged", "deleted", "accepted", "no baseline"
ANSWERS = {Exit.OK: ACCEPT, Exit.FINDINGS: REJECT}
PASSWORD = re.compile(r"//[^/@]*@")


@dataclass(frozen=True)
class Pushed:
    """A ref that is pushed: where it goes, the commit, and what is known of that; `verdict` is its id."""

    ref: str
    commit: str
    answer: str
    verdict: str = ""


def run_hook(
    folder: str, environ: Mapping[str, str], hook: str, words: Sequence[str], stdin: bytes, *, now: float
) -> int:
    """Do what a hook is there for; a status above 0 stops the push. A commit is never stopped, whatever goes wrong.

    Raises AgentkitError: usage where there is no such hook, and before a push refused or whatever stops a judgement.
    """
    if hook not in HOOKS:
        raise AgentkitError(f"there is no hook {hook!r}", hint=f"it is one of {', '.join(HOOKS)}", status=Exit.USAGE)
    if hook == PRE_PUSH:
        return _judge_push(find_repository(folder, environ), environ, words, stdin, now)
    try:
        _note_commit(find_repository(folder, environ), environ, hook, now)
    except AgentkitError as error:
        warn(f"this commit leaves no evidence: {error.message}")
    return Exit.OK


def _note_commit(repository: Repository, environ: Mapping[str, str], hook: str, now: float) -> None:
    """Write down the tree that is about to be committed, and on what."""
    index = environ.get("GIT_INDEX_FILE", "")
    # Of `git commit PATH` or `-a` it is an index of git's own, beside the real one.
    more = {"GIT_INDEX_FILE": os.path.abspath(index)} if index else {}
    tree = repository.git("write-tree", more=more).decode().strip()
    words = repository.ask("log", "-1", "--format=%H %P", "HEAD").stdout.decode().split()
    facts = {"hook": hook, "tree": tree, "head": words[0] if words else "", "parents": words[1:], "answer": PASSED}
    append_event(repository, ENDED, facts, now)


def _judge_push(
    repository: Repository, environ: Mapping[str, str], words: Sequence[str], stdin: bytes, now: float
) -> int:
    rows = [row.split(" ") for row in read_rows(stdin) if row.count(" ") == 3]
    # Whoever pushes to an address without a name may have written a password into it.
    remote = PASSWORD.sub("//", words[0]) if words else ""
    refs = [{"ref": ref, "commit": commit} for _, commit, ref, _ in rows]
    facts: dict[str, object] = {"hook": PRE_PUSH, "remote": remote}
    append_event(repository, STARTED, {**facts, "pushed": refs}, now)
    begun = time.monotonic()
    try:
        pushed = [_answer(repository, environ, local, commit, ref) for local, commit, ref, _ in rows]
    except AgentkitError as error:
        ended = {**facts, "pushed": refs, "answer": REFUSED, "why": error.message}
        append_event(repository, ENDED, ended, now + time.monotonic() - begun)
        raise
    refused = [one for one in pushed if one.answer in (REJECT, NO_EVIDENCE)]
    answer = REFUSED if refused else PASSED
    ended = {**facts, "pushed": [asdict(one) for one in pushed], "answer": answer}
    append_event(repository, ENDED, ended, now + time.monotonic() - begun)
    if refused:
        one = refused[0]
        told = "is rejected" if one.answer == REJECT else "gives no evidence"
        raise AgentkitError(
            f"push refused: {one.commit[:SHORT]} for {name_branch(one.ref)} {told}",
            hint=f"agentkit ratchet show {one.verdict[:SHORT]}",
            status=Exit.REFUSED,
        )
    return Exit.OK


def _answer(repository: Repository, environ: Mapping[str, str], local: str, named: str, ref: str) -> Pushed:
    """Return what is known of a ref that is pushed, judged where it goes to the branch that is held."""
    if named == repository.no_object:
        return Pushed(ref, named, DELETED)
    if repository.git("cat-file", "-t", "--end-of-options", named).strip() not in (b"commit", b"tag"):
        return Pushed(ref, named, NOT_JUDGED)
    commit = take_rev(repository, named)
    state = _read_state(repository)
    if state is None:
        return Pushed(ref, commit, NO_BASELINE)
    if repository.ask("merge-base", "--is-ancestor", commit, state.accepted).status == 0:
        return Pushed(ref, commit, ACCEPTED)
    known = _find_known(repository, state, commit)
    if known is None and state.branch in (local, ref):
        status = check_candidate(repository.root or repository.git_dir, environ, Asked(rev=commit, quiet=True))
        known = _find_known(repository, state, commit)
        if known is None:
            return Pushed(ref, commit, ANSWERS.get(status, NO_EVIDENCE))
    if known is None:
        return Pushed(ref, commit, NOT_JUDGED)
    return Pushed(ref, commit, known.text("answer"), known.place.commit)


def _read_state(repository: Repository) -> State | None:
    try:
        return read_state(repository)
    except AgentkitError as error:
        if error.status != Exit.UNAVAILABLE:
            raise
        return None


def _find_known(repository: Repository, state: State, commit: str) -> Filed | None:
    """Return the newest verdict on that commit against what is accepted now."""
    places = [place for place in list_places(repository) if place.candidate == commit]
    verdicts = [one for one in read_verdicts(repository, places) if one.record and not one.trouble]
    return next((one for one in verdicts if one.text("base") == state.accepted), None)
