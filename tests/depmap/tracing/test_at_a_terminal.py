"""What becomes of Ctrl-C when a program is traced at a terminal?"""

import os
import pty
import select
import sys
import time
from pathlib import Path

from tests.depmap.tracing.traced import Run, read_seen, write_script
from tests.processes import find_by_words, wait_until

LIMIT_S = 60


def run_at_terminal(words: list[str], environ: dict[str, str], folder: Path, ready: Path) -> int:
    """Run a program at a terminal of its own, type Ctrl-C once it is ready, and return its status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, *words], environ)
    try:
        wait_until(ready.exists)
        os.write(terminal, b"\x03")
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    if not os.read(terminal, 4096):
                        break
                except OSError:  # EIO: nobody has it open any more
                    break
        ended, status = os.waitpid(pid, 0)
        assert ended == pid
        return os.waitstatus_to_exitcode(status)
    finally:
        os.close(terminal)


def test_ctrl_c_is_the_programs_and_reaches_it_once(agentkit: Run, environ: dict[str, str], tmp_path: Path) -> None:
    text = "#!/bin/sh\ntrap 'echo typed >>typed' INT\n: >ready\nsleep 2\nsleep 1\necho done >done; exit 5\n"
    write_script(tmp_path / "run", text)
    words = ["-m", "agentkit", "depmap", "trace", "--", "./run"]
    assert run_at_terminal(words, environ, tmp_path, tmp_path / "ready") == 5
    assert (tmp_path / "typed").read_text() == "typed\n"
    assert {"file:run write file:typed", "file:run write file:done"} <= read_seen(agentkit, tmp_path)


def test_ctrl_c_ends_what_the_program_left_running(agentkit: Run, environ: dict[str, str], tmp_path: Path) -> None:
    text = "#!/bin/sh\n(trap '' INT; sleep 1; : >ready; sleep 97532) &\n: >x\nexit 4\n"
    write_script(tmp_path / "run", text)
    words = ["-m", "agentkit", "depmap", "trace", "--", "./run"]
    assert run_at_terminal(words, environ, tmp_path, tmp_path / "ready") == 4
    assert {"file:run write file:x", "file:run exec cmd:sleep"} <= read_seen(agentkit, tmp_path)
    assert find_by_words("sleep 97532") == []
