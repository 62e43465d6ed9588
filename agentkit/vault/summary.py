"""What is there to say about the vault of this machine, on a few lines?"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from agentkit.core.lines import INFO, SEVERITIES, write_record
from agentkit.core.summary import Line, Summary, draw_summary, to_record
from agentkit.vault.checks.checking import Checked, check_vault
from agentkit.vault.log.chain import segment_path
from agentkit.vault.log.claims import CLAIMS
from agentkit.vault.places import Places, find_places
from agentkit.vault.viewing import read_host

SHOWN = 5
CHECK = "agentkit vault check"


def print_summary(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print the summary for a person, or as a record."""
    now = time.time()
    host = read_host(environ)
    summary = read_summary(find_places(environ), environ, now=now, host=host)
    if as_json:
        write_record(to_record(summary, host, now))
    else:
        draw_summary(summary)


def read_summary(places: Places, environ: Mapping[str, str], *, now: float, host: str) -> Summary:
    """Return what there is to say about a vault, also where there is none."""
    if not os.path.lexists(places.vault):
        return Summary("vault: none", (Line("no vault yet: agentkit vault init makes one"),), None)
    # A second segment is begun when the first one is full.
    with_log = not os.path.lexists(segment_path(places.audit, 2))
    return summarise(check_vault(places, environ, now=now, host=host, with_log=with_log), with_log=with_log)


def summarise(checked: Checked, *, with_log: bool) -> Summary:
    """Return what a check came to, in a few lines."""
    alarms = [one for one in checked.sightings if one.severity != INFO]
    remarks = len(checked.sightings) - len(alarms)
    count = "1 secret" if checked.secrets == 1 else f"{checked.secrets} secrets"
    lines = [Line(count)]
    lines += [Line(one.title, one.severity) for one in alarms[:SHOWN]]
    if alarms[SHOWN:]:
        worst = max((one.severity for one in alarms[SHOWN:]), key=SEVERITIES.index)
        lines.append(Line(f"and {len(alarms) - SHOWN} more: {CHECK}", worst))
    if remarks:
        lines.append(Line(f"{remarks} more {'thing' if remarks == 1 else 'things'} worth knowing: {CHECK}"))
    if not with_log:
        lines.append(Line(f"the audit log is long and was not read for this: {CHECK}"))
    level = checked.level.level
    lines.append(Line(f"{level}: {CLAIMS[level]}"))
    if alarms:
        told = "1 finding" if len(alarms) == 1 else f"{len(alarms)} findings"
        return Summary(f"vault: {told}", tuple(lines), CHECK)
    return Summary("vault: all is as it was set" if checked.secrets else "vault: empty", tuple(lines), None)
