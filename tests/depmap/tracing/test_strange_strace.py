"""What becomes of a trace when strace is not what it should be?"""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from tests.depmap.tracing.traced import PATH, Run, write_script
from tests.processes import find_by_words, wait_until

# On the trial it does what it is told; then it is what a test wants it to be.
TRIAL = 'case "$*" in *"-- /bin/true") exit 0 ;; esac\n'


def lay(tmp_path: Path, text: str) -> dict[str, str | None]:
    """Put a strace of our own first on the PATH."""
    (tmp_path / "bin").mkdir()
    write_script(tmp_path / "bin" / "strace", f"#!/bin/sh\n{text}")
    return {"PATH": f"{tmp_path}/bin:{PATH}"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted",
            "ptrace(PTRACE_TRACEME, ...): Operation not per",
        ),
        (
            "strace: attach: ptrace(PTRACE_SEIZE, 4): Operation not permitted",
            "attach: ptrace(PTRACE_SEIZE, 4): Operation",
        ),
        (f"strace: {os.strerror(errno.ENOSYS)}", os.strerror(errno.ENOSYS)),
    ],
)
def test_why_it_may_not_trace_is_told(agentkit: Run, tmp_path: Path, said: str, told: str) -> None:
    more = lay(tmp_path, f"echo '{said}' >&2\nexit 1\n")
    ended = agentkit("depmap", "trace", "--", "touch", "x", cwd=tmp_path, more=more)
    assert (ended.returncode, ended.stdout) == (69, "")
    assert f"strace may not trace here: {told}" in ended.stderr
    assert "SYS_PTRACE" in ended.stderr
    assert not (tmp_path / "x").exists()


def test_an_older_one_that_knows_less_is_asked_for_less(agentkit: Run, tmp_path: Path) -> None:
    refuses = '--seccomp-bpf | --pidns-translation) echo "strace: unrecognized option" >&2; exit 1'
    text = f"for word; do case $word in {refuses} ;; esac; done\n"
    more = lay(tmp_path, f'{text}exec /usr/bin/strace "$@"\n')
    ended = agentkit("depmap", "trace", "--", "sh", "-c", "date >x", cwd=tmp_path, more=more)
    assert (ended.returncode, ended.stderr.count("2 dependencies seen")) == (0, 1), ended.stderr


def test_one_that_hangs_ends_at_the_limit(agentkit: Run, tmp_path: Path) -> None:
    more = lay(tmp_path, f"{TRIAL}trap '' TERM\nsleep 97534\n")
    ended = agentkit("depmap", "trace", "--limit", "1s", "--", "touch", "x", cwd=tmp_path, more=more)
    assert ended.returncode == Exit.TIMED_OUT, ended.stderr
    assert "agentkit: touch: ended at its limit\n" in ended.stderr
    assert find_by_words("sleep 97534") == []


def test_who_is_told_to_end_before_the_program_runs_ends(environ: dict[str, str], tmp_path: Path) -> None:
    more = lay(tmp_path, f"{TRIAL}: >ready\nsleep 97535\n")
    words = [sys.executable, "-m", "agentkit", "depmap", "trace", "--", "touch", "x"]
    with subprocess.Popen(words, env={**environ, **more}, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        wait_until((tmp_path / "ready").exists)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert find_by_words("sleep 97535") == []


def test_one_that_dies_is_told_and_the_program_goes_on(agentkit: Run, tmp_path: Path) -> None:
    text = '/usr/bin/strace "$@" &\nwhile [ ! -e started ]; do sleep 0.05; done\nkill -KILL $!\n'
    more = lay(tmp_path, f"{TRIAL}{text}")
    # Without the kernel's filter: what is let go of lives on.
    words = ["--let-go", "--", "sh", "-c", ": >started; sleep 2; : >done"]
    ended = agentkit("depmap", "trace", *words, cwd=tmp_path, more=more)
    assert ended.returncode == 69
    assert "strace ended before the program did" in ended.stderr
    wait_until((tmp_path / "done").exists)
