"""What is the value of a secret, byte for byte, after its record?

    agentkit vault get NAME --reason TEXT [--reveal]

A hot verb: it is called before typer is imported, which declares the same words for help and completion.
"""

import os
import sys
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.access import Wish, knows, refuse, release_sealed
from agentkit.vault.asker import find_asker
from agentkit.vault.conversation import find_objection
from agentkit.vault.hardening import harden_process
from agentkit.vault.locked import demand_vault, lock_vault
from agentkit.vault.log.chain import LONGEST_REASON
from agentkit.vault.places import demand_name, find_places

LONGEST_WAIT_S = 60.0
HELP = "agentkit vault get --help"


def main(words: "list[str]") -> int:
    """Write the value to stdout and return the status."""
    name, reason, reveals = _parse(words)
    give_value(os.environ, name, reason, reveals=reveals)
    return Exit.OK


def give_value(environ: Mapping[str, str], name: str, reason: str, *, reveals: bool) -> None:
    """Write the value of a secret to stdout, unless a person or a conversation would see it."""
    demand_name(name)
    demand_reason(reason)
    harden_process()
    places = find_places(environ)
    demand_vault(places)
    wish = Wish("get", name, "stdout", reason)
    objection = None if reveals else find_objection(environ, name if knows(places, name) else "NAME")
    asker = find_asker(environ, sys.argv, places)
    with lock_vault(places, asker) as vault:
        if objection is not None:
            raise refuse(vault, wish, objection)
        sealed = release_sealed(vault, wish)
    try:
        value = sealed.open()
    except AgentkitError as error:
        with lock_vault(places, asker) as vault:
            sealed.record_failure(vault, error)
        raise
    write_all(1, value)


def demand_reason(reason: str) -> str:
    """Return the reason; raises AgentkitError (usage) where none is given, or one that the log would cut off."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise AgentkitError(
            f"a reason is needed, of at most {LONGEST_REASON} letters: it stands in the audit log",
            hint="--reason 'nightly report'",
            status=Exit.USAGE,
        )
    return reason


def write_all(descriptor: int, value: bytes) -> None:
    """Write all of it."""
    view = memoryview(value)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            _wait_for_room(descriptor)


def _wait_for_room(descriptor: int) -> None:
    # Who shares the pipe has made it non-blocking (node does), and it is full.
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    if not poll.poll(LONGEST_WAIT_S * 1000):
        raise AgentkitError(
            f"nobody has read the value for {LONGEST_WAIT_S:.0f}s; a part of it was written", status=Exit.CANNOT_WRITE
        )


def _parse(words: "list[str]") -> "tuple[str, str, bool]":
    names: list[str] = []
    reason, reveals = "", False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--reveal":
            reveals = True
        elif word == "--reason" and rest:
            reason = rest.pop(0)
        elif word.startswith("--reason="):
            reason = word.removeprefix("--reason=")
        elif word.startswith("-"):
            raise AgentkitError(
                "get: an option that it does not have, or one without its value", hint=HELP, status=Exit.USAGE
            )
        else:
            names.append(word)
    if len(names) != 1:
        raise AgentkitError("get: give the name of one secret", hint=HELP, status=Exit.USAGE)
    return names[0], reason, reveals
