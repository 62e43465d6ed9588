import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.asides import say_count
from agentkit.heartbeat.wording import (
    DONE,
    say_deed,
    say_distance,
    say_duration,
    say_instant,
    say_share,
    say_size,
    say_streak,
    word_finding,
)

NOW = 1_790_000_000.0
FINDING = {
    "severity": "critical",
    "state": "firing",
    "type": "failed",
    "subject": "job:backup",
    "title": "backup failed",
    "first_seen": "2026-11-22T03:00:00.000Z",
    "evidence": {"run": "01ARZ", "tail": "one\ntwo\n"},
}


@pytest.mark.parametrize(
    ("distance_s", "said"),
    [
        (0.0, "now"),
        (-0.9, "now"),
        (-3.0, "3s ago"),
        (3.4, "in 3s"),
        (-208.0, "3m ago"),
        (7300.0, "in 2h"),
        (-3 * 86400.0 - 7200, "3d ago"),
    ],
)
def test_a_distance_in_time_is_one_unit(distance_s: float, said: str) -> None:
    assert say_distance(NOW + distance_s, NOW) == said


@given(st.floats(-1e9, 1e9))
def test_what_is_past_is_ago_and_what_comes_is_in(distance_s: float) -> None:
    said = say_distance(NOW + distance_s, NOW)
    assert said == "now" or said.endswith(" ago") is (distance_s < 0)
    assert "0s" not in said.split()


def test_an_instant_is_the_persons_on_a_terminal_and_utc_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert say_instant(0.0, is_local=True) == "1970-01-01 09:00:00"
        assert say_instant(0.0, is_local=False) == "1970-01-01T00:00:00.000Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10 * 1024, "10 KiB"),
        (1 << 20, "1.0 MiB"),
        (3 << 40, "3.0 TiB"),
        (5000 << 40, "5000 TiB"),
    ],
)
def test_a_size_has_its_unit(size: int, said: str) -> None:
    assert say_size(size) == said


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_only_what_is_perfect_is_100_percent(bad: int, good: int) -> None:
    assert (say_share(good / (good + bad)) == "100%") is (bad == 0)


def test_what_is_not_known_is_a_dash() -> None:
    assert say_distance(None, NOW) == say_instant(None, is_local=True) == say_duration(None) == say_share(None) == "-"
    assert say_streak(0) == "-"


def test_numbers_have_their_words() -> None:
    assert (say_count(1, "run"), say_count(0, "run"), say_count(2, "run")) == ("1 run", "0 runs", "2 runs")
    assert (say_streak(12), say_streak(-3)) == ("12 ok", "3 bad")


@pytest.mark.parametrize("deed", DONE)
def test_a_deed_was_done_or_would_be(deed: str) -> None:
    assert say_deed(deed, "x", is_dry=True) == f"would {deed} x"
    assert say_deed(deed, "x", is_dry=False) == f"{DONE[deed]} x"


def test_a_finding_says_what_since_when_and_where_to_look() -> None:
    since = "          failed; since 2026-11-22T03:00:00.000Z\n"
    head = f"critical  backup failed\n{since}          agentkit heartbeat show 01ARZ\n"
    assert word_finding(FINDING) == head
    assert word_finding(FINDING, with_tail=True) == head + "          | one\n          | two\n"
    resolved = word_finding({**FINDING, "state": "resolved"}, with_tail=True)
    assert resolved == "resolved  backup is no longer failed, as it was since 2026-11-22T03:00:00.000Z\n"
    assert word_finding({**FINDING, "evidence": {}}).endswith("\n          agentkit heartbeat status backup\n")
    assert word_finding({**FINDING, "evidence": {}, "subject": "file:/x"}).endswith("00.000Z\n")


def test_a_title_of_several_lines_cannot_pass_for_two_findings() -> None:
    record = {
        "severity": "critical", "title": "a could not be started: x\ncritical  b failed", "type": "failed",
        "subject": "job:a\nx", "first_seen": "2026-01-01T00:00:00.000Z", "evidence": {"also": ["\x1b[2Jy\nz"]},
    }  # fmt: skip
    lines = word_finding(record).splitlines()
    assert [line[:8] for line in lines] == ["critical", " " * 8, " " * 8, " " * 8]
    assert "x\\ncritical  b failed" in lines[0]
    assert "\\x1b[2Jy\\nz" in lines[1]
