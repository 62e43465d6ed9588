"""Does what stands in front of a command bound it: timeout, a limit of systemd-run, heartbeat run?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentkit.depmap.boundsgap import Gap, partly
from agentkit.depmap.boundswords import Words, is_limit, read_given
from agentkit.depmap.calls import HOLE, Call, Wrapper

TIMEOUTS = frozenset({"timeout", "gtimeout"})
# Signals that end no program, or that are none.
WEAK_SIGNALS = frozenset(
    {*("0", "EXIT", "CHLD", "17", "CONT", "18", "STOP", "19", "TSTP", "20", "TTIN", "21", "TTOU", "22", "URG", "23")}
    | {"WINCH", "28"}
)
# The container's first process takes no notice of TERM unless it asks for it (pid_namespaces(7)).
DEAF = frozenset({"docker", "podman", "nerdctl"})
BOUNDED, WEAK = "bounded", "weak"


def find_bound(wrappers: Sequence[Wrapper], call: Call, deaf: frozenset[tuple[Wrapper, ...]]) -> str | Gap | None:
    """Return BOUNDED where a wrapper bounds the call, a Gap where it bounds it only in part, None otherwise.

    `deaf` are the surroundings in which the shell was told to take no notice of TERM.
    """
    found: Gap | None = None
    for place, wrapper in enumerate(wrappers):
        told = _judge_wrapper(wrapper, wrappers[place + 1 :], call)
        if told is None:
            continue
        is_deaf = any(tuple(wrappers[:end]) in deaf for end in range(place + 2, len(wrappers) + 1))
        if told == WEAK or (told == BOUNDED and is_deaf and not _kills(wrapper)):
            found = partly("its timeout sends TERM alone, which is not heard here: add -k", instead=_add_kill(call))
            continue
        if told == BOUNDED:
            return BOUNDED
    return found


def _judge_wrapper(wrapper: Wrapper, behind: Sequence[Wrapper], call: Call) -> str | None:
    name = wrapper.name
    if name in TIMEOUTS:
        return _judge_timeout(wrapper, behind, call)
    if name == "systemd-run":
        given = read_given(wrapper.words, "pHMtu", ("property", "unit"))
        settings = [*given.all_values.get("-p", ()), *given.all_values.get("--property", ())]
        has_limit = any(setting.startswith("RuntimeMaxSec=") and is_limit(setting[14:]) for setting in settings)
        return BOUNDED if has_limit else None
    if name == "agentkit":
        return BOUNDED if wrapper.words[1:3] == ("heartbeat", "run") and _has_heartbeat_limit(wrapper.words) else None
    if name == "parallel":
        return BOUNDED if read_given(wrapper.words, "", ("timeout",)).limits("--timeout") else None
    return BOUNDED if name in ("timelimit", "alarm") else None


def _judge_timeout(wrapper: Wrapper, behind: Sequence[Wrapper], call: Call) -> str | None:
    if not any(map(is_duration, _read_durations(wrapper.words))):
        return None
    given = read_given(wrapper.words, "kst", ("kill-after", "signal"), stops=True)
    if _kills(wrapper):
        return BOUNDED
    signal = given.options.get("-s", given.options.get("--signal", "TERM")).upper().removeprefix("SIG")
    names = [wrapper.name for wrapper in behind]
    program = call.words[0].rpartition("/")[2] if call.words else ""
    is_deaf = program in DEAF and bool({"run", "exec", "up"} & set(call.words[1:3]))
    if signal in WEAK_SIGNALS or is_deaf or (signal in ("HUP", "1") and "nohup" in names):
        return WEAK
    # In the foreground timeout ends the shell, and not what that shell waits for.
    if given.has("--foreground") and {"sh", "bash", "dash", "ksh", "zsh"} & set(names):
        return WEAK
    return BOUNDED


def _kills(wrapper: Wrapper) -> bool:
    given = read_given(wrapper.words, "kst", ("kill-after", "signal"), stops=True)
    signal = given.options.get("-s", given.options.get("--signal", "TERM")).upper().removeprefix("SIG")
    return signal in ("KILL", "9") or given.limits("-k", "--kill-after")


def _read_durations(words: Words) -> list[str]:
    given = read_given(words, "kst", ("kill-after", "signal"), stops=True)
    # `busybox timeout -t 10 CMD` of old.
    return [*given.all_values.get("-t", ()), *given.operands[:1]]


def is_duration(text: str) -> bool:
    """Tell whether timeout(1) takes a word for a time: 0 is none."""
    if HOLE in text:
        return True
    return re.fullmatch(r"\d*\.?\d+(?:e-?\d+)?[smhd]?|\d+\.[smhd]?", text) is not None and is_limit(text)


def _has_heartbeat_limit(words: Words) -> bool:
    given = read_given(words, "", ("timeout",), stops=False)
    return not given.gives_up("--timeout")


def _add_kill(call: Call) -> str | None:
    text, count = re.subn(r"\btimeout\b", "timeout -k 10", call.text, count=1)
    return text if count else None
