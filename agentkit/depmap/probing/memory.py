"""What does the ledger keep of probes: findings, what could not be killed, and how the last probe went?"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agentkit.core import tree
from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError
from agentkit.core.evidence import NewFinding, StoredFinding
from agentkit.core.ledger import Ledger, open_read_only, with_ledger
from agentkit.core.ledger.beats import write_json
from agentkit.core.ledger.findings import (
    find_firing,
    find_resolved_since,
    resolve_findings,
    to_finding,
    upsert_findings,
)
from agentkit.core.ledger.notes import read_list, write_value
from agentkit.core.ledger.opening import NAME as LEDGER_NAME
from agentkit.core.lines import Finding
from agentkit.core.paths import state_folder

SOURCE = "depmap.probe"
STUCK_KEY, LAST_KEY = "probe-stuck", "last-probe"
SHOW_RESOLVED_S = 86400.0


@dataclass(frozen=True, slots=True)
class Stuck:
    """A check whose processes could not be killed: (pid, start) of each, and since when."""

    check: str
    processes: tuple[tuple[int, int], ...]
    boot: str | None
    since: float

    def living(self) -> tuple[tuple[int, int], ...]:
        """Return those of its processes that are there yet."""
        if self.boot != tree.read_boot_id():
            return ()
        return tuple(process for process in self.processes if tree.is_alive(*process))


@dataclass(frozen=True, slots=True)
class Kept:
    """The findings of a probe as the ledger knows them, what went within a day, and what went just now."""

    findings: list[Finding]
    resolved: list[Finding]
    gone: list[Finding]


def read_stuck(environ: Mapping[str, str]) -> dict[str, Stuck]:
    """Return {identity of a check: what of it lives yet}; none where the ledger cannot be read, and a warning."""
    try:
        with open_read_only(state_folder(environ)) as ledger:
            return _read_living(ledger)
    except AgentkitError as error:
        warn(f"what earlier probes left behind is not known: {error.message}")
        return {}


def keep(
    environ: Mapping[str, str],
    findings: Sequence[Finding],
    *,
    stuck: Sequence[Stuck],
    last: Mapping[str, object] | None,
    is_settled: Callable[[StoredFinding], bool],
    now: float,
) -> Kept:
    """Write down what a probe found; `is_settled` tells whether a finding that is not among these has gone.

    `stuck` comes to what other probes left behind and lives yet.
    `last` is what the summary tells of the probe; None of one without any check, for which no ledger is made either.
    Where the ledger cannot be written the findings are returned as they came, and a warning says so.
    """

    def work(ledger: Ledger) -> Kept:
        with ledger.transaction():
            before = find_firing(ledger, source=SOURCE)
            stored = upsert_findings(ledger, [_to_new(finding) for finding in findings], now)
            seen = {one.fingerprint for one in stored}
            gone = [one for one in before if one.fingerprint not in seen and is_settled(one)]
            resolve_findings(ledger, [one.fingerprint for one in gone], now)
            # Another probe may have found more meanwhile.
            known = [*(_read_living(ledger) | {one.check: one for one in stuck}).values()]
            write_value(
                ledger, STUCK_KEY, json.dumps([[one.check, one.processes, one.boot, one.since] for one in known])
            )
            if last is not None:
                write_value(ledger, LAST_KEY, json.dumps(last))
        for notice in ledger.notices:
            warn(notice)
        resolved = find_resolved_since(ledger, now - SHOW_RESOLVED_S, source=SOURCE)
        return Kept(
            [
                replace(finding, first_seen=one.first_seen_at, last_seen=one.last_seen_at, count=one.count)
                for finding, one in zip(findings, stored, strict=True)
            ],
            [to_finding(one, now) for one in resolved],
            [to_finding(replace(one, state="resolved", resolved_at=now), now) for one in gone],
        )

    if last is None and not os.path.lexists(f"{state_folder(environ)}/{LEDGER_NAME}"):
        return Kept([], [], [])
    try:
        return with_ledger(state_folder(environ), work)
    except AgentkitError as error:
        warn(f"the findings are not kept: {error.message}")
        return Kept(list(findings), [], [])


def note_stuck(check: str, pids: Sequence[int]) -> Stuck:
    """Return what is to be remembered of a check whose processes could not be killed."""
    starts = [(pid, tree.process_start(pid)) for pid in pids]
    processes = tuple((pid, start) for pid, start in starts if start is not None)
    return Stuck(check, processes, tree.read_boot_id(), time.time())


def _read_living(ledger: Ledger) -> dict[str, Stuck]:
    found = {}
    for row in read_list(ledger, STUCK_KEY):
        stuck = _to_stuck(row)
        living = stuck.living() if stuck else ()
        if stuck and living:
            found[stuck.check] = replace(stuck, processes=living)
    return found


def _to_stuck(row: object) -> Stuck | None:
    match row:
        case [str(check), [*processes], str() | None as boot, int() | float() as since]:
            pairs = [(one[0], one[1]) for one in processes if isinstance(one, list) and len(one) == 2]
            whole = tuple((pid, start) for pid, start in pairs if isinstance(pid, int) and isinstance(start, int))
            return Stuck(check, whole, boot, float(since))
    return None


def _to_new(finding: Finding) -> NewFinding:
    return NewFinding(
        finding.fingerprint,
        finding.host,
        finding.source,
        finding.type,
        finding.subject,
        finding.key,
        finding.severity,
        finding.title,
        write_json(dict(finding.evidence)),
    )
