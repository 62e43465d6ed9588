"""Is what a program prints measured right, in bounded memory, however it comes?"""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat.measure import DIGEST_BYTES, HEAD_BYTES, TAIL_BYTES, Stream, Tail

MIB = 1 << 20


def measure(content: bytes, sizes: list[int]) -> tuple[Stream, Tail]:
    """Feed the content in pieces of these sizes over and over; every second piece in a buffer that is too long."""
    stream, tail = Stream(with_digest=True), Tail()
    at = number = 0
    while at < len(content):
        piece = content[at : at + sizes[number % len(sizes)]]
        at += len(piece)
        chunk = bytearray(piece + b"\nleft over\n") if number % 2 else piece
        stream.add(chunk, len(piece))
        tail.add(chunk, len(piece))
        number += 1
    return stream, tail


@given(st.binary(max_size=3000), st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_small_output_is_counted_kept_and_digested_whole(content: bytes, sizes: list[int]) -> None:
    stream, tail = measure(content, sizes)
    lines = content.count(b"\n") + (content != b"" and not content.endswith(b"\n"))
    assert (stream.bytes, stream.lines, bytes(stream.head)) == (len(content), lines, content)
    assert stream.digest() == hashlib.sha256(content).hexdigest()
    assert tail.last(TAIL_BYTES) == content
    assert tail.last(10) == content[-10:]
    assert tail.last(0) == b""


def test_sizes_around_every_bound_are_digested_right() -> None:
    line = b"0123456789abcde\n"
    for bound in (HEAD_BYTES, DIGEST_BYTES):
        for size in (bound - 1, bound, bound + 1, bound + 65536):
            content = line * (size // 16) + line[: size % 16]
            stream, tail = measure(content, [65536, 131072])
            tailed = content if size <= DIGEST_BYTES else content[:DIGEST_BYTES] + str(size).encode()
            assert stream.digest() == hashlib.sha256(tailed).hexdigest(), size
            assert (stream.bytes, bytes(stream.head)) == (size, content[:HEAD_BYTES])
            assert tail.last(TAIL_BYTES) == content[-TAIL_BYTES:]


def test_nothing_grows_with_the_output() -> None:
    stream, tail = Stream(with_digest=False), Tail()
    chunk = b"x" * MIB
    for _ in range(50):
        stream.add(chunk, MIB)
        tail.add(chunk, MIB)
        tail.add(chunk, 1000)
    assert (len(stream.head), stream.bytes, len(tail.last(10 * MIB))) == (HEAD_BYTES, 50 * MIB, TAIL_BYTES)
