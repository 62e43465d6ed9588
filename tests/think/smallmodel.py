"""How does a test ask a real model, where there is no network that could be asked instead?

`small_model()` starts a server of llama.cpp in a network namespace of its own, which has nothing but loopback. It
speaks OpenAI's chat completions and holds answers to a JSON schema; what they say is mostly nonsense.

With nothing else to do, two cores answer a prompt of 2 KB within some seconds and one of 8 KB within half a minute;
a busy machine takes several times as long. It holds up to 400 MB.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.think.smallweights import fetch_weights

SERVER = Path(__file__).parent / "smallserver.py"
# Nobody else is in the namespace, so that every port is free.
PORT = 8080
START_LIMIT_S, ANSWER_LIMIT_S, END_LIMIT_S = 120.0, 300.0, 30.0
# Sends its stdin, and prints what came back when that is an answer.
ASK = """
import http.client, sys
asked = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=float(sys.argv[2]))
asked.request("POST", "/v1/chat/completions", sys.stdin.buffer.read(), {"Content-Type": "application/json"})
answer = asked.getresponse()
text = answer.read()
if answer.status != 200:
    sys.exit(f"{answer.status}: {text!r}")
sys.stdout.buffer.write(text)
"""

Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class SmallModel:
    """A server that is ready: `pid` as it is seen from outside, `url` for who runs inside; any model's name will do."""

    pid: int
    url: str = f"http://127.0.0.1:{PORT}/v1"

    def run_inside(
        self,
        words: Sequence[str],
        *,
        input: str = "",  # noqa: A002  # the name that subprocess.run has for it
        environ: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        limit_s: float = ANSWER_LIMIT_S,
    ) -> Ended:
        """Run a command in the namespace and return how it ended; files and processes are those of the machine.

        Its session is ended at the limit, and then TimeoutExpired is raised.
        """
        # Whoever is not root needs the user namespace as well, whose owner he is.
        users = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        with subprocess.Popen(
            ["nsenter", f"--target={self.pid}", *users, "--net", "--", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            errors="surrogateescape", env=environ, cwd=cwd, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                out, said = process.communicate(input, timeout=limit_s)
            finally:
                # Nobody waits any more for what it left behind, or for itself when the limit came first.
                _kill_session(process.pid)
        return Ended(list(words), process.returncode, out, said)

    def ask(self, body: Mapping[str, object], limit_s: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        """Return what a chat completion answers; AssertionError with what the server said when it is none."""
        words = [sys.executable, "-I", "-c", ASK, str(PORT), str(limit_s)]
        ended = self.run_inside(words, input=json.dumps(body), limit_s=limit_s + END_LIMIT_S)
        assert ended.returncode == 0, ended.stderr
        return dict(json.loads(ended.stdout))


@contextmanager
def small_model() -> Iterator[SmallModel]:
    """Start the server and yield it as soon as it is ready; end it by its process id."""
    weights = fetch_weights()
    users = [] if os.geteuid() == 0 else ["--map-root-user"]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            ["unshare", *users, "--net", "--", sys.executable, str(SERVER), str(weights), str(PORT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            # Threads that wait sleep, whoever computes with them.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        )  # fmt: skip
        try:
            _wait_until_ready(process, errors)
            yield SmallModel(process.pid)
        finally:
            process.kill()
            process.communicate(timeout=END_LIMIT_S)


def _wait_until_ready(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    due = time.monotonic() + START_LIMIT_S
    assert process.stdout is not None
    said = b""
    while b"ready\n" not in said:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, due - time.monotonic()))
        more = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not more:
            errors.seek(0)
            talk = errors.read()[-4000:].decode(errors="replace")
            raise AssertionError(f"the server {'ended' if ready else 'was not ready in time'}: {talk}")
        said += more


def _kill_session(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nothing was left
