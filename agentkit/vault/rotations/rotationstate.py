"""How far has the rotation of a secret come, and what must it still know after a crash?

One file a secret, bound by an HMAC as a row is. It holds the new and the old value too, sealed as every secret is, so
that each step changes one file, whole: nobody can set another value in between and make the new one be lost.
"""

import base64
import json
import os
from dataclasses import asdict, dataclass, fields, replace

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import MOST_BYTES, open_sealed, seal_value
from agentkit.vault.digest import derive_key, is_equal, sign_bytes
from agentkit.vault.places import Places
from agentkit.vault.plainread import read_private
from agentkit.vault.rotations.rotationsteps import INTENT, STEPS, Standing
from agentkit.vault.rows import BODY_START, MAC, OPENING
from agentkit.vault.store import PREFIX, put_file, tell_unwritable

PURPOSE = "agentkit vault rotation v1"
# Two sealed values, each a third larger as base64, and some words.
MOST_FILE_BYTES = 3 * MOST_BYTES + (1 << 20)
SUFFIX = ".json"


@dataclass(frozen=True)
class Rotation:
    """A rotation under way, or the last one; instants are seconds since the epoch."""

    id: str
    name: str
    started_at: float
    done: str = INTENT
    # The values, sealed, as base64; gone when the rotation is over.
    new: str | None = None
    old: str | None = None
    key: str | None = None
    old_key: str | None = None
    expires_at: str | None = None
    is_over: bool = False
    is_given_up: bool = False
    is_urgent: bool = False
    old_is_dead: bool = False
    promoted_at: float | None = None
    promoted_version: int | None = None
    # Of the ciphertext that the promotion put in place.
    new_sha256: str | None = None
    # From where on the log is read for those who use the new version.
    log_segment: int = 0
    log_offset: int = 0
    used_by: tuple[str, ...] = ()
    ended_at: float | None = None
    failed_step: str | None = None
    failure: str | None = None
    failures: int = 0
    failed_at: float | None = None
    unknown_keys: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """Return what decides about the next step."""
        return Standing(self.done, self.new is not None, self.is_given_up, self.old_is_dead)

    @property
    def key_name(self) -> str:
        """Return what a new key is called at the provider: the same at each attempt, and like no other."""
        return f"agentkit-{self.name.replace('/', '-')}-{self.id}"


def seal_text(value: bytes, recipients: list[str]) -> str:
    """Return a value sealed, as base64."""
    return base64.b64encode(seal_value(value, recipients)).decode()


def rotation_path(places: Places, name: str) -> str:
    """Return the path of the file of a secret's rotation."""
    return f"{places.vault}/rotation/{name}{SUFFIX}"


def rotation_keys(identities: list[str]) -> list[bytes]:
    """Return the keys that bind these files, one an identity, in their order."""
    return [derive_key(text.encode(), PURPOSE) for text in identities]


def list_rotations(places: Places) -> list[str]:
    """Return the names of the secrets that have such a file, sorted."""
    root = f"{places.vault}/rotation"
    found: list[str] = []
    for folder, _, files in os.walk(root):
        whole = [file for file in files if file.endswith(SUFFIX) and not file.startswith(".")]
        found += [os.path.relpath(f"{folder}/{file}", root).removesuffix(SUFFIX) for file in whole]
    return sorted(found)


def read_rotation(places: Places, name: str, identities: list[str]) -> Rotation | None:
    """Return the rotation of a secret, None where there never was one; raises AgentkitError (tampered, refused)."""
    path = rotation_path(places, name)
    try:
        raw = read_private(path, what="the rotation", most_bytes=MOST_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    mac, body = raw[MAC].decode("ascii", "replace"), raw[BODY_START:]
    if not raw.startswith(OPENING) or not any(
        is_equal(sign_bytes(key, body).hex(), mac) for key in rotation_keys(identities)
    ):
        raise _tell_tampered(name, "was not written by this vault")
    try:
        told = json.loads(b"{" + body)
        known = {field.name for field in fields(Rotation)}
        for key in ("used_by", "unknown_keys"):
            told[key] = tuple(told[key])
        rotation = Rotation(**{key: value for key, value in told.items() if key in known})
    except (ValueError, TypeError, KeyError) as error:
        raise _tell_tampered(name, "cannot be read") from error
    if rotation.name != name or rotation.done not in STEPS:
        raise _tell_tampered(name, "is another's")
    return rotation


def write_rotation(places: Places, rotation: Rotation, identities: list[str]) -> Rotation:
    """Make it durable, bound by the newest identity, and return it; raises AgentkitError (cannot write)."""
    body = json.dumps({"v": 1, **asdict(rotation)})[1:].encode() + b"\n"
    mac = sign_bytes(rotation_keys(identities)[0], body).hex().encode()
    try:
        put_file(rotation_path(places, rotation.name), OPENING + mac + b'", ' + body, places.vault)
    except OSError as error:
        raise tell_unwritable(rotation.name, error, places) from error
    return rotation


def reseal_rotation(places: Places, name: str, identities: list[str], recipients: list[str]) -> None:
    """Seal and bind what a rotation holds for other recipients; `identities` are newest first, the old one among them.

    For a change of identity: once a name of `list_rotations`, while no rotation runs.
    """
    rotation = read_rotation(places, name, identities)
    if rotation is None:
        return
    new, old = (
        None if text is None else seal_text(open_sealed(base64.b64decode(text), identities, name), recipients)
        for text in (rotation.new, rotation.old)
    )
    write_rotation(places, replace(rotation, new=new, old=old), identities)


def clear_rotation_leftovers(places: Places, name: str) -> None:
    """Remove what killed writers left beside a rotation; no other rotation may run."""
    folder = os.path.dirname(rotation_path(places, name))
    try:
        for file in os.listdir(folder):
            if file.startswith(PREFIX):
                os.unlink(f"{folder}/{file}")
    except OSError:
        return  # it is no more than untidy


def _tell_tampered(name: str, what: str) -> AgentkitError:
    return AgentkitError(
        f"{name}: the file of its rotation {what}; nothing was done", hint="agentkit vault check", status=Exit.TAMPERED
    )
