"""What does the shell do itself when a command is one of its own: change its state, or run a text?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentkit.core.shelltree import Command
from agentkit.depmap.assignments import declare
from agentkit.depmap.callnotes import Said, note_unknown
from agentkit.depmap.calls import HOLE
from agentkit.depmap.frames import Frame
from agentkit.depmap.shellbuiltins import DECLARES, STATEFUL
from agentkit.depmap.sourcing import source_text
from agentkit.depmap.startedprograms import find_literal
from agentkit.depmap.values import Fields

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter


def change_state(interpreter: Interpreter, words: Fields, command: Command, frame: Frame) -> None:
    """Do what a builtin does to the state of the shell."""
    if words[0] in DECLARES:
        declare(interpreter, command, frame)
    else:
        STATEFUL[words[0]](words, frame)


def run_builtin(interpreter: Interpreter, words: Fields, command: Command, frame: Frame, said: Said) -> None:
    """Do what a builtin does that runs a text, or that changes how later words are read."""
    name = words[0]
    if name == "alias":
        interpreter.aliases.update(word.partition("=")[::2] for word in words[1:] if "=" in word)
    elif name == "shopt":
        interpreter.expands_aliases |= "-s" in words and "expand_aliases" in words
    elif name == "eval":
        text = " ".join(words[1:])
        if text.strip(HOLE + " ") == "" and text:
            note_unknown(interpreter, (text,), command, frame, said, reason="eval of a text that is not known")
        else:
            interpreter.run_text(text, frame, at=command.start)
    elif name in (".", "source"):
        source_text(interpreter, words, command, frame, said)
    elif name == "trap" and len(words) > 2 and words[1] not in ("-", "", "-l", "-p"):
        action = words[2] if words[1] == "--" else words[1]
        # It is run later, when all functions are known.
        later = frame.copy()
        later.loops = ()
        interpreter.traps.append((action, later, find_literal(action, command, frame), command.start))
