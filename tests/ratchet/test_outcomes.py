"""Is a baseline written as lines that git shows, and read back as it was, whatever an id holds?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.outcomes import (
    FAIL,
    PASS,
    SKIP,
    WORDS,
    XFAIL,
    _read_each,
    _read_plain,
    read_lines,
    worse,
    write_lines,
)

IDS = st.text(st.characters(), min_size=1)


@given(st.dictionaries(IDS, st.sampled_from(sorted(WORDS))))
def test_what_was_written_is_read_back(outcomes: dict[str, str]) -> None:
    raw = write_lines(outcomes)
    assert read_lines(raw) == outcomes
    raw.decode("utf-8")
    assert raw.count(b"\n") == len(raw.splitlines()) == len(outcomes)
    assert b"\0" not in raw


@given(st.binary())
def test_any_bytes_are_lines_or_a_clear_error(raw: bytes) -> None:
    try:
        outcomes = read_lines(raw)
    except AgentkitError:
        return
    assert read_lines(write_lines(outcomes)) == outcomes


def test_lines_are_sorted_by_id_so_that_a_change_is_one_line_of_a_diff() -> None:
    assert write_lines({"b::x": FAIL, "a::y": PASS, "a::x": SKIP}) == b"skip\ta::x\npass\ta::y\nfail\tb::x\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a\nb", rb"pass	a\nb"),
        ("a\tb\r", rb"pass	a\tb\r"),
        ("a\\nb", rb"pass	a\\nb"),
        ("a\x00\x1b[31m", rb"pass	a\x00\x1b[31m"),
        ("a\udc80", rb"pass	a\udc80"),
        ("naïve\u2028", "pass\tnaïve\\u2028".encode()),
    ],
)
def test_what_would_break_a_line_is_escaped(name: str, line: bytes) -> None:
    assert write_lines({name: PASS}) == line + b"\n"
    assert read_lines(line + b"\n") == {name: PASS}


def test_lines_of_other_programs_are_read_too() -> None:
    raw = b"fail\tC:\\tests::a\r\npass\tnot utf-8: \xff\r\nxfail\ta::b\r\n"
    assert read_lines(raw) == {"C:\\tests::a".replace("\\t", "\t"): FAIL, "not utf-8: \udcff": PASS, "a::b": XFAIL}


LINES = ["pass\ta\n", "fail\tb\n", "pass\n", "fail\tpass\tb\n", "\n", "fail\tb\r\n", "skip\t\n", "a", "pass\tc\\n\n"]


@given(st.lists(st.sampled_from(LINES), max_size=4).map("".join))
def test_the_fast_way_reads_nothing_that_the_slow_one_reads_otherwise(text: str) -> None:
    fast = _read_plain(text)
    assert fast is None or fast == _read_each(text)


def test_of_an_id_that_stands_there_twice_the_worst_end_counts() -> None:
    assert read_lines(b"pass\ta\nfail\ta\npass\ta\n") == {"a": FAIL}
    assert worse(PASS, SKIP) == worse(SKIP, PASS) == SKIP


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"pass\ta\npassed\tb\n", "line 2 is 'passed.tb'"),
        (b"pass\ta\nmissing\tb\n", "line 2"),
        (b"pass\ta\n\n", "line 2 is ''"),
        (b"pass a\n", "line 1"),
        (b"pass\t\n", "line 1"),
        (b"pass\nfail\tpass\tb\n", "line 1"),
        (b"pass\ta\npass\tb", "line 2 has no end"),
    ],
)
def test_a_line_that_is_none_is_named(raw: bytes, said: str) -> None:
    with pytest.raises(AgentkitError, match=said.replace(".t", r"\\t")) as caught:
        read_lines(raw)
    assert caught.value.status == Exit.BAD_DATA
