"""A provider on loopback that says what a test wrote for it, and keeps a journal of what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What is answered to the text of a question: an HTTP status, and the text of the model or the body of an error.
Script = Callable[[str], tuple[int, str, Mapping[str, str]]]


def say(action: str = "notify", severity: str = "warning", rationale: str = "because", **more: str) -> str:
    """Return an answer that fits the schema."""
    return json.dumps({"rationale": rationale, "severity": severity, "action": action, **more})


class ScriptedModel:
    """What was asked (`asked`: bodies of requests) and where (`url`); `script` may be changed at any time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[dict[str, object]] = []
        self.url = ""
        # What it says that an answer took, of a question; None: it says nothing.
        self.count: Callable[[str], dict[str, int] | None] = lambda _: {"prompt_tokens": 100, "completion_tokens": 20}

    @property
    def questions(self) -> list[str]:
        """Return the texts of the user in all questions."""
        return [str(body["messages"][-1]["content"]) for body in self.asked]  # type: ignore[index]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.asked.append(body)
        question = str(body["messages"][-1]["content"])
        status, text, headers = self.script(question)
        if status == 200:
            message = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = self.count(question)
            text = json.dumps({"choices": [message], **({} if usage is None else {"usage": usage})})
        raw = text.encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have been killed
            handler.wfile.write(raw)


@contextmanager
def scripted_model(script: Script) -> Iterator[ScriptedModel]:
    """Serve a script on loopback, over OpenAI's chat completions."""
    model = ScriptedModel(script)

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            model.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join(30)
