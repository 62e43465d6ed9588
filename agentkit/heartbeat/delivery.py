"""How does news leave the machine: to a program on its stdin, to a service that watches from outside?

What cannot be delivered waits in the ledger and goes first the next time. Every delivery has a time limit.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta

from agentkit.core.evidence import StoredFinding
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.notes import add_parcel, iterate_parcels, mark_parcel_tried, remove_parcel
from agentkit.core.process import run_program
from agentkit.core.program import Ended, Program
from agentkit.heartbeat.sighting import to_record
from agentkit.heartbeat.wording import word_finding

NOTIFY, PING = "notify", "ping"
MOST_PARCELS = 1000


def notify(
    ledger: Ledger, argv: list[str], news: Iterable[StoredFinding], *, limit_s: float, as_text: bool, now: float
) -> str | None:
    """Hand new and resolved findings, and those that still wait, to a program; return what went wrong, if anything did.

    One start of the program for all of them; JSON Lines on its stdin, or text for a person.
    """
    with ledger.transaction():
        for finding in news:
            record = to_record(finding, now)
            add_parcel(ledger, NOTIFY, finding.fingerprint, json.dumps(record, ensure_ascii=False), now)
    waiting = [parcel for _, parcel in zip(range(MOST_PARCELS), iterate_parcels(ledger, NOTIFY), strict=False)]
    if not waiting:
        return None
    payload = "".join(
        word_finding(json.loads(parcel.payload), with_tail=True) if as_text else f"{parcel.payload}\n"
        for parcel in waiting
    )
    ended = run_program(
        Program(
            tuple(argv),
            limit=timedelta(seconds=limit_s),
            environment=dict(os.environ),
            stdin=payload.encode("utf-8", "backslashreplace"),
        )
    )
    trouble = _describe(ended, argv[0])
    with ledger.transaction():
        for parcel in waiting:
            if trouble is None:
                remove_parcel(ledger, parcel.id)
            else:
                mark_parcel_tried(ledger, parcel.id, now, trouble)
    if trouble is None:
        return None
    return f"{trouble}; {len(waiting)} findings wait for the next check"


def ping(ledger: Ledger, address: str, *, limit_s: float, now: float) -> str | None:
    """Tell an outside service that a check has finished; return what went wrong, if that is news."""
    argv = [sys.executable, "-P", "-m", "agentkit.heartbeat.pinging", address]
    limit = timedelta(seconds=limit_s)
    ended = run_program(Program(tuple(argv), limit=limit, environment=_environment(), stdin=b""))
    trouble = _describe(ended, f"ping {address}")
    waiting = list(iterate_parcels(ledger, PING))
    with ledger.transaction():
        for parcel in waiting:
            if trouble is None:
                remove_parcel(ledger, parcel.id)
            else:
                mark_parcel_tried(ledger, parcel.id, now, trouble)
        if trouble and not waiting:
            add_parcel(ledger, PING, None, address, now)
    # The service itself complains about pings that stay away: here it is said once.
    return None if waiting else trouble


def _environment() -> Mapping[str, str]:
    # The child must find the same agentkit, wherever it was installed.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _describe(ended: Ended, name: str) -> str | None:
    if ended.status == 0:
        return None
    said = (ended.stderr or ended.stdout).decode("utf-8", "backslashreplace").strip().splitlines()
    why = ended.trouble or (said[-1][:200] if said else "")
    outcome = f"ended with status {ended.status}" if ended.outcome == "exited" else ended.outcome.replace("-", " ")
    return f"{name}: {outcome}" + (f" ({why})" if why else "")
