"""Where do configuration, state and evidence live on disk?

Imported by the hot verbs: strings and `os` only. The environment comes in as a mapping.
"""

import os
from _collections_abc import Mapping

VAR_LIB = "/var/lib/agentkit"


def state_folder(environ: Mapping[str, str]) -> str:
    """Return the folder that holds ledger, spool and locks.

    `$AGENTKIT_HOME`, else `$XDG_STATE_HOME/agentkit`, else `~/.local/state/agentkit`; without a home the first of
    `fallback_folders` (relative values are made absolute, as the XDG specification ignores relative ones).
    """
    own = environ.get("AGENTKIT_HOME")
    if own:
        try:
            return os.path.abspath(own)
        except OSError:
            return fallback_folders()[0]  # a relative one, and the working folder was removed under our feet
    xdg = environ.get("XDG_STATE_HOME")
    if xdg and xdg.startswith("/"):
        return f"{xdg}/agentkit"
    home = home_folder(environ)
    return f"{home}/.local/state/agentkit" if home else fallback_folders()[0]


def configuration_file(environ: Mapping[str, str]) -> str:
    """Return the path of the one configuration file, which need not exist."""
    for variable, tail in (("AGENTKIT_CONFIG", ""), ("AGENTKIT_HOME", "/agentkit.toml")):
        value = environ.get(variable)
        if value:
            return os.path.abspath(value + tail)
    xdg = environ.get("XDG_CONFIG_HOME")
    if xdg and xdg.startswith("/"):
        return f"{xdg}/agentkit/agentkit.toml"
    home = home_folder(environ)
    return f"{home}/.config/agentkit/agentkit.toml" if home else f"{fallback_folders()[0]}/agentkit.toml"


def look_at_configuration(environ: Mapping[str, str]) -> str:
    """Return a text that is another one when the configuration file is another one, or another's to write."""
    path = configuration_file(environ)
    try:
        found = os.stat(path)
    except OSError:
        return f"{path} is not there"
    return f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ino} {found.st_uid} {found.st_mode}"


def home_folder(environ: Mapping[str, str]) -> str | None:
    """Return the home of the environment, else of the password database, else None."""
    home = environ.get("HOME")
    if home and home.startswith("/"):
        return home
    import pwd

    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None
    # Accounts without a home carry "/", "/nonexistent" or a folder that was never made.
    return home if home and home != "/" and os.path.isdir(home) else None


def fallback_folders() -> tuple[str, str]:
    """Return the places to try when the state folder cannot be used: /var/lib, then a private folder under /tmp."""
    user = os.getuid()
    return f"{VAR_LIB}/{user}", f"/tmp/agentkit-{user}"  # noqa: S108  # used only where is_private() says so


def find_open_root(place: str) -> str | None:
    """Return the folder right under /tmp in which a place lies, if it does: anyone could have made that one."""
    last = fallback_folders()[1]
    return last if f"{place}/".startswith(f"{last}/") else None


def is_trusted(place: str) -> bool:
    """Tell whether evidence that lies in a place can be ours alone."""
    root = find_open_root(place)
    return root is None or is_private(root)


def is_private(folder: str) -> bool:
    """Tell whether the folder is a real one, ours, and closed to others: under /tmp anyone could have made it."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return (found.st_mode & 0o170077) == 0o040000 and found.st_uid == os.getuid()
