"""Which users does cron know, and whose account has run out?

cron asks PAM before each job; pam_unix says no when the account or the password is past its day, and cron tells
syslog only.
"""

import os
from dataclasses import dataclass, field

from agentkit.core.plainfiles import open_plain
from agentkit.core.rooted import resolve

MOST_BYTES = 16 * 1024 * 1024
DAY_S = 86400


@dataclass(frozen=True)
class Users:
    """The user ids and homes of a machine by name, and the fields of its shadow file where it can be read.

    `whole` tells that `uids` is all there is; otherwise this machine's name service is asked as well.
    """

    uids: dict[str, int]
    homes: dict[str, str]
    shadow: dict[str, list[str]]
    whole: bool
    asked: dict[str, int | None] = field(default_factory=dict, compare=False, repr=False)


def read_users(root: str = "/") -> Users:
    """Return the users of the machine whose root folder this is; of this machine where it has no passwd file."""
    passwd = _read_table(root, "etc/passwd")
    if passwd is None:
        root, passwd = "/", _read_table("/", "etc/passwd") or {}
    uids = {name: int(fields[2]) for name, fields in passwd.items() if len(fields) > 3 and fields[2].isdigit()}
    homes = {name: fields[5] for name, fields in passwd.items() if len(fields) > 5}
    shadow = _read_table(root, "etc/shadow") or {}
    return Users(uids, homes, shadow, whole=os.path.realpath(root) != "/")


def find_uid(users: Users, name: str) -> int | None:
    """Return a user's id, None when there is no such user."""
    uid = users.uids.get(name)
    if uid is not None or users.whole or not name or "\0" in name:
        return uid
    if name not in users.asked:
        import pwd

        try:
            users.asked[name] = pwd.getpwnam(name).pw_uid
        except (KeyError, UnicodeEncodeError):
            users.asked[name] = None
    return users.asked[name]


def find_expiry(users: Users, name: str, now: float) -> str | None:
    """Return `account-expired` or `password-expired` when pam_unix would turn the user down (shadow(5)), else None."""
    fields = users.shadow.get(name)
    if fields is None or len(fields) < 8:
        return None
    today = int(now // DAY_S)
    changed, longest, expires = _days(fields[2]), _days(fields[4]), _days(fields[7])
    if expires is not None and today >= expires:
        return "account-expired"
    if changed == 0:
        return "password-expired"
    if changed is not None and longest is not None and today - changed > longest:
        return "password-expired"
    return None


def _days(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _read_table(root: str, name: str) -> dict[str, list[str]] | None:
    """Return the lines of a file such as passwd by their first field; None where it is missing or kept from us."""
    try:
        with open_plain(resolve(root, name)) as file:
            text = file.read(MOST_BYTES).decode(errors="surrogateescape")
    except OSError:
        return None
    rows = (line.split(":") for line in text.split("\n") if line and line[0] not in "#+-")
    return {row[0]: row for row in rows if len(row) > 1}
