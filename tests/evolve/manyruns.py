"""What tests of runs with many candidates share: proposers, workers to be killed, what the archive must hold."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from agentkit.core.ourselves import call_ourselves
from agentkit.core.tree import list_children
from tests.evolve.machine import Machine

LIMIT_S = 300
# By the last digit of its id a candidate breaks a test or not, and no two of them are the same change.
BREAKS = "01234567"
MIXED = f"""
printf '# %s\\n' "$AGENTKIT_CANDIDATE" >> job.sh
case "$AGENTKIT_CANDIDATE" in *[{BREAKS}]) sed -i s/saved/lost/ job.sh;; esac
"""
GOOD_EACH = "printf '# %s\\n' \"$AGENTKIT_CANDIDATE\" >> job.sh"


def start_run(machine: Machine, *words: str, is_heard: bool = True) -> subprocess.Popen[bytes]:
    """Start `agentkit evolve WORDS… --json` in the repository, and wait for nothing.

    One that is heard has to be read, or it waits for that.
    """
    return subprocess.Popen(
        call_ourselves("evolve", *words, "--json"), cwd=machine.scripts, env=machine.environ,
        stdout=subprocess.PIPE if is_heard else subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def read_records(stdout: bytes | str) -> list[dict[str, object]]:
    """Return the records that were printed."""
    return [json.loads(line) for line in stdout.splitlines()]


def find_workers(pid: int) -> list[int]:
    """Return the workers of an evolve, which are its children like others."""
    found = []
    for child in list_children(pid):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if b"spawn_main" in words:
            found.append(child)
    return found


def find_busy(pid: int) -> list[int]:
    """Return the workers of an evolve that have something running below them."""
    return [worker for worker in find_workers(pid) if list_children(worker)]


def list_judged(machine: Machine) -> list[tuple[str, str]]:
    """Return (candidate's commit, answer) of each verdict of the ratchet, the oldest first."""
    status, stdout, stderr = machine.call("ratchet", "log", "--json")
    assert status == 0, stderr
    return [(str(one["candidate"]), str(one["answer"])) for one in reversed(read_records(stdout))]


def list_candidates(machine: Machine) -> list[dict[str, object]]:
    """Return the records of all candidates of the archive."""
    status, stdout, stderr = machine.call("evolve", "log", "--all", "--json")
    assert status == 0, stderr
    return read_records(stdout)


def find_faults(machine: Machine, count: int, *, kept: int = 1) -> list[str]:
    """Return what is wrong with a run that has ended: each candidate has one verdict, and none was judged twice."""
    faults = []
    candidates = list_candidates(machine)
    if len({one["id"] for one in candidates}) != count or len(candidates) != count:
        faults.append(f"{len(candidates)} candidates of {count}")
    faults += [f"{one['id']} stands at {one['step']}, {one['state']}" for one in candidates if one["step"] != "done"]
    faults += [
        f"{one['id']} has no verdict: {one['reason']}"
        for one in candidates
        if one["state"] not in ("accepted", "rejected") or one["verdict"] is None
    ]
    held = machine.candidates()
    faults += [f"{one['id']} has no ref" for one in candidates if held.get(str(one["id"])) != one["commit"]]
    took = [one for one in candidates if one["kept"]]
    if len(took) != kept or any(one["commit"] != machine.git("rev-parse", "HEAD") for one in took):
        faults.append(f"{len(took)} are kept")
    judged = [commit for commit, _ in list_judged(machine)]
    for one in candidates:
        # The one that is kept is judged once more, when branch and baseline move to it.
        most = 2 if one["kept"] else 1
        times = judged.count(str(one["commit"]))
        if times > most:
            faults.append(f"{one['id']} was judged {times} times")
    return faults


def is_running(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] not in "ZX"
    except OSError:
        return False


def end_by_id(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
