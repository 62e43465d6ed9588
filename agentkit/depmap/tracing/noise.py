"""What of all that a program touches says nothing about what it depends on?"""

from __future__ import annotations

import re

# The kernel's own, what the C library looks up for everybody, translations and clocks.
_FOLDERS = (
    "/proc/",
    "/sys/",
    "/dev/",
    "/memfd:",
    "/usr/share/locale/",
    "/usr/lib/locale/",
    "/usr/share/zoneinfo/",
    "/run/nscd/",
)
_FILES = frozenset(
    {
        *("/etc/localtime", "/etc/timezone", "/etc/locale.alias", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group"),
        *("/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols"),
        *("/etc/networks", "/etc/inputrc", "/etc/terminfo", "/run/systemd/journal/socket", "/etc/ssl/openssl.cnf"),
        *("/run/systemd/journal/dev-log", "/run/systemd/journal/stdout", "/etc/mime.types", "/etc/selinux/config"),
    }
)
_LIBRARY = re.compile(
    r"/etc/ld\.so\.|/.*/[^/]+\.so(?:\.[0-9.]+)?$|/.*/(?:gconv|terminfo|perl-base|perl5?|ruby|tcltk)/|/etc/ld-"
    r"|/.*/(?:__pycache__(?:/[^/]*)?|pyvenv\.cfg|[^/]+\.pyc?\.[0-9]+|pybuilddir\.txt|python[0-9]*\._pth)$"
    r"|/.*/(?:(?:site|dist)-packages|node_modules|gems)/|/.*/lib/python[0-9.]+/|/run/systemd/userdb(?:/|$)|/var/run/nscd/"
)
# What SQLite keeps beside a database for as long as it is open.
_BESIDE = ("-journal", "-wal", "-shm")
# What a package brings for its own program; to a shell, which sources it, it is as good as any other script.
_SHARED = ("/usr/share/", "/usr/lib/", "/lib/", "/lib64/", "/usr/lib64/", "/usr/libexec/", "/usr/lib32/")


def is_noise(path: str, *, is_read: bool, by_shell: bool) -> bool:
    """Tell whether touching a file says nothing; `is_read` where it was only read, `by_shell` where a shell itself did.

    Left out are devices and the kernel's files, what the C library looks up (names of users, hosts and services,
    translations, clocks), libraries of every language, and what a program reads of the files that came with it.
    """
    if path.startswith(_FOLDERS):
        return True
    if not is_read:
        return "/__pycache__" in path or path.endswith(_BESIDE)
    if path in _FILES or _LIBRARY.match(path):
        return True
    return not by_shell and path.startswith(_SHARED)
