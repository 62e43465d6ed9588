"""When is the next evidence of a job due?

Said in one of three places, so that nothing is written twice: the configuration, the options of the last run, the
crontab line that runs the job. The first that says something counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.evidence import Job
from agentkit.core.schedule import next_run, period_s
from agentkit.core.settings import JobSettings

LEAST_GRACE_S = 60.0
GRACE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often a job comes: `every_s` or `schedule` (cron's five fields, in zone `tz`); how late it may be."""

    every_s: float | None
    schedule: str | None
    tz: str | None
    grace_s: float
    said_by: str

    def find_next(self, after: float) -> float | None:
        """Return the instant at which the job is to come next, grace not counted; None when it never is."""
        if self.every_s is not None:
            return after + self.every_s
        return next_run(self.schedule, after, self.tz) if self.schedule else None

    def find_due(self, after: float) -> float | None:
        """Return the instant from which on the job is late."""
        instant = self.find_next(after)
        return None if instant is None else instant + self.grace_s

    def period_s(self) -> float | None:
        """Return the typical distance between two runs."""
        return self.every_s if self.every_s is not None else period_s(self.schedule) if self.schedule else None

    def describe(self) -> str:
        """Return it in a person's words: `every 24h`, `at 0 3 * * *`."""
        from agentkit.core.times import format_duration

        if self.every_s is not None:
            return f"every {format_duration(self.every_s)}"
        return f"at {self.schedule} {self.tz}" if self.tz else f"at {self.schedule}"


@dataclass(frozen=True, slots=True)
class Promises:
    """All that is said about jobs outside their own runs: schedules of crontab lines, tables of the configuration."""

    schedules: Mapping[str, str]
    settings: Mapping[str, JobSettings]

    def of(self, job: Job) -> Expectation | None:
        """Return what is expected of a job, or None when nobody knows its schedule or nobody wants it watched."""
        settings = self.settings.get(job.name)
        if settings is not None and not settings.watched:
            return None
        options = job.expect()
        grace_s = settings.grace_s if settings and settings.grace_s is not None else _number(options.get("grace_s"))
        if settings and (settings.every_s is not None or settings.cron):
            return _make(settings.every_s, settings.cron, settings.tz, grace_s, "configuration")
        every_s, cron, tz = _number(options.get("every_s")), options.get("cron"), options.get("tz")
        if every_s or isinstance(cron, str):
            return _make(every_s, str(cron) if cron else None, str(tz) if tz else None, grace_s, "options")
        schedule = self.schedules.get(job.name)
        return _make(None, schedule, None, grace_s, "crontab") if schedule else None

    def are_silent_about(self, job: Job) -> bool:
        """Tell whether nobody said anything about the job: neither a schedule nor that it is not to be watched."""
        return job.name not in self.settings and self.of(job) is None


def _make(
    every_s: float | None, schedule: str | None, tz: str | None, grace_s: float | None, said_by: str
) -> Expectation:
    plain = Expectation(every_s, schedule, tz, 0.0, said_by)
    if grace_s is None:
        grace_s = max(LEAST_GRACE_S, GRACE_SHARE * (plain.period_s() or 0.0))
    return Expectation(every_s, schedule, tz, grace_s, said_by)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
