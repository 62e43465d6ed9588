"""Which jobs does a shell command run through `heartbeat run`, as whom, and into which state folder?

What stands in front is looked through: shells, sudo and su, env, and whatever takes a program as its words (flock,
nice, timeout, chronic…).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from agentkit.core.errors import AgentkitError
from agentkit.core.launchers import skip_options
from agentkit.core.optionwords import FLAG
from agentkit.heartbeat.options import WORDS, build_options, check_name, split_words
from agentkit.heartbeat.shellwords import split_commands

# What these get as words they do not run, or not here.
RUNS_NOTHING = frozenset({":", "[", "echo", "false", "grep", "logger", "mail", "pgrep", "pkill", "printf", "test"})
ELSEWHERE = frozenset({"chroot", "docker", "kubectl", "lxc", "machinectl", "mosh", "podman", "rsh", "ssh"})
# Options of sudo and doas, and of su and runuser, that take the next word.
SUDO_VALUES, SU_VALUES = "CDRTUghprtu", "Ggsw"
LEAD_TO_FOLDER = ("AGENTKIT_HOME", "XDG_STATE_HOME", "HOME")
OPTIONS_WITH_VALUE = tuple(option.removeprefix("--") for option, kind in WORDS.items() if kind != FLAG)
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Wrapped:
    """One job that a command runs: its name, the user it runs as, and the environment that it gets."""

    job: str
    user: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Scope:
    user: str
    environment: Mapping[str, str]
    depth: int = 0

    def with_variables(self, more: Mapping[str, str]) -> _Scope:
        return replace(self, environment={**self.environment, **more}) if more else self


def find_wrapped(command: str, user: str, environment: Mapping[str, str]) -> list[Wrapped]:
    """Return the jobs that cron's shell would run for a command, in their order; those behind `||` are no promise."""
    return list(_search(command, _Scope(user, environment)))


def find_job_name(command: str) -> str | None:
    """Return the first job that a shell command runs through `heartbeat run`, or None."""
    return next((wrapped.job for wrapped in find_wrapped(command, "", {})), None)


def _search(text: str, scope: _Scope) -> Iterator[Wrapped]:
    if "heartbeat" not in text or scope.depth > DEEPEST:
        return
    for command in split_commands(text, scope.environment):
        words, given = _take_assignments(command.words)
        if not words:
            # The shell hands on what was in its environment before; the rest stays with it.
            scope = scope.with_variables({name: given[name] for name in given if name in scope.environment})
        elif words[0] == "export":
            scope = scope.with_variables(_take_assignments(words[1:])[1])
        elif not command.is_fallback:
            yield from _look_at(words, scope.with_variables(given))


def _look_at(words: tuple[str, ...], scope: _Scope) -> Iterator[Wrapped]:
    """Yield the jobs that one simple command runs."""
    if not words:
        return
    name = os.path.basename(words[0])
    if name in RUNS_NOTHING or name in ELSEWHERE:
        return
    step_in = STEPS.get(name)
    run_at = _find_run(words)
    if step_in is not None:
        yield from step_in(words[1:], replace(scope, depth=scope.depth + 1))
    elif run_at is not None:
        place = _find_name(words, run_at)
        if place is None:
            return
        yield Wrapped(words[place], scope.user, scope.environment)
        program = words[place + 1 :]
        yield from _look_at(program[1:] if program[:1] == ("--",) else program, scope)
    else:
        for index, word in enumerate(words[1:], 1):
            text = " ".join(words[index + 1 : index + 2])
            if word.startswith("-") and word.endswith("c") and "heartbeat" in text:
                # sh -c TEXT, bash -lc TEXT, flock FILE -c TEXT
                yield from _search(text, replace(scope, depth=scope.depth + 1))
                return
            if os.path.basename(word) in STEPS or _find_run(words[index:]) is not None:
                yield from _look_at(words[index:], scope)
                return


def split_run(words: tuple[str, ...]) -> tuple[str, tuple[str, ...], int] | None:
    """Return job, options and the index of the program's first word, when the words are those of `heartbeat run`."""
    run_at = _find_run(words) if words else None
    place = None if run_at is None else _find_name(words, run_at)
    if run_at is None or place is None:
        return None
    # Options may stand before the name and behind it.
    end = skip_options(words, place + 1, "", OPTIONS_WITH_VALUE)
    behind = words[place + 1 : end - 1 if words[end - 1] == "--" else end]
    before = words[run_at : place - 1 if words[place - 1] == "--" else place]
    return words[place], before + behind, end


def find_fault(words: tuple[str, ...]) -> str | None:
    """Return what `heartbeat run` would say to its words, as far as the shell leaves them as they stand."""
    own = words[: words.index("--")]
    if any("$" in word or "`" in word for word in own):
        return None
    try:
        build_options(*split_words(list(words)))
    except AgentkitError as error:
        return error.message
    return None


def find_own_verb(words: tuple[str, ...]) -> str | None:
    """Return the verb of an `agentkit` that needs no wrapper: `check`, `mark`, or an option such as --version."""
    place = next((at for at, word in enumerate(words[:3]) if os.path.basename(word) == "agentkit"), None)
    if place is None:
        return None
    rest = words[place + 1 :]
    if rest[:1] == ("heartbeat",) and rest[1:2] in (("check",), ("mark",)):
        return rest[1]
    return rest[0] if rest and rest[0].startswith("-") else None


def _find_run(words: tuple[str, ...]) -> int | None:
    """Return where the words of `heartbeat run` begin, when this is agentkit or a Python that runs it."""
    name, at = os.path.basename(words[0]), 1
    if name.startswith("python"):
        at = next((index + 2 for index in range(1, len(words) - 1) if words[index] == "-m"), 0)
        name = words[at - 1] if at else ""
    return at + 2 if name == "agentkit" and words[at : at + 2] == ("heartbeat", "run") else None


def _find_name(words: tuple[str, ...], index: int) -> int | None:
    """Return where the job's name stands: the first word that is neither an option nor the value of one."""
    while index < len(words):
        option, given, _ = words[index].partition("=")
        if words[index] == "--":
            index += 1
            break
        if not option.startswith("-"):
            break
        index += 1 if given or WORDS.get(option, FLAG) == FLAG else 2
    try:
        check_name(words[index] if index < len(words) else "")
    except AgentkitError:
        return None
    return index


def _take_assignments(words: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the words behind the assignments in front, and these."""
    given: dict[str, str] = {}
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            return words[index:], given
        given[name] = value
    return (), given


def _step_into_env(words: tuple[str, ...], scope: _Scope) -> Iterator[Wrapped]:
    while words and words[0].startswith("-"):
        if words[0] in ("-", "-i", "--ignore-environment"):
            scope = replace(scope, environment={})
        takes_value = words[0] in ("-u", "-C", "--unset", "--chdir")
        gone = words[1] if words[0] in ("-u", "--unset") and len(words) > 1 else words[0].removeprefix("--unset=")
        scope = replace(scope, environment={name: text for name, text in scope.environment.items() if name != gone})
        words = words[2 if takes_value else 1 :]
    rest, given = _take_assignments(words)
    yield from _look_at(rest, scope.with_variables(given))


def _step_into_sudo(words: tuple[str, ...], scope: _Scope) -> Iterator[Wrapped]:
    user, keeps = "root", False
    while words and words[0].startswith("-") and words[0] != "--":
        user = _read_user(words) or user
        keeps = keeps or words[0] in ("-E", "--preserve-env")
        words = words[2 if words[0][1:2] != "-" and words[0][-1] in SUDO_VALUES else 1 :]
    rest, given = _take_assignments(words[1:] if words[:1] == ("--",) else words)
    scope = _become(scope, user, keeps=keeps).with_variables(given)
    yield from _look_at(rest, scope)


def _step_into_su(words: tuple[str, ...], scope: _Scope) -> Iterator[Wrapped]:
    user, text, keeps, given = "root", "", True, False
    while words and words[0] != "--":
        word = words[0]
        if word in ("-", "-l", "--login"):
            keeps = False
        elif word in ("-c", "--command"):
            text, words = " ".join(words[1:2]), words[1:]
        elif word.startswith("--command="):
            text = word.removeprefix("--command=")
        elif word.startswith("-"):
            given = given or _read_user(words) is not None
            user = _read_user(words) or user
            words = words[1:] if word[1:2] != "-" and word[-1] in SU_VALUES + "u" else words
        elif given:
            break  # runuser -u USER PROGRAM…
        else:
            user = word
        words = words[1:]
    scope = _become(scope, user, keeps=keeps)
    yield from _search(text, scope)
    yield from _look_at(words[1:] if words[:1] == ("--",) else words, scope)


def _step_into_eval(words: tuple[str, ...], scope: _Scope) -> Iterator[Wrapped]:
    yield from _search(" ".join(words), scope)


def _read_user(words: tuple[str, ...]) -> str | None:
    """Return the user whom `-u USER`, `-nu USER` or `--user=USER` names, else None."""
    word = words[0]
    if word.startswith("--"):
        return word.removeprefix("--user=") if word.startswith("--user=") else None
    return words[1] if word.endswith("u") and len(words) > 1 else None


def _become(scope: _Scope, user: str, *, keeps: bool) -> _Scope:
    """Return the scope as another user: a home of its own, and nothing else that led to our state folder."""
    kept = {name: value for name, value in scope.environment.items() if keeps or name not in LEAD_TO_FOLDER}
    return replace(scope, user=user, environment={**kept, "HOME": home_of(user)})


def home_of(user: str) -> str:
    """Return a user's home; what is nobody's leads nowhere."""
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return f"/nonexistent/{user}"


STEPS: Mapping[str, Callable[[tuple[str, ...], _Scope], Iterator[Wrapped]]] = {
    "env": _step_into_env,
    "sudo": _step_into_sudo,
    "doas": _step_into_sudo,
    "su": _step_into_su,
    "runuser": _step_into_su,
    "eval": _step_into_eval,
}
