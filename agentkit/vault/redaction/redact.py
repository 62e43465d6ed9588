"""What does a stream say when every value of the vault is masked in it?

    PROGRAM | agentkit vault redact [--values PATH] [--quiet]

Bytes in, bytes out. A hot verb: it is called before typer is imported, which declares the same words for help and
completion.
"""

import gc
import os
import sys
from _collections_abc import Callable, Mapping

from agentkit.core.errors import AgentkitError, Exit, tell

HELP = "agentkit vault redact --help"
READ_BYTES = 524288
Values = list[tuple[str, bytes]]


def main(words: "list[str]") -> int:
    """Mask stdin to stdout and return the status."""
    path, is_quiet = parse_words(words)
    return redact(path, os.environ, is_quiet=is_quiet)


def parse_words(words: "list[str]") -> "tuple[str | None, bool]":
    """Return the file of values and whether warnings are left out; raises AgentkitError (usage)."""
    path: str | None = None
    is_quiet = False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if word == "--quiet":
            is_quiet = True
        elif option == "--values":
            if not equals and not rest:
                raise _usage("--values: a path is missing")
            path = value if equals else rest.pop(0)
            if not path:
                raise _usage("--values: a path is missing")
        else:
            # What was typed may be a value that somebody thought belongs here: it is not repeated.
            raise _usage("vault redact: expected nothing but --values PATH and --quiet; it reads standard input")
    return path, is_quiet


def redact(path: "str | None", environ: Mapping[str, str], *, is_quiet: bool) -> int:
    """Mask stdin to stdout; the values are those of the file, else those of the vault. Return the status.

    Nothing is passed on before all values are known.
    """
    from agentkit.vault.hardening import harden_process

    harden_process()
    if path is not None:
        return _redact_given(path, is_quiet=is_quiet)
    from agentkit.vault.values import open_all_values

    opened = open_all_values(environ, sys.argv)
    if opened is None:
        if not is_quiet:
            tell(
                "agentkit: warning: there is no vault and no --values: nothing is masked\n"
                "agentkit: hint: agentkit vault init, or --values FILE\n"
            )
        pass_through(0, 1)
        return Exit.OK
    counts: dict[str, int] = {}
    try:
        mask_stream(opened.values, 0, 1, counts)
    finally:
        # What went out is recorded, also where the reader left in the middle.
        opened.record_masked(counts)
    return Exit.TAMPERED if opened.broken else Exit.OK


def mask_stream(values: Values, source: int, target: int, counts: "dict[str, int]") -> None:
    """Copy one descriptor to another, masked; `counts` gets how often which name was masked.

    What has come is written before more is read, up to what may be the beginning of a value.
    """
    from agentkit.vault.redaction.masker import Masker

    # Thousands of small things are made that live to the end: looking through them costs as much as making them.
    gc.disable()
    masker = Masker(values, counts=counts)
    gc.freeze()
    gc.enable()
    has_more = _make_poll(source)
    while chunk := os.read(source, READ_BYTES):
        write_all(target, masker.feed(chunk, more=len(chunk) >= 65536 and has_more()))
    write_all(target, masker.close())


def pass_through(source: int, target: int) -> None:
    """Copy one descriptor to another as it is."""
    while chunk := os.read(source, READ_BYTES):
        write_all(target, chunk)


def write_all(target: int, raw: bytes) -> None:
    """Write all of it."""
    if not raw:
        return
    written = os.write(target, raw)
    if written < len(raw):
        view = memoryview(raw)
        while written < len(raw):
            written += os.write(target, view[written:])


def _redact_given(path: str, *, is_quiet: bool) -> int:
    from agentkit.vault.redaction.givenvalues import read_given_values

    values, bad = read_given_values(path)
    if bad:
        told = [f"agentkit: error: --values: line {number} {reason}\n" for number, reason in bad[:20]]
        if len(bad) > 20:
            told.append(f"agentkit: error: --values: {len(bad) - 20} more lines are wrong\n")
        tell("".join(told))
    elif not values and not is_quiet:
        tell("agentkit: warning: --values gives no value: nothing is masked\n")
    mask_stream(values, 0, 1, {})
    return Exit.BAD_DATA if bad else Exit.OK


def _make_poll(source: int) -> Callable[[], bool]:
    """Return what tells whether more can be read at once (a file always can)."""
    import select

    poll = select.poll()
    poll.register(source, select.POLLIN)
    return lambda: bool(poll.poll(0))


def _usage(message: str) -> AgentkitError:
    return AgentkitError(message, hint=HELP, status=Exit.USAGE)
