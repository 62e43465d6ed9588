"""What does a person see of a check, and what does a program get?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from textwrap import wrap

from agentkit.core.lines import INFO, Record, write_record
from agentkit.core.screen import Look, Styled, find_look, print_block, print_line
from agentkit.core.times import format_instant
from agentkit.core.visible import make_visible
from agentkit.vault.checks.checking import Checked, check_vault
from agentkit.vault.log.claims import AFTERWARDS, CLAIMS, L1, NOT_COVERED, WITHOUT_ANCHOR, describe_levels, find_levels
from agentkit.vault.places import find_places
from agentkit.vault.viewing import read_host

# Of one type; a wrong umask must not bury what matters.
MOST_SHOWN = 20
INDENT = 10


def check_and_print(environ: Mapping[str, str], *, now: float, as_json: bool, is_quiet: bool) -> int:
    """Check the vault, print what is wrong and what is claimed of it, and return the status."""
    host = read_host(environ)
    checked = check_vault(find_places(environ), environ, now=now, host=host)
    if as_json:
        for sighting in checked.sightings:
            write_record(sighting.to_finding(host, now).to_record())
        write_record(to_claim(checked, host, now))
        return checked.status
    look = find_look(sys.stdout, environ)
    _print_sightings(checked, look, is_quiet=is_quiet)
    if not is_quiet:
        _print_level(checked, look)
    return checked.status


def to_claim(checked: Checked, host: str, now: float) -> Record:
    """Return the record of kind `claim`: what the vault promises as it is set up, and what it does not."""
    level = checked.level
    return {
        "v": 1,
        "kind": "claim",
        "at": format_instant(now),
        "host": host,
        "level": level.level,
        "covers": [CLAIMS[level.level]],
        "not_covered": [*NOT_COVERED[level.level], WITHOUT_ANCHOR, AFTERWARDS],
        "secrets": checked.secrets,
        "demands": [{"demand": one.demand, "held": one.held, "why": one.why} for one in level.demands],
        "unseen": list(level.unseen),
    }


def _print_sightings(checked: Checked, look: Look, *, is_quiet: bool) -> None:
    shown: Counter[str] = Counter()
    for one in checked.sightings:
        if is_quiet and one.severity == INFO:
            continue
        shown[one.type] += 1
        if shown[one.type] <= MOST_SHOWN:
            first, *others = _fold(one.title, look)
            print_line(Styled(f"{one.severity:<{INDENT - 1}}", one.severity), first, look=look)
            # On a line of its own: it is copied, and must not be broken.
            print_block("".join(f"{' ' * INDENT}{line}\n" for line in [*others, one.type, f"next: {one.next_step}"]))
    for type_, count in shown.items():
        if count > MOST_SHOWN:
            print_line(" " * (INDENT - 1), f"and {count - MOST_SHOWN} more of {type_}: agentkit vault check --json")


def _fold(text: str, look: Look) -> list[str]:
    shown = make_visible(text)
    return [shown] if look.width is None else wrap(shown, max(look.width - INDENT, INDENT)) or [""]


def _print_level(checked: Checked, look: Look) -> None:
    count = "1 secret is" if checked.secrets == 1 else f"all {checked.secrets} secrets are"
    if not any(one.severity != INFO for one in checked.sightings):
        print_line(f"{count} as {'it was' if checked.secrets == 1 else 'they were'} set")
    levels = find_levels(is_separate=checked.level.level == L1, is_anchored=False)
    for line in [*describe_levels(levels), *(f"not seen: {what}" for what in checked.level.unseen)]:
        print_line(Styled(line, "dim"), look=look)
