"""What does one run show for learning, and what does an odd one look like?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentkit.core.times import format_duration

BLOCK_BYTES = 512.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What one closed run shows. A number that was not measured is negative; it is then neither judged nor learnt.

    `watched` is path -> (bytes, entries, digest); a watched path that is gone shows 0 bytes and 0 entries.
    `tail` is the end of the output and serves the spoken counts; `error_words` are the lines that hold one.
    """

    state: str = "ok"
    duration_s: float = -1.0
    cpu_s: float = -1.0
    stdout_lines: float = -1.0
    stdout_bytes: float = -1.0
    stderr_lines: float = -1.0
    stderr_bytes: float = -1.0
    blocks_out: float = -1.0
    max_rss_bytes: float = -1.0
    written_bytes: float = -1.0
    page_faults: float = -1.0
    counters: Mapping[str, float] = field(default_factory=dict)
    watched: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)
    output_sha256: str = ""
    tail: str = ""
    error_words: tuple[str, ...] = ()
    left_behind: int = 0
    orphan_failed: bool = False


@dataclass(frozen=True, slots=True)
class Oddity:
    """One way in which a run is odd for its job.

    `sentence` explains itself and quotes nothing that the job printed; what it printed is in `quote`, which goes
    through redaction before it leaves the ledger. `low` and `high` are the bounds of the last `runs` learnt runs.
    """

    type: str
    channel: str
    severity: str
    sentence: str
    value: float
    low: float
    high: float
    runs: int
    quote: str = ""


def explain_number(channel: str, value: float, low: float, high: float, runs: int) -> str:
    """Return the sentence of a number out of its bounds: `took 0.4s; the last 40 runs took 61s to 75s`."""
    verb, where = _words(channel)
    span = say_span(channel, low, high)
    return f"{verb} {_say(channel, value)}{where}; the last {runs} runs {verb} {span}"


def say_span(channel: str, low: float, high: float) -> str:
    """Return a span of values as a person reads it, `0.2s to 0.4s`."""
    least, most = _say(channel, low), _say(channel, high)
    return least if least == most else f"{least} to {most}"


_WORDS = {
    "duration": ("took", ""),
    "cpu": ("used", " of CPU"),
    "stdout_lines": ("printed", ""),
    "stdout_bytes": ("printed", ""),
    "stderr_lines": ("wrote", " to stderr"),
    "stderr_bytes": ("wrote", " to stderr"),
    "blocks_out": ("wrote", " to disk"),
    "max_rss": ("needed", " of memory"),
    "written": ("wrote", " to files and pipes"),
    "page_faults": ("worked through", " pages of memory"),
}


def _words(channel: str) -> tuple[str, str]:
    words = _WORDS.get(channel)
    if words is not None:
        return words
    kind, _, name = channel.partition(":")
    return (f"marked {name}", "") if kind == "mark" else ("left", f" in {name}")


def _say(channel: str, value: float) -> str:
    kind = channel.partition(":")[0]
    if kind in ("duration", "cpu"):
        return f"{value:.2g}s" if value < 1 else format_duration(value)
    if kind == "blocks_out":
        return _say_bytes(value * BLOCK_BYTES)
    if kind in ("stdout_bytes", "stderr_bytes", "max_rss", "bytes", "written"):
        return _say_bytes(value)
    number = f"{value:.0f}" if value == int(value) else f"{value:.4g}"
    if kind in ("stdout_lines", "stderr_lines"):
        return f"{number} line" if value == 1 else f"{number} lines"
    if kind == "entries":
        return f"{number} entry" if value == 1 else f"{number} entries"
    return number


def _say_bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
