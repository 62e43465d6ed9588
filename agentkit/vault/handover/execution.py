"""How does a program get its secrets, when neither its caller nor anybody's command line may see them?

    agentkit vault exec [--fd N=NAME]… [--stdin NAME] [--fill N=FILE]… [--env VAR=NAME]… --reason TEXT -- PROGRAM…

A hot verb: records first, then the values, then this process becomes the program. What can be found out before a value
is released is found out before.
"""

import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.access import refuse, release
from agentkit.vault.asker import find_asker
from agentkit.vault.get import demand_reason
from agentkit.vault.handover.allowed import cut_environment, read_given
from agentkit.vault.handover.delivery import close_descriptors, reserve_descriptors
from agentkit.vault.handover.executionwords import Execution, build_execution, split_words
from agentkit.vault.handover.order import Order
from agentkit.vault.handover.programfile import NO_ROOM_ERRORS, become, find_file
from agentkit.vault.hardening import harden_process
from agentkit.vault.locked import LockedVault, demand_vault, lock_vault
from agentkit.vault.places import find_places

MASK_START = "{{vault:"


def main(words: "list[str]") -> int:
    """Become the program; return only what `run_program` returns."""
    return run_program(build_execution(*split_words(words)), os.environ)


def run_program(asked: Execution, environ: Mapping[str, str]) -> int:
    """Give the program its secrets and become it; with `--mask` stay, and return its status."""
    demand_reason(asked.reason)
    given = read_given(environ)
    harden_process()
    try:
        order = Order(asked, cut_environment(given, asked.keep_env))
        reserve_descriptors(asked.list_descriptors())
        return _run(order, given, environ)
    except OSError as error:
        if error.errno not in NO_ROOM_ERRORS:
            raise
        # What is to be told takes a descriptor, too.
        close_descriptors(asked.list_descriptors())
        why = f"there is no room to run a program: {error.strerror}"
        raise AgentkitError(why, status=Exit.WRAPPER_FAILED) from None


def _run(order: Order, given: Mapping[str, str], environ: Mapping[str, str]) -> int:
    asked = order.asked
    path, objection = _find_program(asked, given)
    places = find_places(environ)
    if not os.path.lexists(places.vault):
        from agentkit.vault.handover.reader import ask_for_all, find_reader

        reader = find_reader(environ)
        if reader and objection:
            raise objection
        if reader:
            order.hand_over(ask_for_all(reader, order.wishes, environ))
            return _start(order, path)
    demand_vault(places)
    # The log names the file that is run: that is what a consumer is declared by.
    words = [os.path.abspath(path) if path else asked.program[0], *asked.program[1:]]
    with lock_vault(places, find_asker(environ, words, places)) as vault:
        _release(vault, order, objection)
    # Nobody else waits while the program is started: it may lie on a disk that does not answer.
    try:
        return _start(order, path)
    except AgentkitError as error:
        close_descriptors(asked.list_descriptors())
        with lock_vault(places, find_asker(environ, words, places)) as vault:
            _record_failure(vault, order, error)
        raise


def _find_program(asked: Execution, environ: Mapping[str, str]) -> "tuple[str, AgentkitError | None]":
    """Return the path of the program, and why it will get nothing where it will not."""
    try:
        path = find_file(asked.program[0], environ)
    except AgentkitError as error:
        return "", error
    if any(MASK_START in word for word in asked.program):
        from agentkit.vault.handover.template import list_names

        names = [name for word in asked.program for name in list_names(os.fsencode(word))]
        if names:
            return path, AgentkitError(
                f"the mask of {names[0]} stands in a word of the program, which every user of this machine can read",
                hint=f"--fd 3={names[0]} and /dev/fd/3, or a file with the mask in it and --fill 3=FILE",
                status=Exit.REFUSED,
            )
    return path, None


def _release(vault: LockedVault, order: Order, objection: "AgentkitError | None") -> None:
    if objection:
        for wish in order.wishes:
            refuse(vault, wish, objection)
        raise objection
    values = release(vault, order.wishes)
    try:
        order.hand_over(values)
    except AgentkitError as error:
        _record_failure(vault, order, error)
        raise


def _start(order: Order, path: str) -> int:
    """Become the program, or run it and return its status; raises AgentkitError where it does not start."""
    program = order.asked.program
    if not order.asked.masks:
        raise become(path, program, order.environ)
    from agentkit.vault.handover.masking import Program, run_masked

    return run_masked(Program(path, program, order.environ, order.asked.list_descriptors()), order.values)


def _record_failure(vault: LockedVault, order: Order, error: AgentkitError) -> None:
    for wish in order.wishes:
        fields: dict[str, object] = {"name": wish.name, "delivery": wish.delivery, "reason": wish.reason}
        vault.record(wish.op, "failed", "failed", {**fields, "status": error.status})
