"""Does validate_schedule accept what Debian's cron accepts, and say what is wrong with the rest?"""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentkit
from agentkit.core.cronfields import FIELDS, list_values, read_field, validate_schedule
from agentkit.core.errors import AgentkitError, Exit

GOOD = (
    *("* * * * *", "*/5 * * * *", "0 0 1 1 0", "59 23 31 12 7", "0,30 8-18/2 * jan-MAR mon-fri", " 1\t2  3 4 5 "),
    *("5.7 *x * * *", "007 * * * *", "4294967301 * * * *", "@hourly", "@reboot", " @midnight "),
    *("@daily", "@weekly", "@monthly", "@yearly", "@annually"),
)
BAD = {
    "60 * * * *": "minute '60': 60 is out of 0-59",
    "* 24 * * *": "hour '24': 24 is out of 0-23",
    "* * 0 * *": "day of month '0': 0 is out of 1-31",
    "* * * 13 *": "month '13': 13 is out of 1-12",
    "* * * * 8": "day of week '8': 8 is out of 0-7",
    "* * * * monday": "day of week 'monday': 'monday' is no value; expected *, 0-7 or sun-sat",
    "* * * mai *": "month 'mai': 'mai' is no value; expected *, 1-12 or jan-dec",
    "5/10 * * * *": "minute '5/10': a step needs a range before it: 5-59/10",
    "*/0 * * * *": "step 0 is not above 0",
    "1, * * * *": "minute '1,': a value is missing",
    "-5 * * * *": "a value is missing before '-5'",
    "5-70/30 * * * *": "70 is out of 0-59",
    "0~30 * * * *": None,
    "* * * *": "expected 5 fields (minute hour day-of-month month day-of-week), got 4",
    "0 * * * * *": "got 6",
    "": "got 0",
    "@every 5m": "'@every 5m' is none of @yearly",
    "@Daily": "is none of",
    "* * * * *\n": "got 5",
    "* * L * *": "'L' is no value",
    "* * * * 1#2": None,
    "0 0 31 2 *": "these times never come",
    "0 0 30 2,2 *": "these times never come",
    "30-10 * * * *": "these times never come",
    "* * * * fri-sun": "these times never come",
    "9" * 6000 + " * * * *": "is no value",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_schedule_that_cron_accepts_is_valid(text: str) -> None:
    validate_schedule(text)


@pytest.mark.parametrize("text", [text for text, fault in BAD.items() if fault])
def test_a_bad_schedule_is_a_usage_error_that_names_field_value_and_range(text: str) -> None:
    with pytest.raises(AgentkitError) as raised:
        validate_schedule(text)
    assert raised.value.status == Exit.USAGE
    assert str(BAD[text]) in raised.value.message
    assert "\n" not in raised.value.message.replace(repr(text), "")


@pytest.mark.parametrize("text", [text for text, fault in BAD.items() if fault is None])
def test_what_debian_skips_after_a_value_is_skipped(text: str) -> None:
    validate_schedule(text)


@pytest.mark.parametrize(
    ("field", "place", "values"),
    [
        ("*/20", 0, {0, 20, 40}),
        ("5-5/10", 0, {5}),
        ("1-10/4,7", 0, {1, 5, 9, 7}),
        ("*/7", 4, {0}),
        ("6-7", 4, {6, 0}),
        ("Sun,sat", 4, {0, 6}),
        ("JAN-mar", 3, {1, 2, 3}),
        ("30-10", 0, set()),
        ("*/10", 2, {1, 11, 21, 31}),
        ("*,5", 1, set(range(24))),
    ],
)
def test_a_field_names_its_values(field: str, place: int, values: set[int]) -> None:
    assert list_values(read_field(field, place), place) == values


def test_a_field_that_begins_with_a_star_still_does() -> None:
    assert read_field("*/2,1-3", 2) == "*/2,1-3"
    assert read_field("1,*", 2) == "1,*"


@given(st.text(alphabet="0123456789*/-,abcjansun \t@.~é", max_size=40))
def test_any_text_is_accepted_or_a_usage_error(text: str) -> None:
    try:
        validate_schedule(text)
    except AgentkitError as error:
        status = error.status
    else:
        status = Exit.USAGE
    assert status == Exit.USAGE


@given(st.integers(0, 4), st.data())
def test_a_field_reads_the_same_twice(place: int, data: st.DataObject) -> None:
    _, low, high, _ = FIELDS[place]
    value = st.integers(low, high)
    piece = st.one_of(
        value.map(str),
        st.tuples(value, value).map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.integers(1, 70).map(lambda step: f"*/{step}"),
    )
    field = ",".join(data.draw(st.lists(piece, min_size=1, max_size=4)))
    read = read_field(field, place)
    assert not read or list_values(read_field(read, place), place) == list_values(read, place)


def test_importing_the_fields_costs_no_module_that_the_hot_verbs_cannot_pay() -> None:
    root = os.path.dirname(os.path.dirname(agentkit.__file__))
    code = f"""import sys
sys.path.insert(0, {root!r})
before = set(sys.modules)
import agentkit.core.cronfields
print(*(set(sys.modules) - before))"""
    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert {name for name in answer.stdout.split() if not name.startswith("agentkit")} <= {"__future__"}
