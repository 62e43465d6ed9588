"""Do the hooks that were installed still run, and was there a commit or a push that none of them saw?"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Iterator

from agentkit.core.asides import read_instant
from agentkit.core.lines import CRITICAL, WARNING, Record
from agentkit.core.repo.repository import Repository, read_rows
from agentkit.ratchet.hookplace import FOREIGN, HOOKS, MISSING, OLDER, PRE_PUSH, Found, Place, look_at
from agentkit.ratchet.hookrecord import ENDED, PASSED
from agentkit.ratchet.sign import Sign
from agentkit.ratchet.verdict import ACCEPT, REJECT
from agentkit.ratchet.verdicts import Filed
from agentkit.ratchet.viewing import SHORT, name_branch

INSTALL = "agentkit ratchet hook install"
MOST_COMMITS = 10_000
BY_PUSH = "update by push"


def look_at_hooks(place: Place, last: Record) -> Iterator[Sign]:
    """Yield what keeps an installed hook from running; `last` is the last installation."""
    was = str(last.get("folder", ""))
    found = [look_at(place, hook) for hook in HOOKS]
    if was and place.folder != was and not all(one.works for one in found):
        told = f"core.hooksPath ({place.scope}) has git take" if place.scope else "git takes"
        yield Sign(
            "hooks-elsewhere",
            f"file:{place.folder}",
            WARNING,
            f"{told} its hooks from {place.folder}, and ours are in {was}",
            INSTALL,
            evidence={"folder": place.folder, "installed_in": was, "scope": place.scope},
        )
        return
    digests = last.get("digests")
    known = digests if isinstance(digests, dict) else {}
    for one in found:
        sight = _look_at_one(one, str(known.get(one.hook, "")))
        if sight:
            type_, title, step = sight
            severity = CRITICAL if type_ == "hook-replaced" else WARNING
            yield Sign(type_, f"file:{one.path}", severity, title, step, evidence={"hook": one.hook})


def _look_at_one(one: Found, digest: str) -> tuple[str, str, str] | None:
    """Return (type, title, next step)."""
    if one.state == MISSING:
        return "hook-missing", f"the hook {one.hook} is gone from {one.path}", INSTALL
    if one.state == FOREIGN:
        return "hook-replaced", f"{one.path} was replaced: it does not call us any more", INSTALL
    if not one.is_executable:
        return "hook-not-executable", f"{one.path} is not executable, so git does not run it", f"chmod +x {one.path}"
    if one.state == OLDER:
        if one.digest != digest:
            return "hook-replaced", f"{one.path} was changed since it was installed", INSTALL
        if not os.access(one.program, os.X_OK):
            return "hook-broken", f"{one.path} starts {one.program}, which is gone", INSTALL
    return None


def find_unseen_commits(
    repository: Repository, branch: str, behind: Iterable[str], events: Iterable[Record], judged: Collection[str]
) -> Iterator[Sign]:
    """Yield the commits of the branch that no hook saw and nobody has judged.

    Left out is what lies behind the commits `behind`: the tip at the installation, and the accepted commit, with which
    all of it was judged. What came from another repository was made there.
    """
    known = [name for name in behind if repository.ask("cat-file", "-e", f"{name}^{{commit}}").status == 0]
    words = ["log", f"--max-count={MOST_COMMITS}", "--format=%H %T %P", branch, "--not", *known, "--remotes", "--"]
    ended = repository.ask(*words)
    seen_on: set[tuple[str, str]] = set()
    seen_beside: set[tuple[str, tuple[str, ...]]] = set()
    for event in events:
        if event["event"] == ENDED and "tree" in event:
            parents = event.get("parents")
            seen_on.add((str(event["tree"]), str(event.get("head", ""))))
            # `git commit --amend` makes a commit beside the one that was HEAD.
            seen_beside.add((str(event["tree"]), tuple(map(str, parents)) if isinstance(parents, list) else ()))
    for row in ended.stdout.decode("ascii", "replace").splitlines():
        commit, tree, *parents = row.split(" ")
        on = parents[0] if parents else ""
        if commit in judged or (tree, on) in seen_on or (tree, tuple(parents)) in seen_beside:
            continue
        yield Sign(
            "commit-unseen",
            f"file:{repository.root or repository.common_dir}",
            WARNING,
            f"no hook saw the commit {commit[:SHORT]} on {name_branch(branch)}: --no-verify, or made by a rebase or am",
            f"agentkit ratchet check --rev {commit[:SHORT]}",
            key=commit,
            evidence={"commit": commit},
        )


def find_unseen_pushes(
    repository: Repository, first: Record, events: Iterable[Record], verdicts: Iterable[Filed], accepted: str
) -> Iterator[Sign]:
    """Yield the pushes since the first installation that no hook saw, or that went on after it had refused them.

    What a verdict accepted since, or what is contained in the accepted commit ("" for none), was judged after all.
    """
    since = read_instant(first.get("at"))
    if since is None:
        return
    passed = set()
    for event in events:
        pushed = event.get("pushed")
        if event["event"] == ENDED and event.get("hook") == PRE_PUSH and event.get("answer") == PASSED:
            passed |= {
                str(one.get("commit")) for one in (pushed if isinstance(pushed, list) else ()) if isinstance(one, dict)
            }
    newest: dict[str, str] = {}
    for one in verdicts:
        newest.setdefault(one.place.candidate, one.text("answer"))
    refs = read_rows(repository.git("for-each-ref", "--format=%(refname)", "refs/remotes"))
    for ref in refs:
        ended = repository.ask("log", "-g", "--date=unix", "--format=%H %gd %gs", ref, "--")
        done: set[str] = set()
        for row in read_rows(ended.stdout):
            commit, _, rest = row.partition(" ")
            at = rest.rpartition("@{")[2].partition("}")[0]
            # A reflog knows seconds only.
            is_since = at.isdigit() and int(at) >= math.floor(since)
            if not rest.endswith(BY_PUSH) or not is_since or commit in passed or commit in done:
                continue
            done.add(commit)
            if newest.get(commit) == ACCEPT or _contains(repository, accepted, commit):
                continue
            is_bad = newest.get(commit) == REJECT
            name = ref.removeprefix("refs/remotes/")
            told = ", and it was rejected" if is_bad else ""
            yield Sign(
                "push-unseen",
                f"file:{repository.root or repository.common_dir}",
                CRITICAL if is_bad else WARNING,
                f"{commit[:SHORT]} was pushed to {name} past the hook{told}",
                f"agentkit ratchet check --rev {commit[:SHORT]}",
                key=f"{ref} {commit}",
                evidence={"commit": commit, "ref": ref},
            )


def _contains(repository: Repository, accepted: str, commit: str) -> bool:
    return bool(accepted) and repository.ask("merge-base", "--is-ancestor", commit, accepted).status == 0
