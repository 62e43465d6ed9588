"""How is a model asked through a program: `claude -p`, `codex exec`, `llm`, or anything that reads a prompt on stdin?

Plain text on stdout is the answer. What tells more is understood: the `result` of `claude -p --output-format json` and
the events of `codex exec --json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from agentkit.core.program import Ended
from agentkit.think.providers import OK, Prompt, Reply
from agentkit.think.providers.answers import UNKNOWN_TOOL, WORDLESS, fail, fail_after, find_error, find_message
from agentkit.think.providers.anthropic import read_usage
from agentkit.think.providers.requests import demand_json

MOST_BYTES = 1024 * 1024


def build_input(prompt: Prompt) -> bytes:
    """Return what the program gets on stdin: system text, schema where there is one, and the question."""
    return "\n\n".join(part for part in (demand_json(prompt), prompt.user) if part).encode("utf-8", "replace") + b"\n"


def read_output(ended: Ended) -> Reply:
    """Return what a program said that ran until its end."""
    if ended.stdout_truncated:
        return fail("the answer is longer than 1 MiB", ended.status)
    reply = _read_text(ended.stdout.decode("utf-8", "replace").strip())
    if ended.status == 0:
        return reply
    # `claude -p` ends with 1 and still tells on stdout why, and what it cost.
    why = reply.trouble if reply.kind != OK and reply.trouble != WORDLESS else find_error(ended.stderr)
    trouble = f"{ended.argv[0]} ended with {ended.status}: {why}"
    return fail_after(trouble, reply.tokens_in, reply.tokens_out, ended.status, reply.cost_usd)


def _read_text(text: str) -> Reply:
    if not text:
        return fail(WORDLESS, 0)
    documents = _parse(text)
    results = [document for document in documents if document.get("type") == "result"]
    if results:
        return _read_result(results[-1])
    if any(document.get("type") in ("turn.completed", "turn.failed") for document in documents):
        return _read_events(documents)
    return Reply(OK, text, status=0)


def _parse(text: str) -> list[Mapping[str, object]]:
    """Return the objects that the text is: one, a list of them, or one in each line; nothing where it is other text."""
    for pieces in ([text], text.splitlines()):
        try:
            documents = [json.loads(piece) for piece in pieces if piece.strip()]
        except (ValueError, RecursionError):
            continue
        if len(documents) == 1 and isinstance(documents[0], list):
            documents = documents[0]
        return [document for document in documents if isinstance(document, dict)]
    return []


def _read_result(result: Mapping[str, object]) -> Reply:
    tokens_in, tokens_out = read_usage(result.get("usage"))
    cost = result.get("total_cost_usd")
    cost_usd = (
        float(cost) if isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost < 1e6 else None
    )
    said = result.get("structured_output") or result.get("result")
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False) if said else ""
    if result.get("is_error") or not text.strip():
        trouble = text or find_message(result) or str(result.get("subtype") or WORDLESS)
        return fail_after(trouble, tokens_in, tokens_out, 0, cost_usd)
    return Reply(OK, text, tokens_in, tokens_out, 0, cost_usd=cost_usd)


def _read_events(events: Sequence[Mapping[str, object]]) -> Reply:
    tokens_in = tokens_out = None
    text = trouble = notice = ""
    for event in events:
        kind, item = event.get("type"), event.get("item")
        if kind == "turn.completed":
            tokens_in, tokens_out = read_usage(event.get("usage"))
        elif kind == "turn.failed":
            trouble = find_message(event) or "the turn failed"
        elif kind == "error":
            notice = find_message(event)  # may be no more than "reconnecting"
        elif kind == "item.completed" and isinstance(item, Mapping):
            if item.get("type") == "agent_message" and isinstance(item.get("text"), str):
                text = str(item["text"])
            elif item.get("type") in ("command_execution", "file_change", "mcp_tool_call", "web_search"):
                trouble = UNKNOWN_TOOL
    if trouble or not text.strip():
        return fail_after(trouble or notice or WORDLESS, tokens_in, tokens_out, 0)
    return Reply(OK, text, tokens_in, tokens_out, 0)
