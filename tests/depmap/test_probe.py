"""Does a probe name what is not well, its root, and what is blocked by it?"""

import json
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from tests.conftest import Run
from tests.depmap.probed import check, probe, read_found, write_checks
from tests.processes import find_by_words

FAIL2BAN = "unit:fail2ban.service"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checks"


def test_a_hang_is_the_root_of_what_depends_on_it(agentkit: Run, file: Path, nap: str) -> None:
    checks = [check("job:report", "true"), check(FAIL2BAN, *nap.split(), limit="1s"), check("job:other", "true")]
    write_checks(file, checks, [("job:report", "cmd:fail2ban-client"), ("cmd:fail2ban-client", FAIL2BAN)])

    found = probe(agentkit, file)

    assert found.status == 1
    assert found.types() == {FAIL2BAN: "hang", "job:report": "blocked"}
    assert [one["subject"] for one in found.findings] == [FAIL2BAN, "job:report"]
    root, blocked = found.findings
    assert root["cause"] == {"root": FAIL2BAN, "via": []}
    assert root["impact"] == ["cmd:fail2ban-client", "job:report"]
    assert blocked["cause"] == {"root": FAIL2BAN, "via": ["cmd:fail2ban-client"]}
    assert found.record["roots"] == [FAIL2BAN]
    assert [found.record[name] for name in ("checks", "ok", "hang", "blocked", "failed")] == [3, 1, 1, 1, 0]
    assert find_by_words(nap) == []


def test_for_a_person_the_last_line_names_the_root(agentkit: Run, file: Path) -> None:
    checks = [check("job:report", "true"), check(FAIL2BAN, "sleep", "60", limit="1s"), check("unit:a.service", "true")]
    write_checks(file, checks, [("job:report", FAIL2BAN)])

    answer = agentkit("depmap", "probe", "--checks", str(file))

    assert answer.returncode == 1
    lines = answer.stdout.splitlines()
    assert lines[1].split()[:2] == ["hang", FAIL2BAN]
    assert lines[2].split()[:2] == ["blocked", "job:report"]
    assert lines[-1] == f"2 of 3 checks not well; root: {FAIL2BAN} (hang)"


def test_when_all_is_well_nothing_is_printed(agentkit: Run, file: Path) -> None:
    write_checks(file, [check("job:a", "true", limit=None), check("job:b", "true")], [("job:b", "job:a")])

    answer = agentkit("depmap", "probe", "--checks", str(file))

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert probe(agentkit, file).status == 0


def test_a_check_without_a_limit_is_worth_knowing(agentkit: Run, file: Path) -> None:
    write_checks(file, [check("job:a", "true", limit=None)])
    found = probe(agentkit, file)
    assert [(one["type"], one["severity"]) for one in found.findings] == [("no-limit", "info")]
    assert found.status == 0


def test_the_checks_of_the_configuration_are_run_when_no_file_is_named(agentkit: Run, home: Path) -> None:
    home.mkdir(0o700)
    (home / "agentkit.toml").write_text('[[check]]\nnode = "job:a"\nrun = ["sh", "-c", "exit 3"]\nlimit = "60s"\n')

    answer = agentkit("depmap", "probe")

    assert answer.returncode == 1
    assert answer.stdout.splitlines()[1:] == [
        "failed  job:a  sh -c 'exit 3' ended with 3", "1 of 1 check not well; root: job:a (failed)",
    ]  # fmt: skip


def test_without_any_check_it_says_how_to_write_one(agentkit: Run, home: Path) -> None:
    answer = agentkit("depmap", "probe")
    assert (answer.returncode, answer.stdout) == (Exit.UNAVAILABLE, "")
    assert "[[check]]" in answer.stderr
    found = read_found(agentkit("depmap", "probe", "--json"))
    assert (found.status, found.findings, found.record["checks"]) == (Exit.UNAVAILABLE, [], 0)
    assert not home.exists()


def test_a_fault_in_the_checks_is_a_fault_of_the_configuration(agentkit: Run, file: Path) -> None:
    file.write_text(json.dumps({"check": [{"node": "job:a", "run": ["true"], "limits": "3s"}]}))
    answer = agentkit("depmap", "probe", "--checks", str(file))
    assert (answer.returncode, answer.stdout) == (78, "")
    assert answer.stderr == (
        f"agentkit: error: {file}: unknown key check #1.limits\nagentkit: hint: did you mean check #1.limit?\n"
    )


def test_a_check_of_jobs_and_a_probe_leave_each_others_findings_alone(agentkit: Run, file: Path) -> None:
    write_checks(file, [check("job:a", "false"), check("job:b", "true")], [("job:b", "job:a")])
    assert probe(agentkit, file).types() == {"job:a": "failed", "job:b": "blocked"}
    agentkit("heartbeat", "run", "b", "--", "false")

    checked = agentkit("heartbeat", "check", "--json")

    assert "depmap.probe" not in checked.stdout
    again = probe(agentkit, file)
    assert [(one["subject"], one["count"]) for one in again.findings] == [("job:a", 2), ("job:b", 2)]
    assert "heartbeat.check" not in json.dumps(again.findings)


def test_who_is_blocked_by_several_is_told_of_the_nearest_and_of_the_others(agentkit: Run, file: Path) -> None:
    checks = [check("job:a", "false"), check("job:b", "false"), check("job:c", "true")]
    write_checks(file, checks, [("job:c", "job:x"), ("job:x", "job:a"), ("job:c", "job:b")])
    blocked = probe(agentkit, file).by_subject["job:c"]
    assert blocked["cause"] == {"root": "job:b", "via": [], "others": ["job:a"]}
    assert blocked["title"] == "blocked by job:b, which fails, and by 1 more"
