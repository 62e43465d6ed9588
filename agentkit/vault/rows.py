"""What does the manifest say of a secret, and is that what we wrote?

A row is one line of JSON whose first key binds every byte after it with an HMAC. Imported by the hot verbs.
"""

import os

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.digest import is_equal, sign_bytes
from agentkit.vault.plainread import read_private
from agentkit.vault.quickjson import read_object

MOST_BYTES = 65536
LARGEST_VERSION = 1_000_000_000
OPENING = b'{"mac": "'
MAC = slice(9, 73)
BODY_START = 76  # behind `{"mac": "<64 hex>", `

Fields = dict[str, object]


class Row:
    """A row as it lies on disk; before `demand_ours` nothing of it is to be believed."""

    __slots__ = ("body", "fields", "mac", "name", "sha256", "version")

    def __init__(self, name: str, raw: bytes) -> None:
        fields = _read_fields(name, raw)
        version, sha256 = fields.get("version"), fields.get("sha256")
        if fields.get("name") != name or type(version) is not int or not isinstance(sha256, str):
            raise tell_broken(name, "its row is another's, or lacks version or digest")
        # It goes into the log before it is known to be ours: nobody writes a thousand digits there.
        if not 0 < version <= LARGEST_VERSION:
            raise tell_broken(name, "its row has no version that can be")
        self.name = name
        self.fields = fields
        self.version = version
        self.sha256 = sha256
        self.mac = raw[MAC].decode("ascii", "replace")
        self.body = raw[BODY_START:]

    def demand_ours(self, keys: "list[bytes]") -> None:
        """Raise AgentkitError (tampered) where none of the keys made this row."""
        if not any(is_equal(sign_bytes(key, self.body).hex(), self.mac) for key in keys):
            raise tell_broken(self.name, "its row was not written by this vault")

    def texts(self, key: str) -> "list[str]":
        """Return a list of texts that the row holds; empty where it holds none."""
        value = self.fields.get(key)
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def read_row(path: str, name: str) -> "Row | None":
    """Return the row of a secret, None where there is none; raises AgentkitError (tampered, refused)."""
    try:
        return Row(name, read_private(path, what="the row", most_bytes=MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None


def list_names(manifest: str) -> "list[str]":
    """Return the names that have a row, sorted."""
    found = []
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(f"{manifest}/{folder}") as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                elif entry.name.endswith(".json") and not entry.name.startswith("."):
                    found.append(f"{folder}{entry.name.removesuffix('.json')}")
    return sorted(found)


def write_row(fields: Fields, key: bytes) -> bytes:
    """Return a row as it is to lie on disk; `fields` holds name, version and sha256 at least."""
    import json

    body = json.dumps(fields)[1:].encode() + b"\n"
    return OPENING + sign_bytes(key, body).hex().encode() + b'", ' + body


def _read_fields(name: str, raw: bytes) -> Fields:
    if not raw.startswith(OPENING) or raw[73:BODY_START] != b'", ' or not raw.endswith(b"}\n"):
        raise tell_broken(name, "its row does not begin and end as a row does")
    return read_object(raw.decode("utf-8", "surrogateescape"), f"the row of {name}")


def tell_broken(name: str, what: str) -> AgentkitError:
    """Return the error for a secret that is not what the vault wrote."""
    return AgentkitError(f"{name}: {what}; nothing was released", hint="agentkit vault check", status=Exit.TAMPERED)
