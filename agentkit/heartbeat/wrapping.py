"""What does a crontab line look like once `heartbeat run` runs its command, and what was it before?

The wrapped line runs the same text in the same shell with the same input, and passes on what it prints, in the order in
which it was printed. Where the program is gone or broken, it says so and runs the text all the same.

What changes: the text sees three variables more (AGENTKIT_RUN, AGENTKIT_JOB, AGENTKIT_MARKS); one line more is printed
where it fails; it is not started while it still runs from its last turn, and ended after a day. A pipe that sh runs is
run by bash, where both read the text alike: SHLVL and _ are two variables more, and $0 is bash.
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
from agentkit.core.launchers import SHELLS
from agentkit.heartbeat.edits import apply_edits
from agentkit.heartbeat.hearing import BASHES, listen
from agentkit.heartbeat.manners import CONSUMERS, PREPARES, VOICES, is_benign
from agentkit.heartbeat.silence import Silence

LONGEST_BYTES = 998  # of a command as written, for Debian's cron; a longer one kills the whole file
LONGEST_ARGUMENT = 131_071  # bytes that the kernel hands on as one word (MAX_ARG_STRLEN)
LONGEST_NAME = 60
# A job's two outputs are one to cron, and a mail has their lines in the order in which they were written.
IN_ORDER = "exec 2>&1; "
# rbash can be told a program's path no more than `>/dev/null`.
RUNNING_SHELLS = SHELLS - {"rbash"}
# A program that is started with the machine may be meant to run as long as the machine does.
LONG_TIMEOUT = " --timeout 520w"
ENDINGS = (".sh", ".bash", ".py", ".pl", ".php", ".rb", ".js", ".service")
INTERPRETERS = frozenset({"awk", "java", "lua", "node", "perl", "php", "ruby", *SHELLS})
DULL = CONSUMERS | VOICES | PREPARES | {"bzip2", "gzip", "pigz", "xz", "zstd"}
# The options of these that take a program's text, which may hold anything.
TEXT_OPTIONS = re.compile(r"-[a-zA-Z]*[ceEr]")
PLAIN_PATH = re.compile(r"[A-Za-z0-9_@%+:,./~-]+")
# A person may have given the job more options.
WRAPPED = re.compile(
    r"""set -- (?P<program>.+?) heartbeat run (?P<job>\S+)(?: [^;]*?)? --tee --; """
    r""""\$1" --version </dev/null >/dev/null 2>&1 \|\| """
    r"""\{ echo "[^"]*" >&2; eval "set --"; \}; exec "\$@" (?P<shell>.+?) -c (?P<text>'.*')""",
    re.DOTALL,
)
# The wrapper has the text among its own words, and so is counted, too, or killed.
LOOKS_AT_WORDS = re.compile(r"\bp(?:grep|kill)\b[^|;&]*\s-(?:-full\b|[a-zA-Z]*f)|\bps\b[^;&]*\|[^;&]*grep\b")


@dataclass(frozen=True, slots=True)
class Mended:
    """A line's new row, the job that it runs, and the command that cron hands over."""

    row: str
    job: str
    command: str


def wrap_line(
    line: CronLine,
    silence: Silence,
    *,
    job: str,
    program: str,
    rules: str,
    only_quiet: bool,
    bash: str | None = "bash",
) -> Mended | None:
    """Return the line so that it leaves evidence and a failure of it shows; None where no such line can be written.

    With `only_quiet` nothing changes but its status, which cron never looked at, and what this module declares, and
    nothing that means well is called a failure; what hides one still is left to a person. `bash` is where it is.
    """
    shell = shlex.quote(find_shell(line))
    if os.path.basename(find_shell(line)) not in RUNNING_SHELLS:
        return None
    text = apply_edits(_encode(line.command), silence.edits, only_quiet=only_quiet)
    if silence.is_wrapped and not silence.works:
        # What runs is wrapped already: only the text inside had to be mended.
        command = _decode(text)
    else:
        if silence.needs_pipefail and (silence.is_pipefail_quiet or not only_quiet):
            shell = _mind_pipes(line, shell, bash)
        timeout = LONG_TIMEOUT if line.schedule == REBOOT else ""
        # It has no #, where busybox would end the line; eval keeps who only reads it from taking the words for gone.
        command = (
            f"set -- {shlex.quote(program)} heartbeat run {job}{timeout} --tee --; "
            f'"$1" --version </dev/null >/dev/null 2>&1 '
            f'|| {{ echo "$1 does not work: {job} runs unwatched" >&2; eval "set --"; }}; '
            f'exec "$@" {shell} -c {quote(IN_ORDER + _decode(text), has_backslash=line.kind != "anacron")}'
        )
        # cron mails what `|| echo failed` says, and a wrapper looks at the status: inside of one that has to tell.
        inside = listen(command, dict(line.environment), find_shell(line))
        command = _decode(apply_edits(_encode(command), inside.edits, only_quiet=only_quiet))
    rules = rules_of(line, rules)
    before, _, fed = split_row(line.text, kind=line.kind, rules=rules)
    written = escape_command(command, rules) + fed
    # busybox's crond ends a line at its #, in quotes or not.
    if rules == "busybox" and "#" in written:
        return None
    if len(_encode(written)) > (LONGEST_BYTES if rules == "debian" else LONGEST_ARGUMENT):
        return None
    return Mended(before + written, job, command)


def _mind_pipes(line: CronLine, shell: str, bash: str | None) -> str:
    """Return a shell that ends as any part of a pipe does; the same one where there is none that does just that."""
    if os.path.basename(find_shell(line)) in BASHES:
        return f"{shell} -o pipefail"
    if bash is None or "BASH_ENV" in dict(line.environment):
        return shell
    return f"{bash} -o pipefail"


def find_obstacle(line: CronLine) -> str | None:
    """Return why a line cannot be wrapped so that it does the same, or None when nothing is known against it."""
    shell = find_shell(line)
    if os.path.basename(shell) not in SHELLS:
        return f"{shell} reads other lines than sh does"
    if os.path.basename(shell) not in RUNNING_SHELLS:
        return f"{shell} starts no program by its path"
    if os.path.basename(shell) == "bash" and "BASH_ENV" in dict(line.environment):
        return "BASH_ENV would be read twice"
    if LOOKS_AT_WORDS.search(line.command):
        return "it looks for processes by their words, and a wrapper has the same ones"
    return None


def rules_of(line: CronLine, cron: str) -> str:
    """Return whose rules hold for a line of a machine with this cron: those of anacron for lines of its own file."""
    return "anacron" if line.kind == "anacron" else cron


def unwrap_command(command: str) -> str | None:
    """Return the text that a wrapped line's command runs, or None when it is none of ours."""
    found = WRAPPED.fullmatch(command.rstrip())
    try:
        words = shlex.split(found["text"]) if found else []
    except ValueError:
        return None
    # What a person put behind it, a carriage return at that, stays.
    return words[0].removeprefix(IN_ORDER) + command[len(command.rstrip()) :] if len(words) == 1 else None


def is_like_wrapped(command: str) -> bool:
    """Tell whether a command begins as a wrapped one does, though it may go on otherwise."""
    return command.startswith("set -- ") and '"$1" --version </dev/null >/dev/null 2>&1 || { echo' in command


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
        self._last: dict[str, int] = {}

    def copy(self) -> Names:
        """Return the same names, to choose from them without taking one."""
        return Names(self._taken)

    def choose(self, silence: Silence) -> str:
        """Return a new name of a job for a command."""
        return self.choose_like(_find_name(silence))

    def choose_like(self, text: str) -> str:
        """Return a new name of a job that is as much like a text as may be."""
        plain = _make_name(text)
        name, number = plain, self._last.get(plain, 1)
        while name in self._taken:
            number += 1
            name = f"{plain}-{number}"
        self._last[plain] = number
        self._taken.add(name)
        return name


def _find_name(silence: Silence) -> str:
    """Return what a command is there for: its first program that does not just prepare, pack, pass on or tell."""
    works = silence.works or silence.small or [("job",)]
    return _name_work(next((words for words in works if not _is_dull(words)), works[0]))


def _is_dull(words: tuple[str, ...]) -> bool:
    name = os.path.basename(words[0].rstrip("/"))
    is_text = _is_interpreter(name) and not _names_script(words)
    return name in DULL or name.startswith("$") or is_benign(words) or is_text


def _name_work(words: tuple[str, ...]) -> str:
    """Return the name of a program, or of the script or folder that it runs."""
    name = os.path.basename(words[0].rstrip("/"))
    if (name == "run-parts" and _find_arguments(words)) or (_is_interpreter(name) and _names_script(words)):
        name = os.path.basename(_find_arguments(words)[-1 if name == "run-parts" else 0].rstrip("/"))
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def _is_interpreter(name: str) -> bool:
    return name in INTERPRETERS or re.fullmatch(r"python[\d.]*|pypy[\d.]*", name) is not None


def _find_arguments(words: tuple[str, ...]) -> list[str]:
    return [word for word in words[1:] if not word.startswith("-") and "=" not in word]


def _make_name(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:LONGEST_NAME] or "job"


def _names_script(words: tuple[str, ...]) -> bool:
    """Tell whether an interpreter's first argument is a file: a text may hold a password, and a name is told around."""
    arguments = _find_arguments(words)
    if not arguments or not PLAIN_PATH.fullmatch(arguments[0]):
        return False
    is_shell = os.path.basename(words[0]) in SHELLS
    own = words[1 : words.index(arguments[0])]
    return not any(TEXT_OPTIONS.fullmatch(word) for word in own if "c" in word or not is_shell)


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _decode(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
