import struct
from array import array
from dataclasses import replace
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat.learning import UNKNOWN, WIDTH, Learned, accept
from agentkit.heartbeat.memory import VERSION, decode_learned, encode_learned
from agentkit.heartbeat.oddity import Observation
from tests.heartbeat.healthy_runs import draw_healthy, judge_all, teach_healthy

numbers = st.floats(0, 1e12)
names = st.text(max_size=20)
runs = st.builds(
    Observation,
    duration_s=numbers,
    cpu_s=numbers,
    stdout_lines=numbers,
    stdout_bytes=numbers,
    counters=st.dictionaries(names, st.floats(), max_size=3),
    watched=st.dictionaries(names, st.tuples(numbers, numbers, st.text("0123456789abcdef", max_size=20)), max_size=2),
    output_sha256=st.one_of(st.just(""), st.text("0123456789abcdef", min_size=64, max_size=64), st.text(max_size=20)),
    tail=st.text("ab 019\n", max_size=60),
    error_words=st.sampled_from([(), ("ERROR",)]),
    left_behind=st.integers(0, 2),
    orphan_failed=st.booleans(),
)


@given(st.lists(runs, max_size=45))
def test_what_is_written_is_read_back(some: list[Observation]) -> None:
    learned = judge_all(Learned(), some)[-1].learned if some else Learned()
    assert decode_learned(encode_learned(learned)) == learned


def test_waiting_runs_are_read_back() -> None:
    chance, learned = teach_healthy()
    odd = replace(draw_healthy(chance), duration_s=0.5, counters={}, error_words=("ERROR",))
    learned = judge_all(learned, [odd, odd])[-1].learned
    back = decode_learned(encode_learned(learned))
    assert len(back.pending) == 2
    assert [sample.is_alarm for sample in back.pending] == [True, True]
    assert accept(back).runs == 27


def test_a_job_without_marks_fits_into_2_kib() -> None:
    _, learned = teach_healthy(45, counters={}, watched={})
    assert len(encode_learned(learned)) < 2048


@pytest.mark.parametrize("data", [None, b""])
def test_no_memory_is_a_new_job(data: bytes | None) -> None:
    assert decode_learned(data) == Learned()


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_memory_starts_learning_afresh_and_says_so(place: int, flip: int) -> None:
    _, learned = teach_healthy(21)
    data = bytearray(encode_learned(learned))
    data[place % len(data)] ^= flip
    back = decode_learned(bytes(data))
    assert back.runs == 0
    assert "learning starts again" in back.note


@given(st.binary(min_size=1, max_size=100))
def test_any_bytes_under_a_right_checksum_are_read_or_refused_with_a_note(rest: bytes) -> None:
    body = bytes((VERSION,)) + rest
    back = decode_learned(crc32(body).to_bytes(4, "little") + body)
    assert back.note or isinstance(encode_learned(back), bytes)


def test_a_newer_memory_is_named_by_its_version() -> None:
    body = bytes((VERSION + 1,)) + bytes(40)
    note = decode_learned(crc32(body).to_bytes(4, "little") + body).note
    assert note == "what was learnt of this job has version 2, not 1; learning starts again"


def test_a_memory_of_fewer_channels_keeps_what_it_knew() -> None:
    rows = array("f", [1.0, 2.0, 3.0, 4.0])
    body = struct.pack("<BBBBB8sI", VERSION, 2, 2, 0, 0, bytes(8), 0) + rows.tobytes() + bytes(2)
    learned = decode_learned(crc32(body).to_bytes(4, "little") + body)
    assert learned.note == ""
    assert list(learned.rows[:3]) == [1.0, 2.0, UNKNOWN]
    assert list(learned.rows[WIDTH : WIDTH + 3]) == [3.0, 4.0, UNKNOWN]
