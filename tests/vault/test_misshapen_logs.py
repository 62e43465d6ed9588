"""Is what no honest writer leaves in a log, or in its place, trouble at once, even where all hashes fit?"""

import hashlib
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.verifying import MOST_FRAGMENTS
from tests.vault.logs import Log, make_eventful_log, make_log, rewrite
from tests.vault.walking import find_trouble, walk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


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
