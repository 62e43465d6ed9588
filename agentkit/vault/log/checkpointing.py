"""How does a checkpoint of the log come about: verified first, then signed, then put where it cannot be rewritten?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.vault.log.anchors import find_anchor, open_anchor, put_anchor
from agentkit.vault.log.checkpoints import Checkpoint
from agentkit.vault.log.merkle import hash_trees
from agentkit.vault.log.note import sign_note
from agentkit.vault.log.proving import Anchor, prove_log, read_origin
from agentkit.vault.log.signing import make_signing_key
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.places import Places, find_places

LOCK_LIMIT = timedelta(minutes=5)


def make_checkpoint(environ: Mapping[str, str], anchors: Sequence[str]) -> None:
    """Print a signed note of the log as it is now, or put it to each of the anchors.

    Raises AgentkitError: tampered where the log does not hold in itself or against one of the anchors, and as
    `put_anchor` does. An anchor that does not fit is left as it is.
    """
    places = find_places(environ)
    if not os.path.lexists(places.vault):
        raise AgentkitError(f"there is no vault at {places.vault}", status=Exit.UNAVAILABLE)
    if not os.path.isdir(places.audit):
        raise AgentkitError(f"{places.audit} is missing; nothing was signed", status=Exit.TAMPERED)
    with hold_lock(f"{places.audit}/checkpoint.lock", what="checkpoint", limit=LOCK_LIMIT):
        note, olds = sign_log(places, environ, anchors)
        for where, old in olds.items():
            if old != note:
                put_anchor(where, note, old, _first_line(note), environ)
    if not anchors:
        sys.stdout.write(note.decode())


def sign_log(
    places: Places, environ: Mapping[str, str], anchors: Sequence[str]
) -> tuple[bytes, dict[str, bytes | None]]:
    """Return a signed note of the log, and what each anchor holds now; raises as `make_checkpoint` does."""
    try:
        origin = read_origin(places.audit)
    except TamperedError as trouble:
        raise _refuse(trouble) from None
    key = make_signing_key(places.identity, places.audit, origin)
    olds = {where: find_anchor(where, origin, environ) for where in anchors}
    known: list[Anchor] = [(where, open_anchor(raw, where, key)) for where, raw in olds.items() if raw is not None]
    proof = prove_log(places.audit, known)
    if proof.walk is None:
        assert proof.verdict.trouble is not None
        raise _refuse(proof.verdict.trouble)
    walk = proof.walk
    try:
        root = hash_trees(proof.segments, [walk.sure_seq])[walk.sure_seq]
    except TamperedError as trouble:
        raise _refuse(trouble) from None
    checkpoint = Checkpoint(
        origin, walk.sure_seq, root, head=walk.sure_hash, segment=walk.sure_segment, offset=walk.sure_offset
    )
    return sign_note(checkpoint.text(), key).encode(), olds


def _first_line(note: bytes) -> str:
    return note.split(b"\n", 1)[0].decode()


def _refuse(trouble: TamperedError) -> AgentkitError:
    record = "" if trouble.record is None else f" at record {trouble.record}"
    return AgentkitError(
        f"tampered{record}: {trouble.what}; nothing was signed",
        hint="agentkit vault audit verify",
        status=Exit.TAMPERED,
    )
