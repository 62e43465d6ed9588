"""Providers on this machine that misbehave, each a process of its own, and a call of one."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

from agentkit.core.settings import ProviderSettings
from agentkit.think.calling import call_provider
from agentkit.think.providers import Prompt, Reply

LIMIT_S = 60.0
# Long for an answer on this machine; what never comes is waited for no longer.
PATIENCE = timedelta(seconds=30)
PROMPT = Prompt("You look after a machine.", "Is the disk full?", None)
MOCK = """
import sys
from llmock.testing import LLMockServer
with LLMockServer() as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@dataclass
class BadServer:
    """A server that answers as it was told, and what it was asked."""

    port: int
    journal: Path

    def asked(self) -> str:
        """Return the requests as they came, in letters."""
        return self.journal.read_bytes().decode("latin-1") if self.journal.exists() else ""

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}/v1"


@contextmanager
def start_bad_server(folder: Path, mode: str, words: bytes = b"", *certificate: str) -> Iterator[BadServer]:
    """Start tests/think/badserver.py and end it again."""
    folder.mkdir(exist_ok=True)
    (folder / "answer").write_bytes(words)
    script = Path(__file__).parent / "badserver.py"
    argv = [sys.executable, str(script), mode, str(folder / "answer"), str(folder / "journal"), *certificate]
    with _start(argv) as told:
        yield BadServer(int(told), folder / "journal")


class MockProvider:
    """llmock: OpenAI's and Anthropic's own errors on demand, and a verdict on who asks."""

    def __init__(self, url: str) -> None:
        self.url = url

    def behave(self, **behavior: object) -> None:
        """Do this for the next request, as llmock names it: `type="fail", status=429, retry_after=1`."""
        self._ask("scenario", {"behaviors": [behavior]})

    def forget(self) -> None:
        self._ask("reset", {})

    def verdict(self) -> dict[str, object]:
        return self._ask("verdict")

    def requests(self) -> list[dict[str, object]]:
        listed = self._ask("requests")["requests"]
        assert isinstance(listed, list)
        return listed

    def provider(self, kind: str = "openai", **more: object) -> ProviderSettings:
        path = "/v1" if kind == "openai" else "/anthropic"
        return make_provider(self.url + path, kind=kind, **more)

    def _ask(self, path: str, document: object = None) -> dict[str, object]:
        body = None if document is None else json.dumps(document).encode()
        with urlopen(Request(f"{self.url}/_llmock/{path}", body), timeout=LIMIT_S) as response:
            answer: dict[str, object] = json.load(response)
            return answer


@contextmanager
def start_mock() -> Iterator[MockProvider]:
    """Start llmock and end it again."""
    with _start([sys.executable, "-c", MOCK]) as url:
        yield MockProvider(url)


@contextmanager
def _start(argv: list[str]) -> Iterator[str]:
    """Start a program that says in its first line where it listens, and ends when its stdin does."""
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            try:
                process.wait(LIMIT_S)
            finally:
                process.kill()


def make_provider(url: str, *, kind: str = "openai", **more: object) -> ProviderSettings:
    """Return the settings of a provider with that address."""
    given: dict[str, object] = {"name": "one", "model": "small", **more}
    return ProviderSettings(kind=kind, url=url, **given)  # type: ignore[arg-type]


def make_answer(document: object, status: str = "200 OK", **headers: str) -> bytes:
    """Return an HTTP answer; `headers` are further ones, written with `_` for `-`."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    given = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def say(text: object, **more: object) -> dict[str, object]:
    """Return what chat completions answer."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    return {"choices": [choice], "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}}


def call(
    provider: ProviderSettings,
    environ: Mapping[str, str],
    *,
    prompt: Prompt = PROMPT,
    limit: timedelta = PATIENCE,
    reason: str = "a test",
) -> Reply:
    """Ask the provider once."""
    return call_provider(provider, prompt, limit=limit, environ=environ, reason=reason)
