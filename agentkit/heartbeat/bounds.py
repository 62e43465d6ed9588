"""Is this run odd for this job, judged by the job's own past?

A number is odd low when it is below half of the least of the last 40 healthy runs and its modified z-score of logs
(Iglewicz and Hoaglin 1993: 0.6745 times the distance from the median, over the MAD, here at least 0.1) is beyond 5;
odd high likewise above twice the most. A past that holds a rare long or short run has told us how far its runs
stray, so the new extreme must also lie beyond the old one by three quarters of that one's distance to the median
(docs/decisions/0003). An odd number is then always a strict new extreme, and under exchangeable runs the chance of a
false alarm is at most 1/(n+1) for each channel and side, whatever the distribution. Quiet until n = 20.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log

from agentkit.heartbeat.clusters import find_two_groups
from agentkit.heartbeat.learning import (
    ABSENT,
    CHANNELS,
    ERROR_WORDS,
    LEFT_BEHIND,
    ORPHAN,
    QUIET_RUNS,
    WIDTH,
    Learned,
    Sample,
    learn_healthy,
    remember_digests,
    take_sample,
    wait_with,
)
from agentkit.heartbeat.oddity import Observation, Oddity, explain_number
from agentkit.heartbeat.spoken import quote_zero

Z_LIMIT = 5.0
MAD_FLOOR = 0.1
BEYOND = 0.75
LEAST_LOGGED = 1e-3
# So much memory may be given in huge pages, 512 at once, or not, as it happens to lie that day: after a start of the
# machine a job of this size takes a sixth of its page faults, and does the same work.
HUGE_FROM_BYTES = 32 << 20
MAY_BE_IDLE = "may be idle"


@dataclass(frozen=True, slots=True)
class Expectations:
    """What is declared about the job, as far as it matters to learning.

    `stdout_changes` is `--expect-change stdout`; `effect` says that some effect is declared, so that nobody needs to
    be asked for one; `channels` are bounded by a person (`duration`, `mark:items`): no learnt bound speaks there.
    """

    stdout_changes: bool = False
    effect: bool = False
    channels: frozenset[str] = frozenset()


NOTHING_DECLARED = Expectations()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one run means: the memory to keep, the oddities (worst first), and what to say about the job.

    `learning` is true while the job is too new to be judged. `ask` is the question for a declared effect, set once in
    the life of a job. `note` says that an unreadable memory was begun afresh.
    """

    learned: Learned
    oddities: tuple[Oddity, ...] = ()
    learning: bool = False
    labels: tuple[str, ...] = ()
    ask: str = ""
    note: str = ""


def judge(
    learned: Learned,
    observation: Observation,
    *,
    carries_finding: bool = False,
    expectations: Expectations = NOTHING_DECLARED,
) -> Judgement:
    """Return what this run means for its job; runs are to be given in the order in which they ended.

    `carries_finding` says that the run is bad by declaration. Such a run, like one whose state is not `ok`, teaches
    nothing; its oddities are evidence for the finding that it already carries, rather than findings of their own.
    """
    learning = learned.runs < QUIET_RUNS
    if observation.state in ("skipped", "lost", "started"):
        # Its program did not run, or nobody saw how it ended: there is nothing to judge.
        return Judgement(replace(learned, note=""), learning=learning, note=learned.note)
    sample = take_sample(learned, observation)
    oddities = _find_oddities(learned, observation, sample, expectations)
    after = learned
    if not carries_finding and observation.state == "ok":
        if oddities:
            is_alarm = any(oddity.severity != "info" for oddity in oddities)
            after = wait_with(learned, replace(sample, is_alarm=is_alarm))
        else:
            after = learn_healthy(learned, sample)
        after = remember_digests(after, observation)
    groups = "" if learning or expectations.effect else find_two_groups(after)
    ask = ""
    if groups and not after.asked:
        ask = f"{groups}: it may be idle at times; declare what a real run does (--expect-change, --expect-count)"
    if ask or learned.note:
        after = replace(after, asked=after.asked or bool(ask), note="")
    return Judgement(after, oddities, learning, (MAY_BE_IDLE,) if groups else (), ask, learned.note)


def _find_oddities(
    learned: Learned, observation: Observation, sample: Sample, expectations: Expectations
) -> tuple[Oddity, ...]:
    found: list[Oddity] = []
    if expectations.stdout_changes and observation.output_sha256[:16] == learned.output_digest != "":
        found.append(_say_sign("unchanged", "stdout", "printed the same, byte for byte, as the run before", 1))
    if learned.runs >= QUIET_RUNS:
        rows = learned.rows
        for index, channel in enumerate(CHANNELS):
            value = sample.row[index]
            if channel == "page_faults" and observation.max_rss_bytes >= HUGE_FROM_BYTES:
                continue
            if value >= 0 and channel not in expectations.channels:
                found += _judge_number(channel, value, rows[index::WIDTH])
        found += _judge_signs(learned, observation, sample)
    for channel, column in learned.named.items():
        if len(column) >= QUIET_RUNS and channel not in expectations.channels:
            found += _judge_named(channel, sample.named.get(channel, ABSENT), column)
    for path, changed in sample.changed.items():
        runs = learned.streaks.get(path, 0)
        if not changed and runs >= QUIET_RUNS:
            sentence = f"left {path} unchanged; each of the last {runs} runs changed it"
            found.append(_say_sign("unchanged", path, sentence, runs))
    for shape, zeros in sample.spoken.items():
        runs, known, _ = learned.spoken.get(shape, (0, 0, 0))
        if zeros & ~known and runs >= QUIET_RUNS:
            sentence = f"says 0 where none of the last {runs} runs did"
            found.append(_say_sign("too-small", "spoken", sentence, runs, quote_zero(observation.tail, shape)))
    return tuple(sorted(found, key=lambda oddity: oddity.severity == "info")) if len(found) > 1 else tuple(found)


def _judge_number(channel: str, value: float, column: array[float]) -> Iterable[Oddity]:
    least, most = min(column), max(column)
    values: Sequence[float] = column
    if least < 0:
        values = [known for known in column if known >= 0]
        if len(values) < QUIET_RUNS:
            return ()
        least, most = min(values), max(values)
    kind = channel.partition(":")[0]
    half, low_from, high_by = _RULES[kind]
    if value + half < (least + half) / 2:
        if least < low_from or (value == 0 and kind in _JUDGED_BY_LINES) or not _strays(value, least, values, half):
            return ()
        name, severity = "too-fast" if kind in _TIMES else "too-small", "warning"
    elif value + half > (most + half) * 2 and value >= most + high_by:
        if not _strays(value, most, values, half):
            return ()
        name, severity = "too-slow" if kind in _TIMES else "too-large", "info"
    else:
        return ()
    sentence = explain_number(channel, value, least, most, len(values))
    return (Oddity(name, channel, severity, sentence, value, least, most, len(values)),)


NEVER = float("inf")
_SIZE = (0.5, 0.0, 65536.0)
# By kind of channel: what is added before logs are taken, the least minimum for a low alarm, and by how much a value
# must be above the maximum for a high one. More lines are more bytes: the bytes say so, with their floor of 64 KiB.
_RULES: dict[str, tuple[float, float, float]] = {
    "duration": (0.0, 0.05, 5.0),
    "cpu": (0.0, 0.05, 5.0),
    "stdout_lines": (0.5, 0.0, NEVER),
    "stdout_bytes": _SIZE,
    "stderr_lines": (0.5, 0.0, NEVER),
    "stderr_bytes": _SIZE,
    "blocks_out": (0.5, 64.0, 128.0),
    "max_rss": _SIZE,
    # What the program and all that it started wrote, its own output not counted: into pipes, where an empty one tells
    # of a producer that died, and on file systems that count no blocks. Below 512 it is a pid file or a time stamp.
    "written": (0.5, 512.0, NEVER),
    # Each program that is started and each page that it touches: by far the steadiest trace of how much was done, the
    # only one of a silent job of milliseconds (0.05 s is below what a loaded machine adds) or on a tmpfs (no blocks).
    "page_faults": (0.5, 0.0, NEVER),
    "mark": (0.5, 0.0, 10.0),
    "entries": (0.5, 0.0, 10.0),
    "bytes": _SIZE,
}
_TIMES = ("duration", "cpu")
_JUDGED_BY_LINES = ("stdout_bytes", "stderr_bytes")


def _strays(value: float, extreme: float, values: Sequence[float], half: float) -> bool:
    logs = sorted(log(max(known + half, LEAST_LOGGED)) for known in values)
    median = _middle(logs)
    spread = max(_middle(sorted(abs(known - median) for known in logs)), MAD_FLOOR)
    here, there = log(max(value + half, LEAST_LOGGED)), log(max(extreme + half, LEAST_LOGGED))
    return 0.6745 * abs(here - median) / spread > Z_LIMIT and abs(here - there) > BEYOND * abs(there - median)


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _judge_named(channel: str, value: float, column: array[float]) -> Iterable[Oddity]:
    if value >= 0:
        return _judge_number(channel, value, column)
    kind, _, name = channel.partition(":")
    if value == ABSENT and kind == "mark" and ABSENT not in column:
        # A script that returned early never reaches its mark.
        runs = len(column)
        return (_say_sign("too-small", channel, f"did not mark {name}; each of the last {runs} runs did", runs),)
    return ()


def _judge_signs(learned: Learned, observation: Observation, sample: Sample) -> Iterable[Oddity]:
    fresh = sample.signs
    for signs in learned.signs:
        fresh &= ~signs
    found: list[Oddity] = []
    runs = learned.runs
    if fresh & ERROR_WORDS:
        count = len(observation.error_words)
        lines = "1 line" if count == 1 else f"{count} lines"
        sentence = f"printed {lines} with error words; none of the last {runs} runs did"
        found.append(_say_sign("error-words", "output", sentence, runs, observation.error_words[0][:120]))
    if fresh & LEFT_BEHIND:
        sentence = f"left something running; none of the last {runs} runs did"
        found.append(_say_sign("left-behind", "processes", sentence, runs))
    if fresh & ORPHAN:
        sentence = f"a child in the background ended badly; none did in the last {runs} runs"
        found.append(_say_sign("left-behind", "orphan", sentence, runs))
    return found


def _say_sign(name: str, channel: str, sentence: str, runs: int, quote: str = "") -> Oddity:
    return Oddity(name, channel, "warning", sentence, 0.0, 0.0, 0.0, runs, quote)
