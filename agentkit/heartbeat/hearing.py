"""How can a command fail without a word, and what would have to change in its text?

The text is looked at as its shell would run it: what `heartbeat run` wraps, what runs beside that, whose status and
whose output get lost. Nothing is run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from agentkit.core.launchers import Step, is_detached, read_step
from agentkit.core.shellgrammar import read_shell
from agentkit.core.shelltree import (
    CONDITION,
    ELSE,
    FUNCTION,
    GROUP,
    IF,
    LIST,
    LOOP,
    NOT,
    PIPELINE,
    SEQUENCE,
    SIMPLE,
    Command,
    Word,
    walk_commands,
)
from agentkit.heartbeat.discards import (
    find_trap,
    is_settled,
    let_no_be_an_answer,
    mind_condition,
    mind_handler,
    mind_last,
    mind_lock_handler,
)
from agentkit.heartbeat.edits import Edit, is_plain_word
from agentkit.heartbeat.escapes import mend_detached, mind_lock, mind_tee
from agentkit.heartbeat.manners import (
    LEAVES,
    OFTEN_FAILS,
    PASSES_ON,
    PREPARES,
    SAYS_NONE,
    consumes_only,
    feeds_only,
    is_benign,
    is_guard,
    is_question,
    name_of,
    runs_alike_in_bash,
    speaks,
    tells_only,
)
from agentkit.heartbeat.shellscope import NULL, Frame, Scope
from agentkit.heartbeat.silence import Reason, RunParts, Silence, name_work
from agentkit.heartbeat.wrapped import find_fault, find_own_verb, split_run

BASHES = frozenset({"bash", "rbash", "zsh", "ksh", "ksh93", "mksh"})
DEEPEST = 12

Origins = tuple[Word | None, ...]


@dataclass
class _Seen:
    """What a part of a text does: work beside a wrapper, jobs of wrappers, tests that only guard what follows."""

    work: list[tuple[str, ...]] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    guards: list[str] = field(default_factory=list)

    def add(self, other: _Seen) -> None:
        self.work += other.work
        self.jobs += other.jobs
        self.guards += other.guards

    @property
    def acts(self) -> bool:
        return bool(self.work or self.jobs)


def listen(command: str, environment: Mapping[str, str], shell: str = "/bin/sh") -> Silence:
    """Return what is silent in a command that cron hands to this shell."""
    return _listen(command, tuple(environment.items()), os.path.basename(shell) in BASHES)


# A line that is mended is heard twice: once to mend it, once to see that this did it.
@lru_cache(maxsize=4)
def _listen(command: str, environment: tuple[tuple[str, str], ...], is_bash: bool) -> Silence:
    found = Silence()
    frame = Frame(dict(environment), is_bash=is_bash)
    found.works = _see_text(command, Scope(found, frame)).work
    if found.is_whole:
        # Mended, a text that no shell takes might become one that runs.
        found.edits, found.needs_pipefail = frame.edits, frame.needs_pipefail
        found.is_pipefail_quiet = frame.is_pipefail_quiet
    return _find_small_work(found)


def listen_to_words(words: tuple[str, ...], environment: Mapping[str, str]) -> Silence:
    """Return what is silent in a command that is started without a shell, as systemd does."""
    found = Silence()
    if words:
        scope = Scope(found, Frame(dict(environment), is_bash=False))
        found.works = _see_words(words, (None,) * len(words), scope).work
    return _find_small_work(found)


def _find_small_work(found: Silence) -> Silence:
    # A line of nothing but `echo` has that for its work.
    if not (found.is_wrapped or found.works):
        found.works = list(found.small)
    return found


def _see_text(text: str, scope: Scope) -> _Seen:
    shell = read_shell(text)
    scope.frame.text = shell.text
    scope.found.is_whole = scope.found.is_whole and shell.is_whole
    seen = _see(shell.body, scope)
    if scope.frame.trap is not None and seen.work:
        scope.say("status-discarded", f"`trap '{scope.frame.trap}'` ends with 0 whatever happened")
    return seen


def _see(command: Command, scope: Scope) -> _Seen:
    if command.kind == SIMPLE:
        return _see_simple(command, scope)
    scope = scope.redirect(command.redirects)
    if command.kind in (SEQUENCE, GROUP):
        return _see_sequence(command, scope)
    if command.kind == LIST:
        return _see_list(command, scope)
    if command.kind == PIPELINE:
        return _see_pipeline(command, scope)
    if command.kind in (IF, LOOP):
        return _see_branches(command, scope)
    if command.kind == NOT:
        seen = _see_sequence(command, scope.below())
        if seen.work and not scope.is_asked:
            scope.say("status-discarded", f"`!` calls a failure of `{name_work(seen.work[0])}` a success")
        return seen
    assert command.kind == FUNCTION
    if command.words and command.parts:
        scope.frame.functions[command.words[0].text] = command.parts[0]
    return _Seen()


def _see_sequence(command: Command, scope: Scope) -> _Seen:
    whole, frame, parts = _Seen(), scope.frame, command.parts
    works: list[int] = []
    lost = False
    is_awaited = any(name_of(part) == "wait" for part in walk_commands(command))
    for place, (part, joint) in enumerate(zip(parts, command.joints, strict=True)):
        is_last = place == len(parts) - 1
        if is_last and works and (lost or not scope.ends_on_error):
            mind_last(command, scope, works)
        seen = _see(part, scope if is_last or not scope.is_top else scope.below())
        if joint == "&" and seen.work and not is_awaited:
            scope.say("background", f"`{name_work(seen.work[0])}` goes on in the background, and nobody waits for it")
            end = frame.text.find(b"&", part.end)
            if scope.is_top and is_last and end >= 0:
                frame.edits.append(Edit(part.end, end + 1, b"", is_quiet=len(parts) == 1))
        if any(name_work(work) not in PREPARES for work in seen.work) and not is_settled(part):
            works.append(place)
        # A shell that ends on error goes on where `a && b` ends with a.
        is_chain = part.kind == LIST and "&&" in part.joints and not is_settled(part)
        lost = lost or (is_chain and not all(map(tells_only, part.parts[:-1])))
        whole.add(seen)
    return whole


def _see_list(command: Command, scope: Scope) -> _Seen:
    whole, last, is_question_answered = _Seen(), len(command.parts) - 1, False
    for place, part in enumerate(command.parts):
        if place and command.joints[place - 1] == "||" and whole.acts:
            # What stands behind `||` after work is what is done about its failure.
            if whole.work:
                mind_handler(command, place, scope)
            continue
        handlers = [command.parts[index + 1] for index in range(place, last) if command.joints[index] == "||"]
        inner = replace(
            scope,
            is_voiced=scope.is_voiced or any(map(speaks, handlers)),
            is_asked=scope.is_asked or place < last,
            is_top=scope.is_top and place == last,
        )
        kept = scope.frame.positional
        seen = _see(part, inner)
        if place and command.joints[place - 1] == "||":
            # What only a failure sets is not what those behind it get.
            scope.frame.positional = kept
        leaves = any(name_of(simple) in LEAVES for simple in walk_commands(part))
        if place and command.joints[place - 1] == "||" and whole.guards:
            mind_lock_handler(part, command.parts[place - 1], scope)
        if place and command.joints[place - 1] == "&&" and seen.jobs and not seen.work:
            # When what stands before it fails, the job stays away, and that is noticed.
            whole.work = []
        if whole.jobs and not whole.work and tells_only(part):
            seen = _Seen()
        if whole.guards and (seen.acts or leaves):
            scope.say("may-be-idle", f"`{whole.guards[0]}` decides whether it does anything")
            whole.guards = []
            is_question_answered = True
        whole.add(seen)
    if is_question_answered:
        let_no_be_an_answer(command, scope)
    return whole


def _see_pipeline(command: Command, scope: Scope) -> _Seen:
    whole, feeding, frame = _Seen(), _Seen(), scope.frame
    last = command.parts[-1]
    if scope.is_asked and is_question(last):
        return _Seen(guards=[scope.quote(command)])
    is_open = name_of(last) not in PASSES_ON or scope.redirect(last.redirects).is_out_open
    for place, part in enumerate(command.parts):
        is_last = place == len(command.parts) - 1
        seen = _see(part, scope.below() if is_last else replace(scope.below(), is_out_open=is_open))
        if feeding.jobs and seen.work and consumes_only(part):
            seen = _Seen()
        if not is_last and not feeds_only(part):
            feeding.add(seen)
        whole.add(seen)
    if feeding.work and not frame.has_pipefail:
        scope.say("pipe", f"a pipe ends as its last part does: `{name_work(feeding.work[0])}` may fail unseen")
        often = any(name_of(part) in OFTEN_FAILS for part in walk_commands(command))
        is_final = scope.is_top and not scope.is_asked and not scope.ends_on_error
        is_alike = frame.is_bash or runs_alike_in_bash(frame.text)
        frame.needs_pipefail = True
        for part in command.parts:
            if part.kind == SIMPLE and name_of(part) in SAYS_NONE and scope.is_top:
                # 1 is how these say that there was nothing, which is no failure.
                frame.edits.append(Edit(part.start, part.start, b"{ "))
                frame.edits.append(Edit(part.end, part.end, b" || [ $? -eq 1 ]; }"))
        frame.is_pipefail_quiet = frame.is_pipefail_quiet and is_final and is_alike and not often
    return whole


def _see_branches(command: Command, scope: Scope) -> _Seen:
    whole, has_other_way, has_other_work = _Seen(), False, False
    guards: list[str] = []
    asked: list[tuple[str, ...]] = []
    for part, purpose in zip(command.parts, command.joints, strict=True):
        is_body = command.kind == IF and purpose != CONDITION
        seen = _see(
            part, replace(scope, is_top=scope.is_top and is_body, is_asked=scope.is_asked or purpose == CONDITION)
        )
        if purpose == CONDITION:
            guards += seen.guards
            seen.guards = []
            asked += seen.work
        has_other_way = has_other_way or (purpose == ELSE and seen.acts)
        has_other_work = has_other_work or (purpose != CONDITION and seen.acts and not tells_only(part))
        whole.add(seen)
    if command.kind == IF and asked:
        mind_condition(command, name_work(asked[0]), has_other_work, scope)
    if guards and whole.acts and not has_other_way:
        scope.say("may-be-idle", f"`{guards[0]}` decides whether it does anything")
    return whole


def _see_simple(command: Command, scope: Scope) -> _Seen:
    frame = scope.frame
    words, origins = frame.expand(command.words)
    if not words:
        frame.variables.update((each.name, each.text) for each in command.assignments)
        whole = _Seen()
        for part in command.parts:
            # x=$(cmd): what cmd does is the work of it, and its status is that of cmd.
            whole.add(_see(part, replace(scope.below(), is_out_open=True)))
        return whole
    frame.take_in(words)
    frame.trap = find_trap(words) or frame.trap
    if words == ("exec",):
        after = scope.redirect(command.redirects)
        frame.muted = frozenset(
            number for number, is_open in ((1, after.is_out_open), (2, after.is_err_open)) if not is_open
        )
    if scope.is_asked and is_guard(words):
        mind_lock(words, scope)
        return _Seen(guards=[scope.quote(command)])
    if words[0] in frame.functions and scope.depth < DEEPEST:
        return _see(frame.functions[words[0]], replace(scope.below(), depth=scope.depth + 1))
    seen = _see_words(words, origins, scope.redirect(command.redirects))
    for redirect in command.redirects:
        if seen.work and not frame.is_bash and redirect.operator.startswith("&>"):
            scope.say("background", "`&>` is no redirection to sh: the command goes on in the background")
            mended = f"{redirect.operator[1:]}{redirect.target} 2>&1".encode(errors="surrogateescape")
            frame.edits.append(Edit(redirect.start, redirect.end, mended))
    if seen.jobs:
        mind_tee(words, command.redirects, scope)
    return seen


def _see_words(words: tuple[str, ...], origins: Origins, scope: Scope) -> _Seen:
    """Look at one command through all its launchers."""
    name = os.path.basename(words[0])
    mind_lock(words, scope)
    if is_detached(words) and not any(split_run(words[place:]) for place in range(1, len(words))):
        scope.say("background", f"`{name}` starts it elsewhere, and nobody waits for it")
        mend_detached(words, origins, scope)
    step = read_step(words)
    if step is not None:
        is_limit = step.name == "timeout" and step.own[-1].strip("0.smhd") != ""
        inner = replace(scope, is_bounded=scope.is_bounded or is_limit)
        if step.text_at is None:
            return _see_words(words[step.at :], origins[step.at :], inner)
        return _see_nested(words, origins, step, inner)
    run = split_run(words)
    if run is not None:
        return _see_run(words, origins, run, scope)
    verb = find_own_verb(words)
    if verb == "check":
        scope.found.checks.append(words)
        scope.found.wrappers.append(words[0])
        return _Seen(jobs=["check"])
    if name == "run-parts" and len(words) > 1:
        folder = next((word for word in reversed(words) if not word.startswith("-")), "")
        scope.found.run_parts.append(RunParts(words[1 : words.index(folder) if folder else 1], folder, scope.is_inside))
    if verb is not None or is_benign(words):
        scope.found.small.append(words)
        return _Seen()
    return _keep_work(words, scope)


def _see_run(words: tuple[str, ...], origins: Origins, run: tuple[str, tuple[str, ...], int], scope: Scope) -> _Seen:
    job, own, at = run
    scope.found.jobs.append(job)
    scope.found.wrappers.append(words[0])
    is_declared = any(word.startswith(("--expect-", "--forbid-")) for word in own)
    inside = replace(
        scope, is_inside=True, is_asked=False, is_voiced=False, is_declared=scope.is_declared or is_declared
    )
    fault = find_fault((job, *own, "--", *words[at:]))
    if fault:
        scope.found.hidden.setdefault("usage", Reason("usage", f"the wrapper does not take its words: {fault}"))
    if at < len(words):
        _see_words(words[at:], origins[at:], inside)
    return _Seen(jobs=[job])


def _keep_work(words: tuple[str, ...], scope: Scope) -> _Seen:
    if not scope.is_inside:
        name = name_work(words)
        scope.found.is_bounded = scope.found.is_bounded and scope.is_bounded
        if not scope.is_err_open and not scope.is_out_open:
            scope.say("output-discarded", f"what `{name}` prints goes to {NULL}, errors too")
        elif not scope.is_err_open:
            scope.say("stderr-discarded", f"the errors of `{name}` go to {NULL}")
    return _Seen(work=[words])


def _see_nested(words: tuple[str, ...], origins: Origins, step: Step, scope: Scope) -> _Seen:
    """Look at a text that a word hands to a shell; what mends it mends that word."""
    at = step.text_at
    if at is None or scope.depth > DEEPEST:
        return _Seen()
    shell, outer = os.path.basename(words[0]), scope.frame
    frame = Frame(dict(outer.variables), is_bash=shell in BASHES, has_pipefail=step.has_pipefail)
    frame.ends_on_error = step.ends_on_error
    # sh -c TEXT NAME WORD…: `$0` and "$@" of the text
    frame.positional = words[at + 2 :]
    frame.variables["0"] = words[at + 1] if at + 1 < len(words) else shell
    seen = _see_text(words[at], replace(scope, frame=frame, depth=scope.depth + 1, is_top=True, is_asked=False))
    first, origin = origins[0], origins[at]
    if origin is not None and frame.edits and is_plain_word(outer.text[origin.start : origin.end]):
        outer.edits.append(Edit(origin.start, origin.end, frame.text, nested=tuple(frame.edits)))
    if first is not None and frame.needs_pipefail and shell in (*BASHES, "sh", "dash", "ash"):
        written = outer.text[first.start : first.end] if shell in BASHES else b"bash"
        outer.edits.append(Edit(first.start, first.end, written + b" -o pipefail", is_quiet=frame.is_pipefail_quiet))
    return seen
