"""Logs as the published format has them, written without a line of agentkit, and what can befall them."""

import hashlib
import json
import os
from pathlib import Path

ZEROS = "0" * 64
BOOT = "8f0c3a52-5a1e-4f0b-9f5e-2f0f1c1d7e11"
ORIGIN = "web-1.example/agentkit/7f3a"
# 2026-11-26T18:00:00Z
BEGAN_S = 1795716000.0


class Log:
    """A log that grows: lines go where the format wants them, the head is kept as the writer keeps it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.segment, self.size, self.seq, self.hash, self.boot = 1, 0, 0, ZEROS, BOOT
        self.now = BEGAN_S
        self.lags = False
        self.add("genesis", format=1, origin=ORIGIN)

    @property
    def path(self) -> Path:
        return self.folder / f"{self.segment:06}.jsonl"

    def build(self, op: str, prev: str, seq: int, **fields: object) -> bytes:
        self.now += 61.25
        whole, thousandths = divmod(round(self.now * 1000), 1000)
        minutes, second = divmod(whole - int(BEGAN_S), 60)
        at = f"2026-11-{26 + minutes // 1440}T{minutes // 60 % 24:02}:{minutes % 60:02}:{second:02}.{thousandths:03}Z"
        record = {"prev": prev, "seq": seq, "at": at, "boot": self.boot, "mono_s": 123.456789, "op": op}
        record |= {"phase": "release", "outcome": "granted", "name": f"db/password-{seq % 7}", "version": 3}
        record |= {"uid": 1000, "pid": 4711, "parent": "/opt/report.sh", "delivery": "stdout"}
        record |= {"reason": "nightly report", "argv0": "/usr/bin/psql", "argv_hmac": "5e" * 32}
        return json.dumps({**record, **fields}).encode()

    def add(self, op: str = "get", **fields: object) -> bytes:
        number = fields.pop("seq", self.seq)
        assert isinstance(number, int)
        line = self.build(op, self.hash, number, **fields)
        self.put(line + b"\n")
        self._end_with(line)
        return line

    def put(self, raw: bytes) -> None:
        """Append bytes as they are."""
        with self.path.open("ab") as file:
            file.write(raw)
        self.size += len(raw)

    def _end_with(self, line: bytes) -> None:
        self.hash, self.seq = hashlib.sha256(line).hexdigest(), self.seq + 1
        if not self.lags:
            self.write_head(len(line) + 1)

    def write_head(self, line_bytes: int) -> None:
        start = self.size - line_bytes
        self.head.write_text(f"{self.segment:06} {self.size:015} {self.seq - 1:015} {self.hash} {start:015}\n")

    @property
    def head(self) -> Path:
        return self.folder / "head"

    def tear(self, *fragments: bytes, **wrong: object) -> None:
        """Leave fragments and set them aside with a record; the last of them had no newline when it was found."""
        after = self.hash
        hashes = [hashlib.sha256(one).hexdigest() for one in fragments]
        for fragment in fragments:
            self.put(fragment + b"\n")
        self.seq += len(fragments)
        self.hash = hashes[-1]
        said: dict[str, object] = {"torn": len(fragments), "torn_bytes": len(fragments[-1])}
        self.add("torn", **{**said, "after": after, "fragments": hashes, **wrong})

    def begin_segment(self, *fragments: bytes, **wrong: object) -> None:
        """Begin a segment; fragments are what crashes left in it before it had its first record."""
        last = {"last_bytes": self.size, "last_head": self.hash}
        self.segment, self.size = self.segment + 1, 0
        if fragments:
            self.tear(*fragments)
        self.add("segment", **{"segment": self.segment, **last, **wrong})

    def grow(self, count: int) -> None:
        """Add records at one go; the head knows the last of them."""
        raw, line = bytearray(), b""
        for _ in range(count):
            line = self.build("get", self.hash, self.seq)
            raw += line + b"\n"
            self.hash, self.seq = hashlib.sha256(line).hexdigest(), self.seq + 1
        self.put(bytes(raw))
        if count and not self.lags:
            self.write_head(len(line) + 1)

    def lines(self) -> list[bytes]:
        """Return all raw lines, without their newlines."""
        paths = sorted(self.folder.glob("*.jsonl"))
        return [line for path in paths for line in path.read_bytes().split(b"\n")[:-1]]


def make_log(folder: Path, count: int = 12) -> Log:
    """Return a log of that many records, the genesis included."""
    log = Log(folder)
    log.grow(count - 1)
    return log


def make_eventful_log(folder: Path) -> Log:
    """Return a log in which everything happened that may happen to an honest one."""
    log = make_log(folder, 4)
    broken = log.build("get", log.hash, log.seq)
    log.tear(broken[:300])
    log.grow(2)
    log.tear(b'{"pr')
    log.add()
    once = log.build("get", log.hash, log.seq)[:200]
    again = log.build("torn", hashlib.sha256(once).hexdigest(), log.seq + 1, torn=1)[:350]
    log.tear(once, again)
    log.boot = BOOT.replace("8f0c", "90aa")
    log.add()
    log.begin_segment()
    log.grow(3)
    log.begin_segment(b'{"prev": "')
    log.tear(log.build("get", log.hash, log.seq))
    log.grow(2)
    return log


def rewrite(log: Log, record: int, old: bytes, new: bytes) -> None:
    """Change a record of a log of one segment and make all hashes after it anew, the head too."""
    lines = log.lines()
    assert old in lines[record]
    lines[record] = lines[record].replace(old, new)
    for index in range(record + 1, len(lines)):
        prev = hashlib.sha256(lines[index - 1]).hexdigest().encode()
        lines[index] = lines[index][:10] + prev + lines[index][74:]
    log.path.write_bytes(b"".join(line + b"\n" for line in lines))
    log.size, log.hash = os.path.getsize(log.path), hashlib.sha256(lines[-1]).hexdigest()
    log.write_head(len(lines[-1]) + 1)
