"""What does a provider answer to a prompt, when no server and no program may hold us, fill our memory or get a key?

A request over HTTP is sent by a child process that ends at the limit whatever the server does. Its key comes from
`agentkit vault exec` on a descriptor of the child: it is in no command line, no variable and not in this process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import timedelta

from agentkit.core.ourselves import PLACE, call_ourselves
from agentkit.core.process import run_program
from agentkit.core.program import Ended, Program
from agentkit.core.settings import ProviderSettings
from agentkit.core.times import format_duration
from agentkit.think.providers import Prompt, Reply, anthropic, command, openai
from agentkit.think.providers.answers import Answer, fail, find_error, read_document
from agentkit.think.providers.requests import Request

# Isolated, and without the folder of the caller: a stray json.py there must not see the key. Ours comes last.
START = "import sys; sys.path.append(sys.argv.pop(1)); from agentkit.think.requester import main; sys.exit(main())"
SENT = b"sent"
LATE = "no answer within {limit}"
# A line of headers and 1 MiB of body, each of whose letters was one byte.
MOST_ANSWER = 2 * 1024 * 1024
# Where a company's own certificates are; everything else of the environment the child does without.
KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def call_provider(
    provider: ProviderSettings, prompt: Prompt, *, limit: timedelta, environ: Mapping[str, str], reason: str
) -> Reply:
    """Return what became of one call, at the latest 0.5 s after `limit`; it is never repeated here.

    `reason` stands in the vault's log beside the key.
    """
    if limit <= timedelta(0):
        return fail("there was no time left to ask", is_unbilled=True)
    if provider.kind == "command":
        return _run(provider, prompt, limit=limit, environ=environ, reason=reason)
    request = _build_request(provider, prompt)
    answer = _send(request, limit=limit, environ=environ, reason=reason)
    document = answer if isinstance(answer, Reply) else read_document(answer, time.time())
    if isinstance(document, Reply):
        return document
    if provider.kind == "anthropic":
        return anthropic.read_reply(provider, document)
    return openai.read_reply(provider, document)


def size_request(provider: ProviderSettings, prompt: Prompt) -> int:
    """Return an upper bound of the tokens that go in: the bytes of the request, for no token has less than one.

    What a program adds of its own nobody knows.
    """
    if provider.kind == "command":
        return len(command.build_input(prompt))
    return len(_build_request(provider, prompt).body)


def _build_request(provider: ProviderSettings, prompt: Prompt) -> Request:
    if provider.kind == "anthropic":
        return anthropic.build_request(provider, prompt)
    return openai.build_request(provider, prompt)


def _run(
    provider: ProviderSettings, prompt: Prompt, *, limit: timedelta, environ: Mapping[str, str], reason: str
) -> Reply:
    argv = provider.run or ()
    ended = run_program(
        Program(
            give_key(argv, provider.key, reason) if provider.key else argv,
            limit=limit,
            environment=environ,
            stdin=command.build_input(prompt),
            keep_bytes=command.MOST_BYTES,
        )
    )
    if ended.outcome == "not-started":
        return fail(ended.trouble, ended.status, is_unbilled=True)
    if ended.outcome in ("timed-out", "unkillable"):
        return fail(LATE.format(limit=format_duration(limit.total_seconds())), ended.status)
    return command.read_output(ended)


def _send(request: Request, *, limit: timedelta, environ: Mapping[str, str], reason: str) -> Answer | Reply:
    key = request.key and {"header": request.key.header, "prefix": request.key.prefix}
    head = {"url": request.url, "headers": dict(request.headers), "limit_s": limit.total_seconds(), "key": key}
    argv = (sys.executable, "-I", "-S", "-c", START, PLACE)
    ended = run_program(
        Program(
            give_key(argv, request.key.secret, reason) if request.key else argv,
            limit=limit,
            environment=environ,
            stdin=json.dumps(head).encode() + b"\n" + request.body,
            keep_bytes=MOST_ANSWER,
        )
    )
    return _read_child(ended, limit, request.key.secret if request.key else None)


def give_key(argv: tuple[str, ...], secret: str, reason: str) -> tuple[str, ...]:
    """Return the command line that runs `argv` with the secret (`secret:NAME`) on descriptor 3."""
    kept = [word for variable in KEPT for word in ("--keep-env", variable)]
    words = ("vault", "exec", "--fd", f"3={secret.removeprefix('secret:')}", *kept, "--reason", reason, "--")
    return (*call_ourselves(*words), *argv)


def _read_child(ended: Ended, limit: timedelta, secret: str | None) -> Answer | Reply:
    """Return what the child told; what it did not send was surely not billed."""
    first, _, rest = ended.stdout.partition(b"\n")
    is_sent = first == SENT
    line, _, body = (rest if is_sent else ended.stdout).partition(b"\n")
    if ended.outcome in ("timed-out", "unkillable"):
        return fail(LATE.format(limit=format_duration(limit.total_seconds())), is_unbilled=not is_sent)
    if ended.status != 0 or not line:
        said = ended.trouble or find_error(ended.stderr)
        if is_sent:
            return fail(f"broken off: {said}")
        return fail(f"no key {secret}: {said}" if secret else f"not asked: {said}", is_unbilled=True)
    head = json.loads(line)
    if "trouble" in head:
        return fail(head["trouble"], is_unbilled=not is_sent)
    return Answer(
        head["status"], head["reason"], head["headers"], body, head.get("is_long", False), head.get("is_torn", False)
    )
