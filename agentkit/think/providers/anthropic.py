"""How is a model asked that speaks Anthropic's messages?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.settings import ProviderSettings
from agentkit.think.providers import OK, Prompt, Reply
from agentkit.think.providers.answers import TOO_LONG, UNKNOWN_TOOL, WORDLESS, count, fail_after
from agentkit.think.providers.requests import Key, Request, demand_json, encode, make_headers

VERSION = "2023-06-01"
END = "/v1/messages"
# What is read from and written to the cache is billed beside input_tokens, not within.
INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def build_request(provider: ProviderSettings, prompt: Prompt) -> Request:
    """Return the request; `provider.url` is the host's address, with or without `/v1` or `/v1/messages`."""
    url = (provider.url or "").rstrip("/").removesuffix(END).removesuffix("/v1") + END
    document: dict[str, object] = {
        "model": provider.model,
        "max_tokens": provider.max_output_tokens,
        "messages": [{"role": "user", "content": prompt.user}],
    }
    system = demand_json(prompt)
    if system:
        document["system"] = system
    key = Key(provider.key, "x-api-key") if provider.key else None
    return Request(url, encode(document), make_headers(anthropic_version=VERSION), key)


def read_reply(provider: ProviderSettings, document: Mapping[str, object]) -> Reply:
    """Return what the model said, or why there is nothing to use."""
    tokens_in, tokens_out = read_usage(document.get("usage"))
    content = document.get("content")
    if not isinstance(content, list):
        return fail_after("the answer has no content", tokens_in, tokens_out)
    blocks = [block for block in content if isinstance(block, Mapping)]
    # tool_use, server_tool_use, mcp_tool_use
    if any(str(block.get("type")).endswith("tool_use") for block in blocks):
        return fail_after(UNKNOWN_TOOL, tokens_in, tokens_out)
    reason = document.get("stop_reason")
    if reason == "max_tokens":
        return fail_after(TOO_LONG.format(most=provider.max_output_tokens), tokens_in, tokens_out)
    if reason == "refusal":
        return fail_after("the model refused", tokens_in, tokens_out)
    said = [block.get("text") for block in blocks if block.get("type") == "text"]
    text = "".join(part for part in said if isinstance(part, str))
    if not text.strip():
        return fail_after(WORDLESS, tokens_in, tokens_out)
    return Reply(OK, text, tokens_in, tokens_out, 200)


def read_usage(usage: object) -> tuple[int | None, int | None]:
    """Return the tokens (in, out) that a `usage` tells; what is in and out of the cache counts as read."""
    told = usage if isinstance(usage, Mapping) else {}
    parts = [count(told.get(name)) for name in INPUT_COUNTS]
    tokens_in = None if parts[0] is None else sum(part or 0 for part in parts)
    return tokens_in, count(told.get("output_tokens"))
