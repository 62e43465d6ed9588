"""What is known of single commands: which only ask, which only pass on, which speak, which often fail and mean well?"""

from __future__ import annotations

import os
import re

from agentkit.core.launchers import read_step
from agentkit.core.shellgrammar import read_shell
from agentkit.core.shelltree import (
    GROUP,
    IF,
    LIST,
    NOT,
    PIPELINE,
    SEQUENCE,
    SIMPLE,
    Command,
    walk_commands,
)

# Words of a shell that are not what a line is there for.
BENIGN = frozenset(
    {
        *(
            ":",
            ".",
            "[",
            "[[",
            "alias",
            "break",
            "cd",
            "continue",
            "declare",
            "echo",
            "exec",
            "exit",
            "export",
            "false",
        ),
        *("hash", "local", "popd", "printf", "pushd", "read", "readonly", "return", "set", "shift", "shopt", "sleep"),
        *("source", "test", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unset", "wait"),
    }
)
GUARDS = frozenset({"[", "[[", "getent", "id", "ischroot", "mountpoint", "pgrep", "pidof", "test", "type", "which"})
SYSTEMCTL_QUESTIONS = frozenset({"is-active", "is-enabled", "is-failed", "is-system-running"})
# Their status says something else than that they failed, or they end the part before them by leaving early.
OFTEN_FAILS = frozenset(
    {
        *("[", "[[", "bzgrep", "cmp", "diff", "egrep", "expr", "fgrep", "grep", "head", "let", "pgrep", "pidof", "rg"),
        *("test", "which", "xzgrep", "zgrep"),
    }
)
SAYS_NONE = frozenset({"bzgrep", "cmp", "diff", "egrep", "fgrep", "grep", "rg", "xzgrep", "zgrep"})
# These take what a job prints and pass it on, or tell somebody.
CONSUMERS = frozenset(
    {
        *("awk", "cat", "cronolog", "cut", "egrep", "fgrep", "gawk", "grep", "head", "less", "logger", "mail", "mailx"),
        *("more", "multilog", "mutt", "nl", "rotatelogs", "sed", "sendmail", "sort", "svlogd", "systemd-cat", "tac"),
        *("tai64n", "tail", "tee", "tr", "ts", "uniq", "wc"),
    }
)
FEEDERS = frozenset({":", "echo", "printf", "seq", "true", "yes"})
VOICES = frozenset(
    {
        *("curl", "echo", "logger", "mail", "mailx", "mutt", "notify-send", "ntfy", "printf", "sendmail"),
        *("systemd-cat", "wall", "wget", "write"),
    }
)
LEAVES = frozenset({"exit", "return"})
SUCCEEDS = frozenset({":", "true"})
# Behind `||` these do nothing about a failure, and end with 0.
SHRUGS = SUCCEEDS | {"alias", "declare", "export", "set", "sleep", "trap", "typeset", "umask", "unset"}
# Parts of a pipe that hand on what comes to them and keep nothing.
PASSES_ON = frozenset({"cat", "cut", "head", "nl", "sort", "tac", "tail", "tr", "uniq", "wc"})
# What tells somebody, or passes on what a job said, ends with 0 but on a bad day.
NEARLY_ALWAYS_SUCCEED = VOICES | CONSUMERS
# These make room for the work: their failure shows in that.
PREPARES = frozenset(
    {"chmod", "chown", "cp", "date", "kill", "killall", "ln", "mkdir", "mv", "pkill", "rm", "rmdir", "sync", "touch"}
)
# Where dash and bash differ: what `echo` makes of a backslash, braces, `&>`, `<(`, `$'`, `[[`, here-strings.
UNLIKE_IN_BASH = re.compile(rb"\becho\b.*\\|\{[^}\s]*[,.]|&>|>&[^0-9-]|[<>]\(|\$['\"]|\[\[|<<<|\bsource\b|\*\*|!\(")


def is_benign(words: tuple[str, ...]) -> bool:
    """Tell whether a command is none of a line's work: it sets the scene, or says something."""
    return os.path.basename(words[0]) in BENIGN or is_guard(words)


def is_guard(words: tuple[str, ...]) -> bool:
    """Tell whether a command only asks whether something is there or well."""
    name = os.path.basename(words[0])
    if name in GUARDS or name.startswith("[ ") or name == "!":
        return True
    rest = frozenset(words[1:])
    if name == "command":
        return bool(rest & {"-v", "-V"})
    if name in ("grep", "egrep", "fgrep"):
        return any(re.fullmatch(r"-[a-zA-Z]*q[a-zA-Z]*|--quiet|--silent", word) for word in rest)
    if name in ("cmp", "diff"):
        return bool(rest & {"-q", "-s", "--brief", "--quiet", "--silent"})
    if name == "systemctl":
        return bool(rest & SYSTEMCTL_QUESTIONS)
    if name == "flock":
        # With a descriptor and no command it only asks for the lock.
        return read_step(words) is None
    return name == "dpkg" and bool(rest & {"-s", "-l", "--status"})


def is_question(command: Command) -> bool:
    """Tell whether a command, or its opposite, only asks whether something is there or well."""
    if command.kind == NOT:
        return is_question(command.parts[0])
    return command.kind == SIMPLE and bool(command.words) and is_guard(tuple(word.text for word in command.words))


def consumes_only(command: Command) -> bool:
    """Tell whether a part of a pipe only passes on or tells what comes to it."""
    return all(name_of(part) in CONSUMERS for part in walk_commands(command))


def feeds_only(command: Command) -> bool:
    """Tell whether a part of a pipe only has something to say, and cannot fail at it."""
    return all(name_of(part) in FEEDERS for part in walk_commands(command))


def speaks(command: Command) -> bool:
    """Tell whether a command tells somebody something: cron mails it, or it goes to a log or a mail of its own."""
    return any(
        name_of(part) in VOICES and not any(r.target == "/dev/null" for r in part.redirects)
        for part in walk_commands(command)
    )


def tells_only(command: Command) -> bool:
    """Tell whether a command does nothing but tell somebody, as one that stands behind a job may."""
    return all(name_of(part) in VOICES or is_benign((name_of(part) or ":",)) for part in walk_commands(command))


def ends_well(command: Command, is_inside: bool) -> bool:
    """Tell whether a command always ends with 0, whatever went wrong before it.

    Inside a wrapper a handler that says something and ends with 0 hides a failure, too; outside of one cron mails it.
    """
    if command.kind in (SEQUENCE, GROUP, LIST, PIPELINE):
        return bool(command.parts) and ends_well(command.parts[-1], is_inside)
    name = name_of(command)
    if name in ("exit", "return"):
        return len(command.words) > 1 and command.words[1].text.strip("0") == ""
    return name in SUCCEEDS or (is_inside and name in NEARLY_ALWAYS_SUCCEED)


def shrugs(command: Command) -> bool:
    """Tell whether a command does nothing about a failure that it stands behind, and ends with 0."""
    if command.kind in (SEQUENCE, GROUP, LIST, IF):
        return bool(command.parts) and all(map(shrugs, command.parts))
    if command.kind == NOT:
        return False
    if command.kind != SIMPLE or not command.words:
        # `|| x=1` and `|| >file`; of `x=$(cmd)` the status is that of cmd.
        return command.kind == SIMPLE and not any("$(" in each.text or "`" in each.text for each in command.assignments)
    words = tuple(word.text for word in command.words)
    while (step := read_step(words)) is not None:
        if step.text_at is not None:
            return ends_well(read_shell(words[step.text_at]).body, is_inside=False)
        words = words[step.at :]
    return os.path.basename(words[0]) in SHRUGS


def runs_alike_in_bash(text: bytes) -> bool:
    """Tell whether bash makes the same of a text as sh does, as far as its letters tell."""
    return UNLIKE_IN_BASH.search(text) is None


def name_of(command: Command) -> str:
    """Return the name of a simple command's program as it is written, without its folder; empty where it has none."""
    return os.path.basename(command.words[0].text) if command.words else ""
