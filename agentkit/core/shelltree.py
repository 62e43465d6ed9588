"""How does a shell read a text: which commands, joined by what, in which groups, with which redirections?

tree-sitter's grammar of bash reads the text; what it says is laid out here as a shell would act on it (its redirection
behind `a && b` belongs to the whole list, the shell's to `b`). Nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from tree_sitter import Language, Node, Parser, Query, QueryCursor
from tree_sitter_bash import language

from agentkit.core.heredocs import HereDocument, take_out
from agentkit.core.shelltext import read_text, unquote

SIMPLE, PIPELINE, LIST, SEQUENCE, GROUP = "simple", "pipeline", "list", "sequence", "group"
IF, LOOP, FUNCTION, NOT, CUT = "if", "loop", "function", "not", "cut"

SIMPLE_NODES = frozenset({"command", "declaration_command", "unset_command", "test_command"})
LOOPS = frozenset({"while_statement", "for_statement", "c_style_for_statement"})
REDIRECTS = frozenset({"file_redirect", "herestring_redirect"})
CLOSERS = frozenset({"}", "do", "done", "elif", "else", "esac", "fi", "then"})
JOINTS = frozenset({";", "&", ";;", "\n"})
ESCAPED_NAME = re.compile(rb"(\n[ \t]*)\\(?=[a-z])")
CONTINUED_WORD = re.compile(rb"(?<=[\w./-])\\\n(?=[\w./-])")
# What is nested deeper is left out as CUT: Python's own stack is not to be tried.
DEEPEST = 120


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, without its quotes where it is literal; `start` and `end` are bytes of the text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name` (with its subscript, and a + before the =), the value without quotes, and the bytes of the value."""

    name: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """`2>/dev/null` is (2, ">", "/dev/null"); without a number the descriptor is None, and `&>` means 1 and 2.

    `start` and `end` are bytes of the text, `word` those of the target; `body` those of a here-document, which is
    taken as it stands where its end was quoted (`is_quoted`).
    """

    descriptor: int | None
    operator: str
    target: str
    start: int
    end: int
    word: tuple[int, int] = (0, 0)
    body: tuple[int, int] | None = None
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command, or one made of others.

    `joints` are what stands between the parts: `|` of a pipeline, `&&` and `||` of a list; of a sequence what stands
    behind each of them, `;` or `&`; of an `if` and a loop what each is for, `condition` or `body`. The parts of
    a simple command without words are what its assignments run. The words of a function are its name, those of a `for`
    its variable and what that goes through, those of a `case` the word that is looked at.
    """

    kind: str
    start: int
    end: int
    words: tuple[Word, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    parts: tuple[Command, ...] = ()
    joints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shell:
    """A text as a shell reads it; `is_whole` tells that the grammar took all of it.

    Where marks were asked for, `commands` are the bytes between which the grammar sees a simple command, `errors` those
    between which it is lost.
    """

    text: bytes
    body: Command
    is_whole: bool
    commands: tuple[tuple[int, int], ...] = ()
    errors: tuple[tuple[int, int], ...] = ()


def read_shell(text: str) -> Shell:
    """Return what a shell makes of a text; what the grammar does not know is left out, and `is_whole` is False."""
    return read_shell_bytes(text.encode(errors="surrogateescape"))


def read_shell_bytes(raw: bytes, *, with_marks: bool = False) -> Shell:
    """Return what a shell makes of a text, as read_shell does."""
    text, documents = take_out(raw)
    # To the grammar `\rm` at the beginning of a line is a word of the line before.
    text = ESCAPED_NAME.sub(rb"\1 ", text)
    # And a word that goes on in the next line is two; with quotes of nothing in the place of the break it is one.
    text = CONTINUED_WORD.sub(b"''", text)
    root = _parser().parse(text).root_node
    body = _read_sequence(root, 0)
    if documents:
        body = _put_back(body, documents)
    found = QueryCursor(_query()).captures(root) if with_marks else {}
    starts = tuple(sorted((node.start_byte, node.end_byte) for node in found.get("command", ())))
    errors = tuple(sorted((node.start_byte, node.end_byte) for node in found.get("error", ())))
    # The grammar takes a closing word that closes nothing for a command's name.
    names = [command.words[0].text for command in walk_commands(body) if command.words]
    is_whole = not root.has_error and CLOSERS.isdisjoint(names) and not _is_cut(body)
    return Shell(raw, body, is_whole, starts, errors)


def walk_commands(command: Command) -> Iterator[Command]:
    """Yield the simple commands of a text, in their order."""
    if command.kind == SIMPLE:
        yield command
    for part in command.parts:
        yield from walk_commands(part)


def _is_cut(command: Command) -> bool:
    return command.kind == CUT or any(_is_cut(part) for part in command.parts)


@lru_cache(maxsize=1)
def _language() -> Language:
    return Language(language())


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(_language())


@lru_cache(maxsize=1)
def _query() -> Query:
    return Query(_language(), "(command) @command (ERROR) @error")


def _read(node: Node, depth: int) -> Command | None:
    kind, start, end = node.type, node.start_byte, node.end_byte
    if depth > DEEPEST:
        return Command(CUT, start, end)
    depth += 1
    if kind in SIMPLE_NODES or kind in ("variable_assignment", "variable_assignments"):
        return _read_simple(node, depth)
    if kind == "redirected_statement":
        return _read_redirected(node, depth)
    if kind == "pipeline":
        return _read_pipeline(node, depth)
    if kind == "list":
        return _read_list(node, depth)
    if kind == "negated_command":
        told = tuple(part for child in node.named_children if (part := _read(child, depth)))
        return Command(NOT, start, end, parts=told[:1], joints=(";",)) if told else None
    if kind in ("compound_statement", "subshell", "do_group"):
        return replace(_read_sequence(node, depth), kind=GROUP)
    if kind == "function_definition":
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        part = None if body is None else _read(body, depth)
        words = () if name is None else (_read_word(name),)
        return Command(FUNCTION, start, end, words, parts=(part,) if part else ())
    if kind == "if_statement":
        return _read_if(node, depth)
    if kind in LOOPS:
        return _read_loop(node, depth)
    if kind == "case_statement":
        cases = [_read_sequence(child, depth) for child in node.named_children if child.type == "case_item"]
        value = node.child_by_field_name("value")
        words = () if value is None else (_read_word(value),)
        return Command(IF, start, end, words, parts=tuple(cases), joints=("body",) * len(cases))
    return None


def _read_sequence(node: Node, depth: int) -> Command:
    """Return the statements of a text or a group, each with what stands behind it."""
    return _collect(node.children, node, depth)


def _collect(children: list[Node], node: Node, depth: int) -> Command:
    parts: list[Command] = []
    joints: list[str] = []
    for child in children:
        if child.type in JOINTS and parts and not child.is_named:
            joints[-1] = "&" if child.type == "&" else joints[-1]
            continue
        part = _read(child, depth) if child.is_named else None
        if part is not None:
            parts.append(part)
            joints.append(";")
    return Command(SEQUENCE, node.start_byte, node.end_byte, parts=tuple(parts), joints=tuple(joints))


def _read_simple(node: Node, depth: int) -> Command:
    words: list[Word] = []
    assignments: list[Assignment] = []
    redirects: list[Redirect] = []
    children = [node] if node.type == "variable_assignment" else node.children
    if node.type in ("declaration_command", "unset_command") or not node.children:
        words.append(_read_word(node.children[0] if node.children else node))
        children = node.children[1:]
    is_test = node.type == "test_command"
    for child in children:
        if child.type in REDIRECTS:
            redirects.append(_read_redirect(child))
        elif child.type == "variable_assignment" and node.type != "declaration_command":
            assignments.append(_read_assignment(child))
        elif is_test or child.is_named:
            words.append(_read_word(child))
    parts = () if words else tuple(_read_substitutions(node, depth))
    return Command(
        SIMPLE, node.start_byte, node.end_byte, tuple(words), tuple(assignments), tuple(redirects), parts=parts
    )


def _read_assignment(node: Node) -> Assignment:
    name, _, _ = read_text(node).partition("=")
    value = node.child_by_field_name("value")
    if value is None:
        return Assignment(name, "", node.end_byte, node.end_byte)
    return Assignment(name, unquote(value), value.start_byte, value.end_byte)


def _read_substitutions(node: Node, depth: int) -> Iterator[Command]:
    """Yield the texts that assignments have run: `x=$(cmd)` ends as cmd does."""
    if depth > DEEPEST:
        return
    for child in node.named_children:
        if child.type == "command_substitution":
            yield _read_sequence(child, depth)
        else:
            yield from _read_substitutions(child, depth + 1)


def _read_redirected(node: Node, depth: int) -> Command | None:
    body = node.child_by_field_name("body")
    inner = None if body is None else _read(body, depth)
    redirects = [child for child in node.children if child.type in REDIRECTS]
    told = tuple(_read_redirect(child) for child in redirects)
    if inner is None:
        # `> file` alone, which empties it
        return Command(SIMPLE, node.start_byte, node.end_byte, redirects=told) if redirects else None
    return replace(_redirect(inner, told), end=max(inner.end, node.end_byte))


def _redirect(command: Command, redirects: tuple[Redirect, ...]) -> Command:
    """Return the command with redirections, which belong to the last one of a list or pipeline."""
    if command.kind in (PIPELINE, LIST) and command.parts:
        *before, last = command.parts
        return replace(command, parts=(*before, _redirect(last, redirects)))
    return replace(command, redirects=(*command.redirects, *redirects))


def _read_redirect(node: Node) -> Redirect:
    number = node.child_by_field_name("descriptor")
    operator = next((child.type for child in node.children if not child.is_named), "<")
    target = node.child_by_field_name("destination")
    text = "" if target is None else unquote(target)
    descriptor = int(read_text(number)) if number is not None and read_text(number).isdigit() else None
    word = (0, 0) if target is None else (target.start_byte, target.end_byte)
    if node.type == "herestring_redirect":
        word = (node.named_children[-1].start_byte, node.end_byte)
    return Redirect(descriptor, operator, text, node.start_byte, node.end_byte, word)


def _put_back(command: Command, documents: dict[int, HereDocument]) -> Command:
    """Return the command with the here-documents that were taken out before the grammar saw it."""
    redirects = tuple(_put_document(redirect, documents) for redirect in command.redirects)
    parts = tuple(_put_back(part, documents) for part in command.parts)
    return replace(command, redirects=redirects, parts=parts)


def _put_document(redirect: Redirect, documents: dict[int, HereDocument]) -> Redirect:
    at = redirect.start + (0 if redirect.descriptor is None else len(str(redirect.descriptor)))
    document = documents.get(at)
    if document is None:
        return redirect
    body = (document.start, document.end)
    return replace(redirect, operator="<<", target="", word=(0, 0), body=body, is_quoted=document.is_quoted)


def _read_pipeline(node: Node, depth: int) -> Command:
    parts, joints = _read_parts(node, PIPELINE, ("|", "|&"), depth)
    if len(parts) > 1 and parts[0].kind == NOT:
        # A ! turns the status of the whole pipe.
        parts[0] = parts[0].parts[0]
        whole = _join(PIPELINE, node, parts, joints)
        return Command(NOT, whole.start, whole.end, parts=(whole,), joints=(";",))
    if not parts or parts[-1].kind != LIST:
        return _join(PIPELINE, node, parts, joints)
    # Of `a | b | c || d` the grammar makes a pipe into a list; to a shell a pipe binds closer.
    behind = parts[-1].joints
    first, *rest = parts.pop().parts
    parts.extend(first.parts if first.kind == PIPELINE else (first,))
    joints.extend(first.joints if first.kind == PIPELINE else ())
    whole = Command(PIPELINE, node.start_byte, first.end, parts=tuple(parts), joints=tuple(joints))
    return Command(LIST, node.start_byte, node.end_byte, parts=(whole, *rest), joints=behind)


def _read_list(node: Node, depth: int) -> Command:
    return _join(LIST, node, *_read_parts(node, LIST, ("&&", "||"), depth))


def _read_parts(node: Node, kind: str, signs: tuple[str, ...], depth: int) -> tuple[list[Command], list[str]]:
    """Return what the signs join and which they are; one of the same kind within, as `a && b || c` has, is taken in."""
    parts: list[Command] = []
    joints: list[str] = []
    for child in node.children:
        if child.type in signs:
            joints.append(child.type)
            continue
        part = _read(child, depth) if child.is_named else None
        if part is not None and part.kind == kind:
            parts.extend(part.parts)
            joints.extend(part.joints)
        elif part is not None:
            parts.append(part)
    return parts, joints


def _join(kind: str, node: Node, parts: list[Command], joints: list[str]) -> Command:
    if len(parts) == 1:
        return replace(parts[0], start=node.start_byte, end=node.end_byte)
    return Command(kind, node.start_byte, node.end_byte, parts=tuple(parts), joints=tuple(joints[: len(parts) - 1]))


def _read_if(node: Node, depth: int) -> Command:
    parts: list[Command] = []
    joints: list[str] = []

    def read_clause(clause: Node) -> None:
        at = [index for index, child in enumerate(clause.children) if child.type == "then"]
        branches = ("elif_clause", "else_clause")
        own = [child for child in clause.children if child.type not in branches]
        if at:
            parts.append(_collect(clause.children[: at[0]], clause, depth))
            joints.append("condition")
            own = [child for child in clause.children[at[0] :] if child.type not in branches]
        parts.append(_collect(own, clause, depth))
        joints.append("body" if at else "else")
        for child in clause.children:
            if child.type in branches:
                read_clause(child)

    read_clause(node)
    return Command(IF, node.start_byte, node.end_byte, parts=tuple(parts), joints=tuple(joints))


def _read_loop(node: Node, depth: int) -> Command:
    body = node.child_by_field_name("body")
    parts: list[Command] = []
    joints: list[str] = []
    words: tuple[Word, ...] = ()
    if node.type == "for_statement":
        values = (*node.children_by_field_name("variable"), *node.children_by_field_name("value"))
        words = tuple(_read_word(value) for value in values)
    if node.type == "while_statement":
        before = [child for child in node.children if child != body]
        parts.append(_collect(before, node, depth))
        joints.append("condition")
    if body is not None:
        parts.append(_read_sequence(body, depth))
        joints.append("body")
    return Command(LOOP, node.start_byte, node.end_byte, words, parts=tuple(parts), joints=tuple(joints))


def _read_word(node: Node) -> Word:
    return Word(unquote(node), node.start_byte, node.end_byte)
