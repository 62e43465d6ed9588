"""Where do the things of the vault lie, and which names may a secret have?

Imported by the hot verbs: strings and `os` only. The environment comes in as a mapping.
"""

import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.paths import fallback_folders, home_folder, state_folder

FIRST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
LETTERS = FIRST_LETTERS | frozenset("._-")
LONGEST_NAME = 200
# What stands behind a name on disk: a folder of such a name would lie where the file of another secret belongs.
SUFFIXES = (".age", ".json", ".version")


class Places:
    """The paths of one vault; nothing of it need exist."""

    __slots__ = ("audit", "identity", "manifest", "pending", "previous", "recipients", "retired", "secrets", "vault")

    def __init__(self, vault: str, identity: str) -> None:
        self.vault = vault
        self.identity = identity
        self.secrets = f"{vault}/secrets"
        self.pending = f"{vault}/pending"
        self.previous = f"{vault}/previous"
        self.manifest = f"{vault}/manifest"
        self.retired = f"{vault}/retired"
        self.audit = f"{vault}/audit"
        self.recipients = f"{vault}/recipients"

    def row(self, name: str) -> str:
        """Return the path of a secret's row in the manifest."""
        return f"{self.manifest}/{name}.json"

    def current(self, name: str) -> str:
        """Return the path of a secret's ciphertext."""
        return f"{self.secrets}/{name}.age"

    def newest(self, name: str) -> str:
        """Return the path of the file that says which version of a secret is the newest that there ever was."""
        return f"{self.audit}/versions/{name}.version"


def find_places(environ: Mapping[str, str]) -> Places:
    """Return where the vault of this user lies: under the state folder, and its identity apart from it."""
    return Places(f"{state_folder(environ)}/vault", _find_identity(environ))


def _find_identity(environ: Mapping[str, str]) -> str:
    own = environ.get("AGENTKIT_IDENTITY")
    if own:
        try:
            return os.path.abspath(own)
        except OSError:
            return f"{fallback_folders()[0]}/identity"  # a relative one, and the working folder was removed
    xdg = environ.get("XDG_CONFIG_HOME")
    if xdg and xdg.startswith("/"):
        return f"{xdg}/agentkit/identity"
    home = home_folder(environ)
    return f"{home}/.config/agentkit/identity" if home else f"{fallback_folders()[0]}/identity"


def demand_name(name: str) -> str:
    """Return the name; raises AgentkitError (usage) where a secret cannot be called so. It is also a path."""
    parts = name.split("/")
    for part in parts:
        if part[:1] not in FIRST_LETTERS or not LETTERS.issuperset(part) or ".." in part:
            raise _refuse_name()
    if len(name) > LONGEST_NAME or any(folder.endswith(SUFFIXES) for folder in parts[:-1]):
        raise _refuse_name()
    return name


def _refuse_name() -> AgentkitError:
    # Somebody may have put the value where the name belongs: it is not repeated.
    return AgentkitError(
        "this is no name of a secret",
        hint="a name is [a-z0-9][a-z0-9._-]* with / between parts, no .., at most 200 letters: db/password",
        status=Exit.USAGE,
    )
