import io
import json
import os
import pty
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core import jsonlines
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.fingerprints import fingerprint
from agentkit.core.lines import Finding, read_records, write_record
from agentkit.core.schemas import read_schema

FINDING = Finding(
    source="heartbeat.check",
    type="missing",
    subject="job:backup",
    severity="critical",
    title="backup has left no evidence for 26h",
    host="web-1",
    at=1_700_000_000.25,
)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(raw: bytes) -> tuple[list[dict[str, object]], list[str], AgentkitError | None]:
    found: list[dict[str, object]] = []
    complaints: list[str] = []
    try:
        for record in read_records("-", complaints.append, stream=io.BytesIO(raw)):
            found.append(record)  # noqa: PERF402  # what came before the error counts
    except AgentkitError as error:
        return found, complaints, error
    return found, complaints, None


def test_a_finding_is_a_record_of_its_schema() -> None:
    jsonschema.validate(FINDING.to_record(), read_schema("finding"))


def test_a_finding_that_travels_comes_back_the_same() -> None:
    record = FINDING.to_record()
    assert Finding.from_record(record).to_record() == record


def test_unknown_keys_of_another_program_pass_through() -> None:
    record = {**FINDING.to_record(), "cause": {"root": "unit:x"}, "impact": ["job:y"], "colour": ["teal"]}
    assert Finding.from_record(record).to_record() == record


def test_the_fingerprint_is_the_same_tomorrow_and_tells_keys_apart() -> None:
    later = Finding.from_record({**FINDING.to_record(), "at": "2027-01-01T00:00:00.000Z", "title": "else"})
    assert later.fingerprint == FINDING.fingerprint
    assert fingerprint("a", "b", "c", "d", "x") != fingerprint("a", "b", "c", "d", "y")


@given(st.lists(st.text(), min_size=5, max_size=5), st.lists(st.text(), min_size=5, max_size=5))
def test_two_lists_of_five_never_share_a_fingerprint(one: list[str], other: list[str]) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)


def test_words_that_move_from_one_key_to_the_next_change_the_fingerprint() -> None:
    assert fingerprint("ab", "c", "", "") != fingerprint("a", "bc", "", "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("severity", "bad"),
        ("state", "gone"),
        ("at", "yesterday"),
        ("at", "2026-11-22T03:00:00"),
        ("count", 0),
        ("count", True),
        ("title", None),
        ("subject", 3),
        ("evidence", []),
        ("cause", "x"),
    ],
)
def test_a_finding_that_does_not_fit_names_the_key(key: str, value: object) -> None:
    with pytest.raises(AgentkitError, match=f"finding: {key} is ") as caught:
        Finding.from_record({**FINDING.to_record(), key: value})
    assert caught.value.status == Exit.BAD_DATA


@given(st.lists(st.dictionaries(st.text(), PLAIN, max_size=4), max_size=5))
def test_whatever_is_written_is_read_again(records: list[dict[str, object]]) -> None:
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding="ascii")
    for record in records:
        write_record(record, text)
    assert raw.getvalue().count(b"\n") == len(records)
    assert read(raw.getvalue()) == (records, [], None)
    text.detach()


def test_each_line_is_flushed_as_it_is_written(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="utf-8") as stream:
        write_record({"a": 1}, stream)
        assert (tmp_path / "out").read_text() == '{"a": 1}\n'


def test_a_file_name_that_is_no_utf_8_stays_valid_json() -> None:
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding="utf-8")
    name = os.fsdecode(b"caf\xe9")
    write_record({"path": name}, text)
    assert os.fsencode(json.loads(raw.getvalue().decode("utf-8"))["path"]) == b"caf\xe9"
    text.detach()


@pytest.mark.parametrize(
    "line", [b"nothing", b"[1]", b"3", b"null", b'{"a": NaN}', b'{"a": \xff}', b"{", b"[" * 200_000, b'{"a": Infinity}']
)
def test_a_bad_line_is_named_by_number_and_the_others_are_used(line: bytes) -> None:
    found, complaints, error = read(b'{"a": 1}\n' + line + b'\n{"b": 2}')
    assert found == [{"a": 1}, {"b": 2}]
    assert complaints == ["stdin: line 2 is no JSON object"]
    assert error is not None
    assert error.status == Exit.BAD_DATA
    assert "1 of 3 lines left out" in error.message


def test_blank_lines_are_nothing_but_count() -> None:
    assert read(b'\n \r\n{"a": 1}\n\n') == ([{"a": 1}], [], None)
    assert read(b"\n\nx\n")[1] == ["stdin: line 3 is no JSON object"]


def test_a_line_without_end_does_not_become_our_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonlines, "LONGEST_LINE_BYTES", 32)
    found, complaints, error = read(b'{"a": "' + b"x" * 100 + b'"}\n{"b": 2}\n' + b'{"c": "' + b"y" * 100)
    assert found == [{"b": 2}]
    assert complaints == ["stdin: line 1 is longer than 32 bytes", "stdin: line 3 is longer than 32 bytes"]
    assert error is not None


def test_a_file_is_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_text('{"a": 1}\n')
    assert list(read_records(str(path), print)) == [{"a": 1}]


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(AgentkitError, match="cannot be read") as caught:
        list(read_records(str(tmp_path / name), print))
    assert caught.value.status == Exit.BAD_DATA


def test_nobody_is_left_waiting_at_a_terminal() -> None:
    leader, terminal = pty.openpty()
    with open(terminal, "rb", buffering=0) as stdin, pytest.raises(AgentkitError, match="it is a terminal"):
        list(read_records("-", print, stream=stdin))
    os.close(leader)
