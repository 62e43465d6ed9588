"""What has a job taught about itself, and how does one more run change that?

The memory holds the last 40 healthy runs. Odd runs wait beside it: those that are only worth knowing until a healthy
run follows, those that gave an alarm until a person accepts them. A run that is bad by declaration (failed, lost, an
effect that did not happen) teaches nothing, ever.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite

from agentkit.heartbeat.oddity import Observation
from agentkit.heartbeat.spoken import learn_spoken, read_spoken

WINDOW = 40
QUIET_RUNS = 20
MOST_PENDING = 10
MOST_NAMED = 32
LONGEST_NAME = 512

UNKNOWN = -1.0  # there, but no number that can be judged
ABSENT = -2.0  # a named channel that this run did not show
LARGEST = 1e30  # beyond it a 32 bit float has no room

CHANNELS = (
    "duration", "cpu", "stdout_lines", "stdout_bytes", "stderr_lines", "stderr_bytes", "blocks_out", "max_rss",
    "written", "page_faults",
)  # fmt: skip
WIDTH = len(CHANNELS)

ERROR_WORDS, LEFT_BEHIND, ORPHAN = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Sample:
    """One run as the memory keeps it: numbers by channel, signs as bits, watched paths that changed, spoken zeros."""

    row: tuple[float, ...]
    signs: int = 0
    named: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, bool] = field(default_factory=dict)
    spoken: Mapping[int, int] = field(default_factory=dict)
    is_alarm: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """What a job has taught; nobody changes one in place.

    `rows` holds the runs one after the other, WIDTH numbers each, oldest first; `signs` one byte a run; `named` a
    column for each mark and watched path; `streaks` how many runs in a row each watched path changed; `note` says
    why learning had to start again (it is not stored).
    """

    rows: array[float] = field(default_factory=lambda: array("f"))
    signs: bytes = b""
    named: Mapping[str, array[float]] = field(default_factory=dict)
    streaks: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    output_digest: str = ""
    spoken: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    pending: tuple[Sample, ...] = ()
    asked: bool = False
    note: str = ""

    @property
    def runs(self) -> int:
        """How many runs the memory holds, at most 40."""
        return len(self.signs)


def take_sample(learned: Learned, observation: Observation) -> Sample:
    """Return what the memory would keep of this run."""
    seen = observation
    named: dict[str, float] = {}
    for name, value in seen.counters.items():
        named["mark:" + name] = _usable(value)
    changed: dict[str, bool] = {}
    for path, (size, entries, digest) in seen.watched.items():
        named["bytes:" + path], named["entries:" + path] = _usable(size), _usable(entries)
        before = learned.digests.get(path)
        if digest and before:
            changed[path] = digest[:16] != before
    row = (
        seen.duration_s, seen.cpu_s, seen.stdout_lines, seen.stdout_bytes,
        seen.stderr_lines, seen.stderr_bytes, seen.blocks_out, seen.max_rss_bytes,
        seen.written_bytes, seen.page_faults,
    )  # fmt: skip
    signs = (
        (ERROR_WORDS if seen.error_words else 0)
        | (LEFT_BEHIND if seen.left_behind else 0)
        | (ORPHAN if seen.orphan_failed else 0)
    )
    spoken = read_spoken(seen.tail) if seen.tail else {}
    return Sample(tuple(map(_usable, row)), signs, named, changed, spoken)


def remember_digests(learned: Learned, observation: Observation) -> Learned:
    """Return the memory with this run's digests as the last ones seen, odd or not."""
    digests = learned.digests
    if observation.watched:
        digests = {path: digest[:16] for path, (_, _, digest) in observation.watched.items() if digest}
    return replace(learned, digests=digests, output_digest=_shorten(observation.output_sha256))


def wait_with(learned: Learned, sample: Sample) -> Learned:
    """Return the memory with an odd run waiting beside it; the ten newest wait."""
    return replace(learned, pending=(*learned.pending, sample)[-MOST_PENDING:])


def learn_healthy(learned: Learned, sample: Sample) -> Learned:
    """Return the memory after a healthy run, and after the odd ones before it that were worth no alarm.

    What an alarm was given for is not normal because the next run was good: the same trouble must be named again when
    it comes back. Such runs wait until a person accepts them.
    """
    harmless = [waiting for waiting in learned.pending if not waiting.is_alarm]
    alarms = tuple(waiting for waiting in learned.pending if waiting.is_alarm)
    return replace(learn(learned, (*harmless, sample)), pending=alarms)


def learn(learned: Learned, samples: Iterable[Sample]) -> Learned:
    """Return the memory after these runs; nothing waits any longer."""
    rows, signs = array("f", learned.rows), learned.signs
    named, streaks, spoken = learned.named, learned.streaks, learned.spoken
    for sample in samples:
        rows.extend(sample.row)
        signs += bytes((sample.signs,))
        if named or sample.named:
            named = _learn_named(named, sample.named)
        if sample.changed or streaks:
            streaks = {
                path: min(streaks.get(path, 0) + 1, WINDOW) if changed else 0
                for path, changed in sample.changed.items()
            }
        if spoken or sample.spoken:
            spoken = learn_spoken(spoken, sample.spoken, WINDOW)
    surplus = len(signs) - WINDOW
    if surplus > 0:
        del rows[: surplus * WIDTH]
        signs = signs[surplus:]
    return replace(learned, rows=rows, signs=signs, named=named, streaks=streaks, spoken=spoken, pending=())


def accept(learned: Learned) -> Learned:
    """Return the memory in which the odd runs that wait are normal: the next run like them is quiet.

    What was declared stays declared: an output that must change and does not goes on being named.
    """
    if not learned.pending:
        return learned
    # A mirror of nothing, once accepted, cannot change any more: its watched paths have to promise it anew.
    return replace(learn(learned, learned.pending), streaks={})


def _shorten(digest: str) -> str:
    # Half a digest tells two outputs apart; a record that holds something else holds no digest.
    short = digest[:16].lower()
    return short if len(short) == 16 and not short.strip("0123456789abcdef") else ""


def _learn_named(columns: Mapping[str, array[float]], values: Mapping[str, float]) -> dict[str, array[float]]:
    learnt: dict[str, array[float]] = {}
    for name, column in columns.items():
        longer = column[-WINDOW + 1 :]
        longer.append(values.get(name, ABSENT))
        # A mark that the last 40 runs did not set is a mark of the past.
        if name in values or max(longer) > ABSENT:
            learnt[name] = longer
    for name, value in values.items():
        # A job that invents new marks in every run must not make its memory grow.
        if name not in learnt and len(learnt) < MOST_NAMED and len(name) <= LONGEST_NAME:
            learnt[name] = array("f", (value,))
    return learnt


def _usable(value: float) -> float:
    if value < 0 or not isfinite(value):
        return UNKNOWN
    return min(value, LARGEST)
