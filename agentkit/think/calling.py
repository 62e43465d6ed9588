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
from agentkit.think.providers import Prompt, Reply, openai
from agentkit.think.providers.answers import Answer, fail, one_line, read_document
from agentkit.think.providers.requests import Key, Request

# Isolated, and without the folder of the caller: a stray json.py there must not see the key. Ours comes last.
START = "import sys; sys.path.append(sys.argv.pop(1)); from agentkit.think.requester import main; sys.exit(main())"
SENT = b"sent"
MOST_ANSWER = 2 * 1024 * 1024
# Where a company's own certificates are; everything else of the environment the child does without.
KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR")
ADAPTERS = {"openai": openai}


def call_provider(
    provider: ProviderSettings, prompt: Prompt, *, limit: timedelta, environ: Mapping[str, str], reason: str
) -> Reply:
    """Return what became of one call, at the latest 0.5 s after `limit`; it is never repeated here.

    `reason` stands in the vault's log beside the key.
    """
    if limit <= timedelta(0):
        return fail("there was no time left to ask", is_unbilled=True)
    adapter = ADAPTERS[provider.kind]
    request = adapter.build_request(provider, prompt)
    answer = _send(request, limit=limit, environ=environ, reason=reason)
    if isinstance(answer, Reply):
        return answer
    document = read_document(answer, time.time())
    return document if isinstance(document, Reply) else adapter.read_reply(provider, document)


def size_request(provider: ProviderSettings, prompt: Prompt) -> int:
    """Return an upper bound of the tokens that go in: the bytes of the request, for no token has less than one."""
    return len(ADAPTERS[provider.kind].build_request(provider, prompt).body)


def _send(request: Request, *, limit: timedelta, environ: Mapping[str, str], reason: str) -> Answer | Reply:
    key = request.key and {"header": request.key.header, "prefix": request.key.prefix}
    head = {"url": request.url, "headers": dict(request.headers), "limit_s": limit.total_seconds(), "key": key}
    argv = (sys.executable, "-I", "-S", "-c", START, PLACE)
    ended = run_program(
        Program(
            give_key(argv, request.key, reason) if request.key else argv,
            limit=limit,
            environment=environ,
            stdin=json.dumps(head).encode() + b"\n" + request.body,
            keep_bytes=MOST_ANSWER,
        )
    )
    return _read_child(ended, limit, has_key=bool(key))


def give_key(argv: tuple[str, ...], key: Key, reason: str) -> tuple[str, ...]:
    """Return the command line that runs `argv` with the secret on descriptor 3."""
    name = key.secret.removeprefix("secret:")
    kept = [word for variable in KEPT for word in ("--keep-env", variable)]
    return (*call_ourselves("vault", "exec", "--fd", f"3={name}", *kept, "--reason", reason, "--"), *argv)


def _read_child(ended: Ended, limit: timedelta, *, has_key: bool) -> Answer | Reply:
    first, _, rest = ended.stdout.partition(b"\n")
    is_sent = first == SENT
    line, _, body = (rest if is_sent else ended.stdout).partition(b"\n")
    if ended.outcome in ("timed-out", "unkillable"):
        return fail(f"no answer within {format_duration(limit.total_seconds())}", is_unbilled=not is_sent)
    if not line or ended.status != 0:
        said = one_line(ended.trouble or ended.stderr.decode("utf-8", "replace"))
        if has_key and not is_sent:
            return fail(f"no key: {said}", is_unbilled=True)
        return fail(f"the process that asks ended with {ended.status}: {said}", is_unbilled=not is_sent)
    head = json.loads(line)
    if "trouble" in head:
        return fail(head["trouble"], is_unbilled=not is_sent)
    return Answer(
        head["status"], head["reason"], head["headers"], body, head.get("is_long", False), head.get("is_torn", False)
    )
