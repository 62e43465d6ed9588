"""What has root to run, so that the vault is a user's of its own (level L1)?

The answer is a script to be read and run; printing it changes nothing.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import is_recipient
from agentkit.vault.conversation import AGENTS

# As useradd(8) takes them; none of these letters means anything to sudo or a shell.
USER_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,30}")
HEAD = """#!/bin/sh
# Sets up a vault of agentkit at level L1: secrets, their identity and the audit log belong to user {user}, who is
# reached by sudo alone, and the log is append-only. Without root nobody gets a value without a record of it.
# Read it, then run it as root. What is done already is left as it is: run it again for another caller, or after an
# upgrade. Printed by `agentkit vault init --uid {user}`.
set -eu

vault_user={user}
hook_user={hook_user}
caller={caller}
recovery={recovery}
# Variables that say that an agent listens: of the caller's environment only these come through.
listeners={listeners}
"""


def demand_setup(user: str | None, caller: str | None, recovery: str | None) -> str:
    """Return the script that the options of `init` ask for; raises AgentkitError (usage) where one is missing."""
    if user is None or recovery is None:
        raise AgentkitError(
            "init: --uid, --caller and --recovery go together; the recovery key is made elsewhere, with age-keygen",
            hint="agentkit vault init --uid vault --recovery age1…",
            status=Exit.USAGE,
        )
    return write_setup(user, caller, recovery)


def write_setup(user: str, caller: str | None, recovery: str) -> str:
    """Return the script for a vault of `user`, used by `caller` (the user who asks, if None).

    Raises AgentkitError (usage) where a name is no user's, caller and user are one, or the recipient is none.
    """
    caller = caller or _name_ourselves()
    hook_user = f"{user[: 31 - len('-hook')]}-hook"
    for option, name in (("--uid", user), ("--caller", caller)):
        if not USER_NAME.fullmatch(name):
            raise AgentkitError(f"{option}: {name!r} is no name of a user", hint=f"{option} vault", status=Exit.USAGE)
    if caller in (user, hook_user, "root") or user == "root":
        raise AgentkitError(
            f"--caller: {caller} cannot be kept apart from {user}",
            hint=f"agentkit vault init --uid {user} --caller USER …, the one whose programs use the secrets",
            status=Exit.USAGE,
        )
    if not is_recipient(recovery):
        # Somebody may have given the secret half: it is not repeated.
        raise AgentkitError("--recovery: this is no X25519 recipient of age (age1…)", status=Exit.USAGE)
    head = HEAD.format(
        user=user, hook_user=hook_user, caller=caller, recovery=recovery, listeners=shlex.quote(" ".join(AGENTS))
    )
    return head + _read_body()


def _name_ourselves() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise AgentkitError(f"uid {os.getuid()} has no name", hint="--caller USER", status=Exit.USAGE) from None


def _read_body() -> str:
    with open(os.path.join(os.path.dirname(__file__), "level1.sh"), encoding="utf-8") as file:
        return file.read()
