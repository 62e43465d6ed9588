"""What does a call give for each thing that a server may do, from a good answer to one that never ends?"""

import gzip
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.think.providers import FAILED, OK, OVERLOADED, REFUSED, REJECTED, Prompt, Reply
from tests.think.providers import PROMPT, call, make_answer, make_provider, say, start_bad_server

# Enough to start and to send even on a busy machine: what is asserted is that nothing came, not how soon.
SHORT = timedelta(seconds=4)


def ask(folder: Path, environ: Mapping[str, str], mode: str, words: bytes = b"", limit: timedelta = SHORT) -> Reply:
    """Ask a server of that mode once."""
    with start_bad_server(folder, mode, words) as server:
        return call(make_provider(server.url()), environ, limit=limit)


def test_a_good_answer_is_its_text_and_its_tokens(tmp_path: Path, environ: dict[str, str]) -> None:
    with start_bad_server(tmp_path, "plain", make_answer(say("It is full."))) as server:
        reply = call(make_provider(server.url()), environ)
        assert reply == Reply(OK, "It is full.", 20, 5, 200)
        asked = server.asked()
    assert asked.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert "\r\nAccept-Encoding: identity\r\n" in asked
    assert "authorization" not in asked.lower()


@pytest.mark.parametrize("mode", ["plain", "half-close"])
def test_an_answer_of_no_announced_length_is_read_to_its_end(
    tmp_path: Path, environ: dict[str, str], mode: str
) -> None:
    body = make_answer(say("yes")).partition(b"\r\n\r\n")[2]
    assert ask(tmp_path, environ, mode, b"HTTP/1.1 200 OK\r\n\r\n" + body).text == "yes"


@pytest.mark.parametrize("mode", ["hang", "silence", "drip"])
def test_what_does_not_come_before_the_limit_has_failed_and_may_cost(
    tmp_path: Path, environ: dict[str, str], mode: str
) -> None:
    words = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"
    reply = ask(tmp_path, environ, mode, words)
    assert reply == Reply(FAILED, trouble="no answer within 4s", is_unbilled=False)


@pytest.mark.parametrize("head", [b"", b"Content-Length: 99999999999\r\n"])
def test_an_answer_without_end_is_read_no_further_than_1_mib(
    tmp_path: Path, environ: dict[str, str], head: bytes
) -> None:
    reply = ask(tmp_path, environ, "endless", b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", timedelta(seconds=30))
    assert (reply.kind, reply.status, reply.trouble) == (FAILED, 200, "the answer is longer than 1 MiB")


def test_a_header_without_end_is_read_no_further_than_64_kib(tmp_path: Path, environ: dict[str, str]) -> None:
    reply = ask(tmp_path, environ, "endless", b"HTTP/1.1 200 OK\r\nX: ", timedelta(seconds=30))
    assert reply.kind == FAILED
    assert "got more than 65536 bytes when reading header line" in reply.trouble


def test_a_connection_that_is_reset_has_failed(tmp_path: Path, environ: dict[str, str]) -> None:
    reply = ask(tmp_path, environ, "reset")
    assert reply.kind == FAILED
    assert reply.trouble.startswith("127.0.0.1 broke off: ")
    assert not reply.is_unbilled


def test_a_connection_that_is_closed_without_a_word_has_failed(tmp_path: Path, environ: dict[str, str]) -> None:
    reply = ask(tmp_path, environ, "deaf")
    assert reply.kind == FAILED
    assert not reply.is_unbilled


def test_nobody_there_is_a_failure_that_costs_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    with start_bad_server(tmp_path, "plain") as server:
        port = server.port
    reply = call(make_provider(f"http://127.0.0.1:{port}/v1"), environ)
    assert reply == Reply(FAILED, trouble="cannot connect to 127.0.0.1: Connection refused", is_unbilled=True)


def test_a_host_without_an_address_is_a_failure_that_costs_nothing(environ: dict[str, str]) -> None:
    reply = call(make_provider("http://nobody.invalid/v1"), environ)
    assert reply.kind == FAILED
    assert reply.trouble.startswith("cannot connect to nobody.invalid: ")
    assert reply.is_unbilled


@pytest.mark.parametrize(
    "words",
    [
        make_answer(say("It is full."))[:-40],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n{",
    ],
    ids=["shorter than announced", "half a chunk"],
)
def test_an_answer_that_ends_before_its_end_has_failed(tmp_path: Path, environ: dict[str, str], words: bytes) -> None:
    reply = ask(tmp_path, environ, "plain", words)
    assert (reply.kind, reply.text, reply.trouble) == (FAILED, None, "the answer ends before its end")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>please log in</html>", "text/html"),
        (b'{"choices": [{"message"', "application/json"),
        (b"[]", "application/json"),
        (b"\xff\xfe{", "application/json"),
        (b"[" * 200_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b'{"a":' + b"9" * 10_000 + b"}", "application/json"),
        (b"", "application/json"),
    ],
    ids=["html", "cut", "list", "no utf-8", "deep list", "deep object", "long number", "nothing"],
)
def test_success_without_one_whole_json_object_has_failed(
    tmp_path: Path, environ: dict[str, str], body: bytes, kind: str
) -> None:
    reply = ask(tmp_path, environ, "plain", make_answer(body, Content_Type=kind))
    assert (reply.kind, reply.status) == (FAILED, 200)
    assert reply.trouble == f"the answer is not one JSON object, or only part of one ({kind})"
    assert not reply.is_unbilled


def test_a_packed_answer_is_not_unpacked(tmp_path: Path, environ: dict[str, str]) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    reply = ask(tmp_path, environ, "plain", make_answer(bomb, Content_Encoding="gzip"))
    assert (reply.kind, reply.trouble) == (FAILED, "the answer is gzip, which was not asked for: not read")


@pytest.mark.parametrize(
    ("status", "kind", "is_unbilled"),
    [
        (400, REJECTED, True),
        (401, REFUSED, True),
        (402, FAILED, True),
        (403, REFUSED, True),
        (404, REJECTED, True),
        (408, FAILED, True),
        (413, REJECTED, True),
        (422, REJECTED, True),
        (429, OVERLOADED, True),
        (500, FAILED, False),
        (502, FAILED, False),
        (503, OVERLOADED, True),
        (504, FAILED, False),
        (529, OVERLOADED, True),
        (204, FAILED, False),
        (999, FAILED, False),
    ],
)
def test_a_status_says_whether_to_come_again(
    tmp_path: Path, environ: dict[str, str], status: int, kind: str, is_unbilled: bool
) -> None:
    words = make_answer({"error": {"message": "so it is"}}, f"{status} Some Words")
    reply = ask(tmp_path, environ, "plain", words)
    assert (reply.kind, reply.status, reply.text, reply.is_unbilled) == (kind, status, None, is_unbilled)
    assert reply.trouble.startswith(f"{status} Some Words")


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path, environ: dict[str, str], status: str) -> None:
    with start_bad_server(tmp_path / "there", "plain", make_answer(say("stolen"))) as there:
        words = make_answer(b"", status, Location=there.url(host="localhost") + "?token=abc")
        reply = ask(tmp_path / "here", environ, "plain", words)
        assert there.asked() == ""
    assert (reply.kind, reply.is_unbilled) == (REJECTED, True)
    assert reply.trouble == f"{status}: redirects to http://localhost, not followed"


def test_a_proxy_in_the_environment_is_not_asked(tmp_path: Path, environ: dict[str, str]) -> None:
    with (
        start_bad_server(tmp_path / "proxy", "plain", make_answer(say("seen"))) as proxy,
        start_bad_server(tmp_path / "own", "plain", make_answer(say("own"))) as own,
    ):
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), f"http://127.0.0.1:{proxy.port}")
        assert call(make_provider(own.url()), {**environ, **proxies}).text == "own"
        assert proxy.asked() == ""


def test_words_of_a_server_are_one_short_line_that_a_terminal_only_shows(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    message = "no\x1b]0;title\x07\n\nagentkit: error: forged " + "x" * 5000
    reply = ask(tmp_path, environ, "plain", make_answer({"error": {"message": message}}, "400 Bad Request"))
    assert reply.trouble.startswith("400 Bad Request: no ]0;title agentkit: error: forged xxx")
    assert len(reply.trouble) == 300
    assert reply.trouble.isprintable()


def test_no_time_left_is_a_failure_that_costs_nothing(environ: dict[str, str]) -> None:
    reply = call(make_provider("http://127.0.0.1:1/v1"), environ, limit=timedelta(0))
    assert reply == Reply(FAILED, trouble="there was no time left to ask", is_unbilled=True)


def test_modules_in_the_folder_of_the_caller_and_of_pythonpath_are_not_ours(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = tmp_path / "strange"
    strange.mkdir()
    for name in ("json", "http", "sitecustomize"):
        (strange / f"{name}.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(strange)
    with start_bad_server(tmp_path, "plain", make_answer(say("yes"))) as server:
        assert call(make_provider(server.url()), {**environ, "PYTHONPATH": str(strange)}).text == "yes"


def test_a_prompt_of_any_letters_arrives_as_it_is(tmp_path: Path, environ: dict[str, str]) -> None:
    prompt = Prompt(PROMPT.system, "Größe 大 \U0001f600 \x00 \ud800 \u2028", None)
    with start_bad_server(tmp_path, "plain", make_answer(say("yes"))) as server:
        assert call(make_provider(server.url()), environ, prompt=prompt).kind == OK
        body = server.asked().partition("\r\n\r\n")[2].encode("latin-1").decode()
    assert '"Größe 大 \U0001f600 \\u0000 ? \u2028"' in body
