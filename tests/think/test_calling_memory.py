"""How much memory does a call take, whatever a server sends?"""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.think.providers import LIMIT_S, BadServer, make_answer, start_bad_server

MOST_BYTES = 100 * 1024 * 1024
OPEN = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNK = b"1\r\n \r\n" * 300_000
FLOOD = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 65_000) for number in range(99))
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


def measure(server: BadServer, environ: dict[str, str]) -> tuple[str, str, int]:
    """Return kind and trouble of a call, and the bytes that it took."""
    argv = [sys.executable, "-c", CALLER, server.url(), "{}"]
    ended = subprocess.run(argv, env=environ, capture_output=True, timeout=LIMIT_S, check=True)
    kind, trouble, taken = json.loads(ended.stdout)
    return kind, trouble, taken


@pytest.mark.parametrize(
    ("mode", "words", "trouble"),
    [
        ("endless", OPEN, "the answer is longer than 1 MiB"),
        ("endless", b"HTTP/1.1 200 OK\r\nX: ", "127.0.0.1 broke off: got more than 65536 bytes"),
        ("endless", b"HTTP/1.1 200 OK\r\n" + FLOOD + b"\r\n", "the answer takes more memory than it may"),
        ("plain", b"HTTP/1.1 200 OK\r\n" + FLOOD + FLOOD + b"\r\n", "127.0.0.1 broke off: got more than 100 headers"),
        ("plain", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK, "the answer ends before its end"),
        ("plain", make_answer(gzip.compress(bytes(500_000_000))), "the answer is not one JSON object"),
        ("plain", make_answer(gzip.compress(bytes(500_000_000)), Content_Encoding="gzip"), "the answer is gzip"),
        ("plain", OPEN + b'{"choices":[' + b"{}," * 340_000 + b"{}]}", "the answer has no choices[0].message"),
        ("plain", OPEN + b'{"choices":[' + b'"\xc2\xa0",' * 200_000 + b"{}]}", "the answer has no choices[0].message"),
        ("plain", OPEN + b'{"a":' * 200_000, "the answer is not one JSON object"),
    ],
    ids=["body", "header", "headers", "more headers", "chunks", "bomb", "named bomb", "objects", "texts", "depth"],
)
def test_a_call_takes_less_than_100_mib(
    tmp_path: Path, environ: dict[str, str], mode: str, words: bytes, trouble: str
) -> None:
    with start_bad_server(tmp_path, mode, words) as server:
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
