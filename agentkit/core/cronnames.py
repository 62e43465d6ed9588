"""Which file names does cron read in cron.d, and run-parts in cron.daily?"""

from agentkit.core.plainfiles import open_plain
from agentkit.core.rooted import resolve

LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
# What editors, package managers and people leave behind on purpose: no one expects these to run.
LEFT_OVER = (
    *("~", ".bak", ".backup", ".disabled", ".dist", ".off", ".old", ".orig", ".save", ".swp"),
    *(".dpkg-bak", ".dpkg-dist", ".dpkg-new", ".dpkg-old", ".dpkg-remove", ".dpkg-tmp"),
    *(".rpmnew", ".rpmorig", ".rpmsave", ".ucf-dist", ".ucf-new", ".ucf-old"),
)


def is_left_over(name: str) -> bool:
    """Tell whether a file is put aside, so that it is no news that it does not run."""
    return name.startswith((".", "#")) or name.endswith(LEFT_OVER)


def is_read_by_debian(name: str, root: str = "/") -> bool:
    """Tell whether Debian's cron reads a file of this name in cron.d; with `-l` in its options names are LSB's."""
    return _is_lsb_name(name) if _has_lsb_names(root) else is_run_by_run_parts(name)


def is_run_by_run_parts(name: str) -> bool:
    """Tell whether run-parts runs a file of this name: letters, digits, underscores and hyphens only."""
    return bool(name) and LETTERS.issuperset(name)


def is_read_by_cronie(name: str) -> bool:
    """Tell whether cronie reads a file of this name: a dot within is no matter to it."""
    return not name.startswith((".", "#")) and not name.endswith(("~", ".rpmsave", ".rpmorig", ".rpmnew"))


def _has_lsb_names(root: str) -> bool:
    try:
        with open_plain(resolve(root, "etc/default/cron")) as file:
            lines = file.read(65536).decode(errors="replace").splitlines()
    except OSError:
        return False
    options = [line.partition("=")[2].strip("'\" ") for line in lines if line.startswith("EXTRA_OPTS=")]
    return bool(options) and any(word.startswith("-") and "l" in word for word in options[-1].split())


def _is_lsb_name(name: str) -> bool:
    import re

    if re.fullmatch(r"_?([a-z0-9_.]+-)+[a-z0-9]+", name):
        return not re.match(r"[a-z0-9-].*dpkg-(old|dist)$", name)
    return re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) is not None
