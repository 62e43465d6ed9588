"""What does a program start that is given another command as its words, its text, its folder or its input?"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable

from agentkit.core.launchers import SHELLS, Launcher, read_shell_options, read_step, skip_options
from agentkit.depmap.calls import HOLE
from agentkit.depmap.inner import Inner, Words, start_from
from agentkit.depmap.otherplaces import read_after_dashes, read_bwrap, read_container, read_ip, read_ssh, read_terminal

# Beside those of core/launchers.py: letters and names of options with a value, and words of its own behind them.
PLAIN = {
    "cgexec": Launcher("g"),
    "choom": Launcher("np", ("adjust", "pid")),
    "chroot": Launcher("", ("userspec", "groups"), 1),
    "cpulimit": Launcher("pel", ("pid", "exe", "limit", "path")),
    "dbus-launch": Launcher(),
    "eatmydata": Launcher(),
    "faketime": Launcher("p", (), 1),
    "fakechroot": Launcher("s", ("use-system-libs", "environment")),
    "fakeroot": Launcher("lsib", ("lib", "faked", "fd-base")),
    "firejail": Launcher(),
    "i386": Launcher(),
    "linux32": Launcher(),
    "linux64": Launcher(),
    "ltrace": Launcher("abeDFlnopSsuwxA"),
    "nsenter": Launcher("tSGW", ("target", "setuid", "setgid")),
    "numactl": Launcher("ipPmCN", ("interleave", "preferred", "membind", "cpunodebind", "physcpubind")),
    "pkexec": Launcher("", ("user",)),
    "proot": Launcher("rbwqk"),
    "proxychains": Launcher("f"),
    "proxychains4": Launcher("f"),
    "setarch": Launcher("", (), 1),
    "sg": Launcher("", (), 1),
    "ssh-agent": Launcher("atE"),
    "sshpass": Launcher("pfdPe"),
    "strace": Launcher("abeEIoOpPsSuUX", ("output", "trace", "string-limit", "user", "env", "attach")),
    "systemd-run": Launcher(
        "pHMtu",
        (
            *("property", "host", "machine", "unit", "description", "slice", "service-type", "uid", "gid", "nice"),
            *("working-directory", "setenv", "on-active", "on-boot", "on-startup", "on-unit-active", "on-calendar"),
            *("on-unit-inactive", "path-property", "socket-property", "timer-property"),
        ),
    ),
    "torify": Launcher(),
    "torsocks": Launcher("uaP"),
    "tsocks": Launcher(),
    "unshare": Launcher("RwSG", ("root", "wd", "setuid", "setgid", "map-user", "map-group", "propagation")),
    "valgrind": Launcher(),
    "with-lock-ex": Launcher("", (), 1),
}
XARGS = Launcher(
    "adEILnPs",
    ("arg-file", "delimiter", "max-lines", "max-args", "max-procs", "max-chars", "replace", "process-slot-var"),
)
RUN_PARTS = Launcher("au", ("arg", "umask", "regex"))
WATCH = Launcher("nq", ("interval", "equexit"))
PARALLEL = Launcher(
    "jSIaNnPLsdE",
    ("jobs", "sshlogin", "arg-file", "joblog", "delay", "timeout", "retries", "tmpdir", "results", "max-args"),
)
PYTHON = re.compile(r"(?:pypy|python)[0-9.]*\Z")
HEARTBEAT_FLAGS = frozenset({"--tee", "--quiet"})


def unwrap(words: Words) -> list[Inner]:
    """Return what a command starts beside itself; nothing for a program that only does its own work."""
    name = os.path.basename(words[0])
    special = SPECIAL.get("python" if PYTHON.match(name) else name)
    if special is not None:
        return special(words)
    if name in SHELLS:
        return [_read_shell(words)]
    if name in PLAIN:
        at = _skip(words, 1, PLAIN[name]) + PLAIN[name].operands
        return start_from(words, at)
    step = read_step(words)
    if step is None:
        return []
    if step.text_at is not None:
        return [Inner(words[: step.text_at], text=words[step.text_at], arguments=(name,))]
    return [Inner(words[: step.at], words[step.at :])]


def _skip(words: Words, at: int, launcher: Launcher) -> int:
    return skip_options(words, at, launcher.letters, launcher.names)


def _read_shell(words: Words) -> Inner:
    told = read_shell_options(words)
    at = told.at
    if told.reads_text:
        if at >= len(words):
            return Inner(words)
        return Inner(words[:at], text=words[at], arguments=words[at + 1 :] or words[:1])
    if told.reads_stdin or at >= len(words) or words[at] == "-":
        return Inner(words, reads_stdin=True, arguments=(words[0], *words[at:]))
    return Inner(words[:at], words[at:])


def _read_env(words: Words) -> list[Inner]:
    at = 1
    while at < len(words):
        word = words[at]
        split = re.match(r"(?:-[iv0]*S|--split-string=)(.*)", word, re.DOTALL)
        if split or word == "--split-string":
            text = split.group(1) if split and split.group(1) else words[at + 1] if at + 1 < len(words) else ""
            rest = words[at + 1 if split and split.group(1) else at + 2 :]
            return _read_env(("env", *_split(text), *rest)) if text else []
        if word in ("-u", "-C", "--unset", "--chdir"):
            at += 2
        elif word == "--":
            at += 1
            break
        elif word.startswith("-") or ("=" in word and not word.startswith("=")):
            at += 1
        else:
            break
    while at < len(words) and "=" in words[at]:
        at += 1
    return start_from(words, at)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _read_xargs(words: Words) -> list[Inner]:
    at = _skip(words, 1, XARGS)
    if any(word in ("--help", "--version") for word in words[1:at]):
        return []
    for place, word in enumerate(words[1:at], 1):
        found = re.match(r"-[0prtx]*(?:I(.*)|(i)(.*))\Z|--replace(?:=(.*))?\Z", word, re.DOTALL)
        if found:
            mark = (
                found.group(1) or found.group(3) or found.group(4) or ("{}" if word[1:2] != "I" else words[place + 1])
            )
            return [Inner(words[:at], tuple(each.replace(mark, HOLE) for each in words[at:]))] if words[at:] else []
    return [Inner(words[:at], (*(words[at:] or ("echo",)), HOLE))]


def _read_find(words: Words) -> list[Inner]:
    found: list[Inner] = []
    at = 1
    while at < len(words):
        if words[at] in ("-exec", "-execdir", "-ok", "-okdir"):
            end = at + 1
            while end < len(words) and words[end] != ";" and not (words[end] == "+" and words[end - 1] == "{}"):
                end += 1
            inner = tuple(word.replace("{}", HOLE) for word in words[at + 1 : end])
            if inner:
                found.append(Inner((words[0], words[at]), inner))
            at = end
        at += 1
    return found


def _read_fd(words: Words) -> list[Inner]:
    for at, word in enumerate(words):
        if word in ("-x", "-X", "--exec", "--exec-batch") and at + 1 < len(words):
            return [Inner(words[: at + 1], (*words[at + 1 :], HOLE))]
    return []


def _read_watch(words: Words) -> list[Inner]:
    at = _skip(words, 1, WATCH)
    if at >= len(words):
        return []
    if any(word in ("-x", "--exec") for word in words[1:at]):
        return [Inner(words[:at], words[at:])]
    return [Inner(words[:at], text=" ".join(words[at:]), arguments=("sh",))]


def _read_run_parts(words: Words) -> list[Inner]:
    at = _skip(words, 1, RUN_PARTS)
    if at >= len(words) or any(word in ("--test", "--list") for word in words):
        return []
    return [Inner(words[:at], folder=words[at])]


def _read_parallel(words: Words) -> list[Inner]:
    at = _skip(words, 1, PARALLEL)
    end = next((place for place in range(at, len(words)) if words[place].startswith(":::")), len(words))
    command = words[at:end]
    if not command:
        return [Inner(words, text=word, arguments=("sh",)) for word in words[end + 1 :]]
    return [Inner(words[:at], text=" ".join(command), arguments=("sh",))]


def _read_script(words: Words) -> list[Inner]:
    for at, word in enumerate(words[1:], 1):
        if word == "--command" or re.match(r"-[a-zA-Z]*c\Z", word):
            return [Inner(words[: at + 1], text=words[at + 1], arguments=("sh",))] if at + 1 < len(words) else []
        if word.startswith("--command="):
            return [Inner(words, text=word.partition("=")[2], arguments=("sh",))]
    return []


def _read_su(words: Words) -> list[Inner]:
    step = read_step(words)
    if step is not None and step.text_at is not None:
        return [Inner(words[: step.text_at], text=words[step.text_at], arguments=("sh",))]
    if step is not None:
        return [Inner(words[: step.at], words[step.at :])]
    for word in words:
        if word.startswith("--command="):
            return [Inner(words, text=word.partition("=")[2], arguments=("sh",))]
        if re.match(r"-l?c.", word) and not word.startswith("--"):
            return [Inner(words, text=word.partition("c")[2], arguments=("sh",))]
    return [Inner(words, reads_stdin=True, arguments=("sh",))]


def _read_daemon(words: Words) -> list[Inner]:
    for at, word in enumerate(words):
        name, _, value = word.partition("=")
        if name in ("--exec", "-x", "--startas", "-a") and ("--start" in words or "-S" in words):
            program = value or (words[at + 1] if at + 1 < len(words) else "")
            rest = words[words.index("--") + 1 :] if "--" in words else ()
            return [Inner(words[:1], (program, *rest))] if program else []
    return []


def _read_gdb(words: Words) -> list[Inner]:
    if "--args" not in words:
        return []
    at = words.index("--args") + 1
    return start_from(words, at)


def _read_perf(words: Words) -> list[Inner]:
    if words[1:2] not in (("stat",), ("record",), ("trace",)):
        return []
    at = skip_options(words, 2, "eoFcgprICGD", ("event", "output", "repeat", "delay"))
    return start_from(words, at)


def _read_busybox(words: Words) -> list[Inner]:
    return [Inner(words[:1], words[1:], is_applet=True)] if len(words) > 1 and words[1][:1] != "-" else []


def _read_at(words: Words) -> list[Inner]:
    if any(word in ("-l", "-c", "-d", "-r", "-f") for word in words):
        return []
    return [Inner(words, reads_stdin=True, arguments=("sh",))]


def _read_agentkit(words: Words) -> list[Inner]:
    """Read `agentkit heartbeat run NAME [OPTIONS] -- PROGRAM…` and `agentkit vault exec … -- PROGRAM…`."""
    if words[1:3] == ("vault", "exec") and "--" in words:
        at = words.index("--") + 1
        return start_from(words, at)
    if words[1:3] != ("heartbeat", "run"):
        return []
    at, job = 3, None
    while at < len(words) and words[at] != "--":
        word = words[at]
        if word.startswith("--"):
            at += 1 if "=" in word or word in HEARTBEAT_FLAGS else 2
        elif job is None:
            job, at = word, at + 1
        else:
            break
    at += words[at : at + 1] == ("--",)
    return [Inner(words[:at], words[at:], job=job)] if at < len(words) else []


def _read_interpreter(words: Words) -> list[Inner]:
    """Read `python3 FILE`, `perl FILE` and the like: what they run is the file."""
    at = 1
    while at < len(words) and words[at].startswith("-"):
        if words[at] in ("-c", "-e", "-m", "-E", "-r", "-") or re.match(r"-[a-zA-Z]*[cem]\Z", words[at]):
            return []
        at += 2 if words[at] in ("-W", "-X", "-I", "-M", "--require", "-d", "-f") and at + 1 < len(words) else 1
    if at < len(words) and words[at].endswith((".py", ".pl", ".rb", ".js", ".php")) and "/" not in words[at]:
        # No interpreter looks for it on the PATH.
        return [Inner(words[:at], (f"./{words[at]}", *words[at + 1 :]))]
    return [Inner(words[:at], words[at:])] if at < len(words) and "/" in words[at] else []


SPECIAL: dict[str, Callable[[Words], list[Inner]]] = {
    "agentkit": _read_agentkit,
    "at": _read_at,
    "batch": _read_at,
    "busybox": _read_busybox,
    "bwrap": read_bwrap,
    "docker": read_container,
    "env": _read_env,
    "fd": _read_fd,
    "fdfind": _read_fd,
    "find": _read_find,
    "gdb": _read_gdb,
    "ip": read_ip,
    "kubectl": read_after_dashes,
    "lxc": read_after_dashes,
    "node": _read_interpreter,
    "parallel": _read_parallel,
    "perf": _read_perf,
    "perl": _read_interpreter,
    "php": _read_interpreter,
    "podman": read_container,
    "python": _read_interpreter,
    "ruby": _read_interpreter,
    "run-parts": _read_run_parts,
    "runuser": _read_su,
    "screen": read_terminal,
    "script": _read_script,
    "ssh": read_ssh,
    "start-stop-daemon": _read_daemon,
    "su": _read_su,
    "tmux": read_terminal,
    "watch": _read_watch,
    "xargs": _read_xargs,
}
