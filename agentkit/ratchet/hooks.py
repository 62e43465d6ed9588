"""How do the hooks come into a repository, and out of it again, without touching a hook of anybody else?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from agentkit.core.durable import replace_file
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository, demand_work_tree, find_repository, read_head
from agentkit.ratchet.hookplace import (
    CALLS_US,
    CURRENT,
    FOREIGN,
    HOOKS,
    MISSING,
    OLDER,
    Found,
    Place,
    call_line,
    find_place,
    look_at,
    write_script,
)
from agentkit.ratchet.hookrecord import INSTALLED, REMOVED, append_event, find_installation, read_events

MODE = 0o755


def install_hooks(folder: str, environ: Mapping[str, str], *, now: float, is_dry: bool) -> list[str]:
    """Install the hooks and return the lines that tell of it; `is_dry` only tells. Doing it twice is doing it once.

    Raises AgentkitError, and then nothing has changed: refused where a hook of somebody else is in the way, or where
    git takes its hooks from a folder that other repositories share.
    """
    repository, place = _open(folder, environ)
    found = [look_at(place, hook) for hook in HOOKS]
    _refuse_shared(place, found)
    _refuse_foreign(found)
    wanted = [one for one in found if one.state in (MISSING, OLDER) or not one.is_executable]
    told = [_tell(one, is_dry=is_dry) for one in found]
    if is_dry:
        return told
    for one in wanted:
        _write(place, one)
    first, _ = find_installation(read_events(repository)[0])
    if wanted or first is None:
        _, tip = read_head(repository)
        digests = {hook: look_at(place, hook).digest for hook in HOOKS}
        append_event(repository, INSTALLED, {"folder": place.folder, "tip": tip, "digests": digests}, now)
    return told


def remove_hooks(folder: str, environ: Mapping[str, str], *, now: float, is_dry: bool) -> list[str]:
    """Take away the hooks that are ours and return the lines that tell of it; what is somebody else's stays."""
    repository, place = _open(folder, environ)
    found = [look_at(place, hook) for hook in HOOKS]
    ours = [one for one in found if one.state in (CURRENT, OLDER)]
    would = "would remove" if is_dry else "removed"
    told = [f"{would} {one.hook}" for one in ours]
    told += [f"{one.path} still calls us: take that line out" for one in found if one.state == CALLS_US]
    first, _ = find_installation(read_events(repository)[0])
    if is_dry:
        return told
    if first is not None:
        # Before the files: where they are gone and this is not written, somebody would seem to have taken them.
        append_event(repository, REMOVED, {"folder": place.folder}, now)
    for one in ours:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(one.path)
        except OSError as error:
            raise AgentkitError(f"{one.path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    return told


def _open(folder: str, environ: Mapping[str, str]) -> tuple[Repository, Place]:
    repository = find_repository(folder, environ)
    demand_work_tree(repository)
    return repository, find_place(repository)


def _refuse_shared(place: Place, found: list[Found]) -> None:
    if place.is_shared and any(one.state != CALLS_US for one in found):
        lines = "; ".join(call_line(one.hook) for one in found if one.state != CALLS_US)
        raise AgentkitError(
            f"core.hooksPath ({place.scope}) is {place.folder}: hooks there run in other repositories as well",
            hint=f"git config --local core.hooksPath .git/hooks, or write into the hooks there: {lines}",
            status=Exit.REFUSED,
        )


def _refuse_foreign(found: list[Found]) -> None:
    foreign = [one for one in found if one.state == FOREIGN]
    if foreign:
        first = foreign[0]
        others = f" (and {', '.join(one.hook for one in foreign[1:])})" if foreign[1:] else ""
        raise AgentkitError(
            f"{first.path} is a hook of somebody else{others}; nothing was installed",
            hint=f"write as its last line, then install again: {call_line(first.hook)}",
            status=Exit.REFUSED,
        )
    deaf = [one for one in found if one.state == CALLS_US and not one.is_executable]
    if deaf:
        raise AgentkitError(
            f"{deaf[0].path} is not executable, so git does not run it; nothing was installed",
            hint=f"chmod +x {deaf[0].path}",
            status=Exit.REFUSED,
        )


def _tell(one: Found, *, is_dry: bool) -> str:
    if one.works:
        there = "calls us" if one.state == CALLS_US else "is installed"
        return f"{one.hook} {there}: {HOOKS[one.hook]}"
    return f"{'would install' if is_dry else 'installed'} {one.hook}: {HOOKS[one.hook]}"


def _write(place: Place, one: Found) -> None:
    try:
        os.makedirs(place.folder, exist_ok=True)
        replace_file(one.path, write_script(one.hook), prepare=lambda descriptor: os.fchmod(descriptor, MODE))
    except OSError as error:
        raise AgentkitError(f"{one.path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
