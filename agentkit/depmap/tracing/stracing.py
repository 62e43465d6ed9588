"""How is strace asked to tell what a program touches, and is it here and permitted to?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.plainfiles import open_plain
from agentkit.core.process import Program, run_program
from agentkit.depmap.disk import HEAD_BYTES, is_text

# A call that this machine's kernel does not have is passed over (`?`, strace(1)).
CALLS = (
    *("execve", "execveat", "open", "openat", "openat2", "creat", "socket", "connect", "bind", "flock", "truncate"),
    *("unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat"),
    *("symlink", "symlinkat", "link", "linkat", "chdir", "fchdir", "clone", "clone3", "fork", "vfork"),
)
# Of the words of a command so many bytes are looked at: the name of an interpreter's script stands among the first.
LONGEST_WORD_BYTES = 1024
PLAIN = ("-f", "-q", "-yy", "-s", str(LONGEST_WORD_BYTES), "-e", "signal=!chld")
FILTER = "--seccomp-bpf"
NAMESPACES = "--pidns-translation"
TRIAL_LIMIT = timedelta(seconds=20)
INSTALL = "install strace (apt install strace, dnf install strace)"
PERMIT = (
    "in a container: docker run --cap-add SYS_PTRACE; kernel.yama.ptrace_scope 2 leaves it to root, 3 to nobody; "
    "what is being traced already cannot be traced again"
)


def find_strace(environ: Mapping[str, str], *, lets_go: bool) -> list[str]:
    """Return the beginning of strace's command line, tried on a program that does nothing.

    With `lets_go` processes can be let go of while they live: the kernel's own filter, which spares a program the
    stop at each call that nobody asks for, would then break them. Raises AgentkitError (unavailable).
    """
    strace = shutil.which("strace", path=environ.get("PATH", os.defpath))
    if strace is None:
        raise AgentkitError("trace needs strace, which is not installed", hint=INSTALL)
    asked = [strace, *PLAIN, "-e", f"trace={','.join(f'?{call}' for call in CALLS)}"]
    said = ""
    # strace before 5.9 knows one of them only, before 5.3 none.
    for filters in ((NAMESPACES,), ()) if lets_go else ((FILTER, NAMESPACES), (FILTER,), ()):
        ended = run_program(
            Program((*asked, *filters, "-o", "/dev/null", "--", "/bin/true"), limit=TRIAL_LIMIT, environment=environ)
        )
        said = ended.stderr.decode(errors="replace").strip() or ended.trouble
        if ended.status == 0 and not said:
            return [*asked, *filters]
    raise AgentkitError(f"strace may not trace here: {_shorten(said)}", hint=PERMIT)


def find_program(word: str, environ: Mapping[str, str]) -> str:
    """Return the path of the program to be traced.

    Raises AgentkitError (not found, not executable), with the statuses of a shell.
    """
    found = shutil.which(word, path=environ.get("PATH", os.defpath))
    if found is not None:
        return found
    if "/" in word and os.path.exists(word):
        raise AgentkitError(f"{word}: cannot be executed", status=Exit.NOT_EXECUTABLE)
    raise AgentkitError(f"{word}: not found", status=Exit.NOT_FOUND)


def build_command(strace: Sequence[str], output: str, program: str, words: Sequence[str]) -> list[str]:
    """Return the whole command line: what strace says goes to `output`."""
    # As execvp(3): what has no format of its own is given to the shell.
    shell = ["/bin/sh"] if _is_headless(program) else []
    return [*strace, "-o", output, "--", *shell, program, *words]


def _is_headless(program: str) -> bool:
    try:
        with open_plain(program) as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return head[:2] != b"#!" and is_text(head)


def _shorten(said: str) -> str:
    lines = [line.removeprefix("strace: ") for line in said.splitlines()]
    return next((line for line in lines if "not permitted" in line), lines[0] if lines else "it says nothing")
