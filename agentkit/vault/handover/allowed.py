"""Which variables of the environment does a program get that is given a secret?

Those that say who, where and in which language, and those of agentkit itself; docs/vault.md publishes the list. The
others may hold credentials, or make a program load what its caller likes. Imported by the hot verbs.
"""

import os
from _collections_abc import Mapping

from agentkit.vault.conversation import AGENTS

ALLOWED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TMPDIR", "TZ", "LANG", "LANGUAGE",
    "TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR",
    "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
    # Without these a program that asks the vault itself would no longer know that a conversation listens.
    *AGENTS,
})  # fmt: skip
# What heartbeat knows its jobs by begins with AGENTKIT_, too.
ALLOWED_STARTS = ("LC_", "AGENTKIT_")


def cut_environment(environ: Mapping[str, str], keep: "list[str]") -> "dict[str, str]":
    """Return what of the environment goes on to the program; `keep` names further variables."""
    return {
        name: value
        for name, value in environ.items()
        if name in ALLOWED or name in keep or name.startswith(ALLOWED_STARTS)
    }


def read_given(environ: Mapping[str, str]) -> "dict[str, str]":
    """Return the environment without what Python itself put in: LC_CTYPE, where the locale is C (PEP 538).

    It looks into /proc, where a process that has been hardened sees nothing of itself any more.
    """
    given = dict(environ)
    if "LC_CTYPE" not in given:
        return given
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            entries = file.read().split(b"\0")
    except OSError:
        return given
    own = [entry for entry in entries if entry.startswith(b"LC_CTYPE=")]
    if not own:
        del given["LC_CTYPE"]
    elif os.fsencode(f"LC_CTYPE={given['LC_CTYPE']}") not in own:
        given["LC_CTYPE"] = os.fsdecode(own[0][len("LC_CTYPE=") :])
    return given
