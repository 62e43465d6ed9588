"""What does `vault redact` cost on a long stream, and when is its first byte out?

    python -m tests.benchmarks.redact_speed [--megabytes 1000] [--values 1000] [--every 100000] [--turns 3]

The stream is made of log lines; about every so many bytes stands a value in one of ten encodings. As it is, each of
1,000 values stands in 1,000 MB in each of its ten encodings, some of them twice: 11,000 places, one in 500 lines.
The whole process counts, with its start. The pace once the start is over comes from a second run over a tenth of the
stream. Beside each figure stands what plain Python takes for the same without looking at anything, measured in the
same run.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
REDACT = "import os, sys; from agentkit.vault.redaction import redact; os._exit(redact.main(sys.argv[1:]))"
COPY = "import os\nwhile chunk := os.read(0, 262144): os.write(1, chunk)"
TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ENCODINGS = (
    bytes,
    base64.b64encode,
    lambda value: base64.b64encode(b"user:" + value),
    base64.urlsafe_b64encode,
    lambda value: value.hex().encode(),
    lambda value: urllib.parse.quote(value, safe="").encode(),
    lambda value: b"".join([b"%%%02X" % byte for byte in value]),
    base64.b32encode,
    lambda value: json.dumps(value.decode()).encode(),
    lambda value: html.escape(value.decode()).encode(),
)


def draw_values(count: int, chance: random.Random) -> list[tuple[str, bytes]]:
    """Return as many values: tokens, passwords with signs, keys of vendors, hexadecimal ones."""
    values = []
    for number in range(count):
        size = chance.randrange(16, 48)
        text = (
            "".join(chance.choices(TOKEN, k=size)),
            "ghp_" + "".join(chance.choices(TOKEN, k=36)),
            "".join(chance.choices("0123456789abcdef", k=40)),
            "".join(chance.choices(TOKEN + "!@#$%^&*\"'\\/+=", k=24)),
        )[number % 4]
        values.append((f"secret-{number}", text.encode()))
    return values


def write_stream(path: Path, size: int, every: int, values: list[tuple[str, bytes]], chance: random.Random) -> int:
    """Write log lines with values among them, each in each encoding before any comes again; return how many."""
    words = ["GET", "POST", "cache", "miss", "user", "worker", "started", "request", "/api/v1/items", "404", "10.0.0.7"]
    lines = [
        f"2026-11-26T{chance.randrange(24):02}:{chance.randrange(60):02}:07.{chance.randrange(1000):03}Z "
        f"host{chance.randrange(9)} app[{chance.randrange(40000)}]: {' '.join(chance.choices(words, k=9))} "
        f'{{"id": "{chance.getrandbits(64):016x}", "ms": {chance.randrange(9999)}, "note": "a \\"quoted\\" word"}}\n'
        for _ in range(5000)
    ]
    planted = [encode(value) for _, value in values for encode in ENCODINGS]
    chance.shuffle(planted)
    hits = written = 0
    with path.open("wb") as file:
        while written < size:
            block = "".join(chance.choices(lines, k=max(1, every // 190))).encode()
            block += b"token=" + planted[hits % len(planted)] + b"\n"
            file.write(block)
            written += len(block)
            hits += 1
    return hits


def run_stream(program: str, words: list[str], source: Path, target: Path) -> tuple[float, float, int]:
    """Return seconds of CPU, seconds of the clock and KiB of memory for one run from file to file."""
    began = time.monotonic()
    with source.open("rb") as stdin, target.open("wb") as stdout:
        process = subprocess.Popen([sys.executable, "-c", program, *words], stdin=stdin, stdout=stdout, cwd=ROOT)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss


def find_first_byte(program: str, words: list[str], said: bytes, runs: int = 15) -> float:
    """Return the least milliseconds from the start of the process to its first byte."""
    least = float("inf")
    for _ in range(runs):
        began = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-c", program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(said)
            process.stdout.read(1)
            least = min(least, time.monotonic() - began)
            process.stdin.close()
    return least * 1000


def main(arguments: list[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="speed of vault redact")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--values", type=int, default=1000)
    parser.add_argument("--every", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(arguments)
    chance = random.Random(7)
    values = draw_values(options.values, chance)
    with tempfile.TemporaryDirectory(prefix="redact-speed-") as folder:
        given, source, head, target = (Path(folder) / name for name in ("values.jsonl", "source", "head", "target"))
        given.write_text("".join([json.dumps({"name": n, "value": v.decode()}) + "\n" for n, v in values]))
        hits = write_stream(source, options.megabytes * 1_000_000, options.every, values, chance)
        # No more than a piece of it is in memory: what this process has, a child of it seems to have.
        with source.open("rb") as whole, head.open("wb") as beginning:
            while beginning.tell() < options.megabytes * 100_000:
                beginning.write(whole.read(65536))
        size, short = (path.stat().st_size / 1e6 for path in (source, head))
        words = ["--values", str(given)]
        print(f"{os.getloadavg()[0]:.1f} load of the machine; {size:.0f} MB, {hits} values in it")
        for turn in range(options.turns):
            begun, _, _ = run_stream(REDACT, words, head, target)
            copied = run_stream(COPY, [], source, target)
            cpu, clock, memory = run_stream(REDACT, words, source, target)
            print(
                f"turn {turn + 1}: {cpu:.2f} s CPU, {size / cpu:.0f} MB/s of CPU; "
                f"once the start is over {(size - short) / (cpu - begun):.0f} MB/s; "
                f"{clock:.2f} s of the clock; plain copy {copied[0]:.2f} s CPU",
                flush=True,
            )
        with target.open("rb") as masked:
            print(f"masked {sum(line.count(b'{{vault:') for line in masked)} of {hits}")
        print(f"memory: {memory / 1024:.0f} MiB; plain copy {copied[2] / 1024:.0f} MiB")
        for name, said in (("a prompt", b"password: "), ("a line of JSON", b'{"a": "b \\"c\\" d"}\n')):
            took, bare = find_first_byte(REDACT, words, said), find_first_byte(COPY, [], said)
            print(f"first byte of {name}: {took:.0f} ms after the start; plain copy {bare:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
