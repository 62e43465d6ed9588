"""Which words may follow `heartbeat run`, and what do they ask for?

Typer declares the same ones for help and completion, and both end in `build_options`. Imported by the hot verbs.
"""

from agentkit.core.errors import AgentkitError
from agentkit.core.optionwords import FLAG, MANY, ONE, split_options, usage
from agentkit.core.times import parse_duration

VERB = "heartbeat run"
WORDS = {
    "--every": ONE,
    "--cron": ONE,
    "--tz": ONE,
    "--grace": ONE,
    "--timeout": ONE,
    "--kill-after": ONE,
    "--overlap": ONE,
    "--retries": ONE,
    "--retry-delay": ONE,
    "--expect-output": MANY,
    "--forbid-output": MANY,
    "--expect-change": MANY,
    "--expect-fresh": MANY,
    "--expect-count": MANY,
    "--expect-duration": ONE,
    "--watch": MANY,
    "--success-status": ONE,
    "--keep-output": ONE,
    "--tee": FLAG,
    "--quiet": FLAG,
}
OVERLAPS = ("skip", "wait", "replace")
TIMEOUT_S = 86400.0
KILL_AFTER_S = 10.0
KEEP_BYTES = 65536
NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class RunOptions:
    """What one `heartbeat run` was asked to do; times in seconds, sizes in bytes."""

    __slots__ = (
        "changes",
        "counts",
        "cron",
        "duration_s",
        "every_s",
        "forbid_output",
        "expect_output",
        "fresh",
        "grace_s",
        "keep_bytes",
        "kill_after_s",
        "name",
        "overlap",
        "program",
        "quiet",
        "retries",
        "retry_delay_s",
        "success_status",
        "tee",
        "timeout_s",
        "tz",
        "watch",
    )

    name: str
    program: list[str]
    every_s: float | None
    cron: str | None
    tz: str | None
    grace_s: float | None
    timeout_s: float
    kill_after_s: float
    overlap: str
    retries: int
    retry_delay_s: float
    expect_output: list[str]
    forbid_output: list[str]
    changes: list[str]
    fresh: list[tuple[str, float]]
    counts: list[tuple[str, str, float]]
    duration_s: tuple[float, float] | None
    watch: list[str]
    success_status: list[int]
    keep_bytes: int
    tee: bool
    quiet: bool

    def declares_effects(self) -> bool:
        """Tell whether anything is to be looked at beside the program itself."""
        declared = (self.changes, self.fresh, self.counts, self.expect_output, self.forbid_output, self.watch)
        return self.duration_s is not None or any(declared)


def split_words(words: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the positional words (name, program and its arguments) and the values of each option that was given.

    Raises AgentkitError (usage) for an unknown option or one without its value.
    """
    return split_options(VERB, words, WORDS, advice="; a program's own options stand after --")


def build_options(positional: list[str], values: dict[str, list[str]]) -> RunOptions:
    """Return the options that the words ask for; raises AgentkitError (usage) saying what was expected."""
    if not positional:
        raise _usage("heartbeat run: the job's name is missing; expected NAME [options] -- PROGRAM…")
    last = {option: given[-1] for option, given in values.items()}
    options = RunOptions()
    options.name = check_name(positional[0])
    options.program = positional[1:]
    if not options.program:
        raise _usage(f"heartbeat run {options.name}: the program is missing; expected -- PROGRAM… after the options")
    if "--every" in last and "--cron" in last:
        raise _usage("--every and --cron: give one of them")
    options.every_s = _duration(last, "--every")
    options.cron = _schedule(last.get("--cron"))
    options.tz = _zone(last.get("--tz"))
    options.grace_s = _duration(last, "--grace", zero=True)
    options.timeout_s = _duration(last, "--timeout") or TIMEOUT_S
    kill_after = _duration(last, "--kill-after", zero=True)
    options.kill_after_s = KILL_AFTER_S if kill_after is None else kill_after
    options.overlap = last.get("--overlap", OVERLAPS[0])
    if options.overlap not in OVERLAPS:
        raise _usage(f"--overlap: {options.overlap!r} is none of {', '.join(OVERLAPS)}")
    options.retries = _whole(last.get("--retries", "0"), "--retries", 100)
    options.retry_delay_s = _duration(last, "--retry-delay", zero=True) or 0.0
    options.expect_output = [_pattern(text, "--expect-output") for text in values.get("--expect-output", [])]
    options.forbid_output = [_pattern(text, "--forbid-output") for text in values.get("--forbid-output", [])]
    options.changes = [_path(text, "--expect-change") for text in values.get("--expect-change", [])]
    options.fresh = [_fresh(text) for text in values.get("--expect-fresh", [])]
    options.counts = [_count(text) for text in values.get("--expect-count", [])]
    options.duration_s = _range(last.get("--expect-duration"))
    options.watch = [_path(text, "--watch") for text in values.get("--watch", [])]
    options.success_status = _statuses(last.get("--success-status", "0"))
    options.keep_bytes = _whole(last.get("--keep-output", str(KEEP_BYTES)), "--keep-output", KEEP_BYTES)
    options.tee = "--tee" in last
    options.quiet = "--quiet" in last
    return options


def check_name(name: str) -> str:
    """Return the name of a job when it is one: it becomes a file name and a word in crontabs."""
    fits = 0 < len(name) <= 128 and name[0] in NAME_LETTERS
    if not fits or any(letter not in NAME_LETTERS and letter not in "._-" for letter in name):
        raise _usage(f"{name!r} is no name of a job; expected [a-z0-9][a-z0-9._-]*, at most 128 letters")
    return name


def _usage(message: str) -> AgentkitError:
    return usage(VERB, message)


def _duration(last: dict[str, str], option: str, *, zero: bool = False) -> float | None:
    text = last.get(option)
    return None if text is None else parse_duration(text, option, zero=zero)


def _schedule(text: str | None) -> str | None:
    if text is not None:
        from agentkit.core.cronfields import validate_schedule

        validate_schedule(text)
    return text


def _zone(text: str | None) -> str | None:
    if text is not None:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(text)
        except (ValueError, OSError, KeyError) as error:
            raise _usage(f"--tz: {text!r} is no time zone of this machine; one is Europe/Berlin") from error
    return text


def _whole(text: str, option: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > most:
        raise _usage(f"{option}: {text!r} is no whole number from 0 to {most}")
    return int(text)


def _pattern(text: str, option: str) -> str:
    import re

    try:
        re.compile(text)
    except re.error as error:
        raise _usage(f"{option}: {text!r} is no regular expression: {error}") from error
    return text


def _path(text: str, option: str) -> str:
    if not text or "\0" in text:
        raise _usage(f"{option}: a path is missing")
    return text


def _fresh(text: str) -> tuple[str, float]:
    path, given, age = text.rpartition("=")
    if not given or not path:
        raise _usage(f"--expect-fresh: {text!r} is not PATH=AGE, such as /var/backups/db.gz=26h")
    return path, parse_duration(age, "--expect-fresh")


def _count(text: str) -> tuple[str, str, float]:
    for comparison in (">=", "<=", "==", "!=", ">", "<"):
        key, given, number = text.partition(comparison)
        if given:
            try:
                bound = float(number)
            except ValueError:
                break
            if key.strip() and abs(bound) < float("inf"):
                return key.strip(), comparison, bound
            break
    raise _usage(f"--expect-count: {text!r} is not KEY>=NUMBER (or <=, ==, !=, >, <), such as 'items>=1'")


def _range(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    low, given, high = text.partition("..")
    if not given or not (low or high):
        raise _usage(f"--expect-duration: {text!r} is not LOW..HIGH, such as 1s..10m, 1s.. or ..10m")
    least = parse_duration(low, "--expect-duration", zero=True) if low else 0.0
    most = parse_duration(high, "--expect-duration") if high else float("inf")
    if least > most:
        raise _usage(f"--expect-duration: {text!r} ends before it begins")
    return least, most


def _statuses(text: str) -> list[int]:
    statuses = [_whole(word.strip(), "--success-status", 255) for word in text.split(",")]
    return sorted(set(statuses))
