"""How does a record get onto the log, so that it is durable, in its place, and after every record before it?

The log is JSON Lines in segments; each record begins with the SHA-256 of the line before it. docs/audit-log.md
publishes the format. Nothing is ever truncated. Imported by the hot verbs.
"""

import errno
import os
import time

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.times import format_instant
from agentkit.vault.asker import Asker
from agentkit.vault.digest import hash_bytes
from agentkit.vault.log.loglock import lock_folder
from agentkit.vault.plainread import demand_private_folder, open_private
from agentkit.vault.quickjson import encode_value

SEGMENT_BYTES = 64 * 1024 * 1024
LONGEST_LINE_BYTES = 8192
LONGEST_REASON = 500
# No row of crashes leaves so many pieces, each of which is 68 bytes of the record that sets them aside.
MOST_FRAGMENTS = 64
ZEROS = "0" * 64
SEQ_START = 74  # behind `{"prev": "<64 hex>`
# SEGMENT BYTES SEQ HASH LINESTART: see docs/audit-log.md.
HEAD_SHAPE = "%06d %015d %015d %s %015d\n"
HEAD_BYTES = 6 + 1 + 15 + 1 + 15 + 1 + 64 + 1 + 15 + 1
# What may lie behind the head: it is written after each record and the kernel syncs it, so it lags by seconds at most.
LONGEST_TAIL_BYTES = SEGMENT_BYTES + 64 * LONGEST_LINE_BYTES
HINT = "agentkit vault audit verify"

Fields = dict[str, object]
# op, phase, outcome: what was done, which part of it, and how that went.
Deed = tuple[str, str, str]


class Head:
    """Where the log ends: the last raw line, which is a record, and where it lies."""

    __slots__ = ("hash", "line_start", "segment", "seq", "size")

    def __init__(self, segment: int, size: int, seq: int, hash_: str, line_start: int) -> None:
        self.segment = segment
        self.size = size
        self.seq = seq
        self.hash = hash_
        self.line_start = line_start


class Chain:
    """The end of the log while its lock is held: no other process of ours changes log or store meanwhile."""

    def __init__(self, audit: str, lock: int) -> None:
        self.audit = audit
        self._lock = lock
        self._log = self._head_file = -1
        self._unfinished = b""
        self._fragments: list[str] = []
        self._is_spoilt = False
        # Of a segment that lacks its first record: the hash of the last line of the one before.
        self._last_head: str | None = None
        try:
            self._open()
        except (FileNotFoundError, NotADirectoryError) as error:
            self.close()
            raise tell_tampered(f"{error.filename} is missing") from None
        except OSError as error:
            self.close()
            raise _tell_unwritable(error, audit) from error
        except BaseException:  # the descriptors go back whatever happens, Ctrl-C too
            self.close()
            raise

    def _open(self) -> None:
        self._head_file = open_private(
            f"{self.audit}/head", os.O_RDWR, what="the head of the audit log", status=Exit.TAMPERED
        )
        self.head = head = read_head(os.pread(self._head_file, HEAD_BYTES + 1, 0))
        self._log = self._open_segment(head.segment)
        size = self._measure(head.segment)
        if size < head.size:
            raise tell_tampered(f"segment {head.segment} has {size} bytes, and {head.size} were written")
        raw = self._read(size - head.line_start, head.line_start)
        last, rest = raw[: head.size - head.line_start], raw[head.size - head.line_start :]
        is_numbered = last.startswith(b'", "seq": %d, ' % head.seq, SEQ_START)
        if not last.endswith(b"\n") or not is_numbered or hash_bytes(last[:-1]) != head.hash:
            raise tell_tampered(f"record {head.seq} is not the one that was written")
        if rest or os.path.lexists(segment_path(self.audit, head.segment + 1)):
            from agentkit.vault.log.tail import walk_tail

            walk_tail(self, rest)

    def _open_segment(self, number: int) -> int:
        return open_private(
            segment_path(self.audit, number), os.O_RDWR | os.O_APPEND, what="the audit log", status=Exit.TAMPERED
        )

    def _measure(self, number: int) -> int:
        found = os.fstat(self._log)
        if found.st_nlink != 1:
            raise tell_tampered(f"segment {number} has a second name, by which it can be written")
        if found.st_size > LONGEST_TAIL_BYTES:
            raise tell_tampered(f"segment {number} has {found.st_size} bytes, which this program never writes")
        return found.st_size

    def _read(self, size: int, start: int) -> bytes:
        raw = os.pread(self._log, size, start)
        if len(raw) != size:
            raise OSError(errno.EIO, f"only {len(raw)} of {size} bytes could be read")
        return raw

    def enter_segment(self, number: int) -> bytes:
        """Go on in a later segment and return what it holds; for `walk_tail`."""
        os.close(self._log)
        self._log = -1
        self._log = self._open_segment(number)
        return self._read(self._measure(number), 0)

    def accept_tail(self, head: Head, fragments: "list[str]", unfinished: bytes, last_head: "str | None") -> None:
        """Take what lies behind the head for what a crash left; for `walk_tail`.

        `fragments` are the hashes of whole lines that are no records, `unfinished` is what has no newline. `last_head`
        is given where the segment lacks its first record: the hash of the last line of the segment before.
        """
        if len(fragments) > MOST_FRAGMENTS:
            raise tell_tampered(f"{len(fragments)} lines behind record {head.seq} are no records")
        self.head = head
        self._fragments = fragments
        self._unfinished = unfinished
        self._last_head = last_head

    def append(self, deed: Deed, asker: Asker, fields: Fields) -> int:
        """Write one record, make it durable, and return its number; raises AgentkitError (cannot write)."""
        if self._is_spoilt:
            raise _tell_unwritable(OSError(errno.EIO, "an earlier record could not be"), self.audit)
        try:
            return self._append(deed, asker, fields)
        except OSError as error:
            # What of it lies on the disk only the next one finds out, who reads the end of the log anew.
            self._is_spoilt = True
            raise _tell_unwritable(error, self.audit) from error

    def _append(self, deed: Deed, asker: Asker, fields: Fields) -> int:
        if self.head.size >= SEGMENT_BYTES and not self._fragments and not self._unfinished:
            self._begin_segment()
        if self._last_head is not None:
            # Also where a crash came between making a segment and writing its first record.
            last = segment_path(self.audit, self.head.segment - 1)
            begun = {"segment": self.head.segment, "last_bytes": os.stat(last).st_size, "last_head": self._last_head}
            self._write(("segment", "done", "begun"), asker, begun)
            self._last_head = None
        return self._write(deed, asker, fields)

    def _write(self, deed: Deed, asker: Asker, fields: Fields) -> int:
        head = self.head
        text, seq, prev = "", head.seq, head.hash
        if self._unfinished or self._fragments:
            text, seq, prev = self._set_torn_aside(asker)
        line = build_record(prev, seq + 1, deed, asker, fields)
        if len(line) > LONGEST_LINE_BYTES:
            raise AgentkitError(
                f"a record of {len(line)} bytes is not written; the log takes {LONGEST_LINE_BYTES}",
                status=Exit.BAD_DATA,
            )
        self._put(f"{text}{line}\n".encode())
        size = os.fstat(self._log).st_size
        self.head = Head(head.segment, size, seq + 1, hash_bytes(line.encode()), size - len(line) - 1)
        self._fragments, self._unfinished = [], b""
        self._write_head()
        return seq + 1

    def _put(self, raw: bytes) -> None:
        written = os.write(self._log, raw)
        if written != len(raw):
            # What was written stays: the next writer sets it aside with a record.
            raise OSError(errno.ENOSPC, f"only {written} of {len(raw)} bytes found room")
        os.fdatasync(self._log)

    def _write_head(self) -> None:
        head = self.head
        shape = HEAD_SHAPE % (head.segment, head.size, head.seq, head.hash, head.line_start)
        try:
            os.pwrite(self._head_file, shape.encode(), 0)
        except OSError:
            return  # it lags then, which the next one sees; the record itself is durable

    def _set_torn_aside(self, asker: Asker) -> "tuple[str, int, str]":
        """Return the text that makes lines of what a crash left and says so, and what the next record stands on."""
        unfinished, fragments = self._unfinished, list(self._fragments)
        if unfinished:
            fragments.append(hash_bytes(unfinished))
        fields = {
            "torn": len(fragments), "torn_bytes": len(unfinished), "after": self.head.hash, "fragments": fragments,
        }  # fmt: skip
        seq = self.head.seq + len(fragments) + 1
        line = build_record(fragments[-1], seq, ("torn", "done", "set-aside"), asker, fields)
        return ("\n" if unfinished else "") + line + "\n", seq, hash_bytes(line.encode())

    def _begin_segment(self) -> None:
        from agentkit.vault.log.segment import create_segment

        number = self.head.segment + 1
        os.close(self._log)
        self._log = -1
        self._log = create_segment(segment_path(self.audit, number))
        self._last_head = self.head.hash
        self.head = Head(number, 0, self.head.seq, self.head.hash, 0)

    def close(self) -> None:
        """Let the next one have the log."""
        for descriptor in (self._log, self._head_file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._log = self._head_file = self._lock = -1


def open_chain(audit: str) -> Chain:
    """Return the end of the log in that folder, locked.

    Raises AgentkitError: tampered where the log is missing, shorter than it was or not what it was; try later where
    another process holds it for 10 s.
    """
    try:
        demand_private_folder(audit, what="the folder of the audit log", status=Exit.TAMPERED)
        # The lock is on the folder itself: a lock file could be removed, and then two would hold it.
        lock = os.open(audit, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise tell_tampered(f"{audit} is missing") from None
    except OSError as error:
        raise _tell_unwritable(error, audit) from error
    try:
        lock_folder(lock, audit)
    except OSError as error:
        os.close(lock)
        raise _tell_unwritable(error, audit) from error
    except BaseException:  # the descriptor goes back whatever happens, Ctrl-C too
        os.close(lock)
        raise
    return Chain(audit, lock)


def segment_path(audit: str, number: int) -> str:
    """Return the path of a segment of the log; they count from 1."""
    return "%s/%06d.jsonl" % (audit, number)


def read_head(raw: bytes) -> Head:
    """Return what the head says; raises AgentkitError (tampered) where it is none."""
    parts = raw.decode("ascii", "replace").split(" ")
    numbers = [part.strip() for at, part in enumerate(parts) if at != 3]
    if len(raw) != HEAD_BYTES or len(parts) != 5 or len(parts[3]) != 64 or not all(map(str.isdecimal, numbers)):
        raise tell_tampered("the head of the audit log cannot be read")
    segment, size, seq, line_start = map(int, numbers)
    if not 0 <= line_start < size:
        raise tell_tampered("the head of the audit log cannot be read")
    return Head(segment, size, seq, parts[3], line_start)


def build_record(prev: str, seq: int, deed: Deed, asker: Asker, fields: Fields) -> str:
    """Return a record as it stands in the log, without its newline: docs/audit-log.md says what each key is."""
    # `prev` and `seq` stand where a verifier finds them without reading JSON.
    known: Fields = {
        "at": format_instant(time.time()), "boot": _read_boot_id(), "mono_s": round(time.monotonic(), 6),
        "op": deed[0], "phase": deed[1], "outcome": deed[2], "name": None, "version": None, "uid": asker.uid,
        "pid": asker.pid, "parent": asker.parent, "delivery": None, "reason": None, "argv0": asker.argv0,
        "argv_hmac": asker.argv_hmac,
    }  # fmt: skip
    known.update(fields)
    text = '{"prev": "%s", "seq": %d' % (prev, seq)
    for key, value in known.items():
        text += f', "{key}": {encode_value(value)}'
    return text + "}"


def _read_boot_id() -> "str | None":
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb", buffering=0) as file:
            return (file.read(64) or b"").decode().strip()
    except OSError:
        return None


def tell_tampered(what: str) -> AgentkitError:
    """Return the error for a log that is not what was written."""
    return AgentkitError(f"audit log: {what}; nothing was released", hint=HINT, status=Exit.TAMPERED)


def _tell_unwritable(error: OSError, audit: str) -> AgentkitError:
    return AgentkitError(
        f"the audit log cannot be written: {error.strerror}; nothing was released",
        hint=f"make room for {audit}",
        status=Exit.CANNOT_WRITE,
    )
