"""Is what a crash left at the end of the log set aside by a record, and does the chain go on over it?"""

import os
import random
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log import chain
from tests.vault.ownvault import OwnVault

NAME, VALUE = "db/password", b"what nobody may see"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnVault:
    """Return a vault with one secret, whose records have one length: `mono_s` may end in zeros, which are left out."""
    monkeypatch.setattr(chain, "time", SimpleNamespace(time=time.time, monotonic=lambda: 12345.678901))
    vault = OwnVault(tmp_path / "own")
    vault.set(NAME, VALUE)
    return vault


@contextmanager
def room_for(path: Path, count: int) -> Iterator[None]:
    """Let no file grow beyond what this one has and `count` bytes: a real write is cut off there."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + count, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def ends_whole(vault: OwnVault) -> bool:
    try:
        vault.records()
    except AssertionError:
        return False
    return True


def last_segment(vault: OwnVault) -> Path:
    return max(vault.audit.glob("*.jsonl"))


def test_a_write_cut_off_at_any_byte_releases_nothing_and_is_set_aside(own: OwnVault) -> None:
    own.get(NAME)
    length = len(own.segment.read_bytes().splitlines()[-1])
    for count in range(length):
        size = own.segment.stat().st_size
        with room_for(own.segment, count), pytest.raises(AgentkitError) as caught:
            own.get(NAME)
        assert caught.value.status == Exit.CANNOT_WRITE
        assert own.segment.stat().st_size == size + count
        assert own.get(NAME) == VALUE
        if count:
            torn = own.records()[-2] if count % 50 == 1 else None
            assert torn is None or (torn["op"], torn["torn_bytes"], torn["outcome"]) == ("torn", count, "set-aside")
    own.records()


def test_a_record_whole_but_for_its_newline_is_one_again(own: OwnVault) -> None:
    own.get(NAME)
    length = len(own.segment.read_bytes().splitlines()[-1])
    with room_for(own.segment, length), pytest.raises(AgentkitError):
        own.get(NAME)
    assert own.get(NAME) == VALUE
    raw = own.segment.read_bytes()
    assert b"\n\n" not in raw
    own.records()


def test_a_repair_that_is_cut_off_itself_is_repaired_by_the_next(own: OwnVault) -> None:
    own.get(NAME)
    for count in (5, 200, 700, 1, 3, 900, 64, 2):
        with room_for(own.segment, count), pytest.raises(AgentkitError):
            own.get(NAME)
    assert own.get(NAME) == VALUE
    own.records()


def test_a_repair_cut_off_at_any_byte_is_repaired_by_the_next(own: OwnVault, random_choices: random.Random) -> None:
    count = 0
    while True:
        with room_for(own.segment, 40), pytest.raises(AgentkitError):
            own.get(NAME)
        count += random_choices.randrange(1, 16)
        with room_for(own.segment, count):
            try:
                own.get(NAME)
                break  # it had room
            except AgentkitError:
                pass
        assert own.get(NAME) == VALUE
    assert count > 1000
    own.records()


@pytest.mark.parametrize(
    "left", [b"\n", b"\n\n\n", b"{", b"{}\n", b"\0" * 4096, b"\xff\n\xfe", b"x" * 8192, b"\r\n", b"null\n[]\n"]
)
def test_whatever_lies_at_the_end_is_set_aside(own: OwnVault, left: bytes) -> None:
    with own.segment.open("ab") as file:
        file.write(left)
    assert own.get(NAME) == VALUE
    records = own.records()
    assert [record["op"] for record in records[-2:]] == ["torn", "get"]


def test_a_line_that_no_crash_leaves_is_refused(own: OwnVault) -> None:
    with own.segment.open("ab") as file:
        file.write(b"x" * 8193)
    with pytest.raises(AgentkitError, match="longer than any record") as caught:
        own.get(NAME)
    assert caught.value.status == Exit.TAMPERED


def test_a_record_that_was_copied_to_the_end_is_no_record_there(own: OwnVault) -> None:
    line = own.segment.read_bytes().splitlines(keepends=True)[-1]
    with own.segment.open("ab") as file:
        file.write(line)
    own.get(NAME)
    assert own.records()[-2]["op"] == "torn"


def test_a_crash_right_after_a_segment_was_made_is_gone_on_from(own: OwnVault, monkeypatch: pytest.MonkeyPatch) -> None:
    for left in (b"", b'{"prev": "', b"x\ny", b"\n"):
        number = len(list(own.audit.glob("*.jsonl"))) + 1
        path = own.audit / f"{number:06}.jsonl"
        path.touch(mode=0o600)
        path.write_bytes(left)
        assert own.get(NAME) == VALUE
        records = own.records()
        assert records[-2]["op"] == "segment"
        assert (records[-3]["op"] == "torn") == bool(left)


def test_any_row_of_crashes_leaves_a_whole_chain(
    own: OwnVault, monkeypatch: pytest.MonkeyPatch, random_choices: random.Random
) -> None:
    monkeypatch.setattr(chain, "SEGMENT_BYTES", 2500)
    heads = [own.head.read_bytes()]
    released, refused = 0, 0
    for _ in range(300):
        what = random_choices.choice(("get", "get", "torn", "head", "set", "segment"))
        if what == "get":
            released += own.get(NAME) == VALUE
        elif what == "set":
            own.set(NAME, VALUE)
        elif what == "head":
            # The power failed: what was written of the head since then is gone.
            own.head.write_bytes(random_choices.choice(heads[-3:]))
        elif what == "segment" and last_segment(own).stat().st_size > 2500 and ends_whole(own):
            # Killed between making a segment and its first record; none is made while something is to be set aside.
            (own.audit / f"{int(last_segment(own).stem) + 1:06}.jsonl").touch(mode=0o600)
        elif what == "torn":
            path = last_segment(own)
            with room_for(path, random_choices.randrange(1, 900)):
                try:
                    own.get(NAME)
                except AgentkitError as error:
                    refused += error.status == Exit.CANNOT_WRITE
        heads.append(own.head.read_bytes())
    assert own.get(NAME) == VALUE
    records = own.records()
    granted = sum((record["op"], record["outcome"]) == ("get", "granted") for record in records)
    assert granted >= released + 1
    assert released > 30
    assert refused > 10
    assert len(list(own.audit.glob("*.jsonl"))) > 20


def test_a_head_from_long_ago_leads_over_segments(own: OwnVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "SEGMENT_BYTES", 2000)
    head = own.head.read_bytes()
    for _ in range(20):
        own.get(NAME)
    own.head.write_bytes(head)
    assert own.get(NAME) == VALUE
    own.records()
    assert int(own.head.read_bytes().split()[0]) == len(list(own.audit.glob("*.jsonl")))


def test_a_segment_cut_off_behind_a_lagging_head_is_not_seen_as_gone_but_set_aside(own: OwnVault) -> None:
    head = own.head.read_bytes()
    own.get(NAME)
    own.head.write_bytes(head)
    os.truncate(own.segment, own.segment.stat().st_size - 3)
    assert own.get(NAME) == VALUE
    assert own.records()[-2]["op"] == "torn"
