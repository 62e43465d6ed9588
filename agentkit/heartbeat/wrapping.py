"""What does a crontab line look like once `heartbeat run` runs its command, and what was it before?

The wrapped line runs the same text in the same shell with the same input, and passes on what it prints. Where the
program is gone or broken, it says so and runs the text all the same.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from agentkit.core.cronfields import REBOOT
from agentkit.core.cronline import CronLine
from agentkit.core.cronrow import escape_command, split_row
from agentkit.heartbeat.edits import apply_edits
from agentkit.heartbeat.hearing import BASHES
from agentkit.heartbeat.launchers import SHELLS
from agentkit.heartbeat.silence import Silence

LONGEST_BYTES = 998  # of a command, for Debian's cron; a longer one kills the whole file
LONGEST_NAME = 60
# A program that is started with the machine may be meant to run as long as the machine does.
LONG_TIMEOUT = " --timeout 520w"
ENDINGS = (".sh", ".bash", ".py", ".pl", ".php", ".rb", ".js", ".service")
INTERPRETERS = frozenset({"awk", "java", "lua", "node", "perl", "php", "ruby", *SHELLS})
WRAPPED = re.compile(
    r"""set -- (?P<program>.+?) heartbeat run (?P<job>\S+)(?: --timeout \S+)? --tee --; """
    r""""\$1" --version >/dev/null 2>&1 \|\| """
    r"""\{ echo "[^"]*" >&2; shift \$#; \}; "\$@" (?P<shell>.+?) -c (?P<text>'.*')""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Mended:
    """A line's new row, the job that it runs, and the command that cron hands over."""

    row: str
    job: str
    command: str


def wrap_line(
    line: CronLine, silence: Silence, *, job: str, program: str, rules: str, only_quiet: bool
) -> Mended | None:
    """Return the line so that it leaves evidence and a failure of it shows; None where no such line can be written.

    With `only_quiet` nothing but its status changes, which cron never looked at, and nothing that means well is called
    a failure; what hides one still is left to a person.
    """
    shell = find_shell(line)
    if os.path.basename(shell) not in SHELLS:
        return None
    text = apply_edits(_encode(line.command), silence.edits, only_quiet=only_quiet)
    if silence.is_wrapped and not silence.works:
        # What runs is wrapped already: only the text inside had to be mended.
        command = _decode(text)
    else:
        if silence.needs_pipefail and (silence.is_pipefail_quiet or not only_quiet):
            shell = f"{shell if os.path.basename(shell) in BASHES else 'bash'} -o pipefail"
        timeout = LONG_TIMEOUT if line.schedule == REBOOT else ""
        command = (
            f'set -- {shlex.quote(program)} heartbeat run {job}{timeout} --tee --; "$1" --version >/dev/null 2>&1 '
            f'|| {{ echo "$1 does not work: {job} runs unwatched" >&2; shift $#; }}; '
            f'"$@" {shell} -c {quote(_decode(text), has_backslash=line.kind != "anacron")}'
        )
    if rules_of(line, rules) == "debian" and len(_encode(command)) > LONGEST_BYTES:
        return None
    rules = rules_of(line, rules)
    before, _, fed = split_row(line.text, kind=line.kind, rules=rules)
    return Mended(before + escape_command(command, rules) + fed, job, command)


def rules_of(line: CronLine, cron: str) -> str:
    """Return whose rules hold for a line of a machine with this cron: those of anacron for lines of its own file."""
    return "anacron" if line.kind == "anacron" else cron


def unwrap_command(command: str) -> str | None:
    """Return the text that a wrapped line's command runs, or None when it is none of ours."""
    found = WRAPPED.fullmatch(command.strip())
    try:
        words = shlex.split(found["text"]) if found else []
    except ValueError:
        return None
    return words[0] if len(words) == 1 else None


def quote(text: str, *, has_backslash: bool = True) -> str:
    """Return a text as one word of a shell in single quotes; anacron takes every backslash out of a line."""
    return "'" + text.replace("'", "'\\''" if has_backslash else "'\"'\"'") + "'"


def find_shell(line: CronLine) -> str:
    """Return the shell that the line's command is handed to; anacron asks nobody which."""
    return "/bin/sh" if line.kind == "anacron" else dict(line.environment).get("SHELL") or "/bin/sh"


class Names:
    """The names of jobs that are taken; `choose` gives one that is not, and that says what the line does."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def copy(self) -> Names:
        """Return the same names, to choose from them without taking one."""
        return Names(self._taken)

    def choose(self, silence: Silence) -> str:
        """Return a new name of a job for a command."""
        return self.choose_like(_find_name(silence))

    def choose_like(self, text: str) -> str:
        """Return a new name of a job that is as much like a text as may be."""
        plain = _make_name(text)
        name, number = plain, 1
        while name in self._taken:
            number += 1
            name = f"{plain}-{number}"
        self._taken.add(name)
        return name


def _find_name(silence: Silence) -> str:
    words = next(iter(silence.works or silence.small), ("job",))
    name = os.path.basename(words[0].rstrip("/"))
    arguments = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if name == "run-parts" and arguments:
        name = os.path.basename(arguments[-1].rstrip("/"))
    elif (name in INTERPRETERS or re.fullmatch(r"python[\d.]*|pypy[\d.]*", name)) and arguments:
        name = os.path.basename(arguments[0])
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def _make_name(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:LONGEST_NAME] or "job"


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _decode(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
