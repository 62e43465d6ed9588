import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat.bounds import judge
from agentkit.heartbeat.learning import Learned
from agentkit.heartbeat.oddity import Observation
from agentkit.heartbeat.spoken import MOST_SHAPES, learn_spoken, quote_zero, read_spoken
from tests.heartbeat.healthy_runs import judge_all, teach, types_of


def _says_zero(line: str) -> bool:
    return any(read_spoken(line).values())


@pytest.mark.parametrize(
    "line",
    [
        "exported 0 rows",
        "0 files processed",
        "items=0",
        "files:0",
        "rows: 0",
        "copied 0B in 12s",
        "sent 0 bytes, received 35 bytes",
        "total 0.00 MB",
        "2026-11-22 03:00:00 exported 0 rows in 4.2s, 0 errors",
        "(0 rows)",
        "0%",
        "imported 0/120 messages",
    ],
)
def test_a_count_that_says_0_is_heard(line: str) -> None:
    assert _says_zero(line)


@pytest.mark.parametrize(
    "line",
    [
        "exported 10 rows",
        "exported 1,000 rows",
        "done at 00:00:00 on 2026-10-00",
        "took 0s",
        "finished in 0 seconds",
        "finished in 0.00s",
        "elapsed: 0",
        "0 errors",
        "errors: 0",
        "failed=0",
        "0 rows skipped",
        "exit code 0",
        "host 10.0.0.1",
        "version 2.0",
        "address 0x0ff0",
        "commit 0ab12c3",
        "md0 is clean",
        "no numbers here",
    ],
)
def test_a_0_that_is_no_count_is_not_heard(line: str) -> None:
    assert not _says_zero(line)


def test_a_count_that_was_never_0_and_says_0_is_too_small() -> None:
    learned = teach(Observation(tail=f"start\nexported {count} rows\n") for count in range(5, 30))
    (oddity,) = judge(learned, Observation(tail="start\nexported 0 rows\n")).oddities
    assert (oddity.type, oddity.quote) == ("too-small", "exported 0 rows")
    assert oddity.sentence == "says 0 where none of the last 25 runs did"


def test_a_count_that_was_0_before_may_be_0_again() -> None:
    learned = teach(Observation(tail=f"exported {count % 7} rows\n") for count in range(30))
    assert judge(learned, Observation(tail="exported 0 rows\n")).oddities == ()


def test_a_0_of_long_ago_is_forgotten() -> None:
    tails = ["exported 0 rows\n"] + ["exported 7 rows\n"] * 40
    learned = teach(Observation(tail=tail) for tail in tails)
    assert types_of(judge(learned, Observation(tail="exported 0 rows\n"))) == {"too-small"}


def test_a_line_that_is_not_in_every_run_is_no_promise() -> None:
    learned = teach(Observation(tail="exported 7 rows\n" if number != 15 else "hello\n") for number in range(30))
    assert judge(learned, Observation(tail="exported 0 rows\n")).oddities == ()


def test_thousands_have_the_shape_of_ones() -> None:
    assert read_spoken("exported 1,234 rows").keys() == read_spoken("exported 7 rows").keys()


def test_the_line_is_named_and_not_another_of_its_shape() -> None:
    (shape,) = read_spoken("table 0 rows\ntable 5 rows\n")
    assert quote_zero("table 0 rows\ntable 5 rows\n", shape) == "table 0 rows"


def test_many_shapes_keep_those_that_stand_in_every_run() -> None:
    learned = Learned()
    for number in range(25):
        noise = "".join(f"{'x' * (number * 40 + index)} 1\n" for index in range(20))
        learned = judge_all(learned, [Observation(tail=noise + "exported 7 rows\n")])[0].learned
    assert len(learned.spoken) <= MOST_SHAPES
    assert types_of(judge(learned, Observation(tail="exported 0 rows\n"))) == {"too-small"}


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_can_be_read_and_learnt(first: str, second: str) -> None:
    memory = learn_spoken(learn_spoken({}, read_spoken(first), 40), read_spoken(second), 40)
    assert set(memory) <= set(read_spoken(second))
