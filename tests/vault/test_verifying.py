"""Does each raw line stand on the one before it, and is the changed one named when it does not?"""

import hashlib
import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.segments import take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.log.verifying import MOST_FRAGMENTS, Walk
from agentkit.vault.log.witness import Witness, read_head
from tests.vault.logs import ORIGIN, Log, make_eventful_log, make_log, rewrite

FLIPS = 300
FILE = "000001.jsonl"


def walk(folder: Path, *witnesses: Witness) -> Walk:
    snapshot = take_snapshot(str(folder))
    walked = Walk([read_head(snapshot.head), *witnesses])
    walked.walk(snapshot.segments)
    return walked


def find_trouble(folder: Path, *witnesses: Witness) -> TamperedError:
    with pytest.raises(TamperedError) as caught:
        walk(folder, *witnesses)
    return caught.value


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


def _wrong_seq(log: Log) -> None:
    log.add(seq=log.seq + 1)


def _second_beginning(log: Log) -> None:
    log.put(log.path.read_bytes())


def _fragment_alone(log: Log) -> None:
    log.put(b"fragment\n")
    log.seq += 1
    log.grow(3)


def _torn_of_nothing(log: Log) -> None:
    log.add("torn", torn=0, torn_bytes=0, after=log.hash, fragments=[])
    log.put(b"fragment\n")
    log.seq, log.hash = log.seq + 1, hashlib.sha256(b"fragment").hexdigest()
    log.add()


def _torn_of_other_bytes(log: Log) -> None:
    log.tear(b"one", b"two", fragments=[hashlib.sha256(b"none").hexdigest(), hashlib.sha256(b"two").hexdigest()])


def _torn_after_another(log: Log) -> None:
    log.tear(b"one", after="0" * 64)


def _torn_of_too_few(log: Log) -> None:
    log.tear(b"one", b"two", torn=1, fragments=[hashlib.sha256(b"two").hexdigest()])


def _whole_records_called_torn(log: Log) -> None:
    hashes = [hashlib.sha256(line).hexdigest() for line in log.lines()[-4:]]
    log.add("torn", torn=3, torn_bytes=0, after=hashes[0], fragments=hashes[1:])


def _segment_of_another_log(log: Log) -> None:
    log.begin_segment(last_head="1" * 64)


def _segment_of_another_size(log: Log) -> None:
    log.begin_segment(last_bytes=5)


def _segment_without_its_record(log: Log) -> None:
    log.segment, log.size = 2, 0
    log.add()


def _unfinished_in_the_middle(log: Log) -> None:
    log.put(b"unfinished")
    log.begin_segment()


def _array(log: Log) -> None:
    log.put(b"[]\n")
    log.seq += 1
    log.write_head(3)


def _not_ascii(log: Log) -> None:
    line = log.add().replace(b"report", b"r\xc3\xa9port")
    log.size -= len(line)
    log.path.write_bytes(log.path.read_bytes()[: log.size] + line + b"\n")
    log.hash, log.size = hashlib.sha256(line).hexdigest(), log.path.stat().st_size
    log.write_head(len(line) + 1)
    log.grow(2)


def _no_end(log: Log) -> None:
    rewrite(log, 10, b'5e"}', b'5e"')


def _too_long(log: Log) -> None:
    rewrite(log, 10, b"nightly report", b"nightly " * 1100)


@pytest.mark.parametrize(
    "befall",
    [
        _no_end,
        _too_long,
        _wrong_seq,
        _second_beginning,
        _fragment_alone,
        _torn_of_nothing,
        _torn_of_other_bytes,
        _torn_after_another,
        _torn_of_too_few,
        _whole_records_called_torn,
        _segment_of_another_log,
        _segment_of_another_size,
        _segment_without_its_record,
        _unfinished_in_the_middle,
        _array,
        _not_ascii,
    ],
    ids=lambda befall: befall.__name__.strip("_"),
)
def test_hashes_that_fit_are_not_enough(folder: Path, befall: Callable[[Log], None]) -> None:
    log = make_log(folder)
    befall(log)
    log.add()
    assert find_trouble(folder).record in range(9, 16)


def _garbage(log: Log, choices: random.Random) -> bytes:
    return choices.randbytes(3000)


def _nuls(log: Log, choices: random.Random) -> bytes:
    return bytes(5000) + b"\n"


def _returns(log: Log, choices: random.Random) -> bytes:
    return log.path.read_bytes().replace(b"\n", b"\r\n")


def _many_newlines(log: Log, choices: random.Random) -> bytes:
    return b"\n" * 100_000


def _huge_number(log: Log, choices: random.Random) -> bytes:
    return log.build("get", log.hash, 5).replace(b": 5,", b": " + b"9" * 5000 + b",") + b"\n"


def _deep(log: Log, choices: random.Random) -> bytes:
    return log.build("get", log.hash, log.seq)[:-1] + b', "deep": ' + b"[" * 7000 + b"}\n"


@pytest.mark.parametrize("make", [_garbage, _nuls, _returns, _many_newlines, _huge_number, _deep])
def test_nonsense_in_place_of_the_records_ends_in_words(
    folder: Path, make: Callable[[Log, random.Random], bytes], random_choices: random.Random
) -> None:
    log = make_log(folder)
    whole, nonsense = log.path.read_bytes(), make(log, random_choices)
    for place in (0, whole.index(b"\n") + 1, len(whole) // 2):
        log.path.write_bytes(whole[:place] + nonsense + whole[place:])
        assert find_trouble(folder).record is not None


def test_a_line_of_100_mb_does_not_become_our_memory(folder: Path) -> None:
    log = make_log(folder)
    os.truncate(log.path, 100_000_000)
    tracemalloc.start()
    try:
        assert find_trouble(folder).what == "record 12 is longer than 8192 bytes"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_more_fragments_than_a_record_can_set_aside_are_trouble_and_not_memory(folder: Path) -> None:
    log = make_log(folder)
    log.put(b"fragment\n" * (MOST_FRAGMENTS + 1))
    assert find_trouble(folder).record == 12


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


def test_a_newer_format_is_named_and_not_called_tampering(folder: Path) -> None:
    log = make_log(folder, 3)
    rewrite(log, 0, b'"format": 1', b'"format": 2')
    with pytest.raises(AgentkitError, match="format 2, and this program knows format 1") as caught:
        walk(folder)
    assert caught.value.status == Exit.BAD_DATA


def _make_fifo(path: Path) -> None:
    os.mkfifo(path)


def _link_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def _link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link_to_itself(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")


def _leave_nothing(path: Path) -> None:
    pass


STAND_INS = [_make_fifo, _link_nowhere, _link_to_a_device, Path.mkdir, Path.touch, _leave_nothing]


@pytest.mark.parametrize("stand_in", STAND_INS, ids=lambda make: make.__name__.strip("_"))
@pytest.mark.parametrize("name", ["000001.jsonl", "000002.jsonl", "head", ""])
def test_whatever_lies_in_the_place_of_a_file_is_trouble_at_once(
    folder: Path, stand_in: Callable[[Path], None], name: str
) -> None:
    make_eventful_log(folder)
    (folder / name).rename(folder.with_name("elsewhere"))
    stand_in(folder / name)
    if stand_in is Path.mkdir and not name:
        (folder / name).rmdir()
        (folder / name).touch()
    find_trouble(folder)


def test_a_link_to_the_log_is_not_the_log(folder: Path) -> None:
    log = make_log(folder)
    log.path.rename(folder / "kept")
    log.path.symlink_to("kept")
    assert find_trouble(folder).what == f"{log.path} is a link, not a file"


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
