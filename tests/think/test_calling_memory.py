"""How much memory does a call take, whatever a server sends?"""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.think.providers import LIMIT_S, BadServer, make_answer, start_bad_server

MOST_BYTES = 100 * 1024 * 1024
OPEN = b"HTTP/1.1 200 OK\r\n\r\n"
# {name: (mode of the server, what makes its words, the trouble)}; they are large, and made where they are asked for.
ANSWERS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "body": ("endless", lambda: OPEN, "the answer is longer than 1 MiB"),
    "header": (
        "endless", lambda: b"HTTP/1.1 200 OK\r\nX: ", "127.0.0.1 broke off: got more than 65536 bytes"
    ),
    "headers": (
        "endless", lambda: b"HTTP/1.1 200 OK\r\n" + make_flood() + b"\r\n", "the answer takes more memory than it may"
    ),
    "more headers": (
        "plain", lambda: b"HTTP/1.1 200 OK\r\n" + 2 * make_flood(), "127.0.0.1 broke off: got more than 100 headers"
    ),
    "chunks": (
        "plain", lambda: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 300_000,
        "the answer ends before its end",
    ),
    "bomb": ("plain", lambda: make_answer(make_bomb()), "the answer is not one JSON object"),
    "named bomb": ("plain", lambda: make_answer(make_bomb(), Content_Encoding="gzip"), "the answer is gzip"),
    "objects": (
        "plain", lambda: OPEN + b'{"choices":[' + b"{}," * 340_000 + b"{}]}", "the answer has no choices[0].message"
    ),
    "texts": (
        "plain", lambda: OPEN + b'{"choices":[' + b'"\xc2\xa0",' * 200_000 + b"{}]}",
        "the answer has no choices[0].message",
    ),
    "depth": ("plain", lambda: OPEN + b'{"a":' * 200_000, "the answer is not one JSON object"),
}  # fmt: skip
# One process that calls as `think wake` does; its own peak and that of its children are added up. The usage that the
# kernel tells of a process counts what its parent held when it forked, which is all of pytest.
CALLER = """
import json, os, resource, sys
from tests.think.providers import call, make_provider
reply = call(make_provider(sys.argv[1], **json.loads(sys.argv[2])), dict(os.environ))
with open("/proc/self/status") as file:
    own_kib = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
kib = own_kib + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([reply.kind, reply.trouble, kib * 1024]))
"""
# The child itself, with less than it needs for as much as it may read.
STARVED = """
import sys
from agentkit.think import requester
requester.MOST_MEMORY, requester.MOST_BYTES = 24 * 1024 * 1024, 1024 * 1024 * 1024
sys.exit(requester.main())
"""


def make_flood() -> bytes:
    """Return 99 headers of nearly 64 KiB."""
    return b"".join(b"X-%d: %s\r\n" % (number, b"x" * 65_000) for number in range(99))


def make_bomb() -> bytes:
    """Return 500 MB of nothing in half a megabyte."""
    return gzip.compress(bytes(500_000_000))


def measure(server: BadServer, environ: dict[str, str]) -> tuple[str, str, int]:
    """Return kind and trouble of a call, and the bytes that it took."""
    argv = [sys.executable, "-c", CALLER, server.url(), "{}"]
    ended = subprocess.run(argv, env=environ, capture_output=True, timeout=LIMIT_S, check=True)
    kind, trouble, taken = json.loads(ended.stdout)
    return kind, trouble, taken


@pytest.mark.parametrize("name", ANSWERS)
def test_a_call_takes_less_than_100_mib(tmp_path: Path, environ: dict[str, str], name: str) -> None:
    mode, make_words, trouble = ANSWERS[name]
    with start_bad_server(tmp_path, mode, make_words()) as server:
        kind, told, taken = measure(server, environ)
    assert kind == "failed"
    assert told.startswith(trouble)
    assert taken <= MOST_BYTES


def test_the_process_that_asks_can_have_no_more_than_it_may(tmp_path: Path, environ: dict[str, str]) -> None:
    with start_bad_server(tmp_path, "endless", OPEN) as server:
        asked = {"url": server.url(), "headers": {}, "limit_s": LIMIT_S, "key": None}
        ended = subprocess.run(
            [sys.executable, "-c", STARVED],
            env=environ, input=json.dumps(asked).encode() + b"\n{}", capture_output=True, timeout=LIMIT_S, check=True,
        )  # fmt: skip
    assert ended.stdout == b'sent\n{"trouble": "the answer takes more memory than it may"}\n'
