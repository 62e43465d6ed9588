"""How does psql log in with a password that neither its arguments nor its environment show?

libpq wants a plain file of mode 0600. A file in memory is one, and psql reaches it as /proc/self/fd/N: nobody has to
remove it, and no disk ever holds it.
"""

import os
import secrets
import subprocess
from dataclasses import dataclass

from agentkit.core import tree
from agentkit.vault.rotations.hooks.conninfo import write_conninfo
from agentkit.vault.rotations.hooks.speaking import HookError

LONGEST_CONNECT_S = 8
MOST_TOLD = 500
CANNOT_CONNECT = 2  # psql(1), "Exit Status"


@dataclass(frozen=True)
class Login:
    """Whether psql got in, and what the server said where it did not."""

    worked: bool
    said: str


def log_in(server: dict[str, str], role: str, password: str | None, limit_s: float, sql: str = "") -> Login:
    """Log in and run SQL, which goes over stdin; without a password the server has to know us (peer, certificate).

    Raises HookError where the SQL fails or nothing answers in time.
    """
    opened = [] if password is None else [_write_passfile(password)]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGAPPNAME": "agentkit"}
    environment["PGCONNECT_TIMEOUT"] = str(LONGEST_CONNECT_S)
    if home := os.environ.get("HOME"):
        environment["HOME"] = home  # where libpq looks for certificates
    # Without this, ~/.pgpass would answer for us.
    environment["PGPASSFILE"] = f"/proc/self/fd/{opened[0]}" if opened else "/dev/null/none"
    words = ["psql", "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse"]
    try:
        ended = subprocess.run(
            [*words, "-d", write_conninfo(server, role)],
            input=(sql or "SELECT 1;").encode(),
            capture_output=True,
            env=environment,
            pass_fds=opened,
            timeout=limit_s,
            check=False,
            # A hook that is killed leaves no statement behind that is still to be sent. It has one thread.
            preexec_fn=tree.die_with_parent,
        )
    except subprocess.TimeoutExpired:
        raise HookError(f"psql as {role}: no answer for {limit_s:.0f}s") from None
    except OSError as error:
        raise HookError(f"psql: {error.strerror}") from None
    finally:
        for descriptor in opened:
            os.close(descriptor)
    said = ended.stderr.decode(errors="replace").strip()[-MOST_TOLD:]
    if ended.returncode not in (0, CANNOT_CONNECT):
        raise HookError(f"psql as {role}: status {ended.returncode}: {said}")
    return Login(ended.returncode == 0, said)


def is_alive(server: dict[str, str], role: str, password: str, limit_s: float) -> bool:
    """Return whether the password opens the server, and a wrong one does not; raises HookError where nobody can tell.

    What the server says to a dead password is in its own language, and a role that may not log in, or too often, is
    told so only after the right password. So a password is dead when it gets, to the letter, the answer that a
    random one gets.
    """
    wrong = log_in(server, role, secrets.token_hex(16), limit_s)
    if wrong.worked:
        raise HookError(f"the server lets {role} in with any password (pg_hba.conf): no password can be tested there")
    login = log_in(server, role, password, limit_s)
    if login.worked:
        return True
    # Nobody at all also says the same to every password.
    if login.said != wrong.said or not _is_ready(server, role, limit_s):
        raise HookError(f"logging in as {role}: {login.said}")
    return False


def _is_ready(server: dict[str, str], role: str, limit_s: float) -> bool:
    """Tell whether the server takes connections: pg_isready(1) needs no password to know."""
    words = ["pg_isready", "-q", "-t", str(LONGEST_CONNECT_S), "-d", write_conninfo(server, role)]
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    try:
        return subprocess.run(words, env=environment, timeout=limit_s, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _write_passfile(password: str) -> int:
    descriptor = os.memfd_create("passfile")
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, f"*:*:*:*:{escaped}\n".encode())
    return descriptor
