"""Did the declared work happen: what was to change, to be fresh, to be counted, to be said?

Imported by `heartbeat run` only when something was declared.
"""

import os
import time

from agentkit.core.times import format_duration
from agentkit.heartbeat.beat import sha256
from agentkit.heartbeat.options import RunOptions

MOST_CONTENT_BYTES = 64 << 20
MOST_ENTRIES = 200_000
Effect = dict[str, object]


def measure_path(path: str) -> dict[str, object]:
    """Return what a file or folder holds: `bytes`, `entries`, `digest`, and `how` that digest was made.

    At most 64 MiB of content are read; of what lies beyond only name, size and time go into the digest.
    """
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
            if _digest_file(file, digest):
                continue
        how = "names, sizes and times"
        digest.update(b"%d %d" % (found.st_size, found.st_mtime_ns))
    if entries == 0 and not os.path.lexists(path):
        return {"bytes": 0, "entries": 0, "digest": None, "how": "missing"}
    return {"bytes": total, "entries": entries, "digest": digest.hexdigest(), "how": how}


def look_before(options: RunOptions) -> dict[str, object]:
    """Return the digest of each path that the run is to change."""
    return {path: measure_path(path)["digest"] for path in options.changes if path != "stdout"}


def look_after(
    options: RunOptions,
    before: dict[str, object],
    output: list[bytes],
    counters: dict[str, float],
    duration_s: float,
) -> list[Effect]:
    """Return each declared effect: its text, whether it held, and why not."""
    effects: list[Effect] = []
    for path, digest in before.items():
        now = measure_path(path)["digest"]
        why = "it does not exist" if now is None else "its content is what it was before"
        effects.append(_effect(f"--expect-change {path}", now is not None and now != digest, why))
    for path, age_s in options.fresh:
        newest = _newest_change(path)
        age = None if newest is None else time.time() - newest
        why = "it does not exist" if age is None else f"it last changed {format_duration(age)} ago"
        text = f"--expect-fresh {path}={format_duration(age_s)}"
        effects.append(_effect(text, age is not None and age <= age_s, why))
    for key, comparison, bound in options.counts:
        value = counters.get(key)
        why = f"{key} was never marked" if value is None else f"{key} is {value:g}"
        held = value is not None and _compare(value, comparison, bound)
        effects.append(_effect(f"--expect-count {key}{comparison}{bound:g}", held, why))
    for pattern in options.expect_output:
        effects.append(_effect(f"--expect-output {pattern}", _is_said(pattern, output), "the output never says it"))
    for pattern in options.forbid_output:
        effects.append(_effect(f"--forbid-output {pattern}", not _is_said(pattern, output), "the output says it"))
    if options.duration_s:
        low, high = options.duration_s
        upper = "" if high == float("inf") else format_duration(high)
        why = f"it took {format_duration(duration_s)}"
        effects.append(_effect(f"--expect-duration {format_duration(low)}..{upper}", low <= duration_s <= high, why))
    return effects


def _effect(text: str, held: bool, why: str) -> Effect:
    return {"text": text, "held": held, "why": None if held else why}


def _is_said(pattern: str, output: list[bytes]) -> bool:
    import re

    compiled = re.compile(pattern.encode("utf-8", "surrogateescape"), re.MULTILINE)
    return any(compiled.search(text) for text in output)


def _compare(value: float, comparison: str, bound: float) -> bool:
    return {
        ">=": value >= bound,
        "<=": value <= bound,
        "==": value == bound,
        "!=": value != bound,
        ">": value > bound,
        "<": value < bound,
    }[comparison]


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


def _digest_file(path: str, digest: "object") -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        while chunk := os.read(descriptor, 1 << 18):
            digest.update(chunk)  # type: ignore[attr-defined]
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
