"""Is nothing released when the log is gone, shorter, or not what was written, and is no new one begun silently?"""

import fcntl
import hashlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.asker import find_asker, find_program
from agentkit.vault.locked import lock_vault
from agentkit.vault.log import chain, loglock
from agentkit.vault.log.chain import LONGEST_LINE_BYTES, MOST_FRAGMENTS
from tests.otherusers import NOBODY
from tests.vault.ownvault import OwnVault, read_chain

NAME, VALUE = "db/password", b"what nobody may see"
# What hangs is stopped here; nothing is measured.
HANG_S = 30.0


@pytest.fixture
def own(tmp_path: Path) -> OwnVault:
    """Return a vault with one secret, which was read a few times."""
    vault = OwnVault(tmp_path / "own")
    vault.set(NAME, VALUE)
    for _ in range(3):
        assert vault.get(NAME) == VALUE
    return vault


def refuse(vault: OwnVault) -> AgentkitError:
    """Return with which error a get ends, which must be: tampered, nothing released, no log begun."""
    before = sorted(os.listdir(vault.audit)) if vault.audit.is_dir() else None
    with pytest.raises(AgentkitError) as caught:
        vault.get(NAME)
    assert caught.value.status == Exit.TAMPERED, caught.value.message
    assert "nothing was released" in caught.value.message or "audit log" in caught.value.message
    assert (sorted(os.listdir(vault.audit)) if vault.audit.is_dir() else None) == before
    return caught.value


def test_a_log_cut_off_anywhere_is_refused(own: OwnVault) -> None:
    raw = own.segment.read_bytes()
    for size in reversed(range(len(raw))):
        os.truncate(own.segment, size)
        refuse(own)
    own.segment.write_bytes(raw)
    assert own.get(NAME) == VALUE


@pytest.mark.parametrize("file", ["000001.jsonl", "head", "key", "."])
def test_a_log_of_which_a_file_is_missing_is_refused(own: OwnVault, file: str) -> None:
    shutil.move(own.audit / file if file != "." else own.audit, own.folder / "aside")
    refuse(own)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # The path of a socket is at most 107 bytes.
        before = os.getcwd()
        os.chdir(path.parent)
        try:
            made.bind(path.name)
        finally:
            os.chdir(before)


def link_to_copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy2(path.with_name("aside"), copy)
    path.symlink_to(copy)


def copy_of(path: Path, change: Callable[[Path], object]) -> None:
    shutil.copy2(path.with_name("aside"), path)
    change(path)


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a fifo": os.mkfifo,
    "a socket": make_socket,
    "a device that gives nothing": lambda path: os.mknod(path, 0o020600, os.makedev(1, 3)),
    "a device that never ends": lambda path: os.mknod(path, 0o020600, os.makedev(1, 5)),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a copy": link_to_copy,
    "an empty file": lambda path: copy_of(path, lambda copy: os.truncate(copy, 0)),
    "another user's": lambda path: copy_of(path, lambda copy: os.chown(copy, NOBODY, NOBODY)),
    "one that all can read": lambda path: copy_of(path, lambda copy: copy.chmod(0o644)),
    "one that the group can write": lambda path: copy_of(path, lambda copy: copy.chmod(0o620)),
}


@pytest.mark.parametrize("file", ["000001.jsonl", "head"])
@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_something_else_in_the_place_of_the_log_is_refused_and_nothing_hangs(
    own: OwnVault, file: str, kind: str
) -> None:
    path = own.audit / file
    path.rename(path.with_name("aside"))
    REPLACEMENTS[kind](path)
    found = own.run("get", NAME, "--reason", "x", limit_s=HANG_S)
    assert (found.returncode, found.stdout) == (Exit.TAMPERED, b"")
    assert found.stderr.count(b"agentkit: error:") == 1


def test_a_log_with_a_second_name_is_refused(own: OwnVault) -> None:
    os.link(own.segment, own.folder / "second")
    assert "second name" in refuse(own).message


@pytest.mark.parametrize("change", ["link", "mode", "owner", "file"])
def test_a_folder_of_the_log_that_is_not_ours_alone_is_refused(own: OwnVault, change: str) -> None:
    aside = own.folder / "aside"
    if change == "link":
        own.audit.rename(aside)
        own.audit.symlink_to(aside)
    elif change == "mode":
        own.audit.chmod(0o755)
    elif change == "owner":
        os.chown(own.audit, NOBODY, NOBODY)
    else:
        own.audit.rename(aside)
        own.audit.write_bytes(b"")
    refuse(own)


def garble_heads(raw: bytes) -> Iterator[bytes]:
    yield b""
    yield raw[:-1]
    yield raw + b" "
    yield raw + raw
    yield b"\0" * len(raw)
    yield os.urandom(len(raw))
    yield raw.replace(b" ", b"_")
    yield raw[:23] + b"9" + raw[24:]
    yield b"-" + raw[1:]
    yield "\u0661".encode() * 3 + raw[6:]
    for place in range(len(raw) - 1):
        # Any other letter: another segment, size, number, hash or start of the line.
        yield raw[:place] + (b"7" if raw[place : place + 1] != b"7" else b"8") + raw[place + 1 :]


def test_a_head_that_is_not_what_was_written_is_refused(own: OwnVault) -> None:
    raw = own.head.read_bytes()
    for garbled in garble_heads(raw):
        own.head.write_bytes(garbled)
        refuse(own)
    own.head.write_bytes(raw)
    assert own.get(NAME) == VALUE


def test_a_head_that_lags_is_led_to_the_end_and_the_chain_goes_on(own: OwnVault) -> None:
    heads = []
    for _ in range(6):
        heads.append(own.head.read_bytes())
        own.get(NAME)
    for head in heads:
        own.head.write_bytes(head)
        assert own.get(NAME) == VALUE
    count = len(own.records())
    assert int(own.head.read_bytes().split()[2]) == count - 1


def test_a_log_and_a_head_that_were_both_put_back_can_only_be_seen_from_outside(own: OwnVault) -> None:
    log, head = own.segment.read_bytes(), own.head.read_bytes()
    own.get(NAME)
    own.segment.write_bytes(log)
    own.head.write_bytes(head)
    assert own.get(NAME) == VALUE


def test_a_changed_last_record_is_refused(own: OwnVault) -> None:
    raw = own.segment.read_bytes()
    for place in range(raw.rindex(b'{"prev"'), len(raw)):
        own.segment.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        refuse(own)


def test_a_log_blown_up_to_a_tebibyte_is_refused_at_once(own: OwnVault) -> None:
    os.truncate(own.segment, 1 << 40)
    found = own.run("get", NAME, "--reason", "x", limit_s=HANG_S)
    assert (found.returncode, found.stdout) == (Exit.TAMPERED, b"")


def test_a_few_foreign_lines_are_set_aside_and_many_are_refused(own: OwnVault) -> None:
    with own.segment.open("ab") as file:
        file.write(b"no record\n" * MOST_FRAGMENTS)
    assert own.get(NAME) == VALUE
    assert own.records()[-2]["torn"] == MOST_FRAGMENTS
    with own.segment.open("ab") as file:
        file.write(b"no record\n" * (MOST_FRAGMENTS + 1))
    refuse(own)


def test_a_record_has_its_first_keys_in_their_places(own: OwnVault) -> None:
    lines = own.segment.read_bytes().splitlines()
    for number, line in enumerate(lines):
        prev = hashlib.sha256(lines[number - 1]).hexdigest() if number else "0" * 64
        assert line.startswith(b'{"prev": "%s", "seq": %d, "at": "' % (prev.encode(), number))
        assert list(json.loads(line))[:17] == [
            "prev", "seq", "at", "boot", "mono_s", "op", "phase", "outcome", "name", "version", "uid", "pid", "parent",
            "delivery", "reason", "argv0", "argv_hmac",
        ]  # fmt: skip


@pytest.mark.parametrize("letter", ["a", "\u00fc", "\U0001f511", '"', "\\", "\x01", "\udcff"])
def test_the_longest_words_make_no_longer_line_than_the_format_allows(own: OwnVault, letter: str) -> None:
    asker = find_asker(own.environ, [letter * 5000], own.places)
    asker.parent = find_program([letter * 5000])
    with lock_vault(own.places, asker) as vault:
        vault.record("get", "release", "granted", {"name": "n" * 200, "version": 10**9, "reason": letter * 500})
    assert len(own.segment.read_bytes().splitlines()[-1]) <= LONGEST_LINE_BYTES
    assert own.get(NAME) == VALUE
    own.records()


def test_a_record_that_would_be_longer_is_not_written(own: OwnVault) -> None:
    before = own.segment.read_bytes()
    asker = find_asker(own.environ, ["x"], own.places)
    with lock_vault(own.places, asker) as vault, pytest.raises(AgentkitError, match="is not written"):
        vault.record("get", "release", "granted", {"reason": "x" * LONGEST_LINE_BYTES})
    assert own.segment.read_bytes() == before


def test_after_a_write_that_was_cut_off_the_same_process_writes_no_further(own: OwnVault) -> None:
    asker = find_asker(own.environ, ["x"], own.places)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with lock_vault(own.places, asker) as vault:
        resource.setrlimit(resource.RLIMIT_FSIZE, (own.segment.stat().st_size + 100, limits[1]))
        try:
            with pytest.raises(AgentkitError, match="cannot be written") as caught:
                vault.record("get", "release", "granted", {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.status == Exit.CANNOT_WRITE
        size = own.segment.stat().st_size
        with pytest.raises(AgentkitError, match="an earlier record"):
            vault.record("get", "failed", "failed", {})
        assert own.segment.stat().st_size == size
    assert own.get(NAME) == VALUE
    assert own.records()[-2]["op"] == "torn"


def test_a_lock_held_for_longer_is_try_later_and_no_thread_keeps_it(
    own: OwnVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loglock, "LOCK_LIMIT_S", 0.2)
    held = os.open(own.audit, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(AgentkitError, match="locked by another") as caught:
        own.get(NAME)
    os.close(held)
    assert caught.value.status == Exit.TRY_LATER
    monkeypatch.setattr(loglock, "LOCK_LIMIT_S", 60.0)
    # The thread that waited in vain gets the lock now, and gives it back.
    assert own.get(NAME) == VALUE


@pytest.mark.parametrize("has_threads", [True, False])
def test_a_lock_that_is_given_back_is_got(own: OwnVault, monkeypatch: pytest.MonkeyPatch, has_threads: bool) -> None:
    held = os.open(own.audit, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    letting_go = threading.Timer(0.3, os.close, [held])
    letting_go.start()
    if not has_threads:

        def refuse_threads(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr("_thread.start_new_thread", refuse_threads)
    assert own.get(NAME) == VALUE
    letting_go.join(HANG_S)


def test_segments_follow_each_other_and_the_chain_runs_across(own: OwnVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "SEGMENT_BYTES", 1200)
    for _ in range(30):
        assert own.get(NAME) == VALUE
    own.set(NAME, b"another")
    assert own.get(NAME) == b"another"
    segments = sorted(own.audit.glob("*.jsonl"))
    assert len(segments) > 8
    assert {path.stat().st_mode & 0o777 for path in segments} == {0o600}
    records = own.records()
    assert sum(record["op"] == "segment" for record in records) == len(segments) - 1
    assert sum(record["op"] == "get" for record in records) == 34


def test_only_the_last_segment_is_opened(own: OwnVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(chain, "SEGMENT_BYTES", 1200)
    for _ in range(9):
        own.get(NAME)
    table = tmp_path / "calls"
    own.run("get", NAME, "--reason", "x", before=("strace", "-f", "-e", "trace=openat", "-o", str(table)))
    last = max(own.audit.glob("*.jsonl")).name
    assert {line.split("audit/")[1].split('"')[0] for line in table.read_text().splitlines() if ".jsonl" in line} == {
        last
    }


def test_what_a_chain_opened_is_closed_whatever_happens(own: OwnVault) -> None:
    before = os.listdir("/proc/self/fd")
    raw = own.head.read_bytes()
    for garbled in (b"", raw[:-5], raw.replace(b"000001 ", b"000009 ")):
        own.head.write_bytes(garbled)
        refuse(own)
    own.head.write_bytes(raw)
    own.get(NAME)
    assert os.listdir("/proc/self/fd") == before


def test_the_script_of_an_interpreter_is_who_asks_and_a_program_on_its_command_line_never_is() -> None:
    secret = "echo hunter2"
    for words in (
        ["sh", "-c", secret], ["bash", "-lc", secret], ["/bin/sh", "-euc", secret], ["-bash", "-c", secret],
        ["bash", "--login", "-c", secret], ["bash", "-o", "pipefail", "-c", secret], ["python3", "-Ic", secret],
        ["python3.11", "-c" + secret], ["perl", "-e", secret], ["perl", "-we", secret], ["node", "--eval", secret],
        ["node", "-p", secret], ["ruby", "-rjson", "-e", secret], ["php", "-r", secret], ["lua", "-e", secret],
    ):  # fmt: skip
        assert find_program(words) == words[0]
    for words in (
        ["bash", "@", "-c"], ["bash", "-o", "pipefail", "@"], ["bash", "-eu", "@"], ["sh", "+x", "@"],
        ["python3", "-u", "@", secret], ["perl", "-w", "@"], ["node", "--x=1", "@"],
    ):  # fmt: skip
        assert find_program(words) == "@"
    assert find_program(["/opt/report.sh", "x"]) == "/opt/report.sh"
    assert find_program([]) == ""


def test_a_parent_script_is_named_and_the_words_of_a_one_liner_are_not(own: OwnVault, tmp_path: Path) -> None:
    script = tmp_path / "report.sh"
    line = f"{sys.executable} -m agentkit vault get {NAME} --reason x; :"
    script.write_text(line)
    subprocess.run(["sh", str(script)], env=own.environ, check=True, timeout=60, capture_output=True)
    assert own.records()[-1]["parent"] == str(script)
    subprocess.run(["sh", "-ec", line], env=own.environ, check=True, timeout=60, capture_output=True)
    assert own.records()[-1]["parent"] == "sh"


def test_the_independent_reader_of_chains_can_say_no(own: OwnVault) -> None:
    raw = own.segment.read_bytes()
    lines = raw.splitlines(keepends=True)
    for wrong in (b"".join(lines[1:]), b"".join(lines[:2] + lines[3:]), raw + lines[-1], raw + b"x", raw + b"x\n"):
        own.segment.write_bytes(wrong)
        with pytest.raises(AssertionError):
            read_chain(own.audit)
