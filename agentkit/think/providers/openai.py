"""How is a model asked that speaks OpenAI's chat completions: OpenAI, llama.cpp, vLLM, ollama and many others?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from agentkit.core.settings import ProviderSettings
from agentkit.think.providers import OK, Prompt, Reply
from agentkit.think.providers.answers import TOO_LONG, UNKNOWN_TOOL, WORDLESS, count, fail_after
from agentkit.think.providers.requests import Key, Request, demand_json, encode, make_headers

END = "/chat/completions"
# It knows max_tokens no longer for its newer models; everybody else knows nothing else.
OWN_HOST = "api.openai.com"


def build_request(provider: ProviderSettings, prompt: Prompt) -> Request:
    """Return the request; `provider.url` is the base (`…/v1`) or the whole address."""
    url = (provider.url or "").rstrip("/")
    url += "" if url.endswith(END) else END
    is_enforced = prompt.schema is not None and provider.answer == "json_schema"
    limit_name = "max_completion_tokens" if urlsplit(url).hostname == OWN_HOST else "max_tokens"
    document: dict[str, object] = {
        "model": provider.model,
        "messages": [
            {"role": "system", "content": prompt.system if is_enforced else demand_json(prompt)},
            {"role": "user", "content": prompt.user},
        ],
        limit_name: provider.max_output_tokens,
    }
    if prompt.schema is not None and is_enforced:
        schema = {name: value for name, value in prompt.schema.items() if name not in ("$schema", "$id")}
        named = {"name": "answer", "strict": _is_strict(schema), "schema": schema}
        document["response_format"] = {"type": "json_schema", "json_schema": named}
    elif prompt.schema is not None and provider.answer == "json_object":
        document["response_format"] = {"type": "json_object"}
    key = Key(provider.key, "Authorization", "Bearer ") if provider.key else None
    return Request(url, encode(document), make_headers(), key)


def read_reply(provider: ProviderSettings, document: Mapping[str, object]) -> Reply:
    """Return what the model said, or why there is nothing to use."""
    tokens_in, tokens_out = _read_usage(document.get("usage"))
    text, trouble = _read_choice(provider, document.get("choices"))
    if trouble or not text.strip():
        return fail_after(trouble or WORDLESS, tokens_in, tokens_out)
    return Reply(OK, text, tokens_in, tokens_out, 200)


def _read_choice(provider: ProviderSettings, choices: object) -> tuple[str, str]:
    """Return (text, trouble) of the first choice."""
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        return "", "the answer has no choices[0].message"
    if message.get("tool_calls") or message.get("function_call"):
        return "", UNKNOWN_TOOL
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return "", f"the model refused: {refusal}"
    reason = choice.get("finish_reason")
    if reason == "length":
        return "", TOO_LONG.format(most=provider.max_output_tokens)
    if reason == "content_filter":
        return "", "the provider's filter kept the answer back"
    return "".join(_iterate_text(message.get("content"))), ""


def _iterate_text(content: object) -> Iterator[str]:
    # Some servers answer in parts, as a request may be written.
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            yield text


def _read_usage(usage: object) -> tuple[int | None, int | None]:
    told = usage if isinstance(usage, Mapping) else {}
    tokens_in, tokens_out = count(told.get("prompt_tokens")), count(told.get("completion_tokens"))
    total = count(told.get("total_tokens"))
    if tokens_in is not None and tokens_out is not None and total is not None:
        # Gemini counts what it thought in the total only, and bills it as written.
        tokens_out = max(tokens_out, total - tokens_in)
    return tokens_in, tokens_out


def _is_strict(schema: object) -> bool:
    """Tell whether OpenAI would take the schema as strict: every object closed, every property required."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object":
            properties = schema.get("properties", {})
            required = schema.get("required", ())
            is_whole = isinstance(required, Sequence) and set(required) == set(properties)
            if not is_whole or schema.get("additionalProperties") is not False:
                return False
        return all(map(_is_strict, schema.values()))
    return all(map(_is_strict, schema)) if isinstance(schema, (list, tuple)) else True
