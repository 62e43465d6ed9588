"""Does `audit log` show who asked for what, whatever stands in the records?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schemas import read_schema
from agentkit.vault.log.auditlog import DEFAULT_LIMIT, print_log
from agentkit.vault.log.segments import BLOCK_BYTES
from tests.vault.logs import Log, make_eventful_log
from tests.vault.vaults import make_vault

Show = Callable[..., str]


@pytest.fixture
def log(own_environ: dict[str, str]) -> Log:
    return make_vault(own_environ)


@pytest.fixture
def show(own_environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> Show:
    def run(**chosen: Any) -> str:
        print_log(
            own_environ,
            **{"name": None, "op": None, "since": None, "limit": DEFAULT_LIMIT, "as_json": False, **chosen},
        )
        return capfd.readouterr().out

    return run


def records(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    validator = jsonschema.Draft202012Validator(read_schema("access"))
    # Of many records the first ones: to validate takes longer than to read.
    for record in found[:30]:
        validator.validate(record)
    return found


def test_the_newest_record_comes_first(log: Log, show: Show) -> None:
    lines = show().splitlines()
    assert lines[0].split() == [
        "record", "at", "op", "outcome", "name", "version", "uid", "program", "delivery", "reason"
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == [str(seq) for seq in range(11, -1, -1)]
    assert lines[1].endswith("/opt/report.sh  stdout    nightly report")


def test_each_record_fits_its_schema_and_is_what_stands_in_the_log(own_environ: dict[str, str], show: Show) -> None:
    Path(own_environ["AGENTKIT_HOME"]).mkdir(mode=0o700)
    log = make_eventful_log(Path(own_environ["AGENTKIT_HOME"]) / "vault/audit")
    found = records(show(as_json=True))
    wanted = []
    for line in reversed(log.lines()):
        try:
            wanted.append(json.loads(line))
        except ValueError:
            continue
    assert [{key: record[key] for key in want} for record, want in zip(found, wanted, strict=True)] == wanted
    assert {record["kind"] for record in found} == {"access"}


def test_lines_that_are_no_records_are_counted_on_stderr(
    log: Log, own_environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    log.tear(b"piece")
    print_log(own_environ, name=None, op=None, since=None, limit=50, as_json=False)
    said = "1 line of the log is no record: agentkit vault audit verify tells whether that was a crash"
    assert capfd.readouterr().err == f"agentkit: warning: {said}\n"


def test_a_log_of_many_blocks_is_read_back_whole(log: Log, show: Show) -> None:
    log.grow(400)
    log.begin_segment()
    log.grow(300)
    assert log.size > BLOCK_BYTES
    assert [record["seq"] for record in records(show(as_json=True, limit=10**6))] == list(range(log.seq - 1, -1, -1))


def test_it_can_be_sifted(log: Log, show: Show) -> None:
    log.add("set", name='we"ird/é')
    assert [record["seq"] for record in records(show(as_json=True, op="set"))] == [12]
    assert [record["seq"] for record in records(show(as_json=True, name='we"ird/é'))] == [12]
    assert [record["seq"] for record in records(show(as_json=True, name="db/password-3"))] == [10, 3]
    assert len(records(show(as_json=True, limit=4))) == 4
    assert show(op="nonsense") == ""


def test_it_can_be_cut_by_age(log: Log, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentkit.vault.log import auditlog

    newest = records(show(as_json=True, limit=1))[0]["at"]
    now = auditlog.parse_instant(newest)
    monkeypatch.setattr(auditlog.time, "time", lambda: now)
    assert [record["seq"] for record in records(show(as_json=True, since="3m"))] == [11, 10, 9]


def test_what_a_reason_holds_is_shown_and_not_obeyed(log: Log, show: Show) -> None:
    log.add(reason="\x1b[2J\nnightly\u202e report", name="\x07", parent="a\rb")
    text = show(limit=1)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[2J\\nnightly" in text
    assert len(text.splitlines()) == 2


def test_odd_values_end_no_listing(log: Log, show: Show) -> None:
    log.add(at=7, name=["x"], uid="many", reason={"a": 1}, version=1.5, kind="finding", host=3)
    assert len(show(limit=1).splitlines()) == 2
    [record] = [json.loads(line) for line in show(limit=1, as_json=True).splitlines()]
    assert (record["kind"], record["at"]) == ("access", "1970-01-01T00:00:00.000Z")


@pytest.mark.parametrize(("chosen", "status"), [({"limit": 0}, 2), ({"since": "soon"}, 2), ({"since": "0s"}, 2)])
def test_wrong_words_are_refused(log: Log, show: Show, chosen: dict[str, object], status: int) -> None:
    with pytest.raises(AgentkitError) as caught:
        show(**chosen)
    assert caught.value.status == status


def test_without_a_log_it_says_so(own_environ: dict[str, str], show: Show, tmp_path: Path) -> None:
    with pytest.raises(AgentkitError) as caught:
        show()
    assert caught.value.status == Exit.UNAVAILABLE
    make_vault(own_environ).folder.rename(tmp_path / "elsewhere")
    with pytest.raises(AgentkitError) as caught:
        show()
    assert caught.value.status == Exit.TAMPERED
