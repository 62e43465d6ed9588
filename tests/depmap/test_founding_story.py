"""fail2ban hangs, and so do four scripts that ask for its status, and what asks these: is that what the map says?"""

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.depmap.machines import STORY, lay_out
from tests.heartbeat.answers import read_records

BIN = "/usr/local/bin"
ASKING = {
    "guard-status": "jails",
    "banned": "count_banned",
    "morning-report": "security",
    "health": "firewall",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "machine", STORY)


def test_what_falls_with_it_is_named_with_the_function_of_each_script_and_the_way_there(
    machine: Path, agentkit: Run
) -> None:
    assert agentkit("depmap", "build", "--root", str(machine)).returncode == 0
    ended = agentkit("depmap", "blast", "--json", "unit:fail2ban.service")
    fallen = {str(record["node"]): record for record in read_records(ended.stdout, "blast")}
    for script, function in ASKING.items():
        found = fallen[f"func:{BIN}/{script}#{function}"]
        assert found["function"] == function
        assert found["file"] == f"{BIN}/{script}"
        assert f"file:{BIN}/{script}" in fallen
    jobs = {f"job:/etc/cron.d/node#{line}" for line in (1, 2, 3, 4)}
    assert jobs <= set(fallen)
    way = fallen["job:/etc/cron.d/node#4"]["via"]
    assert isinstance(way, list)
    assert way[-2:] == [f"file:{BIN}/health", f"file:{BIN}/dashboard"]
    assert f"func:{BIN}/morning-report#disk" not in fallen
    assert "unit:firewalld.service" not in fallen
    distances = [record["distance"] for record in read_records(ended.stdout, "blast")]
    assert distances == sorted(distances)  # type: ignore[type-var]


def test_the_same_falls_where_the_client_itself_is_on_the_disk(machine: Path, agentkit: Run) -> None:
    client = machine / "usr/bin/fail2ban-client"
    client.parent.mkdir(parents=True, exist_ok=True)
    client.write_text("#!/usr/bin/python3\n")
    client.chmod(0o755)
    assert agentkit("depmap", "build", "--root", str(machine)).returncode == 0
    ended = agentkit("depmap", "blast", "--json", "fail2ban.service")
    fallen = {str(record["node"]) for record in read_records(ended.stdout, "blast")}
    assert {f"func:{BIN}/{script}#{function}" for script, function in ASKING.items()} <= fallen


def test_the_calls_that_can_hang_are_named_with_their_bound_and_the_bounded_one_is_not(
    machine: Path, agentkit: Run
) -> None:
    ended = agentkit("depmap", "lint", "--json", str(machine))
    assert ended.returncode == 1
    waits = read_records(ended.stdout, "finding")
    assert {str(wait["subject"]) for wait in waits} == {
        f"func:{BIN}/{script}#{function}" for script, function in ASKING.items()
    }
    assert {wait["type"] for wait in waits} == {"unbounded"}
    assert all("timeout -k 10 20" in str(wait["fix"]) for wait in waits)


def test_a_unit_and_the_program_that_stops_it_are_no_cycle(machine: Path, agentkit: Run) -> None:
    agentkit("depmap", "build", "--root", str(machine))
    assert agentkit("depmap", "cycles", "--json").stdout == ""
