"""A whole machine's findings: are the roots just the things that broke?"""

import json
import random
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agentkit.core.errors import Exit
from agentkit.core.schemas import read_schema
from tests.conftest import Run
from tests.depmap.machines import lay_out
from tests.depmap.maps import records as read_answer

JOBS = 60
FAULTS = 3
NOW = "2026-11-22T03:00:00.000Z"


class Machine:
    """Sixty jobs of one crontab that lead to each other: by being declared, by a file that just one of them writes."""

    def __init__(self, chance: random.Random, folder: Path, home: Path) -> None:
        self.needs: dict[str, set[str]] = {f"j{number:02}": set() for number in range(JOBS)}
        names = list(self.needs)
        declared: list[str] = []
        files: dict[str, str | bytes] = {}
        lines: list[str] = []
        for number, name in enumerate(names):
            script = ["#!/bin/sh", ". /srv/lib.sh", f"say {name} >> /var/log/jobs.log", f"date > /srv/state/{name}"]
            for other in chance.sample(names[:number], min(number, chance.choice((0, 0, 0, 1, 2)))):
                self.needs[name].add(other)
                if chance.random() < 0.5:
                    script.append(f"cat /srv/state/{other}")
                else:
                    declared.append(f'[[depmap.declare]]\nfrom = "job:{name}"\nto = "job:{other}"\nedge = "requires"\n')
            files[f"srv/jobs/{name}.sh"] = "\n".join([*script, ""])
            lines.append(f"{number} 3 * * * root agentkit heartbeat run {name} --every 1d -- /srv/jobs/{name}.sh")
        files["etc/crontab"] = "\n".join([*lines, ""])
        files["srv/lib.sh"] = 'say() { echo "$1"; }\n'
        self.root = lay_out(folder, files)
        for script in (self.root / "srv/jobs").iterdir():
            script.chmod(0o755)
        configuration = home / "agentkit.toml"
        configuration.write_text("".join(declared))
        configuration.chmod(0o600)
        self.faults = self._choose_faults(chance)
        self.failing = {name for name in names if self.faults & {name, *self.find_below(name)}}

    def find_below(self, name: str) -> set[str]:
        """Return everything that a job depends on."""
        found, todo = set(), [name]
        while todo:
            for other in self.needs[todo.pop()] - found:
                found.add(other)
                todo.append(other)
        return found

    def _choose_faults(self, chance: random.Random) -> set[str]:
        """Return things that break of which none depends on another."""
        faults: set[str] = set()
        for name in chance.sample(list(self.needs), JOBS):
            below = self.find_below(name)
            if len(faults) < FAULTS and not below & faults and all(name not in self.find_below(one) for one in faults):
                faults.add(name)
        return faults


@pytest.mark.parametrize("number", range(3))
def test_a_machine_of_sixty_jobs_with_three_faults_has_just_the_three_roots(
    number: int, random_choices: random.Random, tmp_path: Path, own_environ: Mapping[str, str], agentkit: Run
) -> None:
    chance = random.Random(f"{random_choices.random()}-{number}")
    home = Path(own_environ["AGENTKIT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    machine = Machine(chance, tmp_path / "machine", home)
    assert agentkit("depmap", "build", "--root", str(machine.root)).returncode == 0
    for name in machine.needs:
        ends = "false" if name in machine.failing else "true"
        agentkit("heartbeat", "run", name, "--every", "1d", "--", ends)
    checked = agentkit("heartbeat", "check", "--json")
    ended = agentkit("depmap", "explain", "--json", input=checked.stdout)
    records: list[Any] = read_answer(ended)
    assert ended.stderr == ""
    assert {record["subject"] for record in records} == {f"job:{name}" for name in machine.failing}
    assert {record["cause"]["root"] for record in records} == {f"job:{name}" for name in machine.faults}
    for record in records:
        name = record["subject"].removeprefix("job:")
        roots = {record["cause"]["root"], *record["cause"].get("others", ())}
        below = {name, *machine.find_below(name)}
        assert roots == {f"job:{one}" for one in machine.faults & below}
        above = {f"job:{other}" for other in machine.needs if name in machine.find_below(other)}
        assert {one for one in record["impact"] if one.startswith("job:")} == above - {record["subject"]}


def finding(subject: str, **more: object) -> dict[str, object]:
    record = {"v": 1, "kind": "finding", "at": NOW, "host": "web-1", "source": "test", "type": "failed"}
    return {**record, "subject": subject, "severity": "critical", "state": "firing", "title": "broken", **more}


def write(records: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def declared(own_environ: Mapping[str, str]) -> None:
    home = Path(own_environ["AGENTKIT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    pairs = [("job:report", "cmd:pg_dump"), ("cmd:pg_dump", "unit:db.service"), ("job:mail", "cmd:sendmail")]
    pairs += [("job:bulk", "cmd:sendmail")]
    rows = [f'[[depmap.declare]]\nfrom = "{one}"\nto = "{other}"\nedge = "exec"\n' for one, other in pairs]
    (home / "agentkit.toml").write_text("".join(rows))
    (home / "agentkit.toml").chmod(0o600)


@pytest.mark.usefixtures("declared")
def test_what_it_does_not_know_passes_untouched_and_in_its_place(agentkit: Run) -> None:
    records = [
        {"kind": "beat", "job": "report", "anything": [1]},
        finding("job:unheard-of", own="kept"),
        finding("unit:db.service", own="kept"),
        finding("job:report", state="resolved"),
        {"subject": 3},
    ]
    ended = agentkit("depmap", "explain", "--json", input=write(records))
    assert ended.returncode == 0
    found = [json.loads(row) for row in ended.stdout.splitlines()]
    assert [found[at] for at in (0, 1, 3, 4)] == [records[at] for at in (0, 1, 3, 4)]
    cause = {"root": "unit:db.service", "via": []}
    assert found[2] == {**records[2], "cause": cause, "impact": ["cmd:pg_dump", "job:report"]}


@pytest.mark.usefixtures("declared")
def test_a_cause_that_a_finding_brings_stays(agentkit: Run) -> None:
    given = {"root": "unit:db.service", "via": ["cmd:pg_dump"]}
    ended = agentkit("depmap", "explain", "--json", input=write([finding("job:report", cause=given)]))
    assert json.loads(ended.stdout)["cause"] == given


@pytest.mark.usefixtures("declared")
def test_what_is_for_information_is_no_root(agentkit: Run) -> None:
    news = finding("unit:db.service", severity="info", title="unwatched")
    ended = agentkit("depmap", "explain", "--json", input=write([news, finding("job:report")]))
    told, failed = map(json.loads, ended.stdout.splitlines())
    assert "cause" not in told
    assert told["impact"] == ["cmd:pg_dump", "job:report"]
    assert failed["cause"] == {"root": "job:report", "via": []}
    shown = agentkit("depmap", "explain", input=write([news, finding("job:report")])).stdout.splitlines()
    assert shown[2].split() == ["-", "unit:db.service", "-", "2", "unwatched"]
    assert shown[3] == "2 findings, 1 root: job:report"


@pytest.mark.usefixtures("declared")
def test_a_finding_without_an_instant_was_not_seen_before_all_others(
    agentkit: Run, own_environ: Mapping[str, str]
) -> None:
    row = '[[depmap.declare]]\nfrom = "unit:db.service"\nto = "job:report"\nedge = "exec"\n'
    with (Path(own_environ["AGENTKIT_HOME"]) / "agentkit.toml").open("a") as file:
        file.write(row)
    without = {name: value for name, value in finding("unit:db.service").items() if name != "at"}
    ended = agentkit("depmap", "explain", "--json", input=write([without, finding("job:report", first_seen=NOW)]))
    assert [json.loads(row)["cause"]["root"] for row in ended.stdout.splitlines()] == ["job:report", "job:report"]


@pytest.mark.usefixtures("declared")
def test_what_others_wrote_into_a_cause_is_no_matter(agentkit: Run) -> None:
    odd = {"root": "unit:db.service", "via": 7, "suspects": 5}
    ended = agentkit("depmap", "explain", input=write([finding("job:report", cause=odd, impact_count="many")]))
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[1].split()[:2] == ["unit:db.service", "job:report"]


def test_of_a_long_way_the_last_hundred_are_told_and_all_are_counted(
    agentkit: Run, own_environ: Mapping[str, str]
) -> None:
    home = Path(own_environ["AGENTKIT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    pairs = pairwise(f"job:j{number}" for number in range(203))
    rows = [f'[[depmap.declare]]\nfrom = "{one}"\nto = "{other}"\nedge = "exec"\n' for one, other in pairs]
    (home / "agentkit.toml").write_text("".join(rows))
    (home / "agentkit.toml").chmod(0o600)
    pipe = write([finding("job:j0"), finding("job:j202")])
    far, root = map(json.loads, agentkit("depmap", "explain", "--json", input=pipe).stdout.splitlines())
    jsonschema.validate(far["cause"], read_schema("finding")["properties"]["cause"])
    via = [f"job:j{number}" for number in range(100, 0, -1)]
    assert far["cause"] == {"root": "job:j202", "via": via, "via_count": 201}
    assert root["cause"] == {"root": "job:j202", "via": []}
    shown = agentkit("depmap", "explain", input=pipe).stdout
    assert "… < j100 < j99 < j98 < j97 < …" in " ".join(shown.split())


@pytest.mark.usefixtures("declared")
def test_what_failing_jobs_share_is_a_suspect_and_no_root(agentkit: Run) -> None:
    ended = agentkit("depmap", "explain", "--json", input=write([finding("job:mail"), finding("job:bulk")]))
    causes = {record["subject"]: record["cause"] for record in map(json.loads, ended.stdout.splitlines())}
    assert causes == {
        name: {"root": name, "via": [], "suspects": ["cmd:sendmail"]} for name in ("job:mail", "job:bulk")
    }


@pytest.mark.usefixtures("declared")
def test_a_person_sees_the_root_before_what_it_took_along(agentkit: Run) -> None:
    ended = agentkit("depmap", "explain", input=write([finding("job:report"), finding("db.service")]))
    rows = ended.stdout.splitlines()
    assert rows[0].split() == ["root", "finding", "by", "way", "of", "falls", "what"]
    assert [row.split()[:3] for row in rows[1:3]] == [
        ["unit:db.service", "db.service", "-"],
        ["unit:db.service", "job:report", "pg_dump"],
    ]
    assert rows[3] == "2 findings, 1 root: unit:db.service"


def test_without_a_map_everything_passes_with_a_warning(agentkit: Run) -> None:
    records = [finding("job:report"), finding("unit:db.service")]
    ended = agentkit("depmap", "explain", "--json", input=write(records))
    assert ended.returncode == 0
    assert [json.loads(row) for row in ended.stdout.splitlines()] == records
    assert ended.stderr == "agentkit: warning: there is no map yet, so nothing is explained: agentkit depmap build\n"


def test_without_a_map_a_line_of_a_crontab_is_silent(agentkit: Run) -> None:
    ended = agentkit("depmap", "explain", "--json", "--quiet", input=write([finding("job:report")]))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == finding("job:report")


@pytest.mark.usefixtures("declared")
def test_lines_that_are_no_records_are_named_and_the_others_explained(agentkit: Run) -> None:
    ended = agentkit("depmap", "explain", "--json", input="nonsense\n" + write([finding("unit:db.service")]) + "[]\n")
    assert ended.returncode == Exit.BAD_DATA
    assert json.loads(ended.stdout)["cause"]["root"] == "unit:db.service"
    assert "line 1 is no JSON object" in ended.stderr
    assert "2 of 3 lines left out" in ended.stderr


@pytest.mark.usefixtures("declared")
def test_an_empty_pipe_and_a_missing_file(agentkit: Run, tmp_path: Path) -> None:
    ended = agentkit("depmap", "explain", "--json", input="")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert agentkit("depmap", "explain", str(tmp_path / "nowhere")).returncode == Exit.BAD_DATA


def test_who_reads_what_a_service_writes_too_is_no_consequence_of_the_job(
    agentkit: Run, own_environ: Mapping[str, str], tmp_path: Path
) -> None:
    jobs = "0 3 * * * root date > /srv/alone\n1 3 * * * root date >> /srv/both\n"
    readers = "2 3 * * * root cat /srv/alone\n3 3 * * * root cat /srv/both\n"
    service = '[Service]\nExecStart=/bin/sh -c "date > /srv/both"\n'
    root = lay_out(tmp_path / "m", {"etc/cron.d/x": jobs + readers, "etc/systemd/system/w.service": service})
    assert agentkit("depmap", "build", "--root", str(root)).returncode == 0
    failed = [finding(f"job:/etc/cron.d/x#{number}") for number in range(1, 5)]
    told = map(json.loads, agentkit("depmap", "explain", "--json", input=write(failed)).stdout.splitlines())
    assert [record["cause"]["root"][-1] for record in told] == ["1", "2", "1", "4"]
