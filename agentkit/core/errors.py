"""What does each exit status mean, and how does a failure leave the program?

Imported by the hot verbs: nothing but `os` here.
"""

import os

LONGEST_SAYING_S = 10.0
PIPE_BYTES = 4096


class Exit:
    """The exit statuses; the names and meanings stand in `EXIT_TABLE`."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    BAD_DATA = 65
    UNAVAILABLE = 69
    INTERNAL = 70
    CANNOT_WRITE = 73
    TRY_LATER = 75
    TAMPERED = 76
    REFUSED = 77
    CONFIGURATION = 78
    TIMED_OUT = 124
    WRAPPER_FAILED = 125
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    SIGNAL_BASE = 128


EXIT_TABLE: tuple[tuple[str, str, str], ...] = (
    ("0", "ok", "did it, and there is evidence that it was done"),
    ("1", "findings", "ran well, and found something to look at"),
    ("2", "usage", "the words of the command line are wrong"),
    ("65", "bad data", "input that cannot be read"),
    ("69", "unavailable", "something needed is not there"),
    ("70", "internal", "a bug; the message says where the traceback was written"),
    ("73", "cannot write", "disk full or no permission; nothing was half written"),
    ("75", "try later", "lock held, budget spent or overload; nothing is lost"),
    ("76", "tampered", "a chain, a signature or a digest does not hold"),
    ("77", "refused", "a guard said no"),
    ("78", "configuration", "the configuration is wrong"),
    ("124", "timed out", "the time limit ended it"),
    ("125", "wrapper failed", "agentkit itself failed before the program started"),
    ("126", "not executable", "the program could not be executed"),
    ("127", "not found", "the program was not found"),
    ("128+N", "signal", "the program was ended by signal N"),
)


class AgentkitError(Exception):
    """A failure that a person can act on; becomes two lines on stderr and an exit status."""

    def __init__(self, message: str, *, hint: str | None = None, status: int = Exit.UNAVAILABLE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status

    def lines(self) -> str:
        """Return what stderr gets: the error, and the next step where there is one."""
        text = f"agentkit: error: {self.message}\n"
        if self.hint:
            text += f"agentkit: hint: {self.hint}\n"
        return text


def tell(text: "str | bytes") -> None:
    """Write to stderr at once and unbuffered; nobody may be left to read it, and that stops nothing.

    Bytes are somebody else's and go as they are. In our own words a name with escape sequences is shown, not obeyed.
    """
    import select

    raw = text if isinstance(text, bytes) else "".join(map(_show, text)).encode()
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    try:
        # A pipe that nobody empties must not hold us for ever, and what poll calls writable takes this much at once.
        while raw and poll.poll(LONGEST_SAYING_S * 1000):
            raw = raw[os.write(2, raw[:PIPE_BYTES]) :]
    except OSError:
        return


def _show(letter: str) -> str:
    return letter if letter.isprintable() or letter == "\n" else letter.encode("unicode_escape").decode()
