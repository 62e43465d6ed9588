"""What does one address answer to one request? Run as a child that can be ended and can hold only so much.

stdin: a line of JSON {url, headers, limit_s, key: {header, prefix} or null}, then the body. A key is read from
descriptor 3, so it stands in no command line, no variable and not in the process that asks. stdout: `sent` as soon as
the request goes out (before that nothing can have been generated), then a line of JSON {status, reason, headers} or
{trouble}, then at most MOST_BYTES of the body.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal itself makes enum members of each of 64 numbers
import json
import os
import sys
from collections.abc import Mapping

# typing would be imported for nothing but this; no name below is looked up when the program runs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

MOST_BYTES = 1024 * 1024
# Python with ssl needs 9 MiB of this; an answer of 1 MiB a few more. What is mapped from files does not count.
MOST_MEMORY = 40 * 1024 * 1024
# The parent ends us at the limit; where it was killed itself nobody else would.
SPARE_S = 2.0
KEY_DESCRIPTOR = 3
LONGEST_KEY = 65536
# A shorter one might stand in any text.
SHORTEST_MASKED = 6
HEADERS = ("content-encoding", "content-type", "date", "location", "retry-after")


class Trouble(Exception):  # noqa: N818  # it is what a person reads, and no fault of ours
    """Why there is no answer, in one line; never a word of the key."""


def main() -> int:
    """Ask as stdin says and answer on stdout; always 0, for the status of others would be taken for ours."""
    line, _, body = sys.stdin.buffer.read().partition(b"\n")
    asked = json.loads(line)
    _signal.setitimer(_signal.ITIMER_REAL, asked["limit_s"] + SPARE_S)
    secret = b""
    try:
        headers = dict(asked["headers"])
        if asked["key"]:
            secret = _read_key()
            headers[asked["key"]["header"]] = asked["key"]["prefix"] + secret.decode()
        _bound_memory()
        head, told = _ask(asked["url"], headers, body, asked["limit_s"])
    except Trouble as error:
        head, told = {"trouble": str(error)}, b""
    except MemoryError:
        head, told = {"trouble": "the answer takes more memory than it may"}, b""
    answer = json.dumps(head).encode() + b"\n" + told
    if len(secret) >= SHORTEST_MASKED:
        # Some servers repeat the key that they did not like.
        for spelling in {secret, json.dumps(secret.decode())[1:-1].encode()}:
            answer = answer.replace(spelling, b"[key]")
    _say(answer)
    return 0


def _read_key() -> bytes:
    held = b""
    try:
        while len(held) <= LONGEST_KEY and (more := os.read(KEY_DESCRIPTOR, LONGEST_KEY)):
            held += more
        os.close(KEY_DESCRIPTOR)
    except OSError as error:
        raise Trouble(f"descriptor {KEY_DESCRIPTOR} holds no key: {error.strerror}") from None
    held = held.rstrip(b"\r\n")
    # Checked here: http.client would repeat in its message what it does not like.
    if not held or not held.isascii() or not held.decode().isprintable() or len(held) > LONGEST_KEY:
        raise Trouble("the key is empty, too long or has a letter that no HTTP header can hold")
    return held


def _bound_memory() -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    bound = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))


def _ask(url: str, headers: Mapping[str, str], body: bytes, limit_s: float) -> tuple[dict[str, object], bytes]:
    """Return (head, body) of the answer; raises Trouble."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    if not is_secure:
        # http.client would import it all the same, and that is a quarter of what a call costs.
        sys.modules["ssl"] = None  # type: ignore[assignment]
    import http.client

    # No redirect is followed and no proxy asked: http.client does neither, and a key goes to the host it is for.
    try:
        connect = _open_secure if is_secure else http.client.HTTPConnection
        connection = connect(host, parts.port, timeout=limit_s)
        connection.connect()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Trouble(f"cannot connect to {host}: {_describe(error)}") from None
    _say(b"sent\n")
    try:
        try:
            connection.request("POST", parts.path or "/", body, headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # who refuses the body may still have said why
        return _read(connection.getresponse())
    except http.client.IncompleteRead:
        raise Trouble("the answer ends before its end") from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise Trouble(f"{host} broke off: {_describe(error)}") from None


def _open_secure(host: str, port: int | None, timeout: float) -> HTTPConnection:
    import http.client
    import ssl

    return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())


def _read(response: HTTPResponse) -> tuple[dict[str, object], bytes]:
    told = {name: value for name in HEADERS if (value := response.headers.get(name)) is not None}
    head: dict[str, object] = {"status": response.status, "reason": response.reason, "headers": told}
    if told.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        # We asked for none. A few KB of it could become gigabytes.
        return head, b""
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        return {**head, "is_long": True}, b""
    # read() of a given size does not mind that less came than was announced.
    return {**head, "is_torn": bool(response.length)}, body


def _describe(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    reason = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return reason or str(error) or type(error).__name__


def _say(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
