"""Does a provider answer, with JSON where that is asked for, and what did it cost to find out?"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace

from agentkit.core.config import Configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record, write_record
from agentkit.core.screen import Styled, print_line
from agentkit.core.settings import ProviderSettings
from agentkit.core.times import format_duration
from agentkit.think.asking import Asked, Asker
from agentkit.think.byhand import forget_pause
from agentkit.think.caps import to_usd
from agentkit.think.providers import Prompt
from agentkit.think.store import Store, open_store
from agentkit.think.viewing import begin_record, read_configuration, say_usd

SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}
PROMPT = Prompt('Answer with this JSON object and nothing else: {"ready": true}', "Are you ready?", SCHEMA)


def try_providers(environ: Mapping[str, str], name: str | None, *, as_json: bool) -> int:
    """Ask each provider, or the one that is named, one small question, even one that is in a pause.

    The status is 1 when one does not answer, or not with the JSON that was asked for. Raises AgentkitError
    (unavailable) where there is none, or none of that name.
    """
    configuration = read_configuration(environ)
    chosen = _choose(configuration, name)
    status: int = Exit.OK
    with open_store(environ) as store:
        for provider in chosen:
            began = time.monotonic()
            asked = _ask(store, configuration, environ, provider)
            trouble = _find_trouble(asked).removeprefix(f"{provider.name}: ")
            took_s = time.monotonic() - began
            if as_json:
                head = begin_record("trial", configuration.host, time.time())
                write_record({**head, **_to_record(provider, asked, trouble, took_s)})
            else:
                _draw(provider, asked, trouble, took_s)
            status = status if not trouble else Exit.FINDINGS
    return status


def _choose(configuration: Configuration, name: str | None) -> list[ProviderSettings]:
    known = configuration.think.providers
    chosen = [provider for provider in known if name in (None, provider.name)]
    if chosen:
        return chosen
    if not known:
        raise AgentkitError(
            f"no provider is configured in {configuration.path}",
            hint="write a [[think.provider]]; docs/think.md has examples",
            status=Exit.UNAVAILABLE,
        )
    names = ", ".join(provider.name for provider in known)
    raise AgentkitError(
        f"there is no provider {name}; expected one of {names}",
        hint="agentkit think providers",
        status=Exit.UNAVAILABLE,
    )


def _ask(store: Store, configuration: Configuration, environ: Mapping[str, str], provider: ProviderSettings) -> Asked:
    # A person wants to know now, and has perhaps just mended it.
    forget_pause(store, provider.name)
    return Asker(store, replace(configuration.think, providers=(provider,)), environ, "test").ask(PROMPT)


def _find_trouble(asked: Asked) -> str:
    """Return why it will not do, "" where all is well."""
    if asked.text is None:
        return asked.reason
    begin, end = asked.text.find("{"), asked.text.rfind("}")
    try:
        is_fit = isinstance(json.loads(asked.text[begin : end + 1]).get("ready"), bool)
    except (ValueError, RecursionError, AttributeError):
        is_fit = False
    return "" if is_fit else f"it answers, but not with the JSON that was asked for: {asked.text.strip()[:80]!r}"


def _to_record(provider: ProviderSettings, asked: Asked, trouble: str, took_s: float) -> Record:
    return {
        "name": provider.name,
        "is_well": not trouble,
        "trouble": trouble,
        "duration_s": round(took_s, 3),
        "spent_usd": to_usd(asked.spent),
        "tokens": asked.tokens,
    }


def _draw(provider: ProviderSettings, asked: Asked, trouble: str, took_s: float) -> None:
    cost = f"{say_usd(asked.spent)}, {asked.tokens} tokens"
    if trouble:
        print_line(Styled(provider.name, "heading"), Styled("failed", "failed"), f"({cost}): {trouble}")
    else:
        print_line(Styled(provider.name, "heading"), Styled("ok", "ok"), f"in {format_duration(took_s)}, {cost}")
