"""What is the accepted state of a repository, where is it written down, and is it what we left there?

The state is a commit on `refs/agentkit/ratchet`. Its tree holds `baseline`, `unstable`, `metrics`, `about.json` and
`evidence/`; its parents are the state before it (the first has none) and the accepted commit. Beside the objects, the
file `agentkit/ratchet/known` in the git folder tells which state we put there last: a ref that is gone, went back or
lies elsewhere was moved by somebody else.
"""

import contextlib
import json
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.durable import replace_file
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.blobs import Found, read_objects
from agentkit.core.repo.objects import Objects
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.metrics import Metric, read_metrics, write_metrics
from agentkit.ratchet.outcomes import Outcomes, read_lines, write_lines
from agentkit.ratchet.ownfolder import own_folder

STATE_REF = "refs/agentkit/ratchet"
PARTS = ("about.json", "baseline", "unstable", "metrics")
# The ref may move while it is read; fifty that move it at once do so for seconds, not for thirty looks.
LOOKS = 30


@dataclass(frozen=True)
class State:
    """An accepted state: `commit` is its own, `accepted` the commit of the branch, `tree` that one's tree.

    `place` is the number of the state whose content it has: its own, but for one that rolled back to an earlier one.
    """

    commit: str
    accepted: str
    tree: str
    branch: str
    number: int
    baseline: Outcomes
    unstable: frozenset[str]
    metrics: tuple[Metric, ...]
    place: int = 0


def read_state(repository: Repository, at: str = "") -> State:
    """Return the state on the ref, or the one that a revision such as a commit's id names.

    Raises AgentkitError: unavailable where there never was one, bad data where it is lost or cannot be read, tampered
    where the ref was moved by somebody else.
    """
    # What we know is read first: another process writes the ref first, so that the ref is never behind what we know.
    known = "" if at else read_known(repository)
    rev = at or STATE_REF
    asked = [rev, f"{rev}^{{tree}}", *(f"{rev}:{part}" for part in PARTS), f"{rev}^1^{{tree}}", f"{rev}^2^{{tree}}"]
    for _ in range(LOOKS):
        answers = read_objects(repository, asked)
        if answers[0] is None:
            raise _tell_missing(rev, known)
        if _belong_together(answers, repository.object_format):
            try:
                state = _read(answers)
            except AgentkitError as error:
                # What we put there could be read: this is something else, and nothing that was torn.
                if known and known != answers[0].name:
                    raise _tell_moved(answers[0].name, known) from error
                raise
            if not at:
                _compare_known(repository, state, known)
            return state
    raise AgentkitError(f"{rev} moves faster than it can be read", status=Exit.TRY_LATER)


def write_state(  # noqa: PLR0917  # what a state holds, in the order in which it is told everywhere
    repository: Repository,
    previous: State | None,
    accepted: str,
    branch: str,
    baseline: Outcomes,
    unstable: Collection[str],
    metrics: Sequence[Metric],
    evidence: Mapping[str, bytes],
    *,
    place: int = 0,
    message: str = "",
    at_s: int = 0,
) -> str:
    """Write a state that follows `previous` and return its commit; the ref is not moved. Raises AgentkitError.

    `place` is the number of an earlier state that it brings back; `at_s` is when (now).
    """
    number = previous.number + 1 if previous else 1
    about: dict[str, object] = {"v": 1, "number": number, "branch": branch, "accepted": accepted}
    if place:
        about["rolled_back_to"] = place
    objects = Objects(repository)
    tree = objects.tree(
        {
            "about.json": json.dumps(about, indent=1).encode() + b"\n",
            "baseline": write_lines(baseline),
            "unstable": "".join(json.dumps(test) + "\n" for test in sorted(unstable)).encode(),
            "metrics": write_metrics(metrics),
            **{f"evidence/{name}": content for name, content in evidence.items()},
        }
    )
    parents = [previous.commit, accepted] if previous else [accepted]
    message = message or f"Accept {accepted[:12]} as state {number} ({len(baseline)} tests)"
    commit = objects.commit(tree, parents, message, at_s or int(time.time()))
    objects.write()
    return commit


def read_known(repository: Repository) -> str:
    """Return the commit of the state that we put on the ref last, "" where we never did."""
    path = f"{own_folder(repository)}/known"
    try:
        with open(path, encoding="ascii") as file:
            known = file.read(100).strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise AgentkitError(f"{path}: {error}", status=Exit.BAD_DATA) from error
    if len(known) != len(repository.no_object) or set(known) - set("0123456789abcdef"):
        raise AgentkitError(f"{path}: {known[:80]!r} is no id of a state", status=Exit.BAD_DATA)
    return known


def remember_known(repository: Repository, commit: str) -> None:
    """Note durably which state is on the ref; raises OSError."""
    os.makedirs(own_folder(repository), mode=0o700, exist_ok=True)
    replace_file(f"{own_folder(repository)}/known", commit.encode() + b"\n", prefix=".new-")


def tell_lost(known: str) -> AgentkitError:
    """Return what to say where a state was there and the ref has gone."""
    return AgentkitError(
        f"{STATE_REF} is lost: state {known[:12]} was there",
        hint=f"git update-ref {STATE_REF} {known}",
        status=Exit.BAD_DATA,
    )


def _tell_missing(rev: str, known: str) -> AgentkitError:
    if rev != STATE_REF:
        return AgentkitError(f"there is no state {rev}", hint="agentkit ratchet log", status=Exit.UNAVAILABLE)
    if known:
        return tell_lost(known)
    return AgentkitError("this repository has no accepted state", hint="agentkit ratchet init", status=Exit.UNAVAILABLE)


def _tell_moved(commit: str, known: str) -> AgentkitError:
    return AgentkitError(
        f"{STATE_REF} was moved by somebody else: it is {commit[:12]}, and does not follow {known[:12]}",
        hint=f"git log --first-parent {known[:12]}; to put it back: git update-ref {STATE_REF} {known}",
        status=Exit.TAMPERED,
    )


def _compare_known(repository: Repository, state: State, known: str) -> None:
    if not known:
        # As in a clone that fetched the ref: from now on we know it.
        with contextlib.suppress(OSError):
            remember_known(repository, state.commit)
        return
    if known == state.commit:
        return
    words = ["rev-list", "--first-parent", f"--max-count={state.number}", "--end-of-options", state.commit]
    if known not in repository.git(*words).decode().split():
        raise _tell_moved(state.commit, known)


def _belong_together(answers: Sequence[Found | None], object_format: str) -> bool:
    """Tell whether commit, tree and files are of one state: each line was answered by a look of its own at the ref."""
    commit, tree = answers[0], answers[1]
    assert commit is not None
    if tree is None or not commit.content.startswith(f"tree {tree.name}\n".encode()):
        return tree is None
    listed = _read_tree(tree.content, object_format)
    given = answers[2 : 2 + len(PARTS)]
    return all(answer is None or listed.get(part) == answer.name for part, answer in zip(PARTS, given, strict=True))


def _read_tree(raw: bytes, object_format: str) -> dict[str, str]:
    size = 32 if object_format == "sha256" else 20
    listed, place = {}, 0
    while place < len(raw):
        end = raw.index(b"\0", place)
        name = raw[place:end].partition(b" ")[2]
        listed[os.fsdecode(name)] = raw[end + 1 : end + 1 + size].hex()
        place = end + 1 + size
    return listed


def _read(answers: Sequence[Found | None]) -> State:
    assert answers[0] is not None
    commit, raw, _ = answers[0]
    parts = answers[2 : 2 + len(PARTS)]
    missing = [name for name, part in zip(PARTS, parts, strict=True) if part is None]
    if missing:
        raise _bad(commit, f"it has no {missing[0]}")
    about_raw, baseline, unstable, metrics = (part.content for part in parts if part is not None)
    parents = [
        row[7:] for row in raw.decode("utf-8", "replace").partition("\n\n")[0].split("\n") if row[:7] == "parent "
    ]
    try:
        about = json.loads(about_raw)
        number, branch, accepted = about["number"], about["branch"], about["accepted"]
        place = about.get("rolled_back_to", number)
        tests = frozenset(str(json.loads(line)) for line in unstable.splitlines())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad(commit, f"about.json or unstable: {error}") from error
    if not isinstance(number, int) or not isinstance(place, int) or not isinstance(branch, str):
        raise _bad(commit, "about.json: expected number and branch")
    if len(parents) != (1 if number == 1 else 2) or parents[-1] != accepted:
        raise _bad(commit, "its parents are not the state before it and the accepted commit")
    tree = answers[-1] if number > 1 else answers[-2]
    if tree is None:
        raise _bad(commit, f"the accepted commit {parents[-1][:12]} is not there")
    try:
        outcomes, best = read_lines(baseline), read_metrics(metrics)
    except AgentkitError as error:
        raise _bad(commit, error.message) from error
    return State(commit, parents[-1], tree.name, branch, number, outcomes, tests, best, place)


def _bad(commit: str, why: str) -> AgentkitError:
    return AgentkitError(
        f"the state {commit[:12]} cannot be read: {why}", hint=f"git show {commit[:12]}", status=Exit.BAD_DATA
    )
