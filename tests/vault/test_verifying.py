"""Does each raw line stand on the one before it, and is the changed one named when it does not?"""

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.vault.log.segments import take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.log.verifying import Walk
from agentkit.vault.log.witness import Witness, read_head
from tests.vault.logs import ORIGIN, make_eventful_log, make_log, rewrite
from tests.vault.walking import find_trouble, walk

FLIPS = 300
FILE = "000001.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def test_an_honest_log_holds_to_its_last_record(folder: Path) -> None:
    log = make_log(folder, 2000)
    walked = walk(folder)
    assert (walked.seq, walked.hash, walked.offset) == (2000, log.hash, log.size)
    assert (walked.origin, walked.boots, walked.torn, walked.clock_went_back) == (ORIGIN, 1, 0, 0)


def test_what_crashes_left_is_a_remark_and_no_trouble(folder: Path) -> None:
    log = make_eventful_log(folder)
    walked = walk(folder)
    assert (walked.seq, walked.hash, walked.segment) == (log.seq, log.hash, 3)
    assert (walked.torn, walked.boots) == (5, 2)


def test_a_clock_that_went_back_is_a_remark(folder: Path) -> None:
    log = make_log(folder)
    log.now -= 3600
    log.grow(3)
    assert walk(folder).clock_went_back == 1


def test_one_flipped_bit_is_found_and_its_record_named(folder: Path, random_choices: random.Random) -> None:
    make_eventful_log(folder)
    spots = [(path, at) for path in sorted(folder.glob("*.jsonl")) for at in range(path.stat().st_size)]
    newlines = [spot for spot in spots if spot[0].read_bytes()[spot[1]] == 10]
    for path, at in [*newlines, *random_choices.sample(spots, FLIPS)]:
        with flipped(path, at, random_choices.randrange(8)) as record:
            assert find_trouble(folder).record == record, f"{path.name} byte {at}"


class flipped:  # noqa: N801  # it reads as a word of the sentence
    """One bit of a file is another one meanwhile; gives the number of the raw line that it belongs to."""

    def __init__(self, path: Path, at: int, bit: int) -> None:
        self.path, self.whole = path, path.read_bytes()
        self.changed = self.whole[:at] + bytes([self.whole[at] ^ 1 << bit]) + self.whole[at + 1 :]
        before = [one for one in sorted(path.parent.glob("*.jsonl")) if one < path]
        self.record = sum(one.read_bytes().count(b"\n") for one in before) + self.whole[:at].count(b"\n")

    def __enter__(self) -> int:
        self.path.write_bytes(self.changed)
        return self.record

    def __exit__(self, *error: object) -> None:
        self.path.write_bytes(self.whole)


def test_a_prefix_of_a_log_is_shorter_than_its_head_says(folder: Path, random_choices: random.Random) -> None:
    log = make_log(folder, 5)
    whole = log.path.read_bytes()
    ends = [at for at, byte in enumerate(whole) if byte == 10]
    for size in [0, *ends, *(end + 1 for end in ends[:-1]), *random_choices.sample(range(len(whole)), FLIPS // 3)]:
        os.truncate(log.path, size)
        assert find_trouble(folder).record == whole[:size].count(b"\n"), f"{size} bytes"
        log.path.write_bytes(whole)


@pytest.mark.parametrize("lost", [1, 5, 9])
def test_a_record_that_was_taken_out_is_named_as_missing(folder: Path, lost: int) -> None:
    log = make_log(folder)
    lines = log.lines()
    log.path.write_bytes(b"".join(line + b"\n" for line in lines[:lost] + lines[lost + 1 :]))
    trouble = find_trouble(folder)
    assert (trouble.record, trouble.what) == (lost, f"record {lost} is missing")


@pytest.mark.parametrize("place", [1, 5, 11])
def test_a_record_that_was_put_in_is_named(folder: Path, place: int) -> None:
    log = make_log(folder)
    lines = log.lines()
    forged = log.build("get", hashlib.sha256(lines[place - 1]).hexdigest(), place)
    log.path.write_bytes(b"".join(line + b"\n" for line in [*lines[:place], forged, *lines[place:]]))
    assert find_trouble(folder).record == place


@pytest.mark.parametrize("broken", [0, 5, 9, 11])
def test_a_record_that_was_broken_in_two_is_named(folder: Path, broken: int) -> None:
    log = make_log(folder)
    lines = log.lines()
    lines[broken] = lines[broken].replace(b'"op"', b'\nop"', 1)
    log.path.write_bytes(b"".join(line + b"\n" for line in lines))
    assert find_trouble(folder).record == broken


def test_records_that_changed_places_are_found(folder: Path) -> None:
    log = make_log(folder)
    lines = log.lines()
    lines[4], lines[5] = lines[5], lines[4]
    log.path.write_bytes(b"".join(line + b"\n" for line in lines))
    assert find_trouble(folder).record in (3, 4, 5)


def test_a_log_that_was_written_anew_holds_in_itself_and_not_against_a_witness(folder: Path) -> None:
    log = make_log(folder)
    witness = Witness("the anchor", 11, log.hash)
    walk(folder, witness)
    rewrite(log, 4, b"nightly report", b"nightly resort")
    walk(folder)
    assert find_trouble(folder, witness).record == 11


def test_lines_that_no_record_has_set_aside_yet_wait_at_the_end(folder: Path) -> None:
    log = make_log(folder)
    log.put(b"fragment\nunfinished")
    walked = walk(folder)
    assert (walked.seq, walked.sure_seq, walked.unexplained, walked.unfinished_bytes) == (13, 12, 1, 10)
    assert (walked.sure_hash, walked.sure_offset) == (log.hash, log.size - len(b"fragment\nunfinished"))


def test_records_that_the_head_does_not_know_of_are_records(folder: Path) -> None:
    log = make_log(folder)
    log.lags = True
    log.grow(5)
    log.begin_segment()
    assert walk(folder).seq == 18


def test_an_empty_segment_at_the_end_is_one_that_a_crash_left(folder: Path) -> None:
    log = make_log(folder)
    (folder / "000002.jsonl").touch()
    assert walk(folder).sure_hash == log.hash
    (folder / "000003.jsonl").touch()
    assert find_trouble(folder).record == 12


def _flip_each(text: str) -> Iterator[str]:
    for at, letter in enumerate(text):
        for bit in range(7):
            yield text[:at] + chr(ord(letter) ^ 1 << bit) + text[at + 1 :]


def test_a_flipped_bit_of_the_head_is_found(folder: Path, random_choices: random.Random) -> None:
    log = make_log(folder)
    for changed in random_choices.sample(list(_flip_each(log.head.read_text())), FLIPS // 3):
        log.head.write_text(changed)
        find_trouble(folder)


def test_from_an_anchor_on_only_what_is_newer_is_read(folder: Path) -> None:
    log = make_log(folder)
    seq, hash_, size = log.seq, log.hash, log.size
    log.grow(700)
    log.tear(b"{")
    log.begin_segment()
    log.grow(2)
    spoiled = bytearray(log.folder.joinpath(FILE).read_bytes())
    spoiled[100] ^= 1
    log.folder.joinpath(FILE).write_bytes(spoiled)
    assert find_trouble(folder).record == 0
    snapshot = take_snapshot(str(folder))
    walked = Walk([read_head(snapshot.head)])
    walked.start_at(snapshot.segments[0], seq, hash_, size)
    walked.walk(snapshot.segments)
    assert (walked.seq, walked.hash) == (log.seq, log.hash)


def test_a_piece_before_the_anchor_may_be_set_aside_behind_it(folder: Path) -> None:
    log = make_log(folder)
    whole = log.build("get", log.hash, log.seq)
    seq, hash_, size = log.seq + 1, hashlib.sha256(whole).hexdigest(), log.size + len(whole) + 1
    log.tear(whole)
    snapshot = take_snapshot(str(folder))
    walked = Walk([read_head(snapshot.head)])
    walked.start_at(snapshot.segments[0], seq, hash_, size)
    walked.walk(snapshot.segments)
    assert walked.torn == 1


@pytest.mark.parametrize("change", [("1" * 64, 0), ("", -1), ("", 1), ("", 10**6)])
def test_an_anchor_that_does_not_fit_its_place_is_trouble(folder: Path, change: tuple[str, int]) -> None:
    log = make_log(folder)
    segment = take_snapshot(str(folder)).segments[0]
    with pytest.raises(TamperedError, match="record 11 is not the one that the anchor vouches for"):
        Walk([]).start_at(segment, log.seq, change[0] or log.hash, log.size + change[1])
