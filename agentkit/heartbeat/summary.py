"""What has heartbeat to say about this machine, on half a page?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.asides import say_count
from agentkit.core.config import Configuration
from agentkit.core.evidence import StoredFinding
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.findings import find_firing
from agentkit.core.lines import CRITICAL, INFO, WARNING, write_record
from agentkit.core.summary import Line, Summary, draw_summary, to_record
from agentkit.core.times import format_duration
from agentkit.heartbeat.breaks import Clocks
from agentkit.heartbeat.check import read_last_check
from agentkit.heartbeat.coverage import Coverage, find_coverage_of
from agentkit.heartbeat.coveragepage import NO_VOICE, count_states
from agentkit.heartbeat.linejudging import COVERED
from agentkit.heartbeat.sighting import SOURCE
from agentkit.heartbeat.status import ORDER, WELL, JobStatus, find_statuses
from agentkit.heartbeat.viewing import open_evidence, read_settings

OLD_CHECK_S = 3600.0
SHOWN_FINDINGS = 5
FIRST_STEP = "agentkit heartbeat run NAME --every 1h -- PROGRAM…"
CHECK = "agentkit heartbeat check"
COVERAGE = "agentkit heartbeat coverage"
RANKS = {CRITICAL: 0, WARNING: 1, INFO: 2}


def print_summary(environ: Mapping[str, str], *, root: str, clocks: Clocks, as_json: bool) -> None:
    """Print the summary, as one `summary` record or as lines for a person; `root` is that of the scheduled lines."""
    configuration, now = read_settings(environ), clocks.now
    coverage = find_coverage_of(configuration, environ, root=root, now=now)
    with open_evidence(environ, configuration, now, warns_of_check=False) as ledger:
        summary = summarise(ledger, configuration, coverage, clocks)
    if as_json:
        write_record(to_record(summary, configuration.host, now))
    else:
        draw_summary(summary)


def summarise(ledger: Ledger, configuration: Configuration, coverage: Coverage, clocks: Clocks) -> Summary:
    """Return what there is to say: the jobs, what is wrong, whether anybody checks, and which lines leave evidence."""
    statuses = find_statuses(ledger, configuration, (), clocks, with_past=False)
    findings = sorted(
        find_firing(ledger, source=SOURCE), key=lambda finding: (RANKS[finding.severity], finding.first_seen_at)
    )
    alarms = [finding for finding in findings if finding.severity != INFO]
    checked = _say_check(read_last_check(ledger), clocks.now)
    scheduled = _say_coverage(coverage)
    is_covered = all(line.severity == INFO for line in scheduled)
    if not statuses:
        lines = (Line("no job has left evidence yet"), *_say_findings(alarms, findings), *scheduled)
        return Summary("heartbeat: watches nothing yet", lines, FIRST_STEP if is_covered else COVERAGE)
    lines = (_say_jobs(statuses), *_say_findings(alarms, findings), checked, *scheduled)
    bad = [status for status in statuses if not status.is_well]
    if alarms:
        title = f"heartbeat: {say_count(len(alarms), 'finding')}"
    elif bad:
        title = f"heartbeat: {say_count(len(bad), 'job')} not well"
    elif checked.severity != INFO:
        title = "heartbeat: nobody checks"
    elif not is_covered:
        title = "heartbeat: its jobs are well, and not every scheduled line is one"
    else:
        title = "heartbeat: all is well"
    step = _find_next_step(alarms, bad, checked)
    return Summary(title, lines, COVERAGE if step is None and not is_covered else step)


def _say_jobs(statuses: list[JobStatus]) -> Line:
    well = [status for status in statuses if status.is_well]
    counts = {state: sum(status.state == state for status in statuses if not status.is_well) for state in ORDER}
    troubled = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    text = f"{say_count(len(statuses), 'job')}: {len(well)} well" + (f", {troubled}" if troubled else "")
    states = {status.state for status in statuses if not status.is_well} - WELL
    return Line(text, CRITICAL if states - {"odd", "late"} else WARNING if troubled else INFO)


def _say_findings(alarms: list[StoredFinding], findings: list[StoredFinding]) -> tuple[Line, ...]:
    lines = [Line(finding.title, finding.severity) for finding in alarms[:SHOWN_FINDINGS]]
    hidden = alarms[SHOWN_FINDINGS:]
    if hidden:
        lines.append(Line(f"and {say_count(len(hidden), 'more finding')}", hidden[0].severity))
    if len(findings) > len(alarms):
        lines.append(Line(f"{say_count(len(findings) - len(alarms), 'more thing')} worth knowing: {CHECK}"))
    return tuple(lines)


def _say_check(last: float | None, now: float) -> Line:
    if last is None:
        return Line("no check ever ran: what is missing goes unnoticed", WARNING)
    age = format_duration(abs(now - last))
    if last > now + OLD_CHECK_S:
        return Line(f"the last check lies {age} in the future: the clock was set back", WARNING)
    return Line(f"the last check was {age} ago", WARNING if now - last > OLD_CHECK_S else INFO)


def _say_coverage(coverage: Coverage) -> tuple[Line, ...]:
    """Return how the scheduled lines stand, and whether anybody would be told; nothing where nothing is scheduled."""
    if not coverage.lines:
        return ()
    is_covered = all(line.state == COVERED for line in coverage.lines)
    lines = [Line(count_states(coverage), INFO if is_covered else WARNING)]
    if not coverage.voice.is_there:
        lines.append(Line(NO_VOICE, WARNING))
    return tuple(lines)


def _find_next_step(alarms: list[StoredFinding], bad: list[JobStatus], checked: Line) -> str | None:
    if checked.severity != INFO:
        return CHECK
    if alarms:
        run = alarms[0].evidence().get("run")
        return f"agentkit heartbeat show {run}" if isinstance(run, str) else CHECK
    return "agentkit heartbeat status" if bad else None
