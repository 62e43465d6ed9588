"""What looks odd about a job is its new normal: what follows from that, and how is it recorded?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.asides import say_count
from agentkit.core.config import Configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import STARTED, CrontabLine, Job, JobChange, StoredFinding
from agentkit.core.ledger import Ledger, take_in_spool, with_ledger
from agentkit.core.ledger.findings import resolve_findings
from agentkit.core.ledger.jobs import find_job, iterate_jobs, read_learned, update_jobs
from agentkit.core.ledger.lines import find_lines, forget_lines
from agentkit.core.ledger.notes import record_accept
from agentkit.core.ledger.runs import find_runs_of
from agentkit.core.paths import state_folder
from agentkit.core.spool import spool_places
from agentkit.heartbeat.breaks import Clocks
from agentkit.heartbeat.lateness import is_retired, retire
from agentkit.heartbeat.learning import accept as accept_learned
from agentkit.heartbeat.memory import decode_learned, encode_learned
from agentkit.heartbeat.sighting import OF_RUNS, SOURCE
from agentkit.heartbeat.status import find_statuses
from agentkit.heartbeat.viewing import open_evidence, refuse_unknown_job
from agentkit.heartbeat.wording import say_deed

ABSENCE = frozenset({"late", "missing", "vanished"})
# What else a check says of a job (cron drops its line, nobody knows its schedule) is there as long as it is so.
ACCEPTED = OF_RUNS | ABSENCE


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What accepting changes; `kept` are findings that no word makes go.

    `is_judged` says that a check has looked at the last run: else nobody knows yet what there is to accept.
    """

    findings: tuple[StoredFinding, ...]
    kept: tuple[StoredFinding, ...]
    gone_lines: tuple[CrontabLine, ...]
    learned: bytes | None
    odd_runs: int
    retires: bool
    is_judged: bool

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to accept."""
        return not (self.findings or self.gone_lines or self.odd_runs or self.retires)


def accept_job(
    environ: Mapping[str, str],
    configuration: Configuration,
    name: str,
    reason: str,
    *,
    by: str,
    clocks: Clocks,
    is_dry: bool,
) -> list[str]:
    """Make the present state of a job its normal one; return what that changed (would change), a line each.

    Raises AgentkitError: usage for an empty reason, unavailable for a job that the ledger never heard of.
    """
    if not reason.strip():
        raise AgentkitError("--reason: say why, for whoever looks at it in a year", status=Exit.USAGE)
    now = clocks.now
    with open_evidence(environ, configuration, now) as ledger:
        _, acceptance = _look(ledger, name, configuration, clocks)
    if is_dry or acceptance.is_empty:
        return _describe(acceptance, name, is_dry=is_dry)

    def work(ledger: Ledger) -> Acceptance:
        # What the view took in may have gone into a copy.
        take_in_spool(ledger, spool_places(environ), configuration.host, now)
        with ledger.transaction():
            job, acceptance = _look(ledger, name, configuration, clocks)
            if not acceptance.is_empty:
                _apply(ledger, job, acceptance, now)
                record_accept(ledger, name, reason.strip(), by, now)
        return acceptance

    return _describe(with_ledger(state_folder(environ), work), name, is_dry=False)


def _look(ledger: Ledger, name: str, configuration: Configuration, clocks: Clocks) -> tuple[Job, Acceptance]:
    if find_job(ledger, name) is None:
        raise refuse_unknown_job(name, [known.name for known in iterate_jobs(ledger)])
    [status] = find_statuses(ledger, configuration, [name], clocks, with_past=False)
    of_check = [finding for finding in status.findings if finding.source == SOURCE]
    findings = tuple(finding for finding in of_check if finding.type in ACCEPTED)
    is_absent = status.is_late or any(finding.type in ABSENCE for finding in findings)
    learned = decode_learned(read_learned(ledger, status.job.id))
    return status.job, Acceptance(
        findings,
        tuple(finding for finding in of_check if finding.type not in ACCEPTED),
        tuple(line for line in find_lines(ledger) if line.job == name and line.gone_at is not None),
        encode_learned(accept_learned(learned)) if learned.pending else None,
        len(learned.pending),
        is_absent and not is_retired(status.job),
        all(run.is_judged or run.state == STARTED for run in find_runs_of(ledger, name, limit=1)),
    )


def _apply(ledger: Ledger, job: Job, acceptance: Acceptance, now: float) -> None:
    extra = retire(job) if acceptance.retires else job.extra()
    # Going back and forth and being skipped are counted over several runs: the count begins anew.
    extra = {**extra, "results": "", "skips": 0}
    due_at = None if acceptance.retires else job.next_due_at
    update_jobs(ledger, [JobChange(job.id, due_at, json.dumps(extra), acceptance.learned)])
    resolve_findings(ledger, [finding.fingerprint for finding in acceptance.findings], now)
    forget_lines(ledger, [line.identity for line in acceptance.gone_lines])


def _describe(acceptance: Acceptance, name: str, *, is_dry: bool) -> list[str]:
    told = [say_deed("resolve", f"{found.type}: {found.title}", is_dry=is_dry) for found in acceptance.findings]
    if acceptance.odd_runs:
        told.append(
            say_deed("learn", f"from {say_count(acceptance.odd_runs, 'odd run')} what is normal now", is_dry=is_dry)
        )
    told += [
        say_deed("forget", f"the crontab line {line.schedule} of {line.file}", is_dry=is_dry)
        for line in acceptance.gone_lines
    ]
    if acceptance.retires:
        told.append(say_deed("retire", f"{name}: it is expected again when it leaves evidence", is_dry=is_dry))
    if not told and acceptance.is_judged:
        told = [f"nothing to accept: {name} looks as usual"]
    elif not told:
        told = [f"nothing to accept yet: no check has judged the last run of {name}; agentkit heartbeat check"]
    return told + [f"still there, {finding.type}: {finding.title}" for finding in acceptance.kept]
