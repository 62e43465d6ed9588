"""Which commands does a unit run, as whom, with which variables, and which programs are they on this machine?"""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentkit.core.rooted import resolve
from agentkit.core.unitfiles import read_bytes
from agentkit.core.unittext import Setting
from agentkit.depmap.unitdraft import Draft
from agentkit.depmap.unitexec import NO_VARIABLES, PRIVILEGED, ExecCommand, find_variables, substitute
from agentkit.depmap.unitwords import split_words

# Where systemd looks for a program that is named without a folder (systemd-path search-binaries-default).
SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What systemd itself sets (systemd.exec(5), ENVIRONMENT VARIABLES SET OR PROPAGATED BY THE SERVICE MANAGER).
GIVEN = frozenset(
    {
        *("PATH", "LANG", "USER", "LOGNAME", "HOME", "SHELL", "INVOCATION_ID", "XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY"),
        *("STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY"),
        *("MAINPID", "MANAGERPID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID"),
        *("WATCHDOG_USEC", "SYSTEMD_EXEC_PID", "TERM", "LOG_NAMESPACE", "JOURNAL_STREAM", "SERVICE_RESULT"),
        *("EXIT_CODE", "EXIT_STATUS", "MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS"),
        *("MONITOR_INVOCATION_ID", "MONITOR_UNIT", "PIDFILE", "REMOTE_ADDR", "REMOTE_PORT", "TRIGGER_UNIT"),
        *("TRIGGER_PATH", "TRIGGER_TIMER_REALTIME_USEC", "TRIGGER_TIMER_MONOTONIC_USEC", "MEMORY_PRESSURE_WATCH"),
        *("MEMORY_PRESSURE_WRITE", "FDSTORE"),
    }
)


@dataclass(frozen=True, slots=True)
class UnitCommand:
    """One command of a unit.

    `argv` is the argument vector as systemd prints it; `words` begin with the program as written and have the
    variables of `Environment=` filled in, all others as written. `user` is whom it runs as. `line` is that of the
    setting in `file`.
    """

    unit: str
    key: str
    program: str
    path: str | None
    argv: tuple[str, ...]
    words: tuple[str, ...]
    file: str
    line: int
    user: str
    environment: tuple[tuple[str, str], ...]


@dataclass
class Programs:
    """Where the programs of a machine are; each is looked for once."""

    root: str
    paths: dict[str, str | None] = field(default_factory=dict)
    variables: dict[str, frozenset[str]] = field(default_factory=dict)

    def find(self, program: str) -> str | None:
        """Return the real path of a program inside the root; None where there is none."""
        if program not in self.paths:
            names = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in SEARCHED]
            self.paths[program] = next(filter(None, map(self._find_real, names)), None)
        return self.paths[program]

    def find_variables(self, path: str) -> frozenset[str]:
        """Return the names that the files of this path, which may be a pattern, give values to."""
        if path not in self.variables:
            self.variables[path] = frozenset(self._read_names(path))
        return self.variables[path]

    def _find_real(self, name: str) -> str | None:
        try:
            here = resolve(self.root, name)
            if self.root == "/":
                here = os.path.realpath(here)
            if not os.path.isfile(here):
                return None
        except (OSError, ValueError):
            return None
        return here if self.root == "/" else "/" + os.path.relpath(here, self.root)

    def _read_names(self, path: str) -> Iterator[str]:
        names = [path]
        if glob.has_magic(path):
            folder = self.root.rstrip("/")
            names = [each.removeprefix(folder) for each in sorted(glob.glob(glob.escape(folder) + path))]
        for name in names:
            try:
                text = read_bytes(self.root, name).decode("utf-8", "replace")
            except (OSError, ValueError):
                continue
            for line in text.splitlines():
                key, equals, _ = line.strip().partition("=")
                if equals and not key.startswith(("#", ";")):
                    yield key.strip()


def add_commands(draft: Draft, programs: Programs) -> list[UnitCommand]:
    """Return the commands of a unit, and add its edges to their programs and to variables that nobody gives."""
    found: list[UnitCommand] = []
    if not any(draft.commands.values()):
        return found
    environment, elsewhere = _read_environment(draft, programs)
    given = tuple(environment.items())
    for key, commands in draft.commands.items():
        for command, setting in commands:
            path = programs.find(command.program)
            draft.add("exec", f"cmd:{command.program}", setting, path=path)
            words = command.argv
            if NO_VARIABLES not in command.prefixes and any("$" in word for word in words):
                for name in dict.fromkeys(find_variables(command.argv)):
                    if name not in environment and name not in elsewhere and name not in GIVEN:
                        draft.add("env", f"env:{name}", setting)
                words = substitute(command.argv, environment)
            user = _find_user(draft, command)
            words = (command.program, *words[1:])
            found.append(
                UnitCommand(
                    *(draft.name, key, command.program, path, command.argv, words),
                    *(setting.file, setting.line, user, given),
                )
            )
    return found


def _read_environment(draft: Draft, programs: Programs) -> tuple[dict[str, str], set[str]]:
    """Return the variables that the unit gives values to, and the names of those that its files may."""
    environment: dict[str, str] = {}
    for setting in draft.lists.get("Environment", ()):
        for word in _read_words(draft, setting):
            name, equals, value = word.partition("=")
            if equals:
                environment[name] = value
    elsewhere: set[str] = set()
    for setting in draft.lists.get("EnvironmentFile", ()):
        try:
            elsewhere |= programs.find_variables(draft.fill(setting.value.removeprefix("-")))
        except ValueError as error:
            draft.complain(setting, str(error))
    for setting in draft.lists.get("UnsetEnvironment", ()):
        for word in _read_words(draft, setting):
            environment.pop(word.partition("=")[0], None)
    return {name: value for name, value in environment.items() if name not in elsewhere}, elsewhere


def _read_words(draft: Draft, setting: Setting) -> list[str]:
    try:
        return [draft.fill(word) for word in split_words(setting.value)]
    except ValueError as error:
        draft.complain(setting, str(error))
        return []


def _find_user(draft: Draft, command: ExecCommand) -> str:
    if PRIVILEGED in command.prefixes:
        return "root"
    user = draft.get("User")
    if not user and draft.is_on("DynamicUser"):
        return draft.name.partition("@")[0].removesuffix(f".{draft.kind}")
    try:
        return draft.fill(user) or "root"
    except ValueError:
        return user
