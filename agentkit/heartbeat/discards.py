"""Where is a failure thrown away: behind `||`, by what comes last, by a `!`, an `if`, a trap?

Each function says so, and keeps what would mend it. A handler's own work is never taken out, only its status changed.
"""

from __future__ import annotations

import re

from agentkit.core.shellgrammar import read_shell
from agentkit.core.shelltree import CONDITION, FUNCTION, IF, LIST, NOT, SIMPLE, Command, walk_commands
from agentkit.heartbeat.edits import Edit
from agentkit.heartbeat.manners import (
    LEAVES,
    OFTEN_FAILS,
    SUCCEEDS,
    ends_well,
    is_question,
    name_of,
    shrugs,
    speaks,
    tells_only,
)
from agentkit.heartbeat.shellscope import Scope

# A variable that holds how the work ended, while what stands behind it has its say.
KEPT = b"ended"


def is_settled(command: Command) -> bool:
    """Tell whether a command's failure ends the text at once, as one: `x || exit 1`, `if ! x; then exit 1; fi`."""
    if command.kind == LIST:
        return command.joints[-1] == "||" and _fails(command.parts[-1])
    if command.kind != IF or len(command.parts) not in (2, 3) or command.joints[0] != CONDITION:
        return False
    condition, *branches = command.parts
    is_negated = bool(condition.parts) and condition.parts[-1].kind == NOT
    failed = branches[0] if is_negated else branches[1] if len(branches) == 2 else None
    return failed is not None and _fails(failed) and all(tells_only(one) for one in branches if one is not failed)


def mind_last(command: Command, scope: Scope, works: list[int]) -> None:
    """Look at the last statement: its status stands for those before it that do work, which are at these places."""
    last, rest = command.parts[-1], command.parts[works[-1] + 1 :]
    before = command.parts[works[-1]]
    if ends_well(last, scope.is_inside):
        scope.say("status-discarded", f"`; {scope.quote(last)}` at the end hides how the rest ended")
        written = scope.frame.text[before.end : last.end]
        if not scope.is_top or scope.frame.functions or last.kind == LIST:
            return  # of a list the handler is looked at
        if _is_nothing(last) and len(rest) == 1:
            scope.frame.edits.extend(_leave_out(before, len(before.parts), last, is_quiet=True))
        elif (
            b"$?" not in written and b"<<" not in written and not any(map(_leaves, rest)) and all(map(tells_only, rest))
        ):
            scope.frame.edits.append(Edit(before.end, before.end, b"; " + KEPT + b"=$?", is_quiet=True))
            scope.frame.edits.append(Edit(last.end, last.end, b"; exit $" + KEPT, is_quiet=True))
    elif (
        scope.is_inside
        and not _keeps_each(command, works, scope)
        and (len(works) > 1 or not (name_of(last) in LEAVES or _looks_at_status(last)))
    ):
        scope.say("status-of-last", "of several commands only the last one's status counts")
        _count_each(command, scope, works)


def _keeps_each(command: Command, works: list[int], scope: Scope) -> bool:
    """Tell whether the end of each work is kept, and the text ends as that: `a || x=$?; b || x=$?; exit $x`."""
    parts = [command.parts[place] for place in works if place < len(command.parts) - 1]
    return all(part.kind == LIST and _is_kept(part.parts[-1], scope) for part in parts)


def _is_kept(handler: Command, scope: Scope) -> bool:
    """Tell whether a handler keeps the status that it is about, and the text ends with that: `|| x=$?`, `exit $x`."""
    names = [re.escape(each.name.encode()) for each in handler.assignments if each.text == "$?"]
    is_alone = handler.kind == SIMPLE and not handler.words
    return is_alone and any(re.search(rb"\bexit \$\{?%b\b" % name, scope.frame.text) for name in names)


def _count_each(command: Command, scope: Scope, works: list[int]) -> None:
    """Keep what makes a text end as the last of its statements that failed, and changes nothing else."""
    written = scope.frame.text[command.start : command.end]
    if not scope.is_top or scope.frame.functions or "&" in command.joints or b"$?" in written or b"<<" in written:
        return
    # What says something by its status is no failure, and is left to a person.
    is_quiet = not any(name_of(part) in OFTEN_FAILS for part in walk_commands(command))
    edits, begin, last = scope.frame.edits, command.parts[works[0]].start, len(command.parts) - 1
    edits.append(Edit(begin, begin, KEPT + b"=0; ", is_quiet=is_quiet))
    for place in {*works, last}:
        end = command.parts[place].end
        leaving = b"; exit $" + KEPT if place == last else b""
        edits.append(Edit(end, end, b" || " + KEPT + b"=$?" + leaving, is_quiet=is_quiet))


def let_no_be_an_answer(command: Command, scope: Scope) -> None:
    """Keep what makes `test -x X && X` end with 0 where the answer is no: that is no failure.

    A job that was there once and stays away is noticed by its evidence.
    """
    parts = command.parts
    guards = 0
    while guards < len(parts) and is_question(parts[guards]):
        guards += 1
    if not scope.is_top or scope.is_asked or not 0 < guards < len(parts) or "||" in command.joints:
        return
    edits = scope.frame.edits
    edits.append(Edit(parts[0].start, parts[0].start, b"if ", is_quiet=True))
    edits.append(Edit(parts[guards - 1].end, parts[guards].start, b"; then ", is_quiet=True))
    edits.append(Edit(parts[-1].end, parts[-1].end, b"; fi", is_quiet=True))


def mind_handler(command: Command, place: int, scope: Scope) -> None:
    """Look at what is done about a failure: does it throw it away?"""
    part = command.parts[place]
    if _is_kept(part, scope):
        return
    if not (ends_well(part, scope.is_inside) or shrugs(part)) or (speaks(part) and not scope.is_inside):
        return
    scope.say("status-discarded", f"`|| {scope.quote(part)}` throws a failure away")
    edits = scope.frame.edits
    if not scope.is_top or place < len(command.parts) - 1:
        return
    if _is_nothing(part):
        is_quiet = not scope.frame.ends_on_error
        edits.extend(_leave_out(command, place, part, is_quiet=is_quiet))
    elif _leaves(part):
        edits.extend(_fail_instead(part))
    else:
        edits.append(Edit(part.start, part.start, b"{ ", is_quiet=True))
        edits.append(Edit(part.end, part.end, b"; exit 1; }", is_quiet=True))


def mind_lock_handler(part: Command, guard: Command, scope: Scope) -> None:
    """Say so when a lock that is held ends a text as if all were well: `flock -n 9 || exit 0`."""
    if name_of(guard) == "flock" and _leaves(part) and ends_well(part, scope.is_inside):
        scope.say("lock", f"`{scope.quote(guard)}` goes home without a word when another run holds its lock")
        scope.frame.edits.extend(_fail_instead(part, is_quiet=False))


def mind_condition(command: Command, name: str, has_other_work: bool, scope: Scope) -> None:
    """Look at an `if` that asks how work ended: what happens when it failed?"""
    condition, body = command.parts[:2]
    is_negated = bool(condition.parts) and condition.parts[-1].kind == NOT
    other = command.parts[2] if len(command.parts) > 2 else None
    failed = body if is_negated else other
    if failed is not None and (not _passes(failed, scope) or (other is not None and CONDITION in command.joints[2:])):
        return
    if has_other_work:
        scope.say("may-be-idle", f"`{name}` decides whether it does anything")
    else:
        scope.say("status-discarded", f"`if` asks how `{name}` ended, and lets a failure pass")


def find_trap(words: tuple[str, ...]) -> str | None:
    """Return what a trap does at the end, if it ends the shell with 0 whatever happened."""
    if words[0] != "trap" or not {"EXIT", "0"} & set(words[2:]):
        return None
    leaves = [part for part in walk_commands(read_shell(words[1]).body) if name_of(part) == "exit"]
    return words[1] if leaves and ends_well(leaves[-1], is_inside=True) else None


def _passes(command: Command, scope: Scope) -> bool:
    """Tell whether a branch lets a failure pass: nothing in it fails, leaves, or tells somebody of it."""
    simple = list(walk_commands(command))
    if not scope.is_inside and speaks(command):
        return False
    return all(ends_well(part, is_inside=True) or shrugs(part) for part in simple)


def _is_nothing(command: Command) -> bool:
    """Tell whether a command can be left out, and only the status changes by it."""
    simple = list(walk_commands(command))
    names = [name_of(part) for part in simple]
    is_plain = all(not part.redirects for part in simple) and command.kind != IF
    return is_plain and len(names) == 1 and names[0] in SUCCEEDS | LEAVES


def _leave_out(before: Command, place: int, last: Command, *, is_quiet: bool) -> list[Edit]:
    """Return what takes out a last command that only hid the status of the first parts of what stands before it.

    Of `test -x X && X || true` an `if` is left: a question that is answered by no is no failure.
    """
    parts = before.parts[:place] if before.kind == LIST else (before,)
    end = parts[-1].end
    guards = 0
    while guards < len(parts) and is_question(parts[guards]):
        guards += 1
    if not 0 < guards < len(parts) or "||" in before.joints[: place - 1]:
        return [Edit(end, last.end, b"", is_quiet=is_quiet)]
    return [
        Edit(parts[0].start, parts[0].start, b"if ", is_quiet=is_quiet),
        Edit(parts[guards - 1].end, parts[guards].start, b"; then ", is_quiet=is_quiet),
        Edit(end, last.end, b"; fi", is_quiet=is_quiet),
    ]


def _leaves(command: Command) -> bool:
    return any(name_of(part) in LEAVES for part in walk_commands(command))


def _fails(command: Command) -> bool:
    """Tell whether a command leaves, and with another status than 0."""
    return _leaves(command) and not ends_well(command, is_inside=True) and command.kind != FUNCTION


def _fail_instead(command: Command, *, is_quiet: bool = True) -> list[Edit]:
    """Return what makes a command that leaves with 0 leave with 1."""
    return [
        Edit(part.words[1].start, part.words[1].end, b"1", is_quiet=is_quiet)
        for part in walk_commands(command)
        if name_of(part) in LEAVES and len(part.words) > 1 and ends_well(part, is_inside=True)
    ]


def _looks_at_status(command: Command) -> bool:
    if command.kind != SIMPLE or not command.words:
        return False
    return any("$?" in word.text for word in command.words) or (name_of(command) == "wait" and len(command.words) > 1)
