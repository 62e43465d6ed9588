"""Which program does a command start in the end, when it stands behind sudo, env, nice, timeout, flock or a shell?

Options are taken apart as each launcher's manual says: which of them take the next word, and how many words of its own
stand before the command.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "ksh93", "mksh", "rbash", "yash", "zsh"})


@dataclass(frozen=True, slots=True)
class Launcher:
    """How a launcher's words are read: letters and names of options with a value, words of its own behind them."""

    letters: str = ""
    names: tuple[str, ...] = ()
    operands: int = 0


LAUNCHERS = {
    "busybox": Launcher(),
    "chpst": Launcher("ubenmdofcprt/U"),
    "chronic": Launcher(),
    "chrt": Launcher("TPD", ("sched-runtime", "sched-period", "sched-deadline"), 1),
    "command": Launcher(),
    "cronic": Launcher(),
    "dbus-run-session": Launcher(names=("config-file", "dbus-daemon")),
    "doas": Launcher("Cu"),
    "env": Launcher("uCS", ("unset", "chdir", "split-string")),
    "exec": Launcher("a"),
    "flock": Launcher("wE", ("timeout", "wait", "conflict-exit-code"), 1),
    "gosu": Launcher(operands=1),
    "ionice": Launcher("cnpPu", ("class", "classdata")),
    "lckdo": Launcher("W", operands=1),
    "logsave": Launcher(operands=1),
    "nice": Launcher("n", ("adjustment",)),
    "nohup": Launcher(),
    "prlimit": Launcher(),
    "run-one": Launcher(),
    "s6-setuidgid": Launcher(operands=1),
    "setlock": Launcher(operands=1),
    "setpriv": Launcher(names=("reuid", "regid", "ruid", "euid", "rgid", "egid", "groups", "securebits", "pdeathsig")),
    "setsid": Launcher(),
    "setuidgid": Launcher(operands=1),
    "softlimit": Launcher("adcfrpmst"),
    "stdbuf": Launcher("ioe", ("input", "output", "error")),
    "su-exec": Launcher(operands=1),
    "sudo": Launcher("CDRTUghprtu", ("user", "group", "host", "prompt", "chdir", "chroot", "role", "type")),
    "systemd-cat": Launcher("tp", ("identifier", "priority", "stderr-priority", "level-prefix")),
    "systemd-inhibit": Launcher(),
    "taskset": Launcher(operands=1),
    "time": Launcher("fo", ("format", "output")),
    "timeout": Launcher("ks", ("kill-after", "signal"), 1),
    "unbuffer": Launcher(),
    "xvfb-run": Launcher("enfsp", ("error-file", "server-num", "auth-file", "server-args", "xauth-protocol")),
}
# These start something that the shell does not wait for, unless one of the words says that it does.
DETACHERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    # Name: the words that make it go its own way (none: it always does), the words that make it stay.
    "at": (frozenset(), frozenset({"-l", "-c", "-d", "-r"})),
    "batch": (frozenset(), frozenset()),
    "coproc": (frozenset(), frozenset()),
    "daemon": (frozenset(), frozenset({"-f", "--foreground"})),
    "daemonize": (frozenset(), frozenset()),
    "docker": (frozenset({"-d", "--detach"}), frozenset()),
    "dtach": (frozenset({"-n"}), frozenset()),
    "podman": (frozenset({"-d", "--detach"}), frozenset()),
    "screen": (frozenset({"-dm", "-dmS", "-d", "-dmSL", "-dmL", "-LdmS"}), frozenset({"-D", "-Dm", "-DmS"})),
    "setsid": (frozenset(), frozenset({"-w", "--wait", "-cw", "-wc"})),
    "ssh": (frozenset({"-f", "-fn", "-nf"}), frozenset()),
    "start-stop-daemon": (frozenset({"-b", "--background"}), frozenset()),
    "systemctl": (frozenset({"--no-block"}), frozenset()),
    "systemd-run": (frozenset(), frozenset({"--wait", "--scope", "-t", "--pty", "-P", "--pipe", "-S", "--shell"})),
    "tmux": (frozenset({"-d"}), frozenset()),
}


@dataclass(frozen=True, slots=True)
class ShellOptions:
    """What a shell was told: `at` is the index of its first operand, the text itself where it `reads_text` (-c)."""

    at: int
    reads_text: bool
    reads_stdin: bool
    has_pipefail: bool
    ends_on_error: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One launcher: its name, its own words, and what it starts: words from index `at` on, or a shell's text.

    `text_at` is the index of the word that holds the text, None where there is none. `has_pipefail` tells of a shell
    that was told to mind each part of a pipe, `ends_on_error` of one that was told to end at the first failure.
    """

    name: str
    own: tuple[str, ...]
    at: int
    text_at: int | None = None
    has_pipefail: bool = False
    ends_on_error: bool = False


def read_step(words: tuple[str, ...]) -> Step | None:
    """Return what a command starts when its first word is a launcher, else None."""
    if not words:
        return None
    name = os.path.basename(words[0])
    if name in SHELLS:
        return _read_shell(name, words)
    if name in ("su", "runuser"):
        return _read_su(name, words)
    if name == "eval" and len(words) == 2:
        return Step(name, words[:1], 2, 1)
    launcher = LAUNCHERS.get(name)
    if launcher is None or (name == "command" and words[1:2] in (("-v",), ("-V",))):
        return None
    at = skip_options(words, 1, launcher.letters, launcher.names) + launcher.operands
    if name in ("env", "sudo", "doas"):
        while at < len(words) and words[at].partition("=")[0].isidentifier() and "=" in words[at]:
            at += 1
    if name == "flock" and words[at : at + 1] in (("-c",), ("--command",)):
        return Step(name, words[:at], len(words), at + 1) if at + 1 < len(words) else None
    return Step(name, words[:at], at) if at < len(words) else None


def is_detached(words: tuple[str, ...]) -> bool:
    """Tell whether a command starts something and does not wait for it."""
    name = os.path.basename(words[0]) if words else ""
    if name not in DETACHERS:
        return False
    goes, stays = DETACHERS[name]
    given = frozenset(words[1:])
    return not given & stays and (not goes or bool(given & goes))


def skip_options(words: tuple[str, ...], at: int, letters: str, names: tuple[str, ...]) -> int:
    """Return the index of the first word that is neither an option nor the value of one (POSIX.1 12.2, GNU long)."""
    while at < len(words):
        word = words[at]
        if word == "--":
            return at + 1
        if not word.startswith("-") or word == "-":
            return at
        at += 1
        if word.startswith("--"):
            at += word[2:] in names
            continue
        for place, letter in enumerate(word[1:], 2):
            if letter in letters:
                # Its value is the rest of the word, or the next word.
                at += place == len(word)
                break
    return at


def read_shell_options(words: tuple[str, ...]) -> ShellOptions:
    """Return what a shell was told before its first operand; the first word is its name (POSIX.1-2017, sh)."""
    has_pipefail, ends_on_error, reads_text, reads_stdin, at = False, False, False, False, 1
    while at < len(words) and words[at][:1] in ("-", "+") and len(words[at]) > 1:
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            at += word in ("--rcfile", "--init-file")
            continue
        is_on = word[0] == "-"
        reads_text = reads_text or (is_on and "c" in word)
        reads_stdin = reads_stdin or (is_on and "s" in word)
        ends_on_error = ends_on_error or (is_on and "e" in word)
        if word.endswith(("o", "O")):
            has_pipefail = has_pipefail or (is_on and words[at : at + 1] == ("pipefail",))
            ends_on_error = ends_on_error or (is_on and words[at : at + 1] == ("errexit",))
            at += 1
    return ShellOptions(at, reads_text, reads_stdin, has_pipefail, ends_on_error)


def _read_shell(name: str, words: tuple[str, ...]) -> Step | None:
    told = read_shell_options(words)
    if not told.reads_text or told.at >= len(words):
        return None
    return Step(name, words[: told.at], len(words), told.at, told.has_pipefail, told.ends_on_error)


def _read_su(name: str, words: tuple[str, ...]) -> Step | None:
    at, names_user = 1, False
    while at < len(words):
        word = words[at]
        if word in ("-c", "--command"):
            return Step(name, words[:at], len(words), at + 1) if at + 1 < len(words) else None
        if word == "--":
            at += 1
            break
        if word.startswith("-"):
            names_user = names_user or word in ("-u", "--user")
            at += 1 + (word in ("-u", "-g", "-G", "-s", "-w", "--user", "--group", "--shell"))
        elif names_user:
            break  # runuser -u USER PROGRAM…
        else:
            at += 1
    return Step(name, words[:at], at) if names_user and at < len(words) else None
