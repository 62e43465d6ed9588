"""Which of two reports is the better one, test by test?"""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from agentkit.core.errors import AgentkitError, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Cell, Column, Look, Styled, print_line, print_table
from agentkit.ratchet.comparing import Comparison, compare_outcomes
from agentkit.ratchet.outcomes import PASS, Outcomes
from agentkit.ratchet.reports.pair import read_two_reports
from agentkit.ratchet.verdict import ACCEPT, NO_EVIDENCE, REJECT, Verdict, exit_status

COLUMNS = (
    Column("test", folds=True),
    Column("was"),
    Column("now"),
    Column("why", folds=True, rank=1),
)
STYLES = {"pass": "ok", "xfail": "warning", "skip": "skipped", "fail": "failed", "missing": "lost"}
# More are not read by a person, and take a while to draw; JSON has them all.
MOST_SHOWN = 1000
PLAIN = Look(width=None, has_colour=False, is_live=False, has_bars=False)
MOST_DRAWN = 100
LONGEST_SHOWN = 300


def compare_reports(
    old: str, new: str, *, as_json: bool, environ: Mapping[str, str] = os.environ, now: float | None = None
) -> int:
    """Print what the new report has worse than the old one; returns 0, or 1 where something is.

    `now` is in seconds since the epoch, and this instant where it is not given. Raises AgentkitError (bad data) where a
    report cannot be read; with `as_json` a verdict is printed then too: no evidence.
    """
    now = time.time() if now is None else now
    try:
        before, after = read_two_reports(old, new)
    except AgentkitError as error:
        if as_json:
            _write(Verdict(NO_EVIDENCE, old, new, error.message), environ, now)
        raise
    found = compare_outcomes(before, after)
    answer = REJECT if found.regressed else ACCEPT
    if as_json:
        _write(Verdict(answer, old, new, sum_up(found), found), environ, now)
    else:
        _print(found, before, after)
    return exit_status(answer)


def sum_up(found: Comparison) -> str:
    """Return the answer in one line."""
    if not found.regressed:
        return "nothing that worked has stopped working"
    worse = len(found.regressed)
    text = "1 test is worse" if worse == 1 else f"{worse} tests are worse"
    return f"{text}, {len(found.missing)} of them missing" if found.missing else text


def _write(verdict: Verdict, environ: Mapping[str, str], now: float) -> None:
    from agentkit.core.config import load_configuration

    host = load_configuration(environ, own=("ratchet",), warn=_warn).host
    write_record(verdict.record(host, datetime.fromtimestamp(now, UTC)))


def _warn(text: str) -> None:
    tell(f"agentkit: warning: {text}\n")


def _print(found: Comparison, before: Outcomes, after: Outcomes) -> None:
    if found.regressed:
        shown = found.regressed[:MOST_SHOWN]
        rows: list[list[Cell]] = [
            [
                _shorten(change.id),
                Styled(change.was, STYLES[change.was]),
                Styled(change.now, STYLES[change.now]),
                _shorten(change.why),
            ]
            for change in shown
        ]
        print_table(COLUMNS, rows, look=PLAIN if len(rows) > MOST_DRAWN else None)
        if len(shown) < len(found.regressed):
            print_line(f"and {len(found.regressed) - len(shown)} more, which --json has")
        print_line("")
    answer = Styled(REJECT, "failed") if found.regressed else Styled(ACCEPT, "ok")
    print_line(answer, Styled(f"{sum_up(found)}; {len(found.fixed)} fixed, {len(found.new)} new", ""))
    print_line(f"old: {_count(before)}; new: {_count(after)}")


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


def _count(outcomes: Outcomes) -> str:
    passed = sum(outcome == PASS for outcome in outcomes.values())
    return f"{len(outcomes)} tests, {passed} pass"
