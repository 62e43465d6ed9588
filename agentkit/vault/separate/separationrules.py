"""Do the rules of sudo let anybody do more as the vault's own user than ask for secrets?

Root alone reads them, so this runs before root becomes that user. Rules are seen as they lie in files, not those that
come from a directory service.
"""

from __future__ import annotations

import json
import subprocess

from agentkit.vault.separate.starting import VERBS

CONVERTER = "/usr/bin/cvtsudoers"  # of sudo itself, 1.8.23 and later
SUDOERS = "/etc/sudoers"
LIMIT_S = 20.0


def read_rules(user: str, uid: int, starter: str, sudoers: str = SUDOERS) -> str | None:
    """Return what is too much in the rules, "" where nothing is, None where they cannot be read; needs root.

    `starter` is the script that callers may run as `user`, whose number is `uid`.
    """
    try:
        ended = subprocess.run(
            [CONVERTER, "-e", "-f", "json", sudoers], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S,
            check=False, env={"LC_ALL": "C"},
        )  # fmt: skip
        told = json.loads(ended.stdout) if ended.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return None if told is None else find_surplus(told, user, uid, starter)


def find_surplus(rules: object, user: str, uid: int, starter: str) -> str:
    """Return the first rule that lets somebody do more as `user`, in words; "" where there is none.

    `rules` is what cvtsudoers makes of them. Who may be root as well by the same rule is nobody's to hold.
    """
    for spec in _list(rules, "User_Specs"):
        who = ", ".join(_name(one) for one in _list(spec, "User_List"))
        for part in _list(spec, "Cmnd_Specs"):
            if not _reaches(part, user, uid):
                continue
            if any(isinstance(option, dict) and option.get("setenv") for option in _list(part, "Options")):
                return f"sudo lets {who} bring an environment along (SETENV)"
            for command in _list(part, "Commands"):
                text = command.get("command") if isinstance(command, dict) else None
                if not _is_negated(command) and not _is_asking(text, starter):
                    return f"sudo lets {who} run {text or 'something else'} as {user}"
    return ""


def _reaches(part: object, user: str, uid: int) -> bool:
    """Tell whether a rule is for the vault's user, and not for root as well."""
    runas = _list(part, "runasusers")
    allowed = {_name(one) for one in runas if not _is_negated(one)}
    denied = {_name(one) for one in runas if _is_negated(one)}
    # Which users a group or a netgroup has is not looked up: it may be this one.
    is_ours = bool(allowed & {user, f"#{uid}", "ALL"}) or any(name.startswith(("%", "+")) for name in allowed)
    is_roots = bool(allowed & {"root", "#0", "ALL"}) and not denied & {"root", "#0"}
    return is_ours and not is_roots and not denied & {user, f"#{uid}"}


def _is_asking(text: object, starter: str) -> bool:
    """Tell whether a command is the callers' script with one of its verbs; without any word all would be allowed."""
    words = str(text).split()
    return words[:1] == [starter] and len(words) > 1 and words[1] in VERBS


def _is_negated(one: object) -> bool:
    return isinstance(one, dict) and one.get("negated") is True


def _name(one: object) -> str:
    if not isinstance(one, dict):
        return "?"
    for key, mark in (("username", ""), ("userid", "#"), ("usergroup", "%"), ("netgroup", "+"), ("nonunixgroup", "%:")):
        if key in one:
            return f"{mark}{one[key]}"
    return "?"


def _list(one: object, key: str) -> list[object]:
    found = one.get(key) if isinstance(one, dict) else None
    return found if isinstance(found, list) else []
