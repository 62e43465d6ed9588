"""Does a probe come through every real hang, name it, and leave nothing of it behind?

Here it is looked at what a probe says; how long it takes is measured by `python -m tests.benchmarks.hangs`.
"""

import fcntl
import os
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agentkit.core import tree
from tests.benchmarks.hangs import CHAIN, SHELL_HANGS, SILENT, mount_dead_folder
from tests.conftest import Run
from tests.depmap.maps import edge, make_map
from tests.depmap.probed import Found, check, probe, write_checks
from tests.processes import find_by_words, wait_until
from tests.system.hangs import COMMON, HANGS, Row, open_stage, stop_fail2ban

UNIT, CLIENT = "unit:fail2ban.service", "cmd:fail2ban-client"
LIMIT = "4s"
ROWS = [row for row in COMMON if row[1] is HANGS]
# Another one asks for just that port: side by side both would end.
[LISTENS] = [row for row in ROWS if row[2] == "nc.openbsd -l -w 1 {free}"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checks"


@pytest.fixture
def nap() -> Iterator[str]:
    words = f"sleep {random.randint(10**6, 10**9)}"
    yield words
    assert find_by_words(words) == []


def find_left(home: Path) -> dict[int, int]:
    """Return the processes that a probe with this home started, or those that they did."""
    return tree.find_marked(f"AGENTKIT_HOME={home}".encode())


def test_a_stopped_fail2ban_is_the_one_root_of_all_that_asks_it(
    agentkit: Run, file: Path, tmp_path: Path, home: Path
) -> None:
    with stop_fail2ban(tmp_path) as stage:
        ask = ("fail2ban-client", "-s", str(stage["socket"]))
        checks = [
            check("job:report", *ask, "status", limit="3s"),
            check(CLIENT, *ask, "status", limit="3s"),
            check(UNIT, *ask, "ping", limit="3s"),
            check("job:dashboard", "true"),
            check("unit:nginx.service", "true"),
        ]
        pairs = [("job:report", "func:/usr/local/bin/report.sh#bans"), ("func:/usr/local/bin/report.sh#bans", CLIENT)]
        pairs += [(CLIENT, UNIT), ("job:dashboard", "job:report")]

        found = probe(agentkit, write_checks(file, checks, pairs))

        assert found.status == 1
        assert found.types() == {
            UNIT: "hang", CLIENT: "blocked", "job:report": "blocked", "job:dashboard": "blocked",
        }  # fmt: skip
        assert found.record["roots"] == [UNIT]
        assert {one["cause"]["root"] for one in found.findings} == {UNIT}  # type: ignore[index]
        assert found.by_subject["job:dashboard"]["cause"] == {
            "root": UNIT, "via": [CLIENT, "func:/usr/local/bin/report.sh#bans", "job:report"],
        }  # fmt: skip
        assert find_left(home) == {}


@pytest.mark.parametrize("rows", [[row for row in ROWS if row != LISTENS], [LISTENS]], ids=["all at once", "listens"])
def test_every_command_that_waits_for_ever_is_a_hang_and_is_ended(
    rows: list[Row], agentkit: Run, file: Path, tmp_path: Path, home: Path
) -> None:
    with open_stage(tmp_path) as stage:
        checks = [
            check(f"job:h{number}", "bash", "-c", row[2].format(**stage), limit=LIMIT)
            for number, row in enumerate(rows)
        ]
        found = probe(agentkit, write_checks(file, checks), more={"GIT_TERMINAL_PROMPT": "0"}, cwd=tmp_path)
        left = find_left(home)

    types = found.types()
    assert {row[2]: types.get(f"job:h{number}") for number, row in enumerate(rows)} == {row[2]: "hang" for row in rows}
    assert left == {}


def test_no_tree_of_processes_outlives_its_check(
    agentkit: Run, file: Path, tmp_path: Path, home: Path, nap: str
) -> None:
    hanging = {
        f"job:{name}": ("sh", "-c", text.replace("NAP", nap).replace("FOLDER", str(tmp_path)))
        for name, text in SHELL_HANGS.items()
    }
    # These end by themselves; one leaves somebody who holds its pipe open, the other one a chain of forks.
    ending = {"job:pipe": hanging.pop("job:pipe held open by a child"), "job:chain": (sys.executable, "-c", CHAIN)}
    with socket.create_server(("127.0.0.1", 0)) as silent, (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        hanging["job:silent"] = (sys.executable, "-c", SILENT, str(silent.getsockname()[1]))
        checks = [check(node, *run, limit="2s") for node, run in hanging.items()]
        checks += [check(node, *run) for node, run in ending.items()]
        found = probe(agentkit, write_checks(file, checks))

    assert found.types() == dict.fromkeys(hanging, "hang")
    assert find_left(home) == {}


def test_what_waits_for_a_dead_mount_is_named_and_not_started_again_until_it_has_gone(
    agentkit: Run, file: Path, tmp_path: Path, home: Path, environ: dict[str, str]
) -> None:
    with ExitStack() as stack:
        dead = mount_dead_folder(tmp_path, stack)
        if dead is None:
            assert os.getuid() != 0 or not os.path.exists("/dev/fuse")
            return
        # With a map the names are looked up, and one of them is a path in the dead mount itself.
        make_map(environ, [edge("job:c", "file:/mnt/a", "read")])
        inside = f"file:{dead}/b"
        checks = [
            check("file:/mnt/a", "stat", f"{dead}/a", limit="2s"),
            check(inside, f"{dead}/b", limit="2s"),
            check("job:c", "true"),
        ]
        write_checks(file, checks)

        first = probe(agentkit, file)
        stuck = find_processes(first)
        again = probe(agentkit, file)

        for found in (first, again):
            assert found.types() == {"file:/mnt/a": "unkillable", inside: "unkillable", "job:c": "blocked"}
            assert find_processes(found) == stuck
        assert set(find_left(home)) <= stuck
    wait_until(lambda: not any(tree.read_stat(pid) for pid in stuck))
    assert probe(agentkit, file).types() == {"file:/mnt/a": "failed", inside: "failed", "job:c": "blocked"}


def find_processes(found: Found) -> set[int]:
    """Return the pids that are named as unkillable."""
    evidence = [one["evidence"] for one in found.findings if one["type"] == "unkillable"]
    return {process["pid"] for one in evidence for process in one["processes"]}  # type: ignore[index]
