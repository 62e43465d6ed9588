"""Does `agentkit ratchet compare OLD NEW` say what got worse, to a person and as a record?"""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.schemas import read_schema
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, write_lines
from tests.conftest import Run
from tests.ratchet.junitreports import write_junit


@pytest.fixture
def attrs(tmp_path: Path) -> tuple[str, str]:
    """Return two reports as they were in attrs: the counts got better, and two tests broke."""
    base = {f"tests.test_make::test_{number}": PASS for number in range(1209)}
    base |= {f"tests.test_old::test_{number}": FAIL for number in range(3)}
    now = dict.fromkeys(base, PASS) | {"tests.test_make::test_7": FAIL, "tests.test_make::test_8": FAIL}
    for name, outcomes, passed, failed in (("old.xml", base, 1209, 3), ("new.xml", now, 1210, 2)):
        ends = list(outcomes.values())
        assert (ends.count(PASS), ends.count(FAIL)) == (passed, failed)
        (tmp_path / name).write_bytes(write_junit(outcomes))
    return str(tmp_path / "old.xml"), str(tmp_path / "new.xml")


def read_verdict(ended: "subprocess.CompletedProcess[str]") -> dict[str, object]:
    [line] = ended.stdout.splitlines()
    record: dict[str, object] = json.loads(line)
    jsonschema.validate(record, read_schema("verdict"))
    return record


def test_better_counts_hide_no_broken_test(agentkit: Run, attrs: tuple[str, str]) -> None:
    ended = agentkit("ratchet", "compare", *attrs)
    assert (ended.returncode, ended.stderr) == (1, "")
    head, first, second, blank, answer, counts = ended.stdout.splitlines()
    assert head.split() == ["test", "was", "now", "why"]
    assert first.split() == ["tests.test_make::test_7", "pass", "fail", "fails", "now"]
    assert second.split()[0] == "tests.test_make::test_8"
    assert (blank, answer) == ("", "reject 2 tests are worse; 3 fixed, 0 new")
    assert counts == "old: 1212 tests, 1209 pass; new: 1212 tests, 1210 pass"


def test_the_record_has_what_the_table_has(agentkit: Run, attrs: tuple[str, str]) -> None:
    ended = agentkit("ratchet", "compare", *attrs, "--json")
    record = read_verdict(ended)
    assert (ended.returncode, ended.stderr, record["answer"]) == (1, "", "reject")
    assert (record["base"], record["candidate"]) == attrs
    assert record["regressed"] == [
        {"id": f"tests.test_make::test_{number}", "was": "pass", "now": "fail", "why": "fails now"} for number in (7, 8)
    ]
    assert record["fixed"] == [f"tests.test_old::test_{number}" for number in range(3)]
    assert (record["missing"], record["new"], record["mechanism"]) == ([], [], None)


def test_what_is_as_good_is_accepted(agentkit: Run, attrs: tuple[str, str], tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.write_bytes(write_lines({f"tests.test_make::test_{number}": PASS for number in range(1300)}))
    assert agentkit("ratchet", "compare", attrs[0], attrs[0]).returncode == 0
    ended = agentkit("ratchet", "compare", attrs[0], str(more), "--json")
    record = read_verdict(ended)
    # What failed before and is gone now is missing: nobody said that it may go.
    assert (ended.returncode, record["answer"], len(record["missing"])) == (1, "reject", 3)
    assert record["reason"] == "3 tests are worse, 3 of them missing"
    assert len(record["new"]) == 91


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_report_that_is_torn_is_no_evidence(
    which: int, options: list[str], agentkit: Run, attrs: tuple[str, str]
) -> None:
    torn = attrs[which]
    Path(torn).write_bytes(Path(torn).read_bytes()[:5000])
    ended = agentkit("ratchet", "compare", *attrs, *options)
    assert ended.returncode == 65
    assert ended.stderr.startswith(f"agentkit: error: report {torn}: torn")
    assert len(ended.stderr.splitlines()) == 1
    if options:
        record = read_verdict(ended)
        assert record["answer"] == "no evidence"
        assert str(record["reason"]).startswith(f"report {torn}: torn")
    else:
        assert ended.stdout == ""


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "empty", "bomb"])
def test_what_is_no_report_is_bad_data_in_one_line(
    kind: str, agentkit: Run, attrs: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "bad\n\x1b[31m.xml"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "empty":
        path.touch()
    elif kind == "bomb":
        path.write_text('<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><testsuites/>')
    ended = agentkit("ratchet", "compare", attrs[0], str(path), limit=30.0)
    assert (ended.returncode, ended.stdout) == (65, "")
    assert ended.stderr.startswith("agentkit: error: report ")
    assert "\x1b" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ids_reach_no_terminal_as_they_are(agentkit: Run, tmp_path: Path) -> None:
    names = ["a\nb", "c\x1b[31m", "d\te", "f\udcff", "g\0", "h" * 100_000, "i\\n"]
    (tmp_path / "old").write_bytes(write_lines(dict.fromkeys(names, PASS)))
    (tmp_path / "new").write_bytes(write_lines({**dict.fromkeys(names, SKIP), "other": PASS}))
    plain = agentkit("ratchet", "compare", str(tmp_path / "old"), str(tmp_path / "new"))
    assert plain.returncode == 1
    assert len(plain.stdout.splitlines()) == len(names) + 4
    assert not any(letter in plain.stdout for letter in "\x1b\0\t")
    assert max(map(len, plain.stdout.splitlines())) < 400
    record = read_verdict(agentkit("ratchet", "compare", str(tmp_path / "old"), str(tmp_path / "new"), "--json"))
    assert [change["id"] for change in record["regressed"]] == sorted(names)


def test_of_very_many_the_first_are_shown_and_the_rest_counted(agentkit: Run, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(write_lines({f"m::t{number:05}": PASS for number in range(3000)}))
    (tmp_path / "new").write_bytes(write_lines({"m::other": PASS}))
    ended = agentkit("ratchet", "compare", str(tmp_path / "old"), str(tmp_path / "new"))
    assert ended.returncode == 1
    assert "and 2000 more, which --json has" in ended.stdout
    assert "reject 3000 tests are worse, 3000 of them missing; 0 fixed, 1 new" in ended.stdout
