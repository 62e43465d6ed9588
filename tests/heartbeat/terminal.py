"""A real terminal of a given size, for tests of what a person sees."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

LIMIT_S = 60.0


class Terminal:
    """A program on a terminal of its own: `read_until` what it draws, `press` Ctrl-C, `finish` for the whole answer."""

    def __init__(self, words: list[str], environ: dict[str, str], *, width: int = 80, height: int = 24) -> None:
        self.leader, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agentkit", *words],
            env={"TERM": "xterm", **environ},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.seen = ""

    def read_until(self, text: str) -> str:
        """Return all that was drawn once the text stands in it."""
        deadline = time.monotonic() + LIMIT_S
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} never came: {self.seen!r}"
            if not self._read(0.2) and self.process.poll() is not None and not self._read(0):
                break
        assert text in self.seen, self.seen
        return self.seen

    def press_ctrl_c(self) -> None:
        """Do what the terminal does to its foreground program."""
        self.process.send_signal(signal.SIGINT)

    def finish(self) -> tuple[int, str]:
        """Return the status and all that was drawn."""
        deadline = time.monotonic() + LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen
            self._read(0.2)
        while self._read(0):
            pass
        return self.process.returncode, self.seen.replace("\r\n", "\n")

    def close(self) -> None:
        """End whatever is left of the program."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT_S)
        os.close(self.leader)

    def _read(self, patience_s: float) -> bool:
        if not select.select([self.leader], [], [], patience_s)[0]:
            return False
        try:
            chunk = os.read(self.leader, 65536)
        except OSError:
            return False  # the last writer closed its side
        self.seen += chunk.decode("utf-8", "replace")
        return bool(chunk)
