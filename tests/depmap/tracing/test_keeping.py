import json
import os
import shutil
from pathlib import Path

import pytest

from tests.depmap.maps import LONG_AGO
from tests.depmap.tracing.traced import PATH, Run, read_seen, trace, write_script

OWN_PATH = {"PATH": PATH}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder with a script that reads a file which its text does not name."""
    write_script(tmp_path / "run", '#!/bin/sh\nname=$(echo data)\neval "cat $name"\n')
    (tmp_path / "data").write_text("1\n")
    return tmp_path


def build(agentkit: Run, folder: Path, *words: str) -> None:
    ended = agentkit("depmap", "build", "--quiet", *words, str(folder), more=OWN_PATH)
    assert ended.returncode == 0, ended.stderr


SEEN = {"file:run exec cmd:cat", "file:run read file:data"}


def test_a_trace_needs_no_build_and_a_build_keeps_it(agentkit: Run, machine: Path) -> None:
    assert trace(agentkit, machine, "--", "./run") == SEEN
    for words in ((), ("--again",), ()):
        build(agentkit, machine, *words)
        assert read_seen(agentkit, machine) == SEEN
    kinds = {json.loads(line)["how"] for line in agentkit("depmap", "edges", "--json").stdout.splitlines()}
    assert kinds == {"static", "seen"}


def test_questions_count_what_was_seen(agentkit: Run, machine: Path) -> None:
    trace(agentkit, machine, "--as", "job:report", "--", "./run")
    fallen = agentkit("depmap", "blast", f"file:{machine}/data", "--json")
    assert [json.loads(line)["node"] for line in fallen.stdout.splitlines()] == [f"file:{machine}/run", "job:report"]
    assert agentkit("depmap", "why", "job:report", f"{machine}/data").returncode == 0
    assert "seen" in agentkit("depmap", "show", f"file:{machine}/data").stdout
    assert "of them seen" in agentkit("depmap", "summary").stdout


def test_what_is_seen_again_keeps_its_time_and_what_is_seen_no_more_stays(agentkit: Run, machine: Path) -> None:
    trace(agentkit, machine, "--", "./run")
    before = agentkit("depmap", "edges", "--json").stdout.splitlines()
    (machine / "run").write_text("#!/bin/sh\ncat /etc/hostname >copy\n: >other\n")
    new = {"file:run read file:/etc/hostname", "file:run write file:copy", "file:run write file:other"}
    assert trace(agentkit, machine, "--", "./run") == SEEN | new
    since = {json.loads(line)["since"] for line in before}
    after = [json.loads(line) for line in agentkit("depmap", "edges", "--json").stdout.splitlines()]
    assert {one["since"] for one in after if one["to"] in ("cmd:cat", f"file:{machine}/data")} == since
    assert since.isdisjoint({one["since"] for one in after if one["edge"] == "write"})


def test_a_trace_does_not_make_an_old_map_look_new(agentkit: Run, machine: Path, home: Path) -> None:
    build(agentkit, machine)
    os.utime(home / "map.db", (LONG_AGO, LONG_AGO))
    trace(agentkit, machine, "--", "./run")
    assert "the map is old" in agentkit("depmap", "summary").stdout
    assert (home / "map.db").stat().st_mtime == LONG_AGO


def test_what_is_declared_stays_and_a_diff_tells_what_was_seen(agentkit: Run, machine: Path, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "agentkit.toml").write_text('[[depmap.declare]]\nfrom = "job:a"\nto = "cmd:b"\nedge = "exec"\n')
    (home / "agentkit.toml").chmod(0o600)
    trace(agentkit, machine, "--", "./run")
    exported = machine / "before"
    exported.write_text(agentkit("depmap", "export").stdout)
    assert "job:a" in exported.read_text()
    (machine / "run").write_text("#!/bin/sh\ncat data >copy\n")
    trace(agentkit, machine, "--", "./run")
    changes = agentkit("depmap", "diff", str(exported), "--json").stdout.splitlines()
    assert [(json.loads(line)["change"], json.loads(line)["to"]) for line in changes] == [
        ("added", f"file:{machine}/copy")
    ]


def test_what_was_seen_can_be_forgotten(agentkit: Run, machine: Path) -> None:
    write_script(machine / "other", "#!/bin/sh\ncat data\n")
    trace(agentkit, machine, "--", "./run")
    trace(agentkit, machine, "--", "./other")
    ended = agentkit("depmap", "trace", "--forget", f"{machine}/run")
    assert (ended.returncode, ended.stderr) == (0, "agentkit: 2 dependencies seen before, now forgotten\n")
    assert read_seen(agentkit, machine) == {"file:other exec cmd:cat", "file:other read file:data"}
    assert agentkit("depmap", "trace", "--forget", "no-such-node").returncode == 69
    assert agentkit("depmap", "trace", "--forget", "all", "--quiet").stderr == ""
    assert read_seen(agentkit, machine) == set()


def test_the_map_of_another_machine_takes_no_trace_and_a_build_of_one_drops_it(agentkit: Run, machine: Path) -> None:
    (machine / "root" / "etc").mkdir(parents=True)
    trace(agentkit, machine, "--", "./run")
    agentkit("depmap", "build", "--quiet", "--root", str(machine / "root"))
    assert read_seen(agentkit, machine) == set()
    ended = agentkit("depmap", "trace", "--", "touch", "x", cwd=machine, more=OWN_PATH)
    assert (ended.returncode, (machine / "x").exists()) == (69, False)
    assert str(machine / "root") in ended.stderr


def test_a_map_that_cannot_be_read_is_told_before_anything_runs(agentkit: Run, machine: Path, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "map.db").write_text("no database")
    ended = agentkit("depmap", "trace", "--", "touch", "x", cwd=machine, more=OWN_PATH)
    assert (ended.returncode, (machine / "x").exists()) == (69, False)
    assert "malformed" in ended.stderr


def test_a_place_that_takes_no_map_is_told_before_anything_runs(agentkit: Run, machine: Path) -> None:
    more = {**OWN_PATH, "AGENTKIT_HOME": "/proc/agentkit"}
    ended = agentkit("depmap", "trace", "--", "touch", "x", cwd=machine, more=more)
    assert (ended.returncode, (machine / "x").exists()) == (73, False), ended.stderr
    assert "/proc/agentkit" in ended.stderr


def test_a_program_that_removes_what_it_ran_in_is_traced_to_its_end(agentkit: Run, machine: Path) -> None:
    (machine / "here").mkdir()
    shutil.copy(machine / "run", machine / "here" / "run")
    seen = trace(agentkit, machine, "--", "sh", "-c", "cd here && rm -rf ../here && cat ../data; cat /etc/hostname")
    assert {"job:trace exec cmd:rm", "job:trace write file:here", "job:trace read file:/etc/hostname"} <= seen
