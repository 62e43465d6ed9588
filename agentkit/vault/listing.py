"""Which secrets are there, what is each for, and who used it last?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.asides import read_instant, say_when
from agentkit.core.errors import tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Cell, Column, Look, Styled, print_table
from agentkit.vault.lastuses import Past
from agentkit.vault.locked import demand_vault
from agentkit.vault.manifest import OK, TAMPERED, UNREADABLE, Entry, read_manifest
from agentkit.vault.places import find_places
from agentkit.vault.secretrecord import read_text, to_record
from agentkit.vault.viewing import read_host, read_uses, warn_of_doubts

COLUMNS = (
    Column("name", folds=True),
    Column("state"),
    Column("purpose", folds=True, rank=3),
    Column("expires", is_right=True, rank=2),
    Column("last used", is_right=True),
    Column("by", folds=True, rank=1),
    Column("uses", is_right=True, rank=4),
)
MOST_DRAWN = 1000
PLAIN = Look(width=None, has_colour=False, is_live=False, has_bars=False)
LOOKS = {OK: "ok", TAMPERED: "critical", UNREADABLE: "critical"}


def print_secrets(environ: Mapping[str, str], *, now: float, as_json: bool) -> int:
    """Print every secret, a line or a record each; the status is 76 where a row is not what the vault wrote."""
    places = find_places(environ)
    demand_vault(places)
    host = read_host(environ)
    manifest = read_manifest(places)
    uses = read_uses(places)
    warn_of_doubts(manifest)
    pasts = [(entry, None if uses is None else uses.of(entry.name)) for entry in manifest.entries]
    if as_json:
        for entry, past in pasts:
            write_record(to_record(entry, past, host=host, now=now))
    elif pasts:
        # So many are not read, but looked through; drawn for a terminal, each would cost a millisecond.
        look = PLAIN if len(pasts) > MOST_DRAWN else None
        print_table(COLUMNS, [_draw(entry, past, now) for entry, past in pasts], look=look)
    else:
        tell("agentkit: no secret yet; agentkit vault set NAME --purpose TEXT < VALUE\n")
    return manifest.status


def _draw(entry: Entry, past: Past | None, now: float) -> list[Cell]:
    fields = {} if entry.row is None else entry.row.fields
    ends = read_instant(fields.get("expires_at"))
    expires = say_when(ends, now)
    use = None if past is None else past.last_use
    return [
        entry.name,
        Styled(entry.state, LOOKS.get(entry.state, "warning")),
        read_text(fields, "purpose") or "-",
        Styled(expires, "late") if ends is not None and ends <= now else expires,
        "?" if past is None else say_when(read_instant(use.at), now) if use else "-",
        use.program or "-" if use else "-",
        "?" if past is None else str(past.uses),
    ]
