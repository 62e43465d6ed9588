"""Which time is it at least, as the audit log tells it, when the clock of the machine may have been set back?"""

from __future__ import annotations

from agentkit.core.times import parse_instant

# Several processes, and a clock that is corrected now and then, make no more than this.
NEAR_S = 3600.0
LEAP_S = 86400.0
DAY = slice(0, 10)


class LogClock:
    """The newest instant of the log.

    A clock may also have run ahead: by records of the next century everything would look expired for ever. So that is
    how it was when the clock comes back into the widest gap over which the log ever leapt.
    """

    __slots__ = ("_leap_s", "_newest")

    def __init__(self) -> None:
        self._newest = b""
        self._leap_s = (0.0, 0.0)

    @property
    def newest_s(self) -> float | None:
        """Return the newest instant in seconds since the epoch; None where there is none."""
        return parse_instant(self._newest.decode()) if self._newest else None

    def see(self, at: bytes) -> None:
        """Take note of a record's instant, in the order of the log."""
        if at[DAY] == self._newest[DAY]:
            self._newest = max(self._newest, at)
            return
        if at < self._newest and not self._leap_s[1]:
            return  # a clock that was set back, for as long as it takes: this is the way of each of its records
        try:
            instant = parse_instant(at.decode())
        except ValueError:
            return
        newest = self.newest_s
        if newest is None:
            self._newest = at
        elif at > self._newest:
            if instant - newest > max(LEAP_S, self._leap_s[1] - self._leap_s[0]):
                self._leap_s = newest, instant
            self._newest = at
        elif self.lies_in_leap(instant):
            self._newest, self._leap_s = at, (0.0, 0.0)

    def lies_in_leap(self, instant: float) -> bool:
        """Tell whether the log knows nothing of the time around an instant, though it goes on after it."""
        return self._leap_s[0] <= instant < self._leap_s[1] - NEAR_S

    def is_behind(self, now: float) -> bool:
        """Tell whether a clock that says `now` is behind the log."""
        newest = self.newest_s
        return newest is not None and now < newest - NEAR_S

    def find_time(self, now: float) -> float:
        """Return by which time to judge: `now`, or what the log knows better."""
        newest = self.newest_s
        if newest is None or now >= newest or self.lies_in_leap(now):
            return now
        return newest
