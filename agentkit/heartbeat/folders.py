"""Which files do scheduled lines run through run-parts, and do these leave evidence?

A file of cron.daily is covered where a wrapper runs the whole folder, or where it runs a wrapper itself.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agentkit.core.cronline import CronLine
from agentkit.core.launchers import SHELLS
from agentkit.core.plainfiles import open_plain
from agentkit.core.rooted import is_whole, resolve
from agentkit.core.runparts import FOLDERS, find_run_parts_flavour, read_folder
from agentkit.heartbeat.coveredline import Line, find_here, write_dropped, write_unread
from agentkit.heartbeat.hearing import listen
from agentkit.heartbeat.linejudging import COVERED, DEAD, NO_WRAPPER, SILENT, Judged
from agentkit.heartbeat.program import PROGRAM
from agentkit.heartbeat.silence import Reason, RunParts

LONGEST_SCRIPT_BYTES = 1 << 20
# When Debian's own /etc/crontab runs the folders.
DAYS = {
    "@hourly": "17 * * * *",
    "@daily": "25 6 * * *",
    "@weekly": "47 6 * * 7",
    "@monthly": "52 6 1 * *",
    "@yearly": "2 7 1 1 *",
}
Runner = tuple[Judged, Line, RunParts]


def find_folder_lines(root: str, lines: Sequence[tuple[Judged, Line]]) -> list[Line]:
    """Return how each file stands that one of these lines runs through run-parts, and each that none runs any more."""
    flavour = find_run_parts_flavour(root) or "debian"
    runners: dict[str, Runner] = {}
    for judged, line in lines:
        for run_parts in judged.silence.run_parts:
            folder = os.path.normpath(run_parts.folder)
            # Where anacron is installed the lines of cron leave the folder to it.
            if folder.startswith("/") and (folder not in runners or judged.line.kind == "anacron"):
                runners[folder] = (judged, line, run_parts)
    found: list[Line] = []
    for folder, runner in sorted(runners.items()):
        found.extend(_look_into(root, folder, flavour, runner))
    for name in FOLDERS:
        if f"/{name}" not in runners:
            found.extend(_leave_alone(root, name, flavour))
    return found


def _look_into(root: str, folder: str, flavour: str, runner: Runner) -> Iterator[Line]:
    _, line, run_parts = runner
    parsed = read_folder(
        root, folder, flavour=flavour, options=run_parts.options, schedule=line.schedule or "", user=line.user or "root"
    )
    for entry in parsed.lines:
        jobs = line.jobs if run_parts.is_wrapped else _find_own_jobs(root, entry.file)
        if jobs:
            yield replace(_write(entry, line), state=COVERED, jobs=jobs)
            continue
        reason = Reason("no-wrapper", f"{line.place} runs it, and nothing writes down how it ended")
        fix = f"agentkit heartbeat adopt {shlex.quote(find_here(root, line.file))} --install"
        yield replace(_write(entry, line), reasons=(reason,), fix=fix)
    yield from (write_dropped(dropped, "debian", root) for dropped in parsed.dropped)
    yield from (write_unread(path, why) for path, why in parsed.unreadable)


def _leave_alone(root: str, name: str, flavour: str) -> Iterator[Line]:
    """Yield the files of a folder that no line runs: somebody put them there to be run.

    Of a part of a machine, such as a backup of some of its /etc, the line that runs them may stand elsewhere.
    """
    schedule = FOLDERS[name]
    parsed = read_folder(root, name, flavour=flavour, schedule=schedule)
    row = f"{DAYS[schedule]} root {PROGRAM} heartbeat run {os.path.basename(name)} -- run-parts --report /{name}"
    for entry in parsed.lines:
        fix = f"in /etc/crontab: {row}"
        line = Line(entry.file, None, "root", schedule, None, entry.command, SILENT, (NO_WRAPPER,), fix)
        jobs = _find_own_jobs(root, entry.file)
        if is_whole(root):
            reason = Reason("no-runner", f"no line runs the folder /{name}")
            line = replace(line, schedule=None, state=DEAD, reasons=(reason,))
        elif jobs:
            line = replace(line, state=COVERED, reasons=(), fix=None, jobs=jobs)
        yield line
    yield from (write_dropped(dropped, "debian", root) for dropped in parsed.dropped)
    yield from (write_unread(path, why) for path, why in parsed.unreadable)


def _write(entry: CronLine, runner: Line) -> Line:
    """Return an entry with the times and the user of the line that runs its folder, as silent."""
    return Line(
        file=entry.file,
        number=None,
        user=runner.user,
        schedule=runner.schedule,
        next=runner.next,
        command=entry.command,
        state=SILENT,
        reasons=(),
        fix=None,
        runner=runner.place,
    )


def _find_own_jobs(root: str, path: str) -> tuple[str, ...]:
    """Return the jobs of a script that does all its work through wrappers."""
    try:
        with open_plain(resolve(root, path)) as file:
            content = file.read(LONGEST_SCRIPT_BYTES)
    except OSError:
        return ()
    first, _, _ = content.partition(b"\n")
    words = first.removeprefix(b"#!").split()
    names = [os.path.basename(word).decode(errors="replace") for word in words[:2]]
    if not first.startswith(b"#!") or not SHELLS & set(names) or b"heartbeat" not in content:
        return ()
    silence = listen(content.decode(errors="surrogateescape"), {}, names[0])
    return tuple(silence.jobs) if silence.is_covered else ()
