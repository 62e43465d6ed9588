"""Does a loop wait for something that may never come, with nothing that counts its turns?

A bound on the command in a loop's condition does not bound the loop. A loop that does its work again and again, as
the main loop of a service does, is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentkit.core.shellgrammar import read_shell
from agentkit.core.shelltree import BODY, CONDITION, FUNCTION, IF, LIST, LOOP, NOT, SIMPLE, Command, walk_commands
from agentkit.depmap.boundsgap import Gap, partly, unbounded

TRIES = 60
PAUSES = frozenset({"sleep", "usleep", "snooze", "nanosleep"})
# What a loop may do and still do nothing but wait.
TALK = frozenset({":", "true", "echo", "printf", "logger", "log", "wait"})
TESTS = frozenset({"[", "[[", "test"})
ENDINGS = frozenset({"break", "exit", "return"})
# Questions whose answer a loop waits for, where the loop itself has no end of its own.
QUESTIONS = frozenset(
    {
        *(
            "curl",
            "wget",
            "nc",
            "ncat",
            "netcat",
            "ping",
            "pg_isready",
            "psql",
            "mysql",
            "mysqladmin",
            "redis-cli",
            "ssh",
        ),
        *("docker", "podman", "kubectl", "systemctl", "pgrep", "pidof", "mongosh", "mongo", "rabbitmqctl", "flock"),
        *(
            "rabbitmq-diagnostics",
            "fuser",
            "lsof",
            "ip",
            "host",
            "dig",
            "nslookup",
            "getent",
            "mountpoint",
            "mkdir",
            "ln",
        ),
    }
)
# `n=$((n+1))`, `((n++))`, `let n+=1`, `n=$(expr $n + 1)`.
COUNTING = re.compile(r"\$\(\(|\(\([^)]*(?:\+\+|--|[-+]=)|\blet\s|\bexpr\s|[-+]=\s*1\b")
COMPARING = re.compile(r"\s-(?:lt|le|gt|ge|eq|ne)\s|\(\([^)]*[<>=]|\bexit\b.*\bcase\b")
CLOCK = re.compile(r"\bSECONDS\b|\bEPOCHSECONDS\b|\bdate\s+['\"]?\+|\bmonotonic\b|\bdeadline\b|\buptime\b")
# Tests whose answer another process changes.
OUTSIDE = re.compile(r"-[abcdefghkprsuwxGLNOS]\Z")


def judge_loop(text: str, leaving: frozenset[str] = frozenset()) -> Gap | None:
    """Return what a loop leaves open, given its text; `leaving` are functions that may end the script."""
    shell = read_shell(text)
    loop = next(iter(shell.body.parts), None)
    if loop is None or loop.kind != LOOP or not text.startswith(("while", "until", "for")):
        return None
    condition, body = _take_apart(loop)
    if body is None or (condition is None and not re.match(r"for\s*\(\(\s*[^;]*;\s*;", text)):
        return None
    names = {command.words[0].text for command in walk_commands(body) if command.words}
    may_end = bool(names & (ENDINGS | leaving)) or "kill" in names or "KILL" in text
    asking = "" if condition is None else shell.text[: body.start].decode(errors="replace")
    head = text[: text.find(";;")] if condition is None else asking
    if CLOCK.search(text) or (COUNTING.search(text) and (COMPARING.search(head) or (may_end and _compares(text)))):
        return None
    asked = [] if condition is None else _find_questions(condition)
    if asked is not None and "/dev/tcp/" in asking:
        asked.append("/dev/tcp")
    has_pause = _has_pause(loop)
    if asked is not None and not asked:
        return _judge_endless(body, text) if has_pause else None
    if asked is None or not (has_pause or (_only_talks(body) and _waits_when_busy(condition, asked, text))):
        return None
    if asked == ["variable"] and not _is_asked_anew(condition, text):
        return None
    if may_end:
        return partly(
            "nothing counts its turns: it ends when what it waits for comes, or fails", None, 300, _count(text)
        )
    return unbounded("it waits for something that may never come, and nothing counts its turns", instead=_count(text))


def _take_apart(loop: Command) -> tuple[Command | None, Command | None]:
    parts = dict(zip(loop.joints, loop.parts, strict=True))
    return parts.get(CONDITION), parts.get(BODY)


def _find_questions(condition: Command) -> list[str] | None:
    """Return what the condition asks of the world: nothing where it is always the same, None where it is data."""
    found: list[str] = []
    for command in walk_commands(condition):
        words = [word.text for word in command.words]
        if not words:
            # `x=$(cmd)`: what is asked is inside.
            continue
        if words[0] in ("read", "mapfile", "getopts", "shift", "IFS=", "select"):
            return None
        if words[0] in TESTS:
            question = _read_test(words)
            if question is None:
                return None
            found.extend(question)
        elif words[0] not in (*TALK, *PAUSES, "1", "false", "((", "let"):
            found.append(words[0])
    return found


def _read_test(words: list[str]) -> list[str] | None:
    """Return what a test asks: a file, or a variable that a turn sets again; nothing for constants, None for counts."""
    inner = [
        word for word in " ".join(words[1:]).split() if word not in ("]", "]]", "!", "(", ")", "&&", "||", "-a", "-o")
    ]
    text = " ".join(inner)
    if "$#" in text or re.search(r"\$(?:[1-9@*]|\{[1-9@*])", text):
        return None
    if "$(" in text or "`" in text:
        return ["$("]
    if any(OUTSIDE.match(word) for word in inner[:-1]):
        return ["test"]
    if re.search(r"-(?:lt|le|gt|ge|eq|ne)\b", text):
        return None
    return ["variable"] if "$" in text else []


def _has_pause(loop: Command) -> bool:
    return any(
        command.words and command.words[0].text.rpartition("/")[2] in PAUSES for command in walk_commands(loop)
    ) or any(
        len(command.words) > 1 and command.words[0].text == "read" and "-t" in [word.text for word in command.words]
        for command in walk_commands(loop)
    )


def _only_talks(body: Command) -> bool:
    return all(not command.words or command.words[0].text in TALK for command in walk_commands(body))


def _waits_when_busy(condition: Command | None, asked: list[str], text: str) -> bool:
    """Tell whether a loop without a pause waits: `while route del …; do :; done` does its work in its condition."""
    if condition is None or asked == ["variable"]:
        return False
    is_until = text.startswith("until") or any(part.kind == NOT for part in condition.parts)
    return is_until or bool(QUESTIONS & set(asked)) or "test" in asked


def _is_asked_anew(condition: Command | None, text: str) -> bool:
    """Tell whether a variable of the condition is set from what a command prints."""
    assert condition is not None
    words = " ".join(word.text for command in walk_commands(condition) for word in command.words)
    names = re.findall(r"\$\{?(\w+)", words)
    return any(re.search(rf"\b{name}=[\"']?(?:\$\((?!\()|`)", text) for name in names)


def _judge_endless(body: Command, text: str) -> Gap | None:
    """Judge `while true`: one that ends only when a question is answered waits; any other is a service's own."""
    for asked, ending in _find_endings(body):
        names = {command.words[0].text.rpartition("/")[2] for command in walk_commands(asked) if command.words}
        ends = {command.words[0].text for command in walk_commands(ending) if command.words}
        tests = [" ".join(word.text for word in command.words) for command in walk_commands(asked)]
        is_asked = bool(names & QUESTIONS) or any(_asks_anew(test, body, text) for test in tests)
        if ends & ENDINGS and is_asked:
            return unbounded(
                "it turns until the answer comes, which it may never do, and nothing counts its turns",
                instead=_count(text),
            )
    return None


def _asks_anew(test: str, body: Command, text: str) -> bool:
    """Tell whether a test looks at what a command of this turn printed, or how it ended."""
    if "$(" in test or "`" in test:
        return True
    if "$?" in test:
        called = {command.words[0].text.rpartition("/")[2] for command in walk_commands(body) if command.words}
        return bool(called & QUESTIONS)
    names = re.findall(r"\$\{?(\w+)", test)
    return any(re.search(rf"\b{name}=[\"']?(?:\$\((?!\()|`)", text) for name in names)


def _compares(text: str) -> bool:
    return COMPARING.search(text) is not None


def _find_endings(command: Command) -> Iterator[tuple[Command, Command]]:
    """Yield each question with what is done when it is answered by yes."""
    if command.kind == LIST:
        for place, sign in enumerate(command.joints):
            if sign == "&&":
                yield command.parts[place], command.parts[place + 1]
    if command.kind == IF and CONDITION in command.joints:
        for place, joint in enumerate(command.joints[:-1]):
            if joint == CONDITION and command.parts[place].parts[:1] and command.parts[place].parts[0].kind != NOT:
                yield command.parts[place], command.parts[place + 1]
    if command.kind not in (SIMPLE, FUNCTION, LOOP):
        for part in command.parts:
            yield from _find_endings(part)


def _count(text: str) -> str:
    """Return the loop with a count of its turns: good for every shell, and for functions of the script."""
    match = re.search(r"(?:;|\n|\s)\s*do\b\s*", text)
    if match is None:
        return f"timeout -k 10 300 bash -c '{text}'"
    counted = f'tries=$((tries + 1)); [ "$tries" -le {TRIES} ] || exit 1; '
    rest = text[match.end() :]
    if rest.startswith(":;"):
        rest = rest[2:].lstrip()
    return f"tries=0; {text[: match.end()].rstrip()} {counted}{rest}"
