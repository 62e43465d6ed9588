"""Does a probe go by the map: who depends on whom over what lies between, and by which names?"""

from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.depmap.edge import Edge
from agentkit.depmap.store import NAME
from tests.conftest import Run
from tests.depmap.machines import STORY, lay_out
from tests.depmap.maps import edge, make_map
from tests.depmap.probed import check, probe, read_found, write_checks

FAIL2BAN = "unit:fail2ban.service"
CLIENT, REPORT = "cmd:fail2ban-client", "file:/usr/local/bin/report.sh"
EDGES: list[Edge] = [
    edge("job:report", REPORT, "exec"),
    edge(REPORT, CLIENT, "exec", path="/usr/bin/fail2ban-client"),
    replace(edge(CLIENT, FAIL2BAN, "connect"), confidence=0.5),
    edge("unit:fail2ban.timer", FAIL2BAN, "triggers"),
    edge(FAIL2BAN, "unit:network.target", "after"),
    edge("job:other", "file:/srv/a/one", "exec"),
    edge("job:other", "file:/srv/b/one", "exec"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checks"


def test_what_lies_between_two_checked_things_is_in_the_map(agentkit: Run, file: Path, environ: dict[str, str]) -> None:
    make_map(environ, EDGES)
    found = probe(agentkit, write_checks(file, [check("job:report", "true"), check(FAIL2BAN, "false")]))

    assert found.types() == {FAIL2BAN: "failed", "job:report": "blocked"}
    root, blocked = found.findings
    assert blocked["cause"] == {"root": FAIL2BAN, "via": [CLIENT, REPORT]}
    assert blocked["evidence"]["confidence"] == 0.5  # type: ignore[index]
    assert found.record["confidence"] == 0.5
    assert root["impact"] == [CLIENT, REPORT, "job:report"]


def test_who_is_started_by_something_falls_with_it_and_order_alone_means_nothing(
    agentkit: Run, file: Path, environ: dict[str, str]
) -> None:
    make_map(environ, EDGES)
    checks = [check("unit:fail2ban.timer", "false"), check("unit:network.target", "false"), check(FAIL2BAN, "true")]
    found = probe(agentkit, write_checks(file, checks))
    assert found.record["roots"] == ["unit:fail2ban.timer", "unit:network.target"]
    assert found.by_subject[FAIL2BAN]["cause"] == {"root": "unit:fail2ban.timer", "via": []}


@pytest.mark.parametrize("name", ["fail2ban", "fail2ban.service", "unit:fail2ban"])
def test_a_node_may_be_written_shorter(agentkit: Run, file: Path, environ: dict[str, str], name: str) -> None:
    make_map(environ, EDGES[2:])
    checks = [check("report.sh", "true"), check(name, "false"), check("/usr/bin/fail2ban-client", "true")]
    make_map(environ, EDGES)
    found = probe(agentkit, write_checks(file, checks))
    assert found.types() == {FAIL2BAN: "failed", REPORT: "blocked", CLIENT: "blocked"}


def test_a_name_that_is_none_or_several_is_a_fault_of_the_file(
    agentkit: Run, file: Path, environ: dict[str, str]
) -> None:
    make_map(environ, EDGES)
    for name, told in (
        ("nonsense", "check #1.node: 'nonsense' is not in the map"),
        ("one", "check #1.node: 'one' may be any of file:/srv/a/one, file:/srv/b/one"),
    ):
        answer = agentkit("depmap", "probe", "--checks", str(write_checks(file, [check(name, "true")])))
        assert answer.returncode == 78
        assert answer.stderr.startswith(f"agentkit: error: {file}: {told}\nagentkit: hint: ")
    answer = agentkit("depmap", "probe", "--checks", str(write_checks(file, [], [("job:x", FAIL2BAN)])))
    assert answer.returncode == 69


def test_what_the_map_does_not_know_stands_alone_or_where_it_is_declared(
    agentkit: Run, file: Path, environ: dict[str, str]
) -> None:
    make_map(environ, EDGES)
    checks = [check("job:new", "true"), check("job:alone", "true"), check("host:db", "false")]
    found = probe(agentkit, write_checks(file, checks, [("job:new", CLIENT), (FAIL2BAN, "host:db")]))
    assert found.types() == {"host:db": "failed", "job:new": "blocked"}
    assert found.by_subject["job:new"]["cause"] == {"root": "host:db", "via": [FAIL2BAN, CLIENT]}
    assert found.by_subject["host:db"]["impact"] == [FAIL2BAN, CLIENT, REPORT, "job:new", "job:report"]


def test_what_the_configuration_declares_counts_without_a_map(agentkit: Run, file: Path, home: Path) -> None:
    home.mkdir(0o700)
    (home / "agentkit.toml").write_text(f'[[depmap.declare]]\nfrom = "job:report"\nto = "{FAIL2BAN}"\n')
    found = probe(agentkit, write_checks(file, [check("job:report", "true"), check("fail2ban", "false")]))
    assert found.types() == {FAIL2BAN: "failed", "job:report": "blocked"}


def test_named_nodes_are_probed_with_all_that_they_depend_on(
    agentkit: Run, file: Path, environ: dict[str, str]
) -> None:
    make_map(environ, EDGES)
    checks = [check("job:report", "true"), check(FAIL2BAN, "true"), check("job:other", "false"), check("job:x", "true")]
    write_checks(file, checks)
    assert probe(agentkit, file, "report.sh").record["checks"] == 1
    assert probe(agentkit, file, "job:report").record["checks"] == 2
    assert probe(agentkit, file, "job:report", "x").record["checks"] == 3
    assert probe(agentkit, file, "job:other").types() == {"job:other": "failed"}

    none = agentkit("depmap", "probe", "--checks", str(file), "/srv/a/one")
    assert (none.returncode, none.stdout) == (69, "")
    assert none.stderr == "agentkit: error: no check tells of /srv/a/one, nor of what it depends on\n"
    unknown = agentkit("depmap", "probe", "--checks", str(file), "job:reprot")
    assert unknown.returncode == 69
    assert unknown.stderr.splitlines()[1] == "agentkit: hint: did you mean job:report or job:other or job:x?"


def test_a_probe_of_some_nodes_leaves_the_findings_of_the_others_alone(agentkit: Run, file: Path) -> None:
    write_checks(file, [check("job:a", "false"), check("job:b", "false")])
    assert probe(agentkit, file).types() == {"job:a": "failed", "job:b": "failed"}
    write_checks(file, [check("job:a", "true"), check("job:b", "true")])

    found = probe(agentkit, file, "a")
    assert [(one["subject"], one["state"]) for one in found.by_subject.values()] == [("job:a", "resolved")]
    found = probe(agentkit, file)
    assert sorted(found.by_subject) == ["job:a", "job:b"]


def test_a_check_beside_that_of_a_node_takes_over_what_it_found(agentkit: Run, file: Path) -> None:
    one, other = check("job:a", "false"), check("job:a", "true")
    probe(agentkit, write_checks(file, [one]), "job:a")
    found = probe(agentkit, write_checks(file, [one, other]), "job:a")
    assert [one["subject"] for one in found.findings] == ["job:a"]
    assert probe(agentkit, write_checks(file, [other]), "job:a").findings == []
    assert "what was probed is well" in agentkit("depmap", "summary").stdout


def test_a_check_that_is_gone_takes_its_finding_along_and_that_of_another_file_stays(
    agentkit: Run, file: Path, tmp_path: Path
) -> None:
    write_checks(file, [check("job:a", "false")])
    other = write_checks(tmp_path / "other", [check("job:b", "false")])
    probe(agentkit, file)
    probe(agentkit, other)
    write_checks(file, [check("job:c", "true")])

    found = probe(agentkit, file)
    assert {name: one["state"] for name, one in found.by_subject.items()} == {"job:a": "resolved"}
    text = agentkit("depmap", "probe", "--checks", str(write_checks(other, [check("job:b", "true")]))).stdout
    assert text.splitlines()[1].split()[:2] == ["resolved", "job:b"]


def test_without_any_check_left_no_finding_stays(agentkit: Run, file: Path) -> None:
    probe(agentkit, write_checks(file, [check("job:a", "false")]))
    write_checks(file, [])
    answer = agentkit("depmap", "probe", "--checks", str(file))
    assert answer.returncode == 69
    assert answer.stdout.splitlines()[1].split()[:2] == ["resolved", "job:a"]
    assert agentkit("depmap", "probe", "--checks", str(file)).stdout == ""


def test_of_many_that_are_well_again_the_first_are_told(agentkit: Run, file: Path) -> None:
    names = [f"job:n{number:02}" for number in range(30)]
    probe(agentkit, write_checks(file, [check(name, "false" if name == "job:n29" else "true") for name in names],
                                 [(name, "job:n29") for name in names[:-1]]))  # fmt: skip
    text = agentkit("depmap", "probe", "--checks", str(write_checks(file, [check(name, "true") for name in names])))
    lines = [line.split()[:2] for line in text.stdout.splitlines()[1:]]
    assert lines[:-1] == [["resolved", name] for name in ["job:n29", *names[:19]]]
    assert text.stdout.splitlines()[-1] == "and 10 more resolved: --json lists all"


def test_a_map_that_is_damaged_within_is_left_aside(
    agentkit: Run, file: Path, environ: dict[str, str], home: Path
) -> None:
    make_map(environ, EDGES)
    data = bytearray((home / NAME).read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    (home / NAME).write_bytes(data)
    found = probe(agentkit, write_checks(file, [check("job:report", "true"), check(FAIL2BAN, "false")]))
    assert found.types() == {FAIL2BAN: "failed"}
    assert "without the map only what is declared beside the checks counts" in found.stderr


@pytest.mark.parametrize("damage", [b"", b"no map at all", b"SQLite format 3\x00" + bytes(200)])
def test_a_map_that_cannot_be_read_keeps_nobody_from_probing(
    agentkit: Run, file: Path, home: Path, damage: bytes
) -> None:
    home.mkdir(0o700)
    (home / NAME).write_bytes(damage)
    found = probe(agentkit, write_checks(file, [check("job:a", "true"), check("job:b", "false")], [("job:a", "job:b")]))
    assert found.types() == {"job:b": "failed", "job:a": "blocked"}
    assert "without the map only what is declared beside the checks counts" in found.stderr


def test_a_ledger_that_cannot_be_written_keeps_nobody_from_probing(agentkit: Run, file: Path, home: Path) -> None:
    home.mkdir(0o700)
    (home / "ledger.lock").mkdir()
    found = probe(agentkit, write_checks(file, [check("job:a", "false")]))
    assert found.types() == {"job:a": "failed"}
    assert "the findings are not kept" in found.stderr


def test_the_story_of_the_map_told_by_its_checks(agentkit: Run, file: Path, tmp_path: Path) -> None:
    machine = lay_out(tmp_path / "machine", STORY)
    assert agentkit("depmap", "build", "--root", str(machine), "--quiet").returncode == 0
    jobs = [f"job:/etc/cron.d/node#{number}" for number in (1, 2, 3, 4)]
    checks = [check(job, "true") for job in jobs] + [check("fail2ban", "sleep", "60", limit="1s")]

    found = probe(agentkit, write_checks(file, checks))

    assert found.types() == {FAIL2BAN: "hang", **dict.fromkeys(jobs, "blocked")}
    assert found.by_subject[jobs[1]]["cause"] == {
        "root": FAIL2BAN,
        "via": ["cmd:fail2ban-client", "func:/usr/local/bin/banned#count_banned", "file:/usr/local/bin/banned"],
    }


def test_a_root_tells_how_much_falls_with_it_where_that_is_too_much_to_name(agentkit: Run, file: Path) -> None:
    pairs = [(f"job:n{number}", "job:root") for number in range(1005)]
    answer = agentkit(
        "depmap", "probe", "--json", "--checks", str(write_checks(file, [check("job:root", "false")], pairs))
    )
    [root] = read_found(answer).findings
    assert (len(root["impact"]), root["impact_count"]) == (1000, 1005)  # type: ignore[arg-type]
    text = agentkit("depmap", "probe", "--checks", str(file)).stdout
    assert "falls with job:root: job:n0, job:n1, job:n10, job:n100, job:n1000 and 1000 more" in text


def test_a_long_way_is_told_in_part(agentkit: Run, file: Path) -> None:
    pairs = [(f"job:n{number + 1}", f"job:n{number}") for number in range(2000)]
    checks = [check("job:n0", "false"), check("job:n50", "true"), check("job:n2000", "true")]
    found = probe(agentkit, write_checks(file, checks, pairs))

    near, far = (found.by_subject[name]["cause"] for name in ("job:n50", "job:n2000"))
    assert near == {"root": "job:n0", "via": [f"job:n{number}" for number in range(1, 50)]}
    assert far == {"root": "job:n0", "via": [f"job:n{number}" for number in range(1900, 2000)], "via_count": 1999}
