"""Is a record on disk whole, or is it said where it went and why?"""

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from agentkit.core import paths, spool

NOON = 1_790_000_000.0  # 2026-09-21T14:13:20Z


def lines(folder: Path) -> list[bytes]:
    return [line for file in folder.glob("spool/*.jsonl") for line in file.read_bytes().splitlines() if line]


def test_a_record_stands_alone_in_the_file_of_its_day(tmp_path: Path) -> None:
    place = str(tmp_path / "home")
    assert spool.append_record([place], b'{"n":1}', NOON) == (place, [])
    assert spool.append_record([place], b'{"n":2}', NOON + 86400) == (place, [])
    assert (tmp_path / "home/spool/2026-09-21.jsonl").read_bytes() == b'\n{"n":1}\n'
    assert (tmp_path / "home/spool/2026-09-22.jsonl").read_bytes() == b'\n{"n":2}\n'


def test_the_first_place_that_takes_it_gets_it_and_the_others_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    bad, good = str(tmp_path / "file"), str(tmp_path / "good")
    assert spool.append_record([bad, good], b"{}", NOON) == (good, [f"{bad}: Not a directory"])
    assert spool.append_record([bad], b"{}", NOON) == (None, [f"{bad}: Not a directory"])


def test_a_file_that_was_removed_meanwhile_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, times = os.fdatasync, []

    def remove_then_sync(descriptor: int) -> None:
        if not times:
            times.append(1)
            (tmp_path / "spool/2026-09-21.jsonl").unlink()
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", remove_then_sync)
    assert spool.append_record([str(tmp_path)], b"{}", NOON) == (str(tmp_path), [])
    assert lines(tmp_path) == [b"{}"]


def test_every_folder_above_is_private_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        spool.append_record([str(tmp_path / "a/b/c")], b"{}", NOON)
    finally:
        os.umask(before)
    made = [tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c", tmp_path / "a/b/c/spool"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in [tmp_path, *made]] == [0o755, *[0o700] * 4]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a/b/c/spool").iterdir()} == {0o600}


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "pipe with a reader", "device"])
def test_what_is_no_regular_file_gets_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "spool/2026-09-21.jsonl"
    path.parent.mkdir()
    reader = None
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if "reader" in kind else None
    written, troubles = spool.append_record([str(tmp_path)], b"{}", NOON)
    if reader is not None:
        os.close(reader)
    assert (written, len(troubles), (tmp_path / "elsewhere").exists()) == (None, 1, False)


def test_a_reserve_is_kept_for_the_day_the_disk_is_full(tmp_path: Path) -> None:
    spool.append_record([str(tmp_path)], b"{}", NOON)
    assert (tmp_path / "spool/reserve").stat().st_blocks * 512 >= spool.RESERVE_BYTES


def test_the_places_are_the_state_folder_and_the_fallbacks(tmp_path: Path) -> None:
    first, second = paths.fallback_folders()
    assert spool.spool_places({"AGENTKIT_HOME": "/srv/a"}) == ["/srv/a", f"{first}/srv-a", f"{second}/srv-a"]
    assert spool.spool_places({"AGENTKIT_HOME": first})[0] == first
    assert len(os.path.basename(spool.spool_places({"AGENTKIT_HOME": "/" + "x" * 3000})[1])) <= 255


def _append_many(place: str, number: int, count: int) -> None:
    for index in range(count):
        record = json.dumps({"writer": number, "index": index, "filler": "x" * (index * 97 % 5000)})
        assert spool.append_record([place], record.encode(), NOON) == (place, [])


def test_writers_at_once_lose_and_mix_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(str(tmp_path), number, 50)) for number in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 12
    found = [json.loads(line) for line in lines(tmp_path)]
    assert sorted((one["writer"], one["index"]) for one in found) == [(w, i) for w in range(12) for i in range(50)]
