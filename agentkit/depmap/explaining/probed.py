"""Which things did the last probes find not well?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError
from agentkit.core.ledger import open_read_only
from agentkit.core.ledger.findings import find_firing
from agentkit.core.paths import state_folder

SOURCE = "depmap.probe"
# What was never run, because something below it is not well, is no evidence of its own.
EVIDENCE = frozenset({"failed", "hang", "unkillable"})
# A probe that nobody has repeated since then says nothing about now.
FRESH_S = 86400.0


def read_probed(environ: Mapping[str, str], now: float) -> dict[str, float]:
    """Return {subject: when it was first seen not well} of the last probes; none where there is no ledger."""
    try:
        with open_read_only(state_folder(environ)) as ledger:
            findings = find_firing(ledger)
    except AgentkitError as error:
        warn(f"what was probed is not known: {error.message}")
        return {}
    return {
        finding.subject: finding.first_seen_at
        for finding in findings
        if finding.source == SOURCE and finding.type in EVIDENCE and now - finding.last_seen_at < FRESH_S
    }
