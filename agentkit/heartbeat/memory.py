"""How is what a job has taught written into a few KiB, and read back?

Layout, little endian: crc32 of the rest; version, runs, width, shapes, flags; output digest; length of the JSON; the
rows as 32 bit floats; one byte of signs a run; the spoken shapes; the JSON (only marks, watched paths and waiting
runs need it); the named columns as 32 bit floats.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from zlib import crc32

from agentkit.heartbeat.learning import UNKNOWN, WIDTH, Learned, Sample

VERSION = 1
_HEAD = struct.Struct("<BBBBB8sI")
_SHAPE = struct.Struct("<QBHB")
_ASKED, _HAS_DIGEST = 1, 2
_FLOAT_BYTES = 4


def encode_learned(learned: Learned) -> bytes:
    """Return the memory as bytes, about 1.7 KiB for a job of 40 runs."""
    text = _encode_text(learned)
    flags = (_ASKED if learned.asked else 0) | (_HAS_DIGEST if learned.output_digest else 0)
    body = b"".join(
        (
            _HEAD.pack(
                VERSION, learned.runs, WIDTH, len(learned.spoken), flags,
                bytes.fromhex(learned.output_digest) if learned.output_digest else bytes(8), len(text),
            ),
            _floats_out(learned.rows),
            learned.signs,
            b"".join(_SHAPE.pack(shape, *entry) for shape, entry in learned.spoken.items()),
            text,
            *(_floats_out(column) for column in learned.named.values()),
        )
    )  # fmt: skip
    return crc32(body).to_bytes(4, "little") + body


def decode_learned(data: bytes | None) -> Learned:
    """Return the memory from its bytes; without any, or with bytes that cannot be read, learning starts afresh.

    In the latter case `note` says so: a memory that was lost is news, the job's runs are judged again after 20 runs.
    """
    if not data:
        return Learned()
    if len(data) < 4 + _HEAD.size or crc32(memoryview(data)[4:]) != int.from_bytes(data[:4], "little"):
        return Learned(note="what was learnt of this job cannot be read (bad checksum); learning starts again")
    if data[4] != VERSION:
        return Learned(note=f"what was learnt of this job has version {data[4]}, not {VERSION}; learning starts again")
    try:
        return _decode(data)
    except (ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        return Learned(note=f"what was learnt of this job cannot be read ({error}); learning starts again")


def _decode(data: bytes) -> Learned:
    _, runs, width, shapes, flags, digest, text_bytes = _HEAD.unpack_from(data, 4)
    start = 4 + _HEAD.size
    rows = _floats_in(data[start : start + runs * width * _FLOAT_BYTES])
    start += runs * width * _FLOAT_BYTES
    signs = data[start : start + runs]
    start += runs
    end = start + shapes * _SHAPE.size
    spoken = {shape: (streak, zeros, since) for shape, streak, zeros, since in _SHAPE.iter_unpack(data[start:end])}
    output_digest = digest.hex() if flags & _HAS_DIGEST else ""
    if width != WIDTH:
        rows = _widen(rows, width)
    asked = bool(flags & _ASKED)
    if not text_bytes:
        return Learned(rows=rows, signs=signs, spoken=spoken, output_digest=output_digest, asked=asked)
    text = json.loads(data[end : end + text_bytes])
    named, start = {}, end + text_bytes
    for name, length in text.get("named", ()):
        named[name] = _floats_in(data[start : start + length * _FLOAT_BYTES])
        start += length * _FLOAT_BYTES
    pending = tuple(
        Sample(tuple(row), sign, values, changed, {int(shape): zeros for shape, zeros in said.items()}, is_alarm)
        for row, sign, values, changed, said, is_alarm in text.get("pending", ())
    )
    return Learned(
        rows, signs, named, text.get("streaks", {}), text.get("digests", {}), output_digest, spoken, pending, asked
    )


def _encode_text(learned: Learned) -> bytes:
    parts: dict[str, object] = {}
    if learned.named:
        parts["named"] = [(name, len(column)) for name, column in learned.named.items()]
    if learned.streaks:
        parts["streaks"] = dict(learned.streaks)
    if learned.digests:
        parts["digests"] = dict(learned.digests)
    if learned.pending:
        parts["pending"] = [
            (sample.row, sample.signs, dict(sample.named), dict(sample.changed), dict(sample.spoken), sample.is_alarm)
            for sample in learned.pending
        ]
    return json.dumps(parts, separators=(",", ":")).encode() if parts else b""


def _widen(rows: array[float], width: int) -> array[float]:
    # An older program measured fewer channels: what it did not know is unknown, what it knew stays.
    if width > WIDTH:
        raise ValueError(f"{width} channels, not {WIDTH}")
    wide: array[float] = array("f")
    for start in range(0, len(rows), width):
        wide.extend(rows[start : start + width])
        wide.extend([UNKNOWN] * (WIDTH - width))
    return wide


def _floats_out(values: array[float]) -> bytes:
    if sys.byteorder == "big":
        values = array("f", values)
        values.byteswap()
    return values.tobytes()


def _floats_in(data: bytes) -> array[float]:
    values: array[float] = array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
