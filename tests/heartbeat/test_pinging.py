"""Is a service on this machine told that a check has finished, whatever it does with who tells it?"""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agentkit.heartbeat.pinging import find_fault, name_service
from tests.heartbeat.machine import Machine

Check = Callable[..., "subprocess.CompletedProcess[str]"]
SECRET = "uuid-" + "0123456789abcdef" * 2


class Service(ThreadingHTTPServer):
    """A service on this machine that answers as `answer` says; `asked` are the paths that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = _ok
        self.leave = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def address(self, path: str = f"/{SECRET}") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    def log_message(self, *_: object) -> None:
        pass


def _ok(handler: BaseHTTPRequestHandler) -> None:
    _reply(handler, 200, b"OK")


def _reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _drip(handler: BaseHTTPRequestHandler) -> None:
    assert isinstance(handler.server, Service)
    try:
        for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 600:
            handler.wfile.write(bytes((letter,)))
            if handler.server.leave.wait(0.1):
                return
    except OSError:
        return  # the one who asked has left


def _hang(handler: BaseHTTPRequestHandler) -> None:
    assert isinstance(handler.server, Service)
    handler.server.leave.wait(60)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.05,))
        thread.start()
        yield service
        service.leave.set()
        service.shutdown()
        thread.join(timeout=30)


def test_a_service_is_told_that_the_check_has_finished(check: Check, service: Service) -> None:
    ended = check("--ping", service.address())
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert service.asked == [f"/{SECRET}"]


def test_a_body_that_never_ends_is_not_waited_for(check: Check, service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        _hang(handler)

    service.answer = answer
    assert check("--ping", service.address()).stderr == ""


BAD_ANSWERS: dict[str, tuple[Callable[[BaseHTTPRequestHandler], None], str]] = {
    "500": (lambda handler: _reply(handler, 500, b"trouble"), "it answers 500 Internal Server Error"),
    "404": (lambda handler: _reply(handler, 404, handler.path.encode()), "it answers 404 Not Found"),
    "hangs": (_hang, "was not done within 2s"),
    "drips": (_drip, "was not done within 2s"),
    "resets": (_reset, "Connection reset by peer"),
    "speaks no HTTP": (lambda handler: _write(handler, b"220 smtp ready\r\n"), "220 smtp ready"),
    "redirects to another host": (
        lambda handler: _reply(handler, 302, Location=f"http://localhost:1{handler.path}"),
        "it sends us on to another host, localhost: name that one instead",
    ),
    "redirects to a file": (
        lambda handler: _reply(handler, 302, Location=f"file:///etc/passwd?{handler.path}"),
        "it answers 302 Found",
    ),
    "redirects in a circle": (
        lambda handler: _reply(handler, 302, Location=handler.path),
        "it answers 302 Found",
    ),
}


def _write(handler: BaseHTTPRequestHandler, raw: bytes) -> None:
    handler.wfile.write(raw)
    handler.close_connection = True


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_service_that_does_not_answer_well_is_complained_of_once(
    check: Check, machine: Machine, service: Service, kind: str
) -> None:
    service.answer, said = BAD_ANSWERS[kind]
    ended = check("--ping", service.address(), ping_limit="2s")
    assert ended.returncode == 0
    kept = "kept for the next check, and not said again until it has worked"
    line = ended.stderr
    assert line.startswith(f"agentkit: error: --ping: http://127.0.0.1:{service.port}: ")
    assert line.endswith(f"{said}; {kept}\n")
    assert SECRET not in line
    assert check("--ping", service.address(), ping_limit="2s").stderr == ""
    service.answer = _ok
    assert check("--ping", service.address()).stderr == ""
    service.answer = BAD_ANSWERS[kind][0]
    assert check("--ping", service.address(), ping_limit="2s").stderr == line
    assert SECRET.encode() not in (machine.folder / "ledger.db").read_bytes()


def test_a_service_that_is_away_is_complained_of_once(check: Check) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound and not listening: nobody else gets it
        ended = check("--ping", f"http://127.0.0.1:{port}/{SECRET}")
        assert "Connection refused" in ended.stderr
        assert SECRET not in ended.stderr
        assert check("--ping", f"http://127.0.0.1:{port}/{SECRET}").stderr == ""


def test_a_redirect_on_the_same_host_is_followed(check: Check, service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/here":
            return _ok(handler)
        return _reply(handler, 301, Location="/here")

    service.answer = answer
    assert check("--ping", service.address()).stderr == ""
    assert service.asked == [f"/{SECRET}", "/here"]


def test_the_address_is_no_argument_of_a_process_of_its_own(
    check: Check, machine: Machine, service: Service, tmp_path: Path
) -> None:
    seen: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it has ended meanwhile
            if "agentkit.heartbeat.pinging" in line:
                seen.append(line)
        _ok(handler)

    service.answer = answer
    check("--ping", service.address())
    assert any(seen)
    assert not any(SECRET in line for line in seen)


BAD_ADDRESSES = (
    *("", "hc.example/x", "ftp://h/x", "file:///etc/passwd", "javascript:alert(1)"),
    *("http://", "https://:1/x", "http://h:x/p", "http://h:99999/p", "http://[/x"),
    *("http://h/a b", "http://h/a\nb", "http://h/ü"),
)


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_what_is_no_address_is_refused_without_repeating_it(check: Check, address: str) -> None:
    assert find_fault(address) is not None
    assert name_service(address) == "the address"
    ended = check("--ping", address)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("agentkit: error: --ping: ")
    assert address == "" or address not in ended.stderr


def test_only_the_host_of_an_address_is_shown() -> None:
    assert name_service(f"https://user:{SECRET}@hc.example:8443/{SECRET}?rid=1#x") == "https://hc.example:8443"
    assert name_service("http://[::1]:80/x") == "http://[::1]:80"


# What a check leaves behind.


def test_a_finished_check_touches_its_evidence_last(
    check: Check, machine: Machine, service: Service, tmp_path: Path
) -> None:
    evidence = machine.folder / "last-check"
    seen: list[bool] = []
    service.answer = lambda handler: (seen.append(evidence.exists()), _ok(handler))[1]
    assert check("--ping", service.address()).returncode == 0
    assert seen == [False]
    assert evidence.stat().st_mode & 0o777 == 0o600
    os.utime(evidence, (1, 1))
    check()
    assert time.time() - evidence.stat().st_mtime < 3600
