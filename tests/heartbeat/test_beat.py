"""Is a beat JSON that any reader takes, and does it tell one process and one run from all others?"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat import beat

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_what_json_reads(value: Any) -> None:
    text = beat.encode(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert "\n" not in text


@given(st.floats())
def test_a_float_is_a_number_or_null(value: float) -> None:
    read = json.loads(beat.encode(value))
    assert read is None or read == round(value, 6)


@given(st.binary(max_size=50))
def test_a_name_that_is_no_text_stays_readable(raw: bytes) -> None:
    read = json.loads(beat.encode(os.fsdecode(raw)))
    read.encode("utf-8")  # no lone surrogate, which no ledger could store
    assert read == beat.decode_text(raw)


def test_what_has_no_place_in_json_is_refused() -> None:
    with pytest.raises(TypeError):
        beat.encode({"x": b"bytes"})


def test_run_ids_are_ulids_in_the_order_of_time() -> None:
    letters = set(beat.CROCKFORD)
    made = [beat.new_run_id(1_700_000_000 + second) for second in range(100)]
    assert made == sorted(made)
    assert all(len(one) == 26 and set(one) <= letters for one in made)
    # The specification's own example, 01ARZ3NDEKTSV4RRFFQ69G5FAV, is of this millisecond.
    assert beat.new_run_id(1469922850.259).startswith("01ARZ3NDEK")
    assert len({beat.new_run_id(0) for _ in range(1000)}) == 1000


def test_this_process_is_told_from_every_other() -> None:
    found = beat.describe_this_process()
    stat = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
    assert (found["pid"], found["pid_start"]) == (os.getpid(), int(stat[19]))
    assert found["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found["pid_namespace"] == os.stat("/proc/self/ns/pid").st_ino


def test_a_command_line_is_kept_as_a_digest_of_its_bytes() -> None:
    words = ["tar", "--password=x", b"\xff".decode("utf-8", "surrogateescape")]
    assert beat.argv_digest(words) == hashlib.sha256(b"tar\0--password=x\0\xff").hexdigest()
