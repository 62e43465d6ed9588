"""When is the next evidence of a job due?

Said in one of three places, so that nothing is written twice: the configuration, the options of the last run, the
crontab line that runs the job. The first that says something counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from agentkit.core.errors import AgentkitError
from agentkit.core.evidence import CrontabLine, Job, read_number
from agentkit.core.schedule import next_run, period_s
from agentkit.core.settings import JobSettings
from agentkit.core.times import LONGEST_S

# A schedule that cronie reads in a zone of its own, as a line's schedule is kept: `CRON_TZ=Europe/Berlin 0 3 * * *`.
ZONE_SIGN = "CRON_TZ="
LEAST_GRACE_S = 60.0
GRACE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often a job comes: `every_s` or `schedules` (cron's five fields each, in zone `tz`); how late it may be.

    A job that several lines run is to come whenever one of them says so.
    """

    every_s: float | None
    schedules: tuple[str, ...]
    tz: str | None
    grace_s: float
    said_by: str

    def find_next(self, after: float) -> float | None:
        """Return the instant at which the job is to come next, grace not counted; None when it never is."""
        if self.every_s is not None:
            return after + self.every_s
        turns = [_next_run(schedule, after, self.tz) for schedule in self.schedules]
        return min((turn for turn in turns if turn is not None), default=None)

    def find_due(self, after: float) -> float | None:
        """Return the instant from which on the job is late."""
        instant = self.find_next(after)
        return None if instant is None else instant + self.grace_s

    def period_s(self) -> float | None:
        """Return the typical distance between two runs."""
        if self.every_s is not None:
            return self.every_s
        periods = [period_s(_split_zone(schedule)[1]) for schedule in self.schedules]
        return min((period for period in periods if period is not None), default=None)

    def describe(self) -> str:
        """Return it in a person's words: `every 24h`, `at 0 3 * * *`."""
        from agentkit.core.times import format_duration

        if self.every_s is not None:
            return f"every {format_duration(self.every_s)}"
        text = f"at {' and '.join(self.schedules)}"
        return f"{text} {self.tz}" if self.tz else text


@dataclass(frozen=True, slots=True)
class Promises:
    """All that is said about jobs outside their own runs: schedules of crontab lines, tables of the configuration."""

    schedules: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, JobSettings]

    def of(self, job: Job) -> Expectation | None:
        """Return what is expected of a job, or None when nobody knows its schedule or nobody wants it watched."""
        settings = self.settings.get(job.name)
        if settings is not None and not settings.watched:
            return None
        options = job.expect()
        grace_s = settings.grace_s if settings and settings.grace_s is not None else _span(options.get("grace_s"))
        if settings and (settings.every_s is not None or settings.cron):
            return _make(settings.every_s, _as_tuple(settings.cron), settings.tz, grace_s, "configuration")
        every_s, cron, tz = _span(options.get("every_s")), options.get("cron"), options.get("tz")
        zone = str(tz) if tz else None
        if every_s:
            return _make(every_s, (), zone, grace_s, "options")
        if isinstance(cron, str) and _is_schedule(cron, zone):
            return _make(None, (cron,), zone, grace_s, "options")
        schedules = self.schedules.get(job.name)
        return _make(None, schedules, None, grace_s, "crontab") if schedules else None

    def are_silent_about(self, job: Job) -> bool:
        """Tell whether nobody said anything about the job: neither a schedule nor that it is not to be watched."""
        return job.name not in self.settings and self.of(job) is None


def find_schedules(lines: Iterable[CrontabLine]) -> dict[str, tuple[str, ...]]:
    """Return the schedules of each job whose lines are there: one a line, a zone of its own in front."""
    schedules: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if line.job and line.gone_at is None and _is_schedule(line.schedule, None):
            schedules[line.job] = tuple(dict.fromkeys((*schedules.get(line.job, ()), line.schedule)))
    return schedules


def _make(
    every_s: float | None, schedules: tuple[str, ...], tz: str | None, grace_s: float | None, said_by: str
) -> Expectation:
    plain = Expectation(every_s, schedules, tz, 0.0, said_by)
    if grace_s is None:
        grace_s = max(LEAST_GRACE_S, GRACE_SHARE * (plain.period_s() or 0.0))
    return Expectation(every_s, schedules, tz, grace_s, said_by)


def _as_tuple(schedule: object) -> tuple[str, ...]:
    return (str(schedule),) if schedule else ()


def _next_run(schedule: str, after: float, tz: str | None) -> float | None:
    zone, fields = _split_zone(schedule)
    return next_run(fields, after, zone or tz)


def _split_zone(schedule: str) -> tuple[str | None, str]:
    zone, _, fields = schedule.partition(" ")
    return (zone.removeprefix(ZONE_SIGN), fields) if zone.startswith(ZONE_SIGN) else (None, schedule)


@lru_cache(maxsize=4096)
def _is_schedule(schedule: str, tz: str | None) -> bool:
    """Tell whether a schedule of a record can be followed: it may be damaged, and its zone unknown here by now."""
    try:
        _next_run(schedule, 0.0, tz)
    except (AgentkitError, ValueError):
        return False
    return True


def _span(value: object) -> float | None:
    """Return the span of time that a record promises, if an option could have said so."""
    span_s = read_number(value)
    return span_s if span_s is not None and 0 <= span_s <= LONGEST_S else None
