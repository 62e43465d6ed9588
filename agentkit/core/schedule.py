"""When does cron run a schedule next, when did it last, and how far apart are its runs?

Debian's rules: day of month and day of week are both asked when one of them begins with `*`, else either. Across a
change of the clock, schedules whose minute and hour both begin without `*` keep to the day: what a gap swallows runs
once at its end, and a repeated hour runs it once. All others follow the clock as it stands: a gap swallows them, and a
repeated hour runs them twice. (cron.c, the four wakeup kinds.) The days are counted by cronsim, in local time without
a zone; the clock is applied here, as cronsim lets wildcards run in a gap that begins at midnight.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from agentkit.core.cronfields import REBOOT, is_dated, never_comes, read_schedule
from agentkit.core.errors import AgentkitError, Exit

LOCALTIME = "/etc/localtime"
# A clock that jumps this far is no daylight saving to cron: it drops what lies between.
LONGEST_GAP_S = 180 * 60
# Where a typical gap is counted from: a Monday in a leap year.
REFERENCE = datetime(2024, 1, 1)  # noqa: DTZ001 local time of no zone
LEAST_YEAR, MOST_YEAR = 1, 9900


def next_run(schedule: str, after: float, tz: str | None = None) -> float | None:
    """Return the first instant later than `after` at which cron runs the schedule; None for `@reboot` and for never.

    `tz` is a name such as `Europe/Berlin`; None is the machine's zone (/etc/localtime, as cron reads it). Raises
    AgentkitError (usage) for a zone that there is not, ValueError for a schedule that cron does not accept.
    """
    plan = _plan(schedule)
    if plan is None:
        return None
    zone = read_zone(tz)
    text, wild = plan
    local = _local(after, zone)
    if not wild:
        for naive in _times(text, local):
            instant = _fixed(naive, zone)
            if instant is not None and instant > after:
                return instant
        return None
    start = local
    if _is_ambiguous(local, zone):
        # The hour is about to be repeated: times before this one come again.
        start -= timedelta(seconds=LONGEST_GAP_S)
    best: float | None = None
    for naive in _times(text, start):
        best = min((t for t in (*_instants(naive, zone), best) if t is not None and t > after), default=None)
        if best is not None and naive > local:
            break
    return best


def previous_run(schedule: str, at: float, tz: str | None = None) -> float | None:
    """Return the last instant, not later than `at`, at which cron runs the schedule; None for `@reboot` and never."""
    plan = _plan(schedule)
    if plan is None:
        return None
    zone = read_zone(tz)
    text, wild = plan
    local = _local(at, zone)
    start = local + timedelta(seconds=1)
    if _is_ambiguous(local, zone):
        start += timedelta(seconds=LONGEST_GAP_S)
    best: float | None = None
    for naive in _times(text, start, reverse=True):
        if not wild:
            instant = _fixed(naive, zone)
            if instant is not None and instant <= at:
                return instant
            continue
        best = max((t for t in (*_instants(naive, zone), best) if t is not None and t <= at), default=None)
        if best is not None and naive < local:
            break
    return best


@lru_cache(maxsize=4096)
def period_s(schedule: str) -> float | None:
    """Return the typical distance between two runs (the median of eight), in seconds.

    None for `@reboot` and for what never comes. Raises ValueError for a schedule that cron does not accept.
    """
    plan = _plan(schedule)
    if plan is None:
        return None
    moments: list[datetime] = []
    for naive in _times(plan[0], REFERENCE):
        moments.append(naive)
        if len(moments) > 8:
            break
    gaps = sorted((later - earlier).total_seconds() for earlier, later in pairwise(moments))
    return gaps[len(gaps) // 2] if gaps else None


def read_zone(name: str | None) -> tzinfo:
    """Return the zone of this name; None is the machine's (/etc/localtime). Raises AgentkitError (usage) for none."""
    if name is None:
        try:
            status = os.stat(LOCALTIME)
        except FileNotFoundError:
            return UTC
        return _read_localtime(status.st_mtime_ns, status.st_ino, status.st_size)
    return _named_zone(name)


@lru_cache(maxsize=16384)
def _plan(schedule: str) -> tuple[str, bool] | None:
    """Return what cronsim is asked, and whether the schedule follows the clock; None when it never comes."""
    if schedule == REBOOT or never_comes(schedule):
        return None
    minute, hour, day, month, weekday = read_schedule(schedule)
    if not (day.startswith("*") or weekday.startswith("*")):
        # Where one of the two names nothing the other one alone decides.
        day, weekday = (day, weekday or "*") if is_dated(day, month) else ("*", weekday)
    return f"{minute} {hour} {day} {month} {weekday}", minute.startswith("*") or hour.startswith("*")


def _times(text: str, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    """Yield the local times of a schedule, without a zone, after (before) `start`."""
    from cronsim import CronSim

    if LEAST_YEAR < start.year < MOST_YEAR:
        yield from CronSim(text, start, reverse=reverse)


def _local(instant: float, zone: tzinfo) -> datetime:
    # Whole seconds first: a float such as 1e9 + 0.9999999 would be rounded up.
    whole = datetime.fromtimestamp(instant // 1, zone)
    return whole.replace(tzinfo=None, fold=0)


def _fixed(naive: datetime, zone: tzinfo) -> float | None:
    """Return when a schedule that keeps to the day runs: in a gap at its end, of a repeated time the first."""
    first = naive.replace(tzinfo=zone)
    instant = first.timestamp()
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    if before >= after:
        return instant
    if (after - before).total_seconds() >= LONGEST_GAP_S:
        return None
    # In the gap: its end lies between the two readings of this time.
    low, high = first.replace(fold=1).timestamp(), instant
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _instants(naive: datetime, zone: tzinfo) -> tuple[float, ...]:
    """Return when the clock shows this time: never in a gap, twice in a repeated hour."""
    first, second = naive.replace(tzinfo=zone), naive.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before == after:
        return (first.timestamp(),)
    assert before is not None
    assert after is not None
    return (first.timestamp(), second.timestamp()) if before > after else ()


def _is_ambiguous(naive: datetime, zone: tzinfo) -> bool:
    before, after = naive.replace(tzinfo=zone).utcoffset(), naive.replace(tzinfo=zone, fold=1).utcoffset()
    return before != after


@lru_cache(maxsize=4)
def _read_localtime(_mtime_ns: int, _inode: int, _size: int) -> tzinfo:
    from zoneinfo import ZoneInfo

    with open(LOCALTIME, "rb") as file:
        return ZoneInfo.from_file(file, key="localtime")


@lru_cache(maxsize=256)
def _named_zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise AgentkitError(
            f"no time zone {name!r}: expected a name such as Europe/Berlin or UTC",
            hint="timedatectl list-timezones",
            status=Exit.USAGE,
        ) from None
