"""What became of a request over HTTP: is there JSON to read, or what went wrong, and when may one ask again?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.think.providers import FAILED, OVERLOADED, REFUSED, REJECTED, Reply

LONGEST_TROUBLE = 300
LONGEST_WAIT_S = 30 * 86400.0
# More than any model reads or writes at once; what a server says beyond it is nonsense, and no column holds it.
MOST_TOKENS = 10**9
OVERLOADED_STATUSES = (429, 503, 529)
# A newer protocol has no words for a status, and no standard has this one, which is Anthropic's.
NAMES = {429: "Too Many Requests", 503: "Service Unavailable", 529: "Overloaded"}
# Nothing was generated, but they pass without anybody changing the configuration: no money left, too slow, too early.
PASSING_STATUSES = (402, 408, 409, 425)
TOO_LONG = "the answer was cut off at max_output_tokens = {most}"
UNKNOWN_TOOL = "the model called a tool that it was not offered"
OWN_ERROR = "agentkit: error: "
WORDLESS = "an answer without a word"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP; `headers` are in small letters, those that mean something here."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    is_long: bool = False
    is_torn: bool = False


def read_document(answer: Answer, now: float) -> Mapping[str, object] | Reply:
    """Return the JSON object of an answer of success, or the reply that says what it is instead."""
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if answer.status != 200:
        return _describe_status(answer, now)
    if encoding not in ("", "identity"):
        return fail(f"the answer is {one_line(encoding)}, which was not asked for: not read", answer.status)
    if answer.is_long:
        return fail("the answer is longer than 1 MiB", answer.status)
    if answer.is_torn:
        return fail("the answer ends before its end", answer.status)
    document = _parse(answer.body)
    if document is None:
        kind = one_line(answer.headers.get("content-type", "")) or "no type"
        return fail(f"the answer is not one JSON object, or only part of one ({kind})", answer.status)
    if document.get("error"):
        return fail(find_message(document) or "the answer is an error without a word", answer.status)
    return document


def fail(trouble: str, status: int | None = None, *, kind: str = FAILED, is_unbilled: bool = False) -> Reply:
    """Return the reply of a call that gave nothing."""
    return Reply(kind, status=status, trouble=one_line(trouble), is_unbilled=is_unbilled)


def fail_after(
    trouble: str, tokens_in: int | None, tokens_out: int | None, status: int | None = 200, cost_usd: float | None = None
) -> Reply:
    """Return the reply of a call that gave nothing to use, and yet was worked on."""
    return Reply(FAILED, None, tokens_in, tokens_out, status, one_line(trouble), cost_usd=cost_usd)


def count(value: object) -> int | None:
    """Return a number of tokens, or None where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS else None


def one_line(text: str) -> str:
    """Return the text as one short line that a terminal only shows."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST_TROUBLE else line[: LONGEST_TROUBLE - 1] + "…"


def find_message(document: Mapping[str, object]) -> str:
    """Return what an error says of itself: `{"error": {"message": …}}`, `{"error": …}`, `{"message": …}`, or ""."""
    error = document.get("error")
    inner = error if isinstance(error, Mapping) else document
    for text in (inner.get("message"), error, document.get("detail")):
        if isinstance(text, str) and text:
            return text
    return ""


def find_error(stderr: bytes) -> str:
    """Return what a program said last of why it failed: the line of agentkit's error, else its last line."""
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line.removeprefix(OWN_ERROR) for line in lines if line.startswith(OWN_ERROR)]
    return (errors or lines or ["it said nothing"])[-1]


def read_retry_after(text: str, date: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After asks for: a number, or a date (RFC 9110, 10.2.3); nonsense is None.

    A date is held against the server's own Date where it tells one, for clocks differ. 30 days at most.
    """
    text = text.strip()
    if text.isascii() and text.replace(".", "", 1).isdecimal():
        return min(float(text), LONGEST_WAIT_S)
    due = _parse_date(text)
    if due is None:
        return None
    told = _parse_date(date or "")
    return min(max(0.0, due - (now if told is None else told)), LONGEST_WAIT_S)


def _parse_date(text: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _describe_status(answer: Answer, now: float) -> Reply:
    status = answer.status
    words = f"{status} {answer.reason or NAMES.get(status, '')}".rstrip()
    if 300 <= status < 400:
        words += f": redirects to {_name_service(answer.headers.get('location', ''))}, not followed"
        return fail(words, status, kind=REJECTED, is_unbilled=True)
    message = find_message(_parse(answer.body) or {})
    retry_after = answer.headers.get("retry-after")
    kind = FAILED
    if status in OVERLOADED_STATUSES:
        kind = OVERLOADED
    elif status in (401, 403):
        kind = REFUSED
    elif 400 <= status < 500 and status not in PASSING_STATUSES:
        kind = REJECTED
    return Reply(
        kind,
        status=status,
        trouble=one_line(f"{words}: {message}" if message else words),
        retry_after_s=None if retry_after is None else read_retry_after(retry_after, answer.headers.get("date"), now),
        is_unbilled=kind != FAILED or status in PASSING_STATUSES,
    )


def _name_service(address: str) -> str:
    """Return scheme and host of an address: what follows may hold what nobody should see."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another place"
    except ValueError:
        return "another place"


def _parse(body: bytes) -> Mapping[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
