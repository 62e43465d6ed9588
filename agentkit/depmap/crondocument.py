"""Which edges do the crontabs of a machine have: jobs, their users, and what their commands call?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping

from agentkit.core.anacrontab import read_anacrontab
from agentkit.core.cronline import CronLine
from agentkit.core.crontab import read_crontabs
from agentkit.core.cronusers import read_users
from agentkit.depmap.calls import Call, Place, Script
from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from agentkit.depmap.shelledges import map_script
from agentkit.depmap.shellscript import read_command
from agentkit.depmap.values import State
from agentkit.depmap.wrappers import unwrap

INPUTS = (
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/anacrontab",
    "/etc/passwd",
    "/var/spool/cron",
    "/var/spool/cron/crontabs",
)
UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
DAEMONS = {"anacron": ("anacron.service",), "cron": ("cron.service", "crond.service", "cronie.service")}
# What cron(8) gives its jobs unless the crontab says otherwise.
CRON_PATH = "/usr/bin:/bin"
COVERAGE = "agentkit heartbeat coverage"
# A line that runs, its node, and what it calls.
Job = tuple[CronLine, str, Script]


def read_jobs(disk: Disk) -> tuple[list[Job], list[tuple[str, str]]]:
    """Return the lines of a machine that run, and files that were not read, or not as a whole, each with the reason."""
    crontabs, anacrontab = read_crontabs(disk.root), read_anacrontab(disk.root)
    for path in INPUTS:
        disk.note(path)
    homes = read_users(disk.root).homes
    jobs = read_lines((*crontabs.lines, *anacrontab.lines), disk, homes)
    dead = Counter(line.file for line in (*crontabs.dropped, *anacrontab.dropped))
    told = [
        (file, f"{'a line' if n == 1 else f'{n} lines'} that cron never runs: {COVERAGE}") for file, n in dead.items()
    ]
    return jobs, [*crontabs.unreadable, *anacrontab.unreadable, *told]


def read_lines(lines: Iterable[CronLine], disk: Disk, homes: Mapping[str, str]) -> list[Job]:
    """Return what each line calls; `homes` are the folders of the users."""
    jobs = []
    for line in lines:
        disk.note(line.file)
        script = _read_line(line, disk, homes.get(line.user))
        jobs.append((line, _name_job(line, script.calls), script))
    return jobs


def find_search_path(line: CronLine) -> str:
    """Return the PATH that a line hands on to what it starts; nothing where it is cron's own."""
    return dict(line.environment).get("PATH", "")


def _read_line(line: CronLine, disk: Disk, home: str | None) -> Script:
    """Return what the command of a line calls, in its environment and folder."""
    state = State(folder=home, name=dict(line.environment).get("SHELL", "/bin/sh"))
    state.variables = {name: ((value,),) for name, value in line.environment}
    state.variables.setdefault("PATH", ((CRON_PATH,),))
    if home is not None:
        state.variables.setdefault("HOME", ((home,),))
    state.variables.setdefault("LOGNAME", ((line.user,),))
    return read_command(line.command, Place(line.file, line.number), disk, state)


def _name_job(line: CronLine, called: Iterable[Call]) -> str:
    """Return the node of a line: as heartbeat calls it where its wrapper is in it, else its file and number."""
    names = {
        inner.job
        for call in called
        if call.words and os.path.basename(call.words[0]) == "agentkit"
        for inner in unwrap(call.words)
        if inner.job is not None
    }
    return f"job:{names.pop()}" if len(names) == 1 else f"job:{line.file}#{line.number}"


def map_jobs(jobs: Iterable[Job], disk: Disk) -> list[Edge]:
    """Return the edges of the lines, each once."""
    edges: dict[Edge, None] = {}
    daemons = {kind: _find_unit(disk, kind) for kind in DAEMONS}
    for line, node, script in jobs:
        daemon = daemons["anacron" if line.kind == "anacron" else "cron"]
        if daemon is not None:
            edges[Edge(daemon, node, "schedules", line.file, line.number, "crontab")] = None
        edges[Edge(node, f"user:{line.user}", "user", line.file, line.number, "crontab")] = None
        edges.update(dict.fromkeys(map_script(script, disk, origin=node)))
    return list(edges)


def _find_unit(disk: Disk, kind: str) -> str | None:
    for name in DAEMONS[kind]:
        if any(disk.is_file(f"{folder}/{name}") for folder in UNIT_FOLDERS):
            return f"unit:{name}"
    return None
