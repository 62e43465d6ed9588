"""What bounds the shell's own waits: read, a fifo that nobody opens, a redirection to /dev/tcp?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from agentkit.core.shelltree import CONDITION
from agentkit.depmap.boundsgap import Gap, partly, unbounded
from agentkit.depmap.boundswords import read_given
from agentkit.depmap.calls import HOLE, Call

# Their operands are files that they open to read.
READERS = frozenset(
    {*("cat", "head", "tail", "wc", "grep", "sed", "sort", "tac", "od", "xxd", "base64", "source", ".", "uniq", "tr")}
)
FIFO_NAME = re.compile(r"(?:\A|[/._-])(?:fifo|pipe)\d*\Z", re.IGNORECASE)
DEV_TCP = "/dev/tcp/"
# `while IFS= read -r line`, whatever feeds it
READING = re.compile(r"(?:while|until)\b[^\n;]*\bread\b")
# Asked with the file, and with the text of the command that opens it.
IsFifo = Callable[[str, str], bool]


def looks_like_fifo(name: str, _text: str = "") -> bool:
    """Tell whether a file is a fifo by its name alone."""
    return HOLE not in name and FIFO_NAME.search(name) is not None


def judge_read(call: Call, is_fifo: IsFifo, *, has_input: bool) -> Gap | None:
    """Judge the shell's read: -t bounds the waiting for a line, but not the opening of a fifo.

    `has_input` says that what it reads was redirected around it, where this is no wait for a person.
    """
    given = read_given(call.words, "adinNptu")
    opened = [each for each in call.redirects if each.descriptor in (None, 0) and each.operator == "<"]
    if any(is_fifo(each.target, call.text) for each in opened) and "<>" not in call.text:
        instead = re.sub(r"<(?=\s*[^<&>(]*\Z)", "<>", call.text)
        if not given.limits("-t"):
            instead = instead.replace("read", "read -t 60", 1)
        return unbounded("the shell waits for a writer when it opens the fifo, before read begins", instead=instead)
    if given.has("-t"):
        return None
    if any(each.target.startswith(DEV_TCP) for each in opened):
        return unbounded("read waits for a line from the network for ever", "-t 60")
    asks = [each for each in opened if each.target in ("/dev/tty", "/dev/console", "/dev/stdin")]
    if call.feed is not None or call.stdin is not None or (call.redirects and opened and not asks):
        return None
    is_looping = any(loop.part == CONDITION or READING.match(loop.text) for loop in call.loops)
    if given.has("-u") or is_looping or has_input or any(each.operator.startswith("<&") for each in call.redirects):
        return None
    return unbounded("read waits for a line from whoever started the script", "-t 60")


def judge_redirects(call: Call, is_fifo: IsFifo) -> Gap | None:
    """Judge what a command opens: a fifo opens when another opens its other end, /dev/tcp when the host answers."""
    shell = _quote_for_shell(call.text)
    for target, is_read in _list_opened(call):
        if target.startswith(DEV_TCP):
            if is_read and call.words[:1] not in ((), ("exec",), (":",), ("true",)):
                return unbounded("it reads from the network for ever", instead=shell)
            return partly("the connecting takes as long as the kernel tries, minutes", instead=shell)
        if is_fifo(target, call.text):
            other = "writer" if is_read else "reader"
            # Of a redirection of a group the command is not at hand.
            group = f"< <(timeout -k 10 60 cat {target})" if is_read else f"> >(timeout -k 10 60 tee {target})"
            fix = shell if call.text else group
            return unbounded(f"the fifo opens only when a {other} comes", instead=fix)
    name = call.words[0].rpartition("/")[2] if call.words else ""
    if name in READERS and any(is_fifo(word, call.text) for word in call.words[1:] if not word.startswith("-")):
        return unbounded(f"{name} waits for whoever writes into the fifo")
    return None


def _list_opened(call: Call) -> Iterator[tuple[str, bool]]:
    for each in call.redirects:
        if each.operator in ("<", "<>"):
            is_both = each.operator == "<>" or f"<>{each.target}" in call.text.replace(" ", "").replace('"', "")
            if not is_both or each.target.startswith(DEV_TCP):
                yield each.target, True
        elif each.operator in (">", ">>", ">|", "&>"):
            yield each.target, False


def _quote_for_shell(text: str) -> str:
    quoted = text.replace("'", "'\\''")
    return f"timeout -k 10 60 bash -c '{quoted}'"
