"""What does a model say to one question of a person, inside the budget and with every secret masked?"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import print_block
from agentkit.core.times import format_instant
from agentkit.think.asking import Asked, Asker
from agentkit.think.caps import to_usd
from agentkit.think.providers import Prompt
from agentkit.think.redacting import redact_prompt
from agentkit.think.store import open_store
from agentkit.think.viewing import begin_record, read_configuration, say_usd

SYSTEM = (
    "You answer one question of the person who keeps this machine. You have no tools and cannot look at the machine. "
    "Say what you know, say what you do not know, and be brief."
)
# A prompt of a wake has 8 KiB; a person may paste a log.
MOST_BYTES = 64 * 1024


def ask(environ: Mapping[str, str], text: str, *, as_json: bool, is_quiet: bool) -> None:
    """Print what the first provider that can says; `-` reads the question from stdin.

    Raises AgentkitError: try later (no provider, overloaded, over budget), refused (the question could not be masked),
    configuration (a price is not known, or nothing bounds what may be spent).
    """
    question = _read_question(text)
    configuration = read_configuration(environ, is_quiet=is_quiet)
    with open_store(environ) as store:
        asker = Asker(store, configuration.think, environ, "ask")
        asked = asker.ask(redact_prompt(Prompt(SYSTEM, question), environ, asker.left()))
    if asked.text is None:
        raise AgentkitError(asked.reason, hint=_advise(asked), status=asked.status)
    if as_json:
        write_record(
            {
                **begin_record("answer", configuration.host, time.time()),
                "text": asked.text,
                "provider": asked.provider,
                "spent_usd": to_usd(asked.spent),
                "reserved_usd": to_usd(asked.reserved),
                "tokens": asked.tokens,
                "providers_tried": asked.tried,
            }
        )
        return
    print_block(asked.text)
    if not is_quiet:
        tell(f"agentkit: {asked.provider}: {say_usd(asked.spent)}, {asked.tokens} tokens\n")


def _read_question(text: str) -> str:
    if text == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise AgentkitError(
                "ask: a question is expected on stdin, and it is a terminal",
                hint="agentkit think ask TEXT",
                status=Exit.USAGE,
            )
        text = sys.stdin.buffer.read(MOST_BYTES + 1).decode("utf-8", "replace")
    if not text.strip():
        raise AgentkitError("ask: the question is empty", hint="agentkit think ask TEXT", status=Exit.USAGE)
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise AgentkitError(f"ask: the question is longer than {MOST_BYTES // 1024} KiB", status=Exit.USAGE)
    return text.strip()


def _advise(asked: Asked) -> str:
    if asked.not_before is not None:
        return f"worth trying again from {format_instant(asked.not_before)} on"
    if not asked.tried:
        return "agentkit think providers and agentkit think budget say who may be asked"
    return "agentkit think providers"
