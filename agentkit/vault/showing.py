"""What is known of one secret: all of its row, and each program that used it?"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from agentkit.core.asides import read_instant, say_when
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import write_record
from agentkit.core.screen import Column, Styled, print_line, print_table
from agentkit.core.times import format_duration, format_instant
from agentkit.vault.lastuses import Past
from agentkit.vault.locked import demand_vault
from agentkit.vault.manifest import Entry, list_secrets, read_manifest
from agentkit.vault.places import Places, demand_name, find_places
from agentkit.vault.secretrecord import read_text, to_record
from agentkit.vault.viewing import read_host, read_uses, warn_of_doubts

COLUMNS = (
    Column("used by", folds=True),
    Column("through"),
    Column("uid", is_right=True, rank=1),
    Column("uses", is_right=True),
    Column("last", is_right=True),
    Column("reason", folds=True, rank=2),
)
SHOWN_USERS = 20
TITLE_WIDTH = 10


def print_secret(environ: Mapping[str, str], name: str, *, now: float, as_json: bool) -> int:
    """Print one secret; the status is 76 where its row is not what the vault wrote.

    Raises AgentkitError (unavailable) where there is none of that name.
    """
    demand_name(name)
    places = find_places(environ)
    demand_vault(places)
    host = read_host(environ)
    manifest = read_manifest(places, [name])
    if not manifest.entries:
        raise _tell_missing(places, name)
    entry = manifest.entries[0]
    uses = read_uses(places, name)
    warn_of_doubts(manifest)
    past = None if uses is None else uses.of(name)
    if as_json:
        write_record(to_record(entry, past, host=host, now=now, with_users=True))
    else:
        _draw(entry, past, now)
    return manifest.status


def _draw(entry: Entry, past: Past | None, now: float) -> None:
    print_line(Styled(entry.name, "heading"))
    for title, text in _describe(entry, now):
        print_line(" ", Styled(f"{title:<{TITLE_WIDTH}}", "dim"), text)
    if past is None:
        return
    users = past.users()
    if not users:
        print_line(" ", Styled(f"{'used':<{TITLE_WIDTH}}", "dim"), "never")
        return
    print_line(
        " ",
        Styled(f"{'used':<{TITLE_WIDTH}}", "dim"),
        f"{'once' if past.uses == 1 else f'{past.uses} times'}, as the audit log tells:",
    )
    print_line()
    rows = [
        (
            use.program or "-",
            use.op,
            str(use.uid),
            str(count),
            say_when(read_instant(use.at), now),
            use.reason,
        )
        for count, use in users[:SHOWN_USERS]
    ]
    print_table(COLUMNS, rows)
    hidden = len(users) - len(rows) + past.forgotten
    if hidden > 0:
        print_line(Styled(f"and {hidden} more: agentkit vault show {entry.name} --json", "dim"))


def _describe(entry: Entry, now: float) -> Iterator[tuple[str, str]]:
    row = entry.row
    if row is None:
        yield "state", f"{entry.state}: its row cannot be read"
        return
    fields = row.fields
    yield "state", f"{entry.state}, version {row.version}"
    for title, key in (("purpose", "purpose"), ("owner", "owner")):
        text = read_text(fields, key)
        if text:
            yield title, text
    yield "consumers", ", ".join(row.texts("consumers")) or "none is declared"
    yield "deliver", ", ".join(row.texts("deliver"))
    for title, key in (("set", "set_at"), ("created", "created_at"), ("expires", "expires_at")):
        instant = read_instant(fields.get(key))
        if instant is not None:
            yield title, f"{_say_instant(instant)} ({say_when(instant, now)})"
    yield from _describe_rotation(entry)


def _describe_rotation(entry: Entry) -> Iterator[tuple[str, str]]:
    fields = {} if entry.row is None else entry.row.fields
    every, hook = fields.get("rotate_every_s"), read_text(fields, "rotate_with")
    told = [f"every {format_duration(float(every))}"] if isinstance(every, (int, float)) else []
    told += [f"with {hook}"] if hook else []
    settings = fields.get("rotate_settings")
    told += [f"{key}={value}" for key, value in settings.items()] if isinstance(settings, dict) else []
    if told:
        yield "rotation", ", ".join(told)
    reissue = read_text(fields, "reissue")
    if reissue:
        yield "reissue", reissue


def _say_instant(instant: float) -> str:
    """Return an instant as the person's clock shows it on a terminal, in UTC everywhere else."""
    if sys.stdout.isatty():
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant))
    return format_instant(instant)


def _tell_missing(places: Places, name: str) -> AgentkitError:
    near = get_close_matches(name, list_secrets(places), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "agentkit vault list"
    return AgentkitError(f"there is no secret {name}", hint=hint, status=Exit.UNAVAILABLE)
