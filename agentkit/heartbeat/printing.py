"""What does a person see of a check?"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from agentkit.core.lines import INFO, write_record
from agentkit.core.masking import mask_records
from agentkit.heartbeat.check import Checked
from agentkit.heartbeat.sighting import to_record
from agentkit.heartbeat.wording import word_finding


def print_checked(checked: Checked, environ: Mapping[str, str], *, now: float, as_json: bool) -> None:
    """Print the findings, as JSON Lines or as text; nothing at all when all is well and nobody looks on."""
    if as_json:
        records = [to_record(finding, now) for finding in (*checked.firing, *checked.resolved)]
        for record in mask_records(records, environ):
            write_record(record)
        return
    from agentkit.core.screen import print_block

    is_watched = sys.stdout.isatty()
    firing = [to_record(finding, now) for finding in checked.firing if finding.severity != INFO or is_watched]
    for record in mask_records(firing, environ):
        print_block(word_finding(record, with_tail=is_watched, is_local=is_watched))
    for finding in checked.gone:
        if finding.severity != INFO or is_watched:
            print_block(word_finding(to_record(finding, now), is_local=is_watched))
    if is_watched and checked.is_well:
        print_block("all is well\n")
