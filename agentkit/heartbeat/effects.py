"""Did the declared work happen: what was to change, to be fresh, to be counted, to be said?

Imported by `heartbeat run` only when something was declared.
"""

import os
import time
from _collections_abc import Callable

from agentkit.core.times import format_duration
from agentkit.heartbeat.beat import sha256
from agentkit.heartbeat.bounded import TooLongError, within
from agentkit.heartbeat.options import RunOptions
from agentkit.heartbeat.searching import Search, compile_pattern

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from _hashlib import HASH

MOST_CONTENT_BYTES = 64 << 20
MOST_ENTRIES = 200_000
# A slow disk, or a pattern that explodes, must not hold the job and its lock for ever.
LONGEST_LOOK_S = 60.0
# The clocks of two machines that share a folder differ a little.
FUTURE_S = 60.0
Effect = dict[str, object]
Measure = dict[str, object]


def look_before(options: RunOptions) -> dict[str, object]:
    """Return the digest of each path that the run is to change."""
    return {path: measure_path(path)["digest"] for path in options.changes if path != "stdout"}


def look_after(
    options: RunOptions,
    before: dict[str, object],
    output: list[bytes],
    search: Search | None,
    *,
    counters: dict[str, float],
    duration_s: float,
) -> list[Effect]:
    """Return each declared effect: its text, whether it held, and why not.

    `output` is what was kept of it, `search` knows of the rest.
    """
    # Whether stdout changed is for `check` to say, which sees many runs.
    paths = [path for path in options.changes if path != "stdout"]
    effects = [
        *(_look(f"--expect-change {path}", _why_unchanged, path, before) for path in paths),
        *(
            _look(f"--expect-fresh {path}={format_duration(age_s)}", _why_stale, path, age_s)
            for path, age_s in options.fresh
        ),
        *(
            _look(
                f"--expect-count {key}{comparison}{bound:g}", _why_miscounted, key, counters.get(key), comparison, bound
            )
            for key, comparison, bound in options.counts
        ),
        *(
            _look(f"--expect-output {pattern}", _why_unsaid, pattern, output, search)
            for pattern in options.expect_output
        ),
        *(_look(f"--forbid-output {pattern}", _why_said, pattern, output, search) for pattern in options.forbid_output),
    ]
    if options.duration_s:
        low, high = options.duration_s
        upper = "" if high == float("inf") else format_duration(high)
        why = None if low <= duration_s <= high else f"it took {format_duration(duration_s)}"
        effects.append(_effect(f"--expect-duration {format_duration(low)}..{upper}", why))
    return effects


def measure_path(path: str) -> Measure:
    """Return what a file or folder holds: `bytes`, `entries`, `digest`, and `how` that digest was made.

    At most 64 MiB of content are read; of what lies beyond only name, size and time go into the digest. What takes
    longer than a minute is not measured.
    """
    try:
        measured = within(LONGEST_LOOK_S, _measure, path)
        assert isinstance(measured, dict)
    except TooLongError:
        return {"bytes": None, "entries": None, "digest": None, "how": "it took too long"}
    return measured


def _look(text: str, find_fault: Callable[..., str | None], *facts: object) -> Effect:
    try:
        why = within(LONGEST_LOOK_S, find_fault, *facts)
    except TooLongError:
        why = f"it could not be looked at within {format_duration(LONGEST_LOOK_S)}"
    return _effect(text, why)


def _effect(text: str, why: object) -> Effect:
    return {"text": text, "held": why is None, "why": why}


def _why_unchanged(path: str, before: dict[str, object]) -> str | None:
    now = _measure(path)
    if now["how"] == "missing":
        return "it does not exist"
    if path not in before:
        return "it could not be looked at before the run"
    return "its content is what it was before" if now["digest"] == before[path] else None


def _why_stale(path: str, age_s: float) -> str | None:
    if not os.path.lexists(path):
        return "it does not exist"
    newest = _newest_change(path)
    if newest is None:
        return "it holds no file"
    age = time.time() - newest
    if age < -FUTURE_S:
        return f"it last changed {format_duration(-age)} from now: a clock was set back"
    return f"it last changed {format_duration(max(age, 0.0))} ago" if age > age_s else None


def _why_miscounted(key: str, value: float | None, comparison: str, bound: float) -> str | None:
    if value is None:
        return f"{key} was never marked"
    held = {
        ">=": value >= bound,
        "<=": value <= bound,
        "==": value == bound,
        "!=": value != bound,
        ">": value > bound,
        "<": value < bound,
    }[comparison]
    return None if held else f"{key} is {value:g}"


def _why_unsaid(pattern: str, output: list[bytes], search: Search | None) -> str | None:
    if _is_said(pattern, output, search):
        return None
    return "the output is too much to search" if search and pattern in search.given_up else "the output never says it"


def _why_said(pattern: str, output: list[bytes], search: Search | None) -> str | None:
    if _is_said(pattern, output, search):
        return "the output says it"
    return "the output is too much to search" if search and pattern in search.given_up else None


def _is_said(pattern: str, output: list[bytes], search: Search | None) -> bool:
    if search and pattern in search.found:
        return True
    compiled = compile_pattern(pattern)
    return any(compiled.search(text) for text in output or [b""])


def _measure(path: str) -> Measure:
    digest, total, entries, unread = sha256(), 0, 0, MOST_CONTENT_BYTES
    how = "content"
    for name, file in _list_files(path):
        try:
            found = os.lstat(file)
        except OSError:
            continue
        entries += 1
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
        if (found.st_mode & 0o170000) == 0o120000:
            digest.update(b"link " + os.fsencode(_read_link(file)))
            continue
        if (found.st_mode & 0o170000) != 0o100000:
            digest.update(b"%o" % (found.st_mode & 0o170000))
            continue
        total += found.st_size
        if found.st_size <= unread:
            unread -= found.st_size
            if _digest_file(file, found.st_size, digest):
                continue
        how = "names, sizes and times"
        digest.update(b"%d %d" % (found.st_size, found.st_mtime_ns))
    if entries == 0 and not os.path.lexists(path):
        return {"bytes": 0, "entries": 0, "digest": None, "how": "missing"}
    return {"bytes": total, "entries": entries, "digest": digest.hexdigest(), "how": how}


def _newest_change(path: str) -> float | None:
    newest = None
    for _, file in _list_files(path):
        try:
            changed = os.stat(file).st_mtime
        except OSError:
            continue
        newest = changed if newest is None else max(newest, changed)
    return newest


def _list_files(path: str) -> list[tuple[str, str]]:
    """Return (name below path, path) of a file, or of all that lies in a folder, sorted, links not followed."""
    if not os.path.isdir(path):
        return [("", path)] if os.path.lexists(path) else []
    found: list[tuple[str, str]] = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files + [name for name in folders if os.path.islink(f"{folder}/{name}")]):
            found.append((os.path.relpath(f"{folder}/{name}", path), f"{folder}/{name}"))
            if len(found) >= MOST_ENTRIES:
                return found
    return found


def _read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _digest_file(path: str, size: int, digest: "HASH") -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # No further than it was long: a log may grow as fast as we read.
        while size > 0 and (chunk := os.read(descriptor, min(size, 1 << 18))):
            digest.update(chunk)
            size -= len(chunk)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
