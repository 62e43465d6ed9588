"""Which stall is free, which ones does nobody need any more, and how is away with what a proposer left there?

The lock of a stall lies beside its folder and is never deleted, so that nobody waits on one that has gone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta

from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.core.paths import state_folder
from agentkit.core.process import run_program
from agentkit.core.program import Program

MOST = 256
KEPT = timedelta(days=7)
CLEARING_LIMIT = timedelta(minutes=10)


def hold_stall(environ: Mapping[str, str], common_dir: str, stack: ExitStack) -> str:
    """Hold a stall of a repository that nobody else has for as long as the stack does; return its folder, which may be
    missing yet.

    Raises AgentkitError: cannot write, try later where as many as may be are taken.
    """
    parent = f"{_stalls(environ)}/{hashlib.sha256(os.fsencode(common_dir)).hexdigest()[:16]}"
    _close_folders(parent)
    for number in range(MOST):
        folder = f"{parent}/{number}"
        try:
            stack.enter_context(_hold(folder))
        except AgentkitError as error:
            if error.status != Exit.TRY_LATER:
                raise
        else:
            return folder
    raise AgentkitError(f"{MOST} proposers work on this repository already", hint="later", status=Exit.TRY_LATER)


def clear_old_stalls(environ: Mapping[str, str], now: float) -> None:
    """Remove the stalls that nobody has used for a week; what cannot be removed is told and stays."""
    for folder in _list_folders(_stalls(environ)):
        for stall in _list_folders(folder):
            if now - _used_at(stall) <= KEPT.total_seconds():
                continue
            try:
                with _hold(stall):
                    clear(stall)
            except (AgentkitError, OSError) as error:
                warn(f"an old copy of a proposer stays: {error}")


def clear(path: str) -> None:
    """Remove whatever is there, unreadable and endlessly deep folders too; raises OSError."""
    if not is_folder(path):
        if os.path.lexists(path):
            os.unlink(path)
        return
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        open_up(path)
        ended = run_program(Program(("rm", "-rf", "--", path), limit=CLEARING_LIMIT))
        if os.path.lexists(path):
            said = ended.stderr.decode("utf-8", "replace").strip() or ended.trouble
            raise OSError(0, f"cannot be removed: {said[:500]}", path) from None


def remove_unseen(folder: str) -> None:
    """Remove what git does not see from a folder: pipes, sockets, devices, and whatever is named `.git`.

    Raises OSError, and RecursionError where it has no end.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == ".git":
                clear(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                remove_unseen(entry.path)
            elif not (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                os.unlink(entry.path)


def open_up(path: str) -> None:
    """Let all of a folder be read and written by its owner; links are not followed."""
    run_program(Program(("chmod", "-R", "u+rwX", "--", path), limit=CLEARING_LIMIT))


def is_folder(path: str) -> bool:
    """Tell whether a folder is there, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def read_note(path: str) -> str:
    """Return what a small file of ours holds, "" where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def write_note(path: str, text: str) -> None:
    """Write a small file of ours, its folder too, for this user alone; raises OSError."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8", opener=_open_private) as file:
        file.write(text)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _close_folders(parent: str) -> None:
    """Make the folders of stalls, each for this user alone whatever the umask allows, and close those that are open."""
    stalls = os.path.dirname(parent)
    for folder in (os.path.dirname(stalls), stalls, parent):
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if os.stat(folder).st_mode & 0o077:
                os.chmod(folder, 0o700)
        except OSError as error:
            raise AgentkitError(f"{folder}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def _stalls(environ: Mapping[str, str]) -> str:
    return f"{state_folder(environ)}/evolve/stalls"


def _hold(stall: str) -> AbstractContextManager[None]:
    return hold_lock(f"{stall}.lock", what=f"stall {os.path.basename(stall)}", limit=timedelta(0))


def _used_at(stall: str) -> float:
    # Whoever takes a lock writes its name into the file.
    try:
        return os.stat(f"{stall}.lock").st_mtime
    except OSError:
        return 0.0


def _list_folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
