"""How does a rotation hook run under a third user, who can open nothing of the vault (level L1)?

The vault's user starts, by a sudo rule of its own, a script of root, which runs one hook of root's as the hooks' user.
Neither can signal the other's processes, so the script itself ends the hook, in time and when nobody listens any more.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.ourselves import PLACE
from agentkit.vault.separate.rootowned import find_stranger
from agentkit.vault.separate.starting import HOOK_RUNNER, PATH

LIMIT_S = 600.0
LOOK_S = 0.2
GRACE_S = 2.0
SHIPPED = f"{PLACE}/agentkit/vault/rotations/hooks/__main__.py"


def hand_over(hook: str, words: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that run a hook: `words` as they are, or those of the hooks' own user where there is one.

    `hook` is the absolute path of a program, or the name of a hook that ships; the step goes behind the words. Raises
    AgentkitError (refused) where somebody else than root could have changed the hook that is handed over.
    """
    runner = environ.get(HOOK_RUNNER)
    if not runner:
        return tuple(words)
    if hook.startswith("/"):
        demand_roots(hook)
    return (*runner.split(" "), hook)


def demand_roots(hook: str) -> None:
    """Raise AgentkitError (refused) where anybody but root could have changed the hook."""
    stranger = find_stranger(hook)
    if stranger:
        raise AgentkitError(
            f"hook {hook}: {stranger}; at level L1 hooks are root's", hint=f"chown root {hook}", status=Exit.REFUSED
        )


def run_hook(words: Sequence[str]) -> int:
    """Run `HOOK STEP` as the hooks' user and return the hook's status.

    Values come on stdin and the answer goes to stdout, both the hook's own. Called by the script of root.
    """
    try:
        return _run(_find_command(words))
    except AgentkitError as error:
        tell(error.lines())
        return error.status
    except OSError as error:
        tell(f"agentkit: error: hook {words[0]}: {error.strerror}\n")
        return Exit.NOT_EXECUTABLE


def _find_command(words: Sequence[str]) -> list[str]:
    if len(words) != 2 or not sys.flags.isolated:
        raise AgentkitError("expected HOOK STEP, started as python -I", status=Exit.USAGE)
    hook, step = words
    if hook.startswith("/"):
        demand_roots(hook)
        return [hook, step]
    return [sys.executable, "-I", SHIPPED, hook, step]


def _run(command: Sequence[str]) -> int:
    os.chdir("/")
    os.umask(0o077)
    environ = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
    due = time.monotonic() + LIMIT_S
    # A group of its own, so that what the hook starts ends with it.
    with subprocess.Popen(command, env=environ, start_new_session=True, close_fds=True) as process:
        try:
            while True:
                try:
                    status = process.wait(LOOK_S)
                    return status if status >= 0 else Exit.SIGNAL_BASE - status
                except subprocess.TimeoutExpired:
                    if time.monotonic() > due:
                        return Exit.TIMED_OUT
                    if _nobody_listens():
                        return Exit.WRAPPER_FAILED
        finally:
            _end_group(process)


def _nobody_listens() -> bool:
    """Tell whether the reader of the answer is gone: the rotation was killed, and another one may be under way."""
    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            continue
