"""From which folder does git run the hooks of a repository, and what stands there of ours?"""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ourselves import call_ourselves
from agentkit.core.repo.repository import Repository

PRE_COMMIT, PRE_MERGE, PRE_PUSH = "pre-commit", "pre-merge-commit", "pre-push"
HOOKS = {
    PRE_COMMIT: "leaves evidence of each commit, and stops none",
    PRE_MERGE: "leaves evidence of each merge, and stops none",
    PRE_PUSH: "judges what is pushed to the branch that is held, and stops what is rejected",
}
OURS = "# agentkit ratchet hook"
LONGEST = 1 << 20

MISSING, CURRENT, CALLS_US, OLDER, FOREIGN = "missing", "current", "calls us", "older", "foreign"


@dataclass(frozen=True)
class Place:
    """The folder of the hooks; `scope` is where `core.hooksPath` says so (local, global, …), "" for git's own."""

    folder: str
    scope: str

    @property
    def is_shared(self) -> bool:
        """Tell whether other repositories run the hooks of that folder, too."""
        return self.scope not in ("", "local", "worktree")

    def path(self, hook: str) -> str:
        """Return where a hook lies."""
        return f"{self.folder}/{hook}"


@dataclass(frozen=True)
class Found:
    """What stands in the place of a hook: one of the words above, whether git would run it, and its digest."""

    hook: str
    path: str
    state: str
    is_executable: bool = False
    digest: str = ""
    program: str = ""

    @property
    def works(self) -> bool:
        """Tell whether it calls us when git runs it."""
        return self.state in (CURRENT, CALLS_US) and self.is_executable


def find_place(repository: Repository) -> Place:
    """Return from where git runs the hooks of this work tree."""
    ended = repository.ask("config", "--show-scope", "-z", "--type=path", "--get-all", "core.hooksPath")
    words = os.fsdecode(ended.stdout).split("\0")
    # Our own calls of git have hooks off: that is the last value, of scope `command`.
    set_ = [(scope, path) for scope, path in zip(words[::2], words[1::2], strict=False) if scope != "command"]
    if not set_:
        return Place(f"{repository.common_dir}/hooks", "")
    scope, path = set_[-1]
    return Place(os.path.normpath(os.path.join(repository.root or repository.git_dir, path)), scope)


def look_at(place: Place, hook: str) -> Found:
    """Return what stands in the place of a hook."""
    path = place.path(hook)
    try:
        with open(path, "rb") as file:
            raw = file.read(LONGEST)
    except (FileNotFoundError, NotADirectoryError):
        return Found(hook, path, MISSING)
    except OSError as error:
        raise AgentkitError(f"{path}: {error.strerror}", status=Exit.BAD_DATA) from error
    state = FOREIGN
    if raw == write_script(hook):
        state = CURRENT
    elif raw.startswith(f"#!/bin/sh\n{OURS} {hook}".encode()) and not os.path.islink(path):
        state = OLDER
    elif _calls_us(raw, hook):
        state = CALLS_US
    program = shlex.split(raw.decode("utf-8", "replace").split("\n")[2])[1:2] if state == OLDER else []
    return Found(
        hook, path, state, os.access(path, os.X_OK), hashlib.sha256(raw).hexdigest(), program[0] if program else ""
    )


def write_script(hook: str) -> bytes:
    """Return our script for a hook: it starts the same agentkit as this one."""
    program, *words = call_ourselves("ratchet", "hook", "run", hook)
    call = f'{shlex.join([program, *words])} "$@"'
    if hook == PRE_PUSH:
        end = [
            f"test -x {shlex.quote(program)} && exec {call}",
            f"echo 'agentkit: error: push refused: {_plain(program)} is gone, so that nothing can be judged' >&2",
            "echo 'agentkit: hint: agentkit ratchet hook install, or git push --no-verify' >&2",
            "exit 1",
        ]
    else:
        end = [
            f"{call} && exit 0",
            "echo 'agentkit: warning: this commit leaves no evidence: agentkit ratchet hook install' >&2",
            "exit 0",
        ]
    head = [
        "#!/bin/sh",
        f"{OURS} {hook}, made by `agentkit ratchet hook install`; `hook remove` takes it away",
        f": {shlex.quote(program)}",
    ]
    return "\n".join([*head, *end, ""]).encode("utf-8", "surrogateescape")


def call_line(hook: str) -> str:
    """Return the line by which a hook of somebody else calls us."""
    return f'agentkit ratchet hook run {hook} "$@"' + (" || exit 1" if hook == PRE_PUSH else "")


def _calls_us(raw: bytes, hook: str) -> bool:
    lines = raw.decode("utf-8", "replace").split("\n")
    return any(f"ratchet hook run {hook}" in line and not line.lstrip().startswith("#") for line in lines)


def _plain(text: str) -> str:
    return text.replace("'", " ")
