"""How does pytest run so that what is judged cannot easily say how it went?

    python start.py < ORDERS

Runs under the repository's own interpreter, which need not have agentkit: standard library and pytest alone, and
Python 3.8 is enough. It is loaded, and has loaded pytest, before the candidate is even there. The orders come by
stdin as one JSON object; the report goes to a file that has no name any more when the candidate's code begins. Each
line of it is chained to the ones before by a key, so that no other process can write one.

What it looks at besides the tests: doubles (tests of its own that fail and have the names of tests that are there: one
that is seen passing tells that results are forged), whether the functions of pytest are those that it loaded, which
plugins came, where the repository's modules were loaded from, and what in the code looks at frames or at all objects.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
import os
import pathlib
import random
import re
import select
import sys
from collections.abc import Iterable, Mapping
from typing import Any

# The types of pytest are those of whatever version the repository has, and so they are not named here.
Pytest = Any
Report = Any
Item = Any

# So many doubles, and one more for every so many tests.
DOUBLES, TESTS_A_DOUBLE = 5, 200
LONGEST_TEXT = 6000
TESTS = re.compile(r"(test_[^/]*|[^/]*_test|conftest)\.py")
LONGEST_LIST = 20
DOUBLE_WORDS = "what is wrong has to be seen"


class Reporter:
    """Writes the report line by line; each one ends with a digest over the key and all lines before it.

    The key stays in a local variable.
    """

    def __init__(self, path: str, key: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        os.unlink(path)
        state = hashlib.blake2b(key=key.encode(), digest_size=16)
        owner = os.getpid()

        def write(kind: str, value: object) -> None:
            # A child of a test that goes on as pytest would report everything a second time.
            if os.getpid() != owner:
                return
            line = json.dumps([kind, value]).encode()
            state.update(line)
            line = line + b"\t" + state.copy().hexdigest().encode() + b"\n"
            while line:
                line = line[os.write(descriptor, line) :]

        self.write = write


def name_test(nodeid: str) -> str:
    """Return the id that JUnit has for it: `classname::name`, with dots in the path of the file."""
    bracket = nodeid.find("[")
    head, parameters = (nodeid, "") if bracket < 0 else (nodeid[:bracket], nodeid[bracket:])
    parts = head.split("::")
    parts[0] = parts[0].replace("/", ".")
    parts[0] = parts[0].removesuffix(".py")
    return "%s::%s%s" % (".".join(parts[:-1]), parts[-1], parameters)


class Watcher:
    """The plugin: reports what was collected and how each test ended, and puts doubles among the tests."""

    def __init__(self, orders: Mapping[str, Any], reporter: Reporter, pytest: Pytest) -> None:
        self._orders = orders
        self._reporter = reporter
        self._pytest = pytest
        self._doubles: dict[Item, str] = {}
        self._open: dict[str, tuple[str, str]] = {}
        self.now: Item = None
        self._code: dict[str, dict[int, Any]] = {}
        self.errors = 0
        self.foreign: list[str] = []

    def read_tests(self, config: Any) -> None:
        """Compile the tests before the first line of the candidate: what it writes later is not what runs.

        Where the settings name a part of them the others are read and no more: a test may import them.
        """
        from _pytest.assertion import rewrite

        if not hasattr(rewrite, "rewrite_asserts") or not hasattr(rewrite, "_read_pyc"):
            self._reporter.write("note", "tests are read when they are imported")
            return
        made: dict[str, Any] = {}
        sources: dict[str, bytes] = {}
        named = list_named(config, self._orders["checkout"])
        for inside in self._orders["test_files"]:
            path = os.path.join(self._orders["checkout"], inside)
            if not TESTS.fullmatch(os.path.basename(path)) or os.path.islink(path):
                continue
            try:
                sources[path] = pathlib.Path(path).read_bytes()
                if may_be_collected(path, named):
                    made[path] = compile_test(rewrite, path, sources[path], config)
            except Exception:  # noqa: BLE001, S112  # what cannot be compiled is told of when it is collected
                continue
        self._code = {path: {id(code): code for code in list_code(found)} for path, found in made.items()}

        def find_compiled(source: object, *_: object, **__: object) -> Any:
            path = str(source)
            if path in sources and path not in made:
                made[path] = compile_test(rewrite, path, sources[path], config)
            return made.get(path)

        rewrite._read_pyc = find_compiled  # noqa: SLF001

    def find_foreign_tests(self, items: Iterable[Item]) -> list[str]:
        """Return the tests that are not made of what stands in their files."""
        foreign = []
        for item in items:
            code = getattr(getattr(item, "obj", None), "__code__", None)
            known = self._code.get(str(getattr(item, "path", "")))
            # A decorator of a library has put its own code around many a test.
            if code is not None and known is not None and id(code) not in known and is_ours(code, self._orders):
                foreign.append("%s is not what its file says" % name_test(item.nodeid))
        return foreign

    def choose(self, items: list[Item]) -> None:
        """Order the tests, leave only those that are asked for, and report what is there."""
        names = [name_test(item.nodeid) for item in items]
        only = self._orders.get("only")
        if only is not None:
            wanted = set(only)
            items[:] = [
                item
                for item, name in zip(items, names)  # noqa: B905  # `strict` is not for Python 3.8
                if name in wanted
            ]
        if self._orders.get("reverse"):
            items.reverse()
        self._reporter.write("collected", names)
        self.foreign += self.find_foreign_tests(items)[:LONGEST_LIST]
        self._add_doubles(items)

    def _add_doubles(self, items: list[Item]) -> None:
        chance = random.Random(self._orders["nonce"])  # noqa: S311  # where they stand is no secret
        hosts = [item for item in items if type(item) is self._pytest.Function]
        count = min(len(hosts), DOUBLES + len(hosts) // TESTS_A_DOUBLE)
        places = {id(item): place for place, item in enumerate(items)}
        added = []
        for host in chance.sample(hosts, count):
            try:
                added.append((places[id(host)] + chance.randrange(2), self._make_double(host)))
            except Exception as error:  # noqa: BLE001  # a pytest of an unknown shape must not take the tests with it
                self._reporter.write("note", "no double: %s" % type(error).__name__)
        for place, double in sorted(added, key=lambda one: one[0], reverse=True):
            self._doubles[double] = "missing"
            items.insert(place, double)

    def _make_double(self, host: Item) -> Item:
        """Return a test that fails and else is told from its host by its body alone."""

        def test() -> None:
            raise AssertionError(DOUBLE_WORDS)

        for label in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(test, label, getattr(host.obj, label, None))
        code = getattr(host.obj, "__code__", None)
        if code is not None:
            test.__code__ = test.__code__.replace(
                co_filename=code.co_filename, co_name=code.co_name, co_firstlineno=code.co_firstlineno
            )
        double = self._pytest.Function.from_parent(
            host.parent, name=host.name, callobj=test, originalname=getattr(host, "originalname", None)
        )
        # What it says is told to nobody, and to find its line pytest would read the whole file again.
        double.repr_failure = lambda *_, **__: DOUBLE_WORDS
        return double

    def note(self, report: Report) -> None:
        """Take in the report of one phase of a test."""
        name = report.nodeid
        outcome, text = self._read(report)
        if self.now in self._doubles:
            if outcome is not None and self._doubles[self.now] != "fail":
                self._doubles[self.now] = outcome
            return
        known = self._open.get(name)
        # Of two phases the worse one counts: a test whose teardown fails has failed.
        if outcome is not None and (known is None or outcome == "fail" or known[0] == "pass"):
            self._open[name] = (outcome, text)
        if report.when == "teardown":
            ended, text = self._open.pop(name, ("missing", ""))
            self._reporter.write("test", [name_test(name), ended, text])

    def _read(self, report: Report) -> tuple[str | None, str]:
        expected = hasattr(report, "wasxfail")
        if report.failed:
            return "fail", report.longreprtext[-LONGEST_TEXT:]
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            return ("xfail", report.wasxfail) if expected else ("skip", str(reason)[:500])
        return ("pass", "") if report.when == "call" else (None, "")

    def collection(self, report: Report) -> None:
        """Take in what could not be collected."""
        if report.failed:
            self.errors += 1
            self._reporter.write("error", [report.nodeid, str(report.longrepr)[-LONGEST_TEXT:]])

    def doubles(self) -> list[str]:
        """Return how each double was seen to end."""
        return list(self._doubles.values())


def list_named(config: Any, checkout: str) -> list[str]:
    """Return the files and folders whose tests the words of pytest name; none where they name no part of them."""
    known = config.known_args_namespace
    words = [] if known.pyargs else known.file_or_dir
    return [os.path.normpath(os.path.join(checkout, word.partition("::")[0])) for word in words]


def may_be_collected(path: str, named: list[str]) -> bool:
    """Tell whether pytest itself would import a file, and not only a test that asks for it."""
    if not named or os.path.basename(path) == "conftest.py":
        return True
    return any(path == one or path.startswith(one + os.sep) for one in named)


def compile_test(rewrite: Any, path: str, source: bytes, config: Any) -> Any:
    """Compile what was read of a file as pytest does (_rewrite_test of _pytest/assertion/rewrite.py)."""
    tree = ast.parse(source, filename=path)
    rewrite.rewrite_asserts(tree, source, path, config)
    return compile(tree, path, "exec", dont_inherit=True)


def list_code(code: Any) -> list[Any]:
    """Return a code object and all within it."""
    return [code, *(inner for one in code.co_consts if hasattr(one, "co_consts") for inner in list_code(one))]


def is_ours(code: Any, orders: Mapping[str, Any]) -> bool:
    """Tell whether code came out of the checkout, or out of a text."""
    path = str(code.co_filename)
    return path.startswith((orders["checkout"] + os.sep, "<"))


def make_plugin(pytest: Pytest, watcher: Watcher) -> object:
    """Return the plugin; its hooks come after all others', except the one that reads reports, which is first."""

    class Plugin:
        @pytest.hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
        def pytest_load_initial_conftests(self, early_config: Any) -> None:
            watcher.read_tests(early_config)

        @pytest.hookimpl(trylast=True)  # type: ignore[untyped-decorator]
        def pytest_collection_modifyitems(self, items: list[Item]) -> None:
            watcher.choose(items)

        @pytest.hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
        def pytest_runtest_protocol(self, item: Item) -> None:
            watcher.now = item

        @pytest.hookimpl(trylast=True)  # type: ignore[untyped-decorator]
        def pytest_runtest_logreport(self, report: Report) -> None:
            watcher.note(report)

        def pytest_collectreport(self, report: Report) -> None:
            watcher.collection(report)

    return Plugin()


def load_pytest(tops: Iterable[str]) -> Pytest:
    """Load pytest, and what a file at the top of the candidate has the name of: later it would come from there."""
    import pytest

    known: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
    for name in {top.split(".")[0] for top in tops}:
        if name in known or name in ("pluggy", "iniconfig", "packaging", "exceptiongroup", "tomli", "pygments"):
            try:
                importlib.import_module(name)
            except ImportError:
                pass  # not there in this version, so nothing asks for it either
    return pytest


def load_plugins(names: Iterable[str]) -> list[object]:
    """Load the named plugins from where they are installed: later one of that name would come from the candidate."""
    if not names:
        return []
    from importlib import metadata

    from _pytest.config import builtin_plugins

    # Before Python 3.10 all groups came as one mapping.
    points: Any = metadata.entry_points()
    group = points.select(group="pytest11") if hasattr(points, "select") else points.get("pytest11", ())
    installed = {point.name: point for point in group}
    found = []
    for name in names:
        if name in installed:
            found.append(installed[name].load())
        else:
            found.append(importlib.import_module("_pytest." + name if name in builtin_plugins else name))
    return found


def wait_at(gate: str, limit_s: float) -> None:
    """Wait until the checkout is whole, at most until the limit of the run: who would end this may be gone by then."""
    descriptor = os.open(gate, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    is_open = poll.poll(limit_s * 1000)
    os.close(descriptor)
    if not is_open:
        raise SystemExit("nobody has said that the checkout is whole")


def main(watching: Any) -> None:
    """Run the tests as the orders say and report; `watching` is the module of that name beside this one."""
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path and os.path.abspath(path) != own]
    orders = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    reporter = Reporter(orders["report"], orders.pop("key"))
    pytest = load_pytest(orders["tops"])
    plugins = load_plugins(orders["plugins"])
    before = watching.list_functions()
    wait_at(orders["gate"], orders["limit_s"])
    checkout = os.path.realpath(orders["checkout"])
    test_files = set(orders["test_files"])
    # As `python -m pytest` has it: what is told apart from that shows who asks.
    sys.argv[:] = [os.path.join(os.path.dirname(pytest.__file__), "__main__.py")]
    sys.path[:0] = [path for path in (checkout, os.path.join(checkout, "src")) if os.path.isdir(path)]
    os.chdir(checkout)
    watcher = Watcher(orders, reporter, pytest)
    plugin = make_plugin(pytest, watcher)
    configs: list[Any] = []

    class Catcher:
        @pytest.hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
        def pytest_configure(self, config: Any) -> None:
            configs.append(config)

    reporter.write("begun", {"python": sys.version.split()[0], "pytest": pytest.__version__})
    looks = watching.watch_looks(checkout, test_files)
    status = pytest.main(orders["words"], plugins=[*plugins, plugin, Catcher()])
    after = watching.list_functions()
    manager = configs[0].pluginmanager if configs else None
    came = [*(manager.get_plugins() if manager else []), *sys.meta_path]
    reporter.write(
        "ended",
        {
            "status": int(status),
            "errors": watcher.errors,
            "doubles": watcher.doubles(),
            "changed": sorted(name for name in before if after.get(name, before[name]) != before[name])[:LONGEST_LIST],
            "strangers": watching.find_strangers(came, checkout, test_files),
            "foreign": watching.find_foreign_modules(orders["person"], checkout, set(orders["tops"])),
            "looks": [*looks, *watcher.foreign],
        },
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status))
