"""Which edges do crontabs have: jobs by file and line or by heartbeat's name, users, daemons, and what lines call?"""

from pathlib import Path

import pytest

from agentkit.depmap.crondocument import map_jobs, read_jobs
from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from tests.conftest import Run
from tests.depmap.machines import lay_out
from tests.heartbeat.answers import read_records

PASSWD = "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n"


def _map(root: Path, crontab: str, **more: str) -> list[Edge]:
    lay_out(root, {"etc/passwd": PASSWD, "etc/crontab": crontab, **more})
    disk = Disk(str(root))
    jobs, troubles = read_jobs(disk)
    assert [why for _, why in troubles if "never runs" not in why] == []
    return map_jobs(jobs, disk)


def _execs(edges: list[Edge]) -> set[tuple[str, str, int | None, str | None]]:
    return {(edge.source, edge.target, edge.line, edge.via) for edge in edges if edge.kind == "exec"}


def test_a_line_is_a_job_of_its_file_and_number_and_of_its_user(tmp_path: Path) -> None:
    edges = _map(tmp_path, "# first\n5 4 * * * ana cd /srv && ./backup --all | logger\n")
    job = "job:/etc/crontab#2"
    assert _execs(edges) == {(job, "cmd:./backup", 2, None), (job, "cmd:logger", 2, None)}
    assert [edge.target for edge in edges if edge.kind == "user"] == ["user:ana"]
    assert {edge.file for edge in edges} == {"/etc/crontab"}


@pytest.mark.parametrize(
    "command",
    [
        "agentkit heartbeat run backup --every 1d -- /usr/bin/restic backup",
        "/opt/agentkit/bin/agentkit heartbeat run --timeout 5m --tee backup /usr/bin/restic backup",
        "agentkit heartbeat run backup --keep-output=0 -- sh -c '/usr/bin/restic backup'",
    ],
)
def test_a_line_that_heartbeat_wraps_is_the_job_of_that_name(tmp_path: Path, command: str) -> None:
    edges = _map(tmp_path, f"0 3 * * * root {command}\n")
    assert ("job:backup", "cmd:/usr/bin/restic") in {(edge.source, edge.target) for edge in edges}
    assert {edge.source for edge in edges if edge.kind == "exec"} == {"job:backup"}


def test_a_line_that_cron_never_runs_has_no_edges(tmp_path: Path) -> None:
    edges = _map(tmp_path, "0 3 * * * root /usr/bin/two\n", **{"etc/cron.d/dead": "0 33 * * * root /usr/bin/one\n"})
    assert {edge.target for edge in edges if edge.kind == "exec"} == {"cmd:/usr/bin/two"}


def test_variables_of_the_crontab_count_and_its_path_finds_the_program(tmp_path: Path) -> None:
    edges = _map(
        tmp_path,
        "PATH=/opt/bin:/usr/bin\nTOOL=sweep\n0 3 * * * root $TOOL --all\n",
        **{"opt/bin/sweep": "#!/bin/sh\n", "usr/bin/sweep": "#!/bin/sh\n"},
    )
    assert [(edge.target, edge.path) for edge in edges if edge.kind == "exec"] == [("cmd:sweep", "/opt/bin/sweep")]


def test_without_a_path_of_its_own_a_line_has_cron_s(tmp_path: Path) -> None:
    edges = _map(tmp_path, "0 3 * * * root sweep\n", **{"usr/local/bin/sweep": "#!/bin/sh\n"})
    assert [(edge.target, edge.path) for edge in edges if edge.kind == "exec"] == [("cmd:sweep", None)]


def test_run_parts_runs_the_files_that_it_takes_and_no_others(tmp_path: Path) -> None:
    names = ("sweep", "with.dot", "_underscore")
    edges = _map(
        tmp_path,
        "25 6 * * * root cd / && run-parts --report /etc/cron.daily\n",
        **{f"etc/cron.daily/{name}": "#!/bin/sh\n:\n" for name in names},
    )
    for name in names:
        (tmp_path / f"etc/cron.daily/{name}").chmod(0o755)
    edges = _map(tmp_path, "25 6 * * * root cd / && run-parts --report /etc/cron.daily\n")
    assert _execs(edges) == {
        ("job:/etc/crontab#1", "cmd:run-parts", 1, None),
        ("job:/etc/crontab#1", "cmd:/etc/cron.daily/sweep", 1, "run-parts"),
        ("job:/etc/crontab#1", "cmd:/etc/cron.daily/_underscore", 1, "run-parts"),
    }


def test_what_follows_a_percent_is_input_and_no_command(tmp_path: Path) -> None:
    edges = _map(tmp_path, "0 3 * * * root mail -s x ana%curl http://x\n")
    assert {edge.target for edge in edges if edge.kind == "exec"} == {"cmd:mail"}


def test_a_unit_of_the_daemon_that_is_there_schedules_the_lines(tmp_path: Path) -> None:
    units = {"usr/lib/systemd/system/cron.service": "[Service]\nExecStart=/usr/sbin/cron -f\n"}
    edges = _map(tmp_path, "0 3 * * * root /usr/bin/one\n", **units)
    assert [(edge.source, edge.target) for edge in edges if edge.kind == "schedules"] == [
        ("unit:cron.service", "job:/etc/crontab#1")
    ]


def test_lines_that_cron_never_runs_are_told_with_the_command_that_says_why(tmp_path: Path) -> None:
    table = "0 3 * * * root /usr/bin/two\n0 33 * * * root /usr/bin/one\n"
    lay_out(tmp_path, {"etc/passwd": PASSWD, "etc/cron.d/dead": table})
    _, troubles = read_jobs(Disk(str(tmp_path)))
    assert troubles == [("/etc/cron.d/dead", "2 lines that cron never runs: agentkit heartbeat coverage")]


def test_a_script_is_read_with_the_path_of_the_crontab_that_starts_it(tmp_path: Path, agentkit: Run) -> None:
    root = lay_out(
        tmp_path / "machine",
        {
            "etc/crontab": "PATH=/opt/own/bin:/usr/bin\n0 3 * * * root sweep\n",
            "opt/own/bin/sweep": "#!/bin/sh\nbroom\n",
            "opt/own/bin/broom": "#!/bin/sh\ndust\n",
            "opt/own/bin/dust": "#!/bin/sh\n",
        },
    )
    assert agentkit("depmap", "build", "--root", str(root), "--quiet").returncode == 0
    fallen = {record["node"] for record in read_records(agentkit("depmap", "blast", "dust", "--json").stdout, "blast")}
    assert fallen == {"file:/opt/own/bin/broom", "file:/opt/own/bin/sweep", "job:/etc/crontab#2"}
