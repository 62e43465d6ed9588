"""What in the changed lines looks at its judge (that is no evidence), and what is worth a hint?

Whether code does another thing when it is tested cannot be told from its tests. A change that asks whether it is being
tested has therefore shown nothing, unless tests that it cannot know (a hold-out) say so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.checkout import LINK, MODULE, Tree
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.testside import STARTERS, is_test_side

# In a text that code holds: the whole of it, or the names of variables that a runner sets.
JUDGE_TEXTS = re.compile(
    r"_?pytest(\.[\w.]*)?|pluggy|unittest(\.[\w.]*)?|conftest(\.py)?|(site|user)customize"
    # What evolve files is no part of the judge.
    r"|refs/agentkit(?!/candidates\b)\S*"
    r"|(\S*/)?test_[\w*?\[\]]+\.py|(\S*/)?[\w*?]+_test\.py"
    r"|.*\b(PYTEST(_[A-Z_]+)?|sitecustomize|usercustomize|AGENTKIT_RATCHET\w*)\b.*"
)
JUDGE_NAMES = re.compile(
    r"__main__|_?pytest(\..+)?|pluggy|sitecustomize|usercustomize|conftest|unittest(?!\.mock)(\..+)?"
)
FRAME_NAMES = frozenset(
    {"_getframe", "_current_frames", "currentframe", "getouterframes", "f_back", "tb_frame", "gi_frame", "getsource",
     "getsourcelines", "getsourcefile", "findsource", "linecache", "settrace", "setprofile", "get_objects",
     "get_referrers", "get_referents", "extract_stack", "walk_stack", "format_stack", "cr_frame", "ag_frame",
     "_current_exceptions", "_exit"}
)  # fmt: skip
LOADED = frozenset({"meta_path", "path_hooks", "path_importer_cache"})
STACK_CALLS = frozenset({("inspect", "stack"), ("inspect", "trace"), ("traceback", "print_stack")})
RUN_WORDS = re.compile("GITHUB_ACTIONS|CI|TOX_ENV_NAME|UNDER_TEST|TESTING|TEST_MODE")
# Longer files are not worth a minute of comparing: there a line that stood elsewhere counts as unchanged.
MOST_PAIRS = 25_000_000
EQUALITIES = frozenset({"__eq__", "__ne__", "__contains__"})
SKIPS = re.compile(r"\b(skip|skipif|skipIf|skipUnless|xfail|import(?:orskip)|expectedFailure|collect_ignore)\b")


def find_changed_lines(old: bytes, new: bytes) -> set[int]:
    """Return the numbers, from 1, of the lines of the new text that the old one does not have."""
    before, after = old.splitlines(), new.splitlines()
    if len(before) * len(after) > MOST_PAIRS:
        known = set(before)
        return {number for number, line in enumerate(after, start=1) if line not in known}
    changed: set[int] = set()
    import difflib

    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, _, _, first, last in matcher.get_opcodes():
        if tag != "equal":
            changed.update(range(first + 1, last + 1))
    return changed


class Scan:
    """What was found: `looks` are looks at the judge, `hints` everything else, each `path:line what`."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.hints: list[str] = []


def scan_change(repository: Repository, accepted: Tree, candidate: Tree, further: tuple[str, ...]) -> Scan:
    """Return what the changed files hold; `further` are paths that belong to the tests."""
    scan = Scan()
    changed = {path: entry for path, entry in candidate.items() if accepted.get(path) != entry and entry.mode != MODULE}
    before = [accepted[path].name for path in changed if path in accepted]
    blobs = read_blobs(repository, [*(entry.name for entry in changed.values()), *before])
    for path, entry in changed.items():
        known = accepted.get(path)
        name = path.rsplit("/", 1)[-1]
        if name in STARTERS or name.endswith(".pth"):
            scan.looks.append(f"{path} runs at every start of Python")
        if entry.mode == LINK:
            continue
        new = blobs.get(entry.name, b"")
        lines = find_changed_lines(blobs.get(known.name, b"") if known else b"", new)
        if is_test_side(path, further):
            _scan_tests(path, new, lines, scan)
        elif path.endswith((".py", ".pyi", ".pyx")):
            _scan_code(path, new, lines, scan)
    return scan


def _scan_tests(path: str, new: bytes, lines: set[int], scan: Scan) -> None:
    for number, line in _changed(new, lines):
        found = SKIPS.search(line)
        if found:
            scan.hints.append(f"{path}:{number} {found[0]}")
        if "conftest" in path and "pytest_" in line:
            scan.hints.append(f"{path}:{number} a hook of pytest")


def _scan_code(path: str, new: bytes, lines: set[int], scan: Scan) -> None:
    try:
        module = ast.parse(new)
    except (SyntaxError, ValueError, RecursionError):
        for number, line in _changed(new, lines):
            if re.search(r"PYTEST_|\bpytest\b|_getframe|sitecustomize", line):
                scan.looks.append(f"{path}:{number} names what judges it")
        return
    documents = {id(node) for node in _find_documents(module)}
    for node in ast.walk(module):
        # A `for` within brackets stands on the line of what it goes through.
        at: int | None = getattr(node.iter if isinstance(node, ast.comprehension) else node, "lineno", None)
        what = _find_look(node) if at in lines and id(node) not in documents else ""
        if what:
            scan.looks.append(f"{path}:{at} {what}")


def _find_documents(module: ast.Module) -> Iterator[ast.expr]:
    """Yield texts that stand for themselves: what a docstring tells is no deed."""
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _find_look(node: ast.AST) -> str:
    text = _read_text(node)
    if text is not None:
        if JUDGE_TEXTS.fullmatch(text):
            return "names what judges it"
        if text in FRAME_NAMES or text in LOADED:
            return "names frames or finders"
        return "asks whether it is under test" if RUN_WORDS.fullmatch(text) else ""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names]
        where = node.module if isinstance(node, ast.ImportFrom) else None
        full = [f"{where}.{name}" for name in names] if where else names
        return next(("imports what judges it" for name in full if JUDGE_NAMES.fullmatch(name)), "") or next(
            ("looks at frames" for name in names if name in FRAME_NAMES), ""
        )
    if isinstance(node, ast.Name) and JUDGE_NAMES.fullmatch(node.id):
        return "names what judges it"
    if isinstance(node, ast.Attribute):
        if node.attr in FRAME_NAMES:
            return "leaves at once" if node.attr == "_exit" else "looks at frames"
        if isinstance(node.value, ast.Name) and (node.value.id, node.attr) in STACK_CALLS:
            return "looks at frames"
        if _is_of_sys(node, LOADED):
            return "changes how modules are found"
        return "names what judges it" if JUDGE_NAMES.fullmatch(node.attr) else ""
    if isinstance(node, ast.comprehension | ast.For | ast.Call | ast.Compare):
        return _find_search(node)
    return _find_equality(node)


def _find_search(node: ast.comprehension | ast.For | ast.Call | ast.Compare) -> str:
    """Tell of code that goes through the loaded modules, or asks how the program is called."""
    if isinstance(node, ast.Compare):
        asks = any(_is_of_sys(one, {"argv"}) for one in ast.walk(node))
        tests = any("test" in (_read_text(one) or "") for one in ast.walk(node) if isinstance(one, ast.expr))
        return "asks whether it is under test" if asks and tests else ""
    if isinstance(node, ast.Call):
        goes = [*node.args, node.func.value] if isinstance(node.func, ast.Attribute) else node.args
        # One that is asked for by its name is no search.
        if isinstance(node.func, ast.Attribute) and node.func.attr not in ("items", "keys", "values", "copy"):
            goes = node.args
    else:
        goes = [node.iter]
    return "goes through the loaded modules" if any(_is_of_sys(one, {"modules"}) for one in goes) else ""


def _is_of_sys(node: ast.AST, names: Collection[str]) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in names
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
    )


def _find_equality(node: ast.AST) -> str:
    """Tell of a comparison that does not look at what it compares with."""
    if isinstance(node, ast.FunctionDef) and node.name in EQUALITIES:
        return f"{node.name} gives the same for everything" if _is_blind(node.args, node.body) else ""
    if isinstance(node, ast.Assign):
        pairs = [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    elif isinstance(node, ast.Dict):
        pairs = [(_read_text(key) or "", value) for key, value in zip(node.keys, node.values, strict=True) if key]
    else:
        return ""
    for name, value in pairs:
        if name in EQUALITIES and isinstance(value, ast.Lambda) and _is_blind(value.args, [ast.Return(value.body)]):
            return f"{name} gives the same for everything"
    return ""


def _is_blind(arguments: ast.arguments, body: Sequence[ast.stmt]) -> bool:
    """Tell whether what is returned does not depend on the other one, which is the second argument."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    returned = [node.value for node in nodes if isinstance(node, ast.Return) and node.value is not None]
    if not returned or any(isinstance(one, ast.Name) and one.id == "NotImplemented" for one in returned):
        return False
    others = {one.arg for one in (*arguments.posonlyargs, *arguments.args)[1:2]}
    return not any(isinstance(node, ast.Name) and node.id in others for node in nodes)


def _read_text(node: ast.AST) -> str | None:
    """Return the text that an expression is, also where it was put together from pieces."""
    if isinstance(node, ast.Constant):
        value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        return value if isinstance(value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _join([node.left, node.right])
    if isinstance(node, ast.JoinedStr):
        return _join([part.value if isinstance(part, ast.FormattedValue) else part for part in node.values])
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        text = _read_text(node.value)
        is_backward = text is not None and ast.unparse(node.slice) == "::-1"
        return text[::-1] if text is not None and is_backward else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "decode"):
        glue = _read_text(node.func.value)
        if node.func.attr == "decode":
            return glue
        pieces = node.args[0] if len(node.args) == 1 else None
        if glue is not None and isinstance(pieces, ast.List | ast.Tuple):
            return _join(pieces.elts, glue)
    return None


def _join(pieces: Sequence[ast.expr], glue: str = "") -> str | None:
    texts = [_read_text(piece) for piece in pieces]
    known = [text for text in texts if text is not None]
    return glue.join(known) if len(known) == len(texts) else None


def _changed(new: bytes, lines: set[int]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(new.decode("utf-8", "replace").splitlines(), start=1):
        if number in lines:
            yield number, line
