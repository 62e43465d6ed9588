"""What does a person see of a check?"""

from __future__ import annotations

import sys

from agentkit.core.lines import INFO, write_record
from agentkit.heartbeat.check import Checked
from agentkit.heartbeat.sighting import to_record
from agentkit.heartbeat.wording import word_finding


def print_checked(checked: Checked, *, now: float, as_json: bool) -> None:
    """Print the findings, as JSON Lines or as text; nothing at all when all is well and nobody looks on."""
    if as_json:
        for finding in (*checked.firing, *checked.resolved):
            write_record(to_record(finding, now))
        return
    from agentkit.core.screen import print_block

    is_watched = sys.stdout.isatty()
    for finding in checked.firing:
        if finding.severity != INFO or is_watched:
            print_block(word_finding(to_record(finding, now), with_tail=is_watched, is_local=is_watched))
    for finding in checked.gone:
        if finding.severity != INFO or is_watched:
            print_block(word_finding(to_record(finding, now), is_local=is_watched))
    if is_watched and checked.is_well:
        print_block("all is well\n")
