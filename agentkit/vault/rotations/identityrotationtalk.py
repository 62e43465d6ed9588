"""What does a person see of a rotation of the identity?"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from agentkit.core.screen import find_look, print_line
from agentkit.vault.rotations.identityrotation import Rotated, plan_identity, rotate_identity, tell_count
from agentkit.vault.rotations.identityrotationpasses import Watcher

# Backwards to the first column, and away with what stands there (ECMA-48: EL).
CLEAR = "\r\x1b[K"


def rotate_and_tell(
    environ: Mapping[str, str],
    argv: list[str],
    *,
    recovery: str | None = None,
    new_recovery: str | None = None,
    is_quiet: bool = False,
    is_dry: bool = False,
) -> None:
    """Rotate the identity and print how it ended; raises what `rotate_identity` raises."""
    if is_dry:
        print_line(plan_identity(environ))
        return
    watch = None if is_quiet else make_watcher(environ)
    rotated = rotate_identity(environ, argv, recovery=recovery, new_recovery=new_recovery, watch=watch)
    if not is_quiet:
        print_rotated(rotated, recovery=recovery, new_recovery=new_recovery)


def make_watcher(environ: Mapping[str, str]) -> Watcher | None:
    """Return what shows on stderr how far a rotation has come: on a terminal, and nowhere else."""
    if not find_look(sys.stderr, environ).is_live:
        return None
    return _show


def print_rotated(rotated: Rotated, *, recovery: str | None = None, new_recovery: str | None = None) -> None:
    """Print how a rotation ended, and what is to be done with the recovery keys when they have changed."""
    verb = "is" if rotated.secrets == 1 else "are"
    print_line(f"{tell_count(rotated.secrets)} {verb} sealed for the new identity; the old one is retired")
    if recovery is None and new_recovery is None:
        return
    print_line(f"recovery  {rotated.recovery}")
    print_line("The one before it still opens older backups of this vault, and what is in retired/ until now.")
    if new_recovery is not None:
        print_line(f"Take {new_recovery} off this machine now, then remove it here: shred -u {new_recovery}")


def _show(done: int, of: int, checks: bool) -> None:
    verb = "checked with the new identity alone" if checks else "sealed for the new identity"
    sys.stderr.write(f"{CLEAR}{done:,} of {of:,} {verb}" if done < of else CLEAR)
    sys.stderr.flush()
