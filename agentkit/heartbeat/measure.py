"""What did the program say: bytes, lines, digest, first MiB and last 64 KiB of its output?

Imported by the hot verbs. Memory stays bounded whatever the program prints.
"""

from agentkit.heartbeat.beat import sha256

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from _hashlib import HASH

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
# Above this the digest is of the first 16 MiB and the length: a digest of 1 GiB would cost more than passing it on.
DIGEST_BYTES = 1 << 24


class Stream:
    """One output of the program, measured as it comes."""

    __slots__ = ("_late_digest", "_with_digest", "bytes", "head", "last", "newlines")

    def __init__(self, *, with_digest: bool) -> None:
        self.bytes = 0
        self.newlines = 0
        self.last = b"\n"
        self.head = bytearray()
        self._with_digest = with_digest
        self._late_digest: HASH | None = None

    def add(self, chunk: "bytes | bytearray", size: int) -> None:
        """Take the next bytes of this stream: the first `size` of the chunk."""
        before = self.bytes
        self.bytes += size
        if chunk.find(b"\n", 0, size) >= 0:  # memchr: four times as fast as a count where there is none
            self.newlines += chunk.count(b"\n", 0, size)
        self.last = bytes(chunk[size - 1 : size])
        room = HEAD_BYTES - len(self.head)
        if room:
            self.head += chunk[: min(room, size)]
        if self._with_digest and before < DIGEST_BYTES and self.bytes > HEAD_BYTES:
            if self._late_digest is None:
                # OpenSSL's digest is seven times faster and some MiB heavier: loaded when there is much to read.
                from hashlib import sha256 as fast_sha256

                self._late_digest = fast_sha256(self.head)
                room = max(room, 0)
                self._late_digest.update(memoryview(chunk)[room : min(size, DIGEST_BYTES - before)])
            else:
                self._late_digest.update(memoryview(chunk)[: min(size, DIGEST_BYTES - before)])

    @property
    def lines(self) -> int:
        """The number of lines; a last line without newline counts."""
        return self.newlines + (self.last != b"\n")

    def digest(self) -> str:
        """Return the sha256 (hex) of the stream; above 16 MiB of its first 16 MiB and its length in decimal."""
        if self._late_digest is None:
            return str(sha256(bytes(self.head)).hexdigest())
        if self.bytes > DIGEST_BYTES:
            self._late_digest.update(str(self.bytes).encode())
        return self._late_digest.hexdigest()


class Tail:
    """The last 64 KiB of both outputs, in the order in which they came."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, chunk: "bytes | bytearray", size: int) -> None:
        """Take the next bytes: the first `size` of the chunk."""
        if size >= TAIL_BYTES:
            self._kept[:] = chunk[size - TAIL_BYTES : size]
            return
        self._kept += chunk[:size]
        if len(self._kept) > 2 * TAIL_BYTES:
            del self._kept[:-TAIL_BYTES]

    def last(self, size: int) -> bytes:
        """Return the last `size` bytes at most."""
        return bytes(self._kept[-min(size, TAIL_BYTES) :]) if size else b""
