"""Does each line of the audit log stand on the line before it?

The walk is over raw lines: what is not said in the published format (docs/audit-log.md) is not trusted. A million
records are walked for the price of their hashes, so a whole block of plain records takes one short loop.
"""

from __future__ import annotations

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.blame import find_changed
from agentkit.vault.log.rawline import LONGEST_LINE_BYTES, ZEROS, hash_line, read_record, sha256
from agentkit.vault.log.segments import Segment, read_blocks, read_part
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.log.witness import Witness

FORMAT = 1
# In a text of a record quotes are escaped, so this stands in a line only as its own key.
TORN = b'"op": "torn"'
GENESIS, HEADER = "genesis", "segment"
# The writer gives up before there are more of them in a row.
MOST_FRAGMENTS = 65
KEPT_LINES = MOST_FRAGMENTS + 2
# Whether a line was changed is told by the next one, and whether that is to be believed by the one after it.
LINES_AHEAD = 4
CLOSING = 125  # }
# Behind the beginning stand `at`, and `boot` with its key.
AT_BYTES, BOOT_END = 24, 24 + 49


class Walk:
    """How far the log holds. Numbers count raw lines from 0; `hash` is the one of the last line before `seq`."""

    def __init__(self, witnesses: list[Witness]) -> None:
        self.seq, self.hash = 0, ZEROS
        self.first = 0
        # Where the next line begins; how many lines before it no record has explained yet; bytes that have no newline.
        self.segment, self.offset = 1, 0
        self.unexplained = 0
        self.unfinished_bytes = 0
        self.origin: str | None = None
        self.torn = self.boots = self.clock_went_back = 0
        # Behind the last line that is explained: the end that a checkpoint may vouch for.
        self.sure_seq, self.sure_hash, self.sure_segment, self.sure_offset = 0, ZEROS, 1, 0
        self._witnesses = sorted(witnesses, key=lambda one: one.seq)
        self._segments: list[Segment] = []
        self._kept: list[bytes] = []
        self._expected: str | None = GENESIS
        self._last_bytes, self._last_hash = 0, ZEROS
        self._at, self._boot = b"", b""

    def start_at(self, segment: Segment, seq: int, hash_: str, offset: int) -> None:
        """Begin behind the record that an anchor vouches for; raises TamperedError where another one is there."""
        window = read_part(segment, max(offset - KEPT_LINES * (LONGEST_LINE_BYTES + 1), 0), offset)
        lines = window.split(b"\n")
        is_there = segment.size >= offset > 0 and lines.pop() == b""
        if not is_there or hash_line(lines[-1]) != hash_:
            raise TamperedError(f"record {seq - 1} is not the one that the anchor vouches for", seq - 1)
        self.seq, self.hash, self.segment, self.offset = seq, hash_, segment.number, offset
        self.first = seq
        self._kept = lines[-KEPT_LINES:]
        self._expected = None
        self._note_sure()
        self._witnesses = [one for one in self._witnesses if one.seq >= seq]

    def walk(self, segments: list[Segment]) -> None:
        """Walk the segments to the end of the last one; raises TamperedError at what does not hold."""
        self._segments = segments
        for segment in segments:
            if segment.number != self.segment:
                self._enter(segment)
            rest = b""
            for offset, data, lines, rest in read_blocks(segment, self.offset):
                self._take(offset, data, lines, len(rest))
            if len(rest) > LONGEST_LINE_BYTES:
                raise TamperedError(f"record {self.seq} is longer than {LONGEST_LINE_BYTES} bytes", self.seq)
            if segment is not segments[-1]:
                self._leave(segment, rest)
            self.unfinished_bytes = len(rest)
        self._finish()

    def _enter(self, segment: Segment) -> None:
        self.segment, self.offset = segment.number, 0
        self._expected = HEADER

    def _leave(self, segment: Segment, rest: bytes) -> None:
        if self.unexplained:
            raise self._blame([])
        if rest or self._expected is not None:
            raise TamperedError(f"segment {segment.number} ends in the middle of record {self.seq}", self.seq)
        self._last_bytes, self._last_hash = segment.size, self.hash

    def _take(self, start: int, data: bytes, lines: list[bytes], rest_bytes: int) -> None:
        is_plain = data.isascii() and TORN not in data
        done = 0
        while done < len(lines):
            stop = len(lines)
            if self._witnesses:
                stop = min(stop, done + self._witnesses[0].seq - self.seq + 1)
            some = lines[done:stop]
            if is_plain and not self.unexplained and self._expected is None and self._take_plain(some):
                done = stop
            else:
                # A block that is not plain is taken line by line: that is rare, and costs no more than reading it.
                self._take_one(lines, done)
                some = some[:1]
                done += 1
            if done == len(lines):
                self.offset = start + len(data) - rest_bytes
            else:
                self.offset += sum(map(len, some)) + len(some)
            if not self.unexplained:
                self._note_sure()
            while self._witnesses and self._witnesses[0].seq < self.seq:
                self._hear(self._witnesses.pop(0), lines, done)
        self._kept = [*self._kept, *lines[-KEPT_LINES:]][-KEPT_LINES:]

    def _take_plain(self, lines: list[bytes]) -> bool:
        """Take the lines when all of them are ordinary records in their places; else take none."""
        numbers = range(self.seq, self.seq + len(lines))
        hashes = [self.hash, *[sha256(line).hexdigest() for line in lines]]
        beginnings = [
            f'{{"prev": "{hash_}", "seq": {number}, "at": "'
            for hash_, number in zip(hashes, numbers)  # noqa: B905
        ]
        place = len(beginnings[-1])
        # As texts of one length they are compared all at once. Where the numbers grow by a digit they are not of one.
        if (
            "".join(beginnings).encode() != b"".join([line[:place] for line in lines])
            or [line[-1] for line in lines].count(CLOSING) != len(lines)
            or max(map(len, lines)) > LONGEST_LINE_BYTES
        ):
            return False
        self._note_times(
            [line[place : place + AT_BYTES] for line in lines],
            [line[place + AT_BYTES : place + BOOT_END] for line in lines],
        )
        self.seq, self.hash = numbers.stop, hashes[-1]
        return True

    def _note_times(self, instants: list[bytes], boots: list[bytes]) -> None:
        """Remember whether the clock went back and the machine began anew: remarks, no more."""
        if self._at > instants[0] or instants != sorted(instants):
            self.clock_went_back += sum(one > other for one, other in zip([self._at, *instants], instants))  # noqa: B905
        if boots.count(self._boot) != len(boots):
            self.boots += sum(one != other for one, other in zip([self._boot, *boots], boots))  # noqa: B905
        self._at, self._boot = instants[-1], boots[-1]

    def _take_one(self, lines: list[bytes], index: int) -> None:
        """Take a line that may be anything."""
        line = lines[index]
        record = self._read_rare(line) if self._is_shaped(line) else None
        if record is None or (record.get("op") == "torn" and not self._explains(record, lines, index)):
            if self.unexplained == MOST_FRAGMENTS:
                raise self._blame(lines[:index])
            self.unexplained += 1
        elif record.get("op") == "torn":
            self.unexplained = 0
            self.torn += 1
        elif self.unexplained:
            raise self._blame(lines[:index])
        else:
            self._demand_expected(record, lines[index : index + 2])
            place = line.index(b'"at": "') + len(b'"at": "')
            self._note_times([line[place : place + AT_BYTES]], [line[place + AT_BYTES : place + BOOT_END]])
        self.hash = hash_line(line)
        self.seq += 1

    def _is_shaped(self, line: bytes) -> bool:
        beginning = f'{{"prev": "{self.hash}", "seq": {self.seq}, "at": "'.encode()
        return line.startswith(beginning) and line.endswith(b"}") and len(line) <= LONGEST_LINE_BYTES and line.isascii()

    def _read_rare(self, line: bytes) -> dict[str, object] | None:
        if not self.unexplained and self._expected is None and TORN not in line:
            return {}  # an ordinary one: its hash is in the next
        return read_record(line)

    def _explains(self, record: dict[str, object], lines: list[bytes], index: int) -> bool:
        """Tell whether a record sets aside just the lines before it that are no records."""
        count, fragments = record.get("torn"), record.get("fragments")
        if not isinstance(count, int) or not isinstance(fragments, list) or not 0 < count <= MOST_FRAGMENTS:
            return False
        before = [*self._kept, *lines[:index]][-count - 1 :] if index <= count else lines[index - count - 1 : index]
        if len(before) != count + 1 or count < self.unexplained:
            return False
        hashes = [hash_line(one) for one in before]
        # Only the last one, which had no newline when it was found, may have been whole but for that.
        called_torn = before[1 : count + 1 - max(self.unexplained, 1)]
        return (
            record.get("after") == hashes[0]
            and fragments == hashes[1:]
            and record.get("torn_bytes") in (0, len(before[-1]))
            and all(read_record(one) is None for one in called_torn)
        )

    def _demand_expected(self, record: dict[str, object], lines: list[bytes]) -> None:
        op, seq = record.get("op"), self.seq
        if self._expected == GENESIS:
            origin = record.get("origin")
            if op != "genesis" or not isinstance(origin, str):
                raise TamperedError("record 0 is not the beginning of a log", 0)
            if record.get("format") != FORMAT:
                raise self._refuse_format(record.get("format"), lines)
            self.origin = origin
        elif self._expected == HEADER:
            said = (op, record.get("segment"), record.get("last_bytes"), record.get("last_head"))
            if said != ("segment", self.segment, self._last_bytes, self._last_hash):
                raise TamperedError(f"record {seq} does not join segment {self.segment} to the one before it", seq)
        self._expected = None

    def _refuse_format(self, found: object, lines: list[bytes]) -> Exception:
        hash_ = hash_line(lines[0])
        is_vouched = any(one.seq == 0 and one.hash == hash_ for one in self._witnesses)
        if not is_vouched and not (lines[1:] and lines[1][10:74] == hash_.encode()):
            return TamperedError("record 0 is not the beginning of a log", 0)
        told = f"the log has format {found!r}, and this program knows format {FORMAT}"
        return AgentkitError(told, status=Exit.BAD_DATA)

    def _hear(self, witness: Witness, lines: list[bytes], done: int) -> None:
        """Compare the last line that was taken with what the witness says of it."""
        if self.unexplained:
            raise self._blame(lines[:done], witness)
        last = lines[done - 1]
        if witness.hash != self.hash:
            if read_record(last) is None:
                raise TamperedError(f"record {witness.seq} is no record", witness.seq)
            raise TamperedError(f"record {witness.seq} is not the one that {witness.name} vouches for", witness.seq)
        if not witness.fits_place(self.segment, self.offset - len(last) - 1, self.offset):
            raise TamperedError(f"record {witness.seq} does not lie where {witness.name} says", witness.seq)

    def _finish(self) -> None:
        if not self.unexplained and self._kept and read_record(self._kept[-1]) is None:
            if self._witnesses:
                raise TamperedError(f"record {self.seq - 1} is no record", self.seq - 1)
            self.unexplained = 1  # a torn record may look whole until one reads all of it
        if self._witnesses:
            if self.unexplained:
                raise self._blame([])
            name, seq = self._witnesses[-1].name, self._witnesses[-1].seq
            raise TamperedError(f"the log ends before record {self.seq}, and {name} vouches for record {seq}", self.seq)
        if self._expected == GENESIS:
            raise TamperedError("record 0 is not whole", 0)

    def _blame(self, lines: list[bytes], *witnesses: Witness) -> TamperedError:
        """Return which line was changed; `lines` are those of the block before the point where we are."""
        before = [*self._kept, *lines]
        window = before + self._look_ahead()
        vouching = [*witnesses, *self._witnesses]
        return find_changed(window, self.seq - len(before), self.seq - self.unexplained, vouching)

    def _look_ahead(self) -> list[bytes]:
        ahead: list[bytes] = []
        start = self.offset
        for segment in self._segments[self.segment - self._segments[0].number :]:
            data = read_part(segment, start, start + LINES_AHEAD * (LONGEST_LINE_BYTES + 1))
            ahead += data.split(b"\n")[:-1]
            start = 0
            if len(ahead) >= LINES_AHEAD:
                break
        return ahead[:LINES_AHEAD]

    def _note_sure(self) -> None:
        self.sure_seq, self.sure_hash = self.seq, self.hash
        self.sure_segment, self.sure_offset = self.segment, self.offset
