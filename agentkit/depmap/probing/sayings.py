"""What did a check say when it was not well, as far as others may see it?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.hiding import hide_secrets
from agentkit.core.masking import mask_texts
from agentkit.depmap.probing.rounds import KEEP_BYTES, OK, Answer

LONGEST = 200


def find_sayings(answers: Mapping[int, Answer], environ: Mapping[str, str]) -> dict[int, str]:
    """Return {check: the last line that it wrote, of its errors first} of those that are not well and wrote any.

    The values of the vault are masked in it, and whatever looks like a secret.
    """
    lines = {check: line for check, answer in answers.items() if answer.state != OK and (line := _find_line(answer))}
    masked = mask_texts(list(lines.values()), environ)
    return {check: _cut(hide_secrets(text)) for check, text in zip(lines, masked, strict=True)}


def _find_line(answer: Answer) -> str:
    for stream in (answer.ended.stderr, answer.ended.stdout) if answer.ended else ():
        lines = stream.decode("utf-8", "backslashreplace").strip().splitlines()
        if len(lines) == 1 and len(stream) >= KEEP_BYTES:
            # Its start is gone: what is left may begin within a secret, and nothing would know it.
            return f"[a line of {KEEP_BYTES} bytes or more]"
        if lines:
            return lines[-1].strip()
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
