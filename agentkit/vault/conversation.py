"""Does the output of this process go into a conversation, or onto a screen?

An agent's tools say so by a variable of the environment; nobody's ancestors are guessed at. docs/vault.md publishes the
list. Imported by the hot verbs.
"""

import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit

# Which variable says that which agent runs the command.
AGENTS = {
    "AGENTKIT_CONVERSATION": "a conversation",
    "AI_AGENT": "an agent",
    "AUGMENT_AGENT": "Augment",
    "CLAUDECODE": "Claude Code",
    "CLINE_ACTIVE": "Cline",
    "CODEX_CI": "Codex",
    "CODEX_SANDBOX": "Codex",
    "CODEX_THREAD_ID": "Codex",
    "CURSOR_AGENT": "Cursor",
    "GEMINI_CLI": "Gemini CLI",
    "OPENCLAW_SHELL": "OpenClaw",
    "OPENCODE": "opencode",
    "QWEN_CODE": "Qwen Code",
}


def find_listener(environ: Mapping[str, str]) -> "tuple[str, str] | None":
    """Return the variable that says that a conversation listens, and to whom it belongs; None where none does."""
    for variable, agent in AGENTS.items():
        if environ.get(variable):
            return variable, agent
    return None


def find_objection(environ: Mapping[str, str], name: str) -> "AgentkitError | None":
    """Return why the value may not be written to stdout; None where nothing speaks against it."""
    hint = (
        f"give it to a program: agentkit vault exec --fd 3={name} --reason … -- PROGRAM; --reveal shows it all the same"
    )
    if os.isatty(1):
        return AgentkitError("a value is not shown on a terminal", hint=hint, status=Exit.REFUSED)
    listener = find_listener(environ)
    if listener:
        variable, agent = listener
        return AgentkitError(
            f"a value is not given to a conversation: {agent} runs this ({variable} is set)",
            hint=hint,
            status=Exit.REFUSED,
        )
    return None
