"""What does a person see of a check, and what does a program get?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from agentkit.core.lines import INFO, Record, write_record
from agentkit.core.screen import Styled, print_line
from agentkit.core.times import format_instant
from agentkit.vault.checking import Checked, check_vault
from agentkit.vault.claims import AFTERWARDS, CLAIMS, L1, NOT_COVERED, WITHOUT_ANCHOR, describe_levels, find_levels
from agentkit.vault.places import find_places
from agentkit.vault.viewing import read_host

# Of one type; a wrong umask must not bury what matters.
MOST_SHOWN = 20
SEVERITY_WIDTH = 8


def check_and_print(environ: Mapping[str, str], *, now: float, as_json: bool, is_quiet: bool) -> int:
    """Check the vault, print what is wrong and what is claimed of it, and return the status."""
    host = read_host(environ)
    checked = check_vault(find_places(environ), environ, now=now, host=host)
    if as_json:
        for sighting in checked.sightings:
            write_record(sighting.to_finding(host, now).to_record())
        write_record(to_claim(checked, host, now))
        return checked.status
    _print_sightings(checked, is_quiet=is_quiet)
    if not is_quiet:
        _print_level(checked)
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


def _print_sightings(checked: Checked, *, is_quiet: bool) -> None:
    shown: Counter[str] = Counter()
    for one in checked.sightings:
        if is_quiet and one.severity == INFO:
            continue
        shown[one.type] += 1
        if shown[one.type] > MOST_SHOWN:
            continue
        print_line(Styled(f"{one.severity:<{SEVERITY_WIDTH}}", one.severity), f"{one.title}")
        print_line(" " * SEVERITY_WIDTH, Styled(f"{one.type}; next: ", "dim"), one.next_step)
    for type_, count in shown.items():
        if count > MOST_SHOWN:
            print_line(" " * SEVERITY_WIDTH, f"and {count - MOST_SHOWN} more of {type_}: agentkit vault check --json")


def _print_level(checked: Checked) -> None:
    count = "1 secret is" if checked.secrets == 1 else f"all {checked.secrets} secrets are"
    if not any(one.severity != INFO for one in checked.sightings):
        print_line(f"{count} as {'it was' if checked.secrets == 1 else 'they were'} set")
    levels = find_levels(is_separate=checked.level.level == L1, is_anchored=False)
    for line in [*describe_levels(levels), *(f"not seen: {what}" for what in checked.level.unseen)]:
        print_line(Styled(line, "dim"))
