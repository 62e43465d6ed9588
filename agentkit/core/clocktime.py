"""Which instant is meant by a time on the clock, as mktime(3) of glibc decides it?

A time in a gap moves by the gap's width, one in a repeated hour is read as the clock stood at the time asked before.
"""

from calendar import timegm
from datetime import datetime, timedelta, tzinfo

# Year, month, day, hour, minute, second; all but the year may lie past their end, and are then carried over.
Fields = tuple[int, ...]
PROBES = 6
# How mktime looks for the other half of the year: in steps of a week less 3600 s, for seven years and a quarter.
STRIDE_S, REACH_S = 601200, 229222804


class Clock:
    """The clock of one zone, which remembers its last offset from UTC as mktime does between two calls."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._offset_s = 0

    def show(self, instant: int) -> tuple[Fields, bool]:
        """Return what the clock shows at an instant (epoch seconds), and whether that is summer time."""
        local = datetime.fromtimestamp(instant, self._zone)
        return (local.year, local.month, local.day, local.hour, local.minute, local.second), bool(local.dst())

    def settle(self, fields: Fields, summer: bool | None) -> tuple[int, Fields, bool] | None:
        """Return the instant that these fields mean, what the clock shows then, and whether that is summer time.

        None where there is no such instant.
        `summer` says whether they are meant as summer time; None leaves it to the zone.
        """
        # Seconds past the end of a minute are added to the instant, not to the time on the clock.
        excess_s = max(fields[5] - 59, 0)
        wanted = _count(fields) - excess_s
        instant = self._find(wanted, summer)
        if instant is None:
            return None
        self._offset_s = wanted - instant
        instant += excess_s
        return instant, *self.show(instant)

    def _find(self, wanted: int, summer: bool | None) -> int | None:
        at = first = second = wanted - self._offset_s
        was_summer = False
        for _ in range(PROBES):
            offset_s, is_summer = self._look(at)
            missing = wanted - (at + offset_s)
            if missing == 0:
                return at if summer is None or summer == is_summer else self._find_other(wanted, at, summer)
            if at == first != second and (was_summer <= is_summer if summer is None else summer != is_summer):
                # To and fro between two readings: the time lies in a gap.
                return at
            first, second, was_summer = second, at, is_summer
            at += missing
        return None

    def _find_other(self, wanted: int, at: int, summer: bool) -> int:
        """Return the instant that the fields mean by the nearest offset of summer (or winter) time."""
        for distance in range(STRIDE_S, REACH_S + STRIDE_S, STRIDE_S):
            for near in (at - distance, at + distance):
                offset_s, is_summer = self._look(near)
                if is_summer == summer:
                    return wanted - offset_s
        return wanted - self._look(at)[0] + (3600 if not summer else -3600)

    def _look(self, instant: int) -> tuple[int, bool]:
        local = datetime.fromtimestamp(instant, self._zone)
        offset = local.utcoffset()
        assert offset is not None
        return offset // timedelta(seconds=1), bool(local.dst())


def _count(fields: Fields) -> int:
    """Return the seconds since 1970 of these fields, were they UTC."""
    year, month, day, hour, minute, second = fields
    start = timegm((year + (month - 1) // 12, (month - 1) % 12 + 1, 1, 0, 0, 0))
    return start + (day - 1) * 86400 + hour * 3600 + minute * 60 + second
