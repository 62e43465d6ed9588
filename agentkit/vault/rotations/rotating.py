"""What does `vault rotate` do, from its options to its status: one secret, what is due, or the identity?"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import INFO, Finding, write_record
from agentkit.core.screen import Styled, print_line
from agentkit.vault.rotations.identityrotationtalk import rotate_and_tell
from agentkit.vault.rotations.rotationverbs import plan, rotate_all_due, rotate_one
from agentkit.vault.viewing import read_host

HINT = "agentkit vault rotate --help"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of `vault rotate` say."""

    name: str | None
    due: bool
    identity: bool
    recovery: str | None
    new_recovery: str | None
    urgent: bool
    give_up: bool
    as_json: bool
    quiet: bool
    dry_run: bool


def rotate(environ: Mapping[str, str], asked: Asked) -> int:
    """Rotate what is asked for, print how far it came, and return the status."""
    _demand_sense(asked)
    if asked.identity:
        rotate_and_tell(
            environ, sys.argv, recovery=asked.recovery, new_recovery=asked.new_recovery, is_quiet=asked.quiet,
            is_dry=asked.dry_run,
        )  # fmt: skip
        return Exit.OK
    if asked.dry_run:
        for line in plan(environ, sys.argv, asked.name):
            print_line(line)
        return Exit.OK
    if asked.name is not None:
        progress = rotate_one(environ, sys.argv, asked.name, is_urgent=asked.urgent, is_given_up=asked.give_up)
        if not asked.quiet:
            print_line(progress.tell(time.time()))
        return Exit.OK
    due = rotate_all_due(environ, sys.argv, read_host(environ))
    for finding in due.findings:
        if asked.as_json:
            write_record(finding.to_record())
        else:
            _print_finding(finding)
    if not asked.as_json and not asked.quiet and sys.stdout.isatty():
        for one in due.progress:
            print_line(one.tell(time.time()))
    return Exit.FINDINGS if any(finding.severity != INFO for finding in due.findings) else Exit.OK


def _demand_sense(asked: Asked) -> None:
    """Raise AgentkitError (usage) where the options ask for nothing, or for two things at once."""
    if [asked.name is not None, asked.due, asked.identity].count(True) != 1:
        raise AgentkitError("rotate: give one of NAME, --due and --identity", hint=HINT, status=Exit.USAGE)
    if (asked.recovery or asked.new_recovery) and not asked.identity:
        raise AgentkitError("rotate: a recovery key belongs to --identity", hint=HINT, status=Exit.USAGE)
    if asked.recovery and asked.new_recovery:
        raise AgentkitError("rotate: give one of --recovery and --new-recovery", hint=HINT, status=Exit.USAGE)
    if (asked.urgent or asked.give_up) and asked.name is None:
        raise AgentkitError("rotate: --urgent and --give-up belong to a NAME", hint=HINT, status=Exit.USAGE)
    if asked.urgent and asked.give_up:
        raise AgentkitError("rotate: give one of --urgent and --give-up", hint=HINT, status=Exit.USAGE)
    if asked.as_json and not asked.due:
        raise AgentkitError("rotate: --json belongs to --due, which has findings", hint=HINT, status=Exit.USAGE)


def _print_finding(finding: Finding) -> None:
    print_line(Styled(f"{finding.severity:<8}", finding.severity), finding.title)
