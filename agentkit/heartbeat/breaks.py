"""Since when has time gone by here without a break: a start of the machine, a sleep, a clock that was set?

A job cannot come while the machine is off, asleep or paused. After such a break each job gets its next turn before it
is called late, if that comes soon: else every resumed machine would begin its day with false alarms.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from agentkit.core.evidence import read_number, read_object
from agentkit.core.tree import read_boot_id

# What a clock that is kept by NTP, and a machine that never sleeps, stay within.
BREAK_S = 60.0
BREAK_KEY = "last-break"


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks at one instant, in seconds: the wall's (`now`), since boot, and since boot without sleep."""

    now: float
    since_boot_s: float
    awake_s: float
    boot: str | None


def read_clocks() -> Clocks:
    """Return what the clocks say."""
    since_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Clocks(time.time(), since_boot_s, time.clock_gettime(time.CLOCK_MONOTONIC), read_boot_id())


def find_last_break(clocks: Clocks, remembered: str | None) -> tuple[float, str]:
    """Return the instant since which time has gone by without a break, and what to remember for the next check.

    A break is seen by what it does to the clocks between two checks: the wall clock moves against the time since boot
    when it was set or the machine was paused, the time since boot moves against the time awake when it slept.
    """
    booted_at = clocks.now - clocks.since_boot_s
    slept_s = clocks.since_boot_s - clocks.awake_s
    since = booted_at
    last = read_object(remembered)
    then, slept_then_s, unbroken = (read_number(last.get(key)) for key in ("booted_at", "slept_s", "since"))
    if last.get("boot") == clocks.boot and then is not None and slept_then_s is not None and unbroken is not None:
        is_broken = abs(booted_at - then) > BREAK_S or slept_s - slept_then_s > BREAK_S
        since = clocks.now if is_broken else max(booted_at, min(unbroken, clocks.now))
    seen = {"boot": clocks.boot, "booted_at": booted_at, "slept_s": slept_s, "since": since}
    return since, json.dumps(seen)
