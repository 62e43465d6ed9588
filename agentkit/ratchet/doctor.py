"""Is the ratchet of this repository well: baseline, chains, hooks, locks, and a way to judge?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import CRITICAL, WARNING, write_record
from agentkit.core.repo.repository import Repository, read_branch
from agentkit.core.screen import Styled, print_line
from agentkit.ratchet.hookplace import find_place
from agentkit.ratchet.hookrecord import find_installation, read_events
from agentkit.ratchet.hooksigns import INSTALL, find_unseen_commits, find_unseen_pushes, look_at_hooks
from agentkit.ratchet.ownfolder import own_folder
from agentkit.ratchet.refmoves import read_refs
from agentkit.ratchet.sign import Sign, from_error
from agentkit.ratchet.soundness import (
    STATES,
    VERDICTS,
    check_judge,
    check_objects,
    check_states,
    check_verdicts,
    find_stale_locks,
)
from agentkit.ratchet.standing import CHAIN, SHALLOW, Standing, find_standing
from agentkit.ratchet.state import STATE_REF
from agentkit.ratchet.verdictlog import VERDICT_REF
from agentkit.ratchet.verdicts import Filed, list_places, read_verdicts
from agentkit.ratchet.viewing import open_to_look, read_host

# Of one type; a rebase must not bury what matters.
MOST_SHOWN = 10
INDENT = 10


@dataclass(frozen=True)
class Examined:
    """What was found, and what a person should know beside it."""

    signs: tuple[Sign, ...]
    remarks: tuple[str, ...]

    @property
    def status(self) -> int:
        """Return the status of the verb."""
        return Exit.FINDINGS if self.signs else Exit.OK


def print_examination(folder: str, environ: Mapping[str, str], *, now: float, as_json: bool) -> int:
    """Look at everything, print what is not as it should be, and return 1 where there is something, else 0."""
    repository, cut_off = open_to_look(folder, environ)
    examined = examine(repository, cut_off, now)
    if as_json:
        host = read_host(environ)
        for sign in examined.signs:
            write_record(sign.to_finding(host, now).to_record())
        return examined.status
    shown: dict[str, int] = {}
    for sign in examined.signs:
        shown[sign.type] = shown.get(sign.type, 0) + 1
        if shown[sign.type] <= MOST_SHOWN:
            print_line(Styled(f"{sign.severity:<{INDENT - 1}}", sign.severity), sign.title)
            print_line(f"{'':<{INDENT - 1}}", Styled(f"next: {sign.next_step}", "dim"))
    for type_, count in shown.items():
        if count > MOST_SHOWN:
            print_line(f"{'':<{INDENT - 1}}", f"and {count - MOST_SHOWN} more of {type_}, which --json has")
    for remark in examined.remarks:
        print_line(Styled(remark, "dim"))
    return examined.status


def examine(repository: Repository, cut_off: AgentkitError | None, now: float) -> Examined:
    """Return what is not as it should be; nothing of the repository is changed."""
    remarks: list[str] = []
    try:
        standing = find_standing(repository, cut_off)
    except AgentkitError as error:
        # Never a baseline: then there is nothing of it that could be broken.
        remarks.append(f"{error.message}: {error.hint}")
        standing = None
    verdicts: list[Filed] = []
    signs = list(_look_at_standing(standing))
    try:
        verdicts = read_verdicts(repository, list_places(repository))
        signs += check_verdicts(verdicts)
    except AgentkitError as error:
        signs.append(from_error(CHAIN, VERDICTS, error))
    signs += _look_at_chains(repository, standing)
    branch = read_branch(repository)
    if standing is not None and standing.state is not None:
        branch = standing.state.branch
    signs += find_stale_locks(repository, branch, now)
    signs += _look_at_hooks(repository, standing, branch, verdicts, remarks)
    unique: dict[tuple[str, str, str], Sign] = {}
    for sign in signs:
        unique.setdefault((sign.type, sign.subject, sign.key), sign)
    return Examined(tuple(unique.values()), tuple(remarks if unique or remarks else ["all is as it was left"]))


def _look_at_standing(standing: Standing | None) -> Iterator[Sign]:
    for trouble in standing.troubles if standing else ():
        # Single verdicts are told of one by one.
        if trouble.type != CHAIN:
            severity = WARNING if trouble.type == SHALLOW else CRITICAL
            yield from_error(trouble.type, STATES, trouble.error, severity=severity)


def _look_at_chains(repository: Repository, standing: Standing | None) -> Iterator[Sign]:
    refs = [STATE_REF, VERDICT_REF]
    if standing is not None and standing.state is not None:
        state = standing.state
        refs.append(state.branch)
        yield from check_judge(repository, state)
        try:
            yield from check_states(repository, state)
        except AgentkitError as error:
            yield from_error("state-broken", STATES, error)
    there = [ref for ref, commit in read_refs(repository, refs).items() if commit != repository.no_object]
    if there:
        yield from check_objects(repository, there)


def _look_at_hooks(
    repository: Repository, standing: Standing | None, branch: str, verdicts: list[Filed], remarks: list[str]
) -> Iterator[Sign]:
    if not repository.root:
        return
    events, faults = read_events(repository)
    if faults:
        path = f"{own_folder(repository)}/hooks"
        title = f"{path}: {faults} of its lines are no records: a disk was full, or somebody wrote there"
        yield Sign("hooks-record", f"file:{path}", WARNING, title, f"less {path}")
    first, last = find_installation(events)
    if first is None or last is None:
        remarks.append(f"no hooks are installed: {INSTALL}")
        return
    yield from look_at_hooks(find_place(repository), last)
    state = standing.state if standing else None
    if branch and read_refs(repository, [branch])[branch] != repository.no_object:
        behind = [str(first["tip"])] if first.get("tip") else []
        behind += [state.accepted] if state else []
        yield from find_unseen_commits(repository, branch, behind, events, {one.place.candidate for one in verdicts})
    yield from find_unseen_pushes(repository, first, events, verdicts, state.accepted if state else "")
