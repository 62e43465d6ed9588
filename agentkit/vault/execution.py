"""How does a program get its secrets, when neither its caller nor anybody's command line may see them?

    agentkit vault exec [--fd N=NAME]… [--stdin NAME] [--fill N=FILE]… [--env VAR=NAME]… --reason TEXT -- PROGRAM…

A hot verb: records first, then the values, then this process becomes the program. What can be found out before a value
is released is found out before.
"""

import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.access import Wish, refuse, release
from agentkit.vault.allowed import cut_environment, read_given
from agentkit.vault.asker import find_asker
from agentkit.vault.delivery import close_descriptors, deliver_at, reserve_descriptors
from agentkit.vault.executionwords import Execution, build_execution, split_words
from agentkit.vault.get import demand_reason
from agentkit.vault.hardening import harden_process
from agentkit.vault.locked import LockedVault, demand_vault, lock_vault
from agentkit.vault.places import find_places
from agentkit.vault.programfile import NO_ROOM_ERRORS, become, find_file
from agentkit.vault.reader import ask_reader, find_reader
from agentkit.vault.template import list_names, put_back, read_template

# MAX_ARG_STRLEN of execve(2): name, equals sign and NUL included.
LONGEST_VARIABLE_BYTES = 131072


def main(words: "list[str]") -> int:
    """Become the program; return only what `run_program` returns."""
    return run_program(build_execution(*split_words(words)), os.environ)


def run_program(asked: Execution, environ: Mapping[str, str]) -> int:
    """Give the program its secrets and become it; with `--mask` stay, and return its status."""
    demand_reason(asked.reason)
    given = read_given(environ)
    harden_process()
    try:
        texts = {number: read_template(path) for number, path in asked.fills}
        reserve_descriptors(asked.list_descriptors())
        order = _Order(asked, texts, cut_environment(given, asked.keep_env))
        return _run(order, given, environ)
    except OSError as error:
        if error.errno not in NO_ROOM_ERRORS:
            raise
        # What is to be told takes a descriptor, too.
        close_descriptors(asked.list_descriptors())
        why = f"there is no room to run a program: {error.strerror}"
        raise AgentkitError(why, status=Exit.WRAPPER_FAILED) from None


def _run(order: "_Order", given: Mapping[str, str], environ: Mapping[str, str]) -> int:
    asked = order.asked
    path, objection = _find_program(asked, given)
    places = find_places(environ)
    reader = None if os.path.lexists(places.vault) else find_reader(environ)
    if reader:
        if objection:
            raise objection
        order.hand_over(_ask(reader, order.wishes, environ))
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
            _record_failure(vault, order.wishes, error)
        raise


class _Order:
    """What the program is to get; `values` are those of the wishes, once they were handed over."""

    __slots__ = ("asked", "environ", "texts", "values", "wishes")

    def __init__(self, asked: Execution, texts: "dict[int, bytes]", environ: Mapping[str, str]) -> None:
        self.asked = asked
        self.texts = texts
        self.environ: dict[str, str | bytes] = {**environ}
        self.values: list[tuple[str, bytes]] = []
        self.wishes = [
            Wish("exec", name, f"{way}:{place}" if place else way, asked.reason) for way, place, name in asked.handed
        ]
        for number, text in texts.items():
            self.wishes += [Wish("exec", name, f"fill:{number}", asked.reason) for name in list_names(text)]

    def hand_over(self, values: "list[bytes]") -> None:
        """Put each value where the program finds it; raises AgentkitError, and then it must not be started."""
        self.values = [(wish.name, value) for wish, value in zip(self.wishes, values, strict=True)]
        rest = iter(values)
        try:
            for way, place, name in self.asked.handed:
                value = next(rest)
                if way == "env":
                    self.environ[place] = _demand_text(place, name, value)
                else:
                    deliver_at(int(place or 0), value)
            for number, text in self.texts.items():
                deliver_at(number, put_back(text, {name: next(rest) for name in list_names(text)}))
        except OSError as error:
            why = f"there is no room to hand a secret over: {error.strerror}"
            raise AgentkitError(why, status=Exit.WRAPPER_FAILED) from None


def _release(vault: LockedVault, order: _Order, objection: "AgentkitError | None") -> None:
    if objection:
        for wish in order.wishes:
            refuse(vault, wish, objection)
        raise objection
    values = release(vault, order.wishes)
    try:
        order.hand_over(values)
    except AgentkitError as error:
        _record_failure(vault, order.wishes, error)
        raise


def _ask(reader: "list[str]", wishes: "list[Wish]", environ: Mapping[str, str]) -> "list[bytes]":
    """Return the values of a vault that is another user's, whose own record says that they were read."""
    for wish in wishes:
        if wish.delivery.startswith("env:"):
            raise AgentkitError(
                f"{wish.name} is in another user's vault: whether it may be a variable cannot be looked up there",
                hint=f"--fd 3={wish.name}, or --stdin {wish.name}",
                status=Exit.REFUSED,
            )
    return [ask_reader(reader, wish.name, wish.reason, environ) for wish in wishes]


def _start(order: _Order, path: str) -> int:
    """Become the program, or run it and return its status; raises AgentkitError where it does not start."""
    program = order.asked.program
    if not order.asked.masks:
        raise become(path, program, order.environ)
    from agentkit.vault.masking import Program, run_masked

    return run_masked(Program(path, program, order.environ, order.asked.list_descriptors()), order.values)


def _find_program(asked: Execution, environ: Mapping[str, str]) -> "tuple[str, AgentkitError | None]":
    """Return the path of the program, and why it will get nothing where it will not."""
    try:
        path = find_file(asked.program[0], environ)
    except AgentkitError as error:
        return "", error
    for word in asked.program:
        for name in list_names(os.fsencode(word)):
            return path, AgentkitError(
                f"the mask of {name} stands in a word of the program, which every user of this machine can read",
                hint=f"--fd 3={name} and /dev/fd/3, or a file with the mask in it and --fill 3=FILE",
                status=Exit.REFUSED,
            )
    return path, None


def _demand_text(variable: str, name: str, value: bytes) -> bytes:
    if b"\0" in value:
        why = "holds a NUL, which no variable can"
    elif len(variable) + len(value) + 2 > LONGEST_VARIABLE_BYTES:
        why = f"is longer than a variable can be ({LONGEST_VARIABLE_BYTES} bytes with its name)"
    else:
        return value
    raise AgentkitError(f"{name} {why}", hint=f"--fd 3={name}, or --stdin {name}", status=Exit.BAD_DATA)


def _record_failure(vault: LockedVault, wishes: "list[Wish]", error: AgentkitError) -> None:
    for wish in wishes:
        fields: dict[str, object] = {"name": wish.name, "delivery": wish.delivery, "reason": wish.reason}
        vault.record(wish.op, "failed", "failed", {**fields, "status": error.status})
