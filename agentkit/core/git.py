"""How is plain git run so that nothing of a repository runs with it, nobody is asked, and it ends in time?"""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.process import run_program
from agentkit.core.program import Ended, Program

KEEP_BYTES = 4 * 1024 * 1024
# Told to git before its own words: what a repository or a machine sets must not run, sign, page or clean up.
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.fsync=all",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "push.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "protocol.ext.allow=never",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
)
# A question that nobody is there to answer would wait for ever.
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_EDITOR": "/bin/false",
    "LC_ALL": "C",
}
SSH = "ssh -oBatchMode=yes -oConnectTimeout=20"
# What of the caller's environment git may see: who we are, how the network is reached. Never another GIT_ variable.
KEPT = ("HOME", "PATH", "USER", "LOGNAME", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "TMPDIR", "TZ")
KEPT_ENDS = ("_proxy", "_PROXY")
AGAIN = ("could not resolve", "timed out", "connection refused", "could not read from remote", "unable to access")


class GitTooSlowError(AgentkitError):
    """A git that did not end within its limit, and was ended."""


def run_git(
    words: Sequence[str],
    *,
    environ: Mapping[str, str],
    limit: timedelta,
    folder: str | os.PathLike[str] | None = None,
    stdin: bytes = b"",
    more: Mapping[str, str] | None = None,
    keep_bytes: int = KEEP_BYTES,
) -> Ended:
    """Run git and return how it ended, whatever its status; `more` are variables for it.

    Of a longer answer than `keep_bytes` the end is kept (`stdout_truncated`).

    Raises AgentkitError: unavailable where there is no git, try later where it did not end within the limit.
    """
    options = [word for setting in SETTINGS for word in ("-c", setting)]
    program = Program(
        ("git", "--no-pager", *options, *words),
        limit=limit,
        environment={**_choose(environ), **QUIET, **(more or {})},
        folder=folder,
        stdin=stdin,
        keep_bytes=keep_bytes,
    )
    ended = run_program(program)
    if ended.status in (Exit.NOT_FOUND, Exit.NOT_EXECUTABLE, Exit.WRAPPER_FAILED):
        raise AgentkitError("git cannot be run", hint="is it installed, and on PATH?", status=Exit.UNAVAILABLE)
    if ended.outcome in ("timed-out", "unkillable"):
        told = f"git {_find_verb(words)} took longer than {limit.total_seconds():.0f}s"
        raise GitTooSlowError(told, status=Exit.TRY_LATER)
    return ended


def demand_git(
    words: Sequence[str],
    *,
    environ: Mapping[str, str],
    limit: timedelta,
    folder: str | os.PathLike[str] | None = None,
    stdin: bytes = b"",
    more: Mapping[str, str] | None = None,
) -> bytes:
    """Run git and return its stdout; raises AgentkitError as `run_git` does, and where git ends with another status.

    That is try later where the other side could not be reached, else unavailable.
    """
    ended = run_git(words, environ=environ, limit=limit, folder=folder, stdin=stdin, more=more)
    if ended.status != 0:
        said = " ".join(ended.stderr.decode("utf-8", "replace").split()) or f"it ended with {ended.status}"
        is_away = any(sign in said.lower() for sign in AGAIN)
        status = Exit.TRY_LATER if is_away else Exit.UNAVAILABLE
        raise AgentkitError(f"git {_find_verb(words)}: {said[:500]}", status=status)
    return ended.stdout


def _find_verb(words: Sequence[str]) -> str:
    """Return the word behind the settings that are told to git."""
    rest = list(words)
    while rest[:1] == ["-c"]:
        rest = rest[2:]
    return rest[0]


def _choose(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name in KEPT or name.endswith(KEPT_ENDS)}
    kept.setdefault("PATH", os.defpath)
    # How the other side is reached is the user's own to say; only a question is ruled out.
    kept["GIT_SSH_COMMAND"] = environ.get("GIT_SSH_COMMAND") or SSH
    return kept
