"""How does pytest run so that what is judged cannot easily say how it went?

    python pytestharness.py < ORDERS

Runs under the repository's own interpreter, which need not have agentkit: standard library and pytest alone, and
Python 3.8 is enough. It is loaded, and has loaded pytest, before the first line of the candidate. The orders come by
stdin as one JSON object; the report goes to a file that has no name any more when the candidate's code begins. Each
line of it is chained to the ones before by a key, so that no other process can write one.

What it looks at besides the tests: witnesses (tests of its own that fail, and have to be seen failing through every
hook that there is), whether the functions of pytest are those that it loaded, which plugins came, and where the
repository's modules were loaded from.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# The types of pytest are those of whatever version the repository has, and so they are not named here.
Pytest = Any
Report = Any
Item = Any

WITNESSES = 3
LONGEST_TEXT = 6000
WITNESS_WORDS = "what is wrong has to be seen"


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


def take_digest(functions: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    """Return what tells whether any of the functions was replaced or rewritten."""
    return {name: (id(found), id(getattr(found, "__code__", None))) for name, found in functions.items()}


def list_functions() -> dict[str, object]:
    """Return {name: function} of pytest, of what calls its hooks, and of what a test decides by."""
    import builtins
    import unittest.case

    found = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("_pytest", "pluggy") or name == "unittest.case":
            for label, value in list(vars(module).items()):
                if getattr(value, "__module__", None) != name:
                    continue
                if isinstance(value, type):
                    for inner, member in list(vars(value).items()):
                        if callable(getattr(member, "__func__", member)):
                            found["%s.%s.%s" % (name, label, inner)] = getattr(member, "__func__", member)
                elif callable(value):
                    found["%s.%s" % (name, label)] = value
    for label in ("isinstance", "len", "all", "any", "sorted", "repr", "AssertionError", "BaseException", "Exception"):
        found["builtins." + label] = getattr(builtins, label)
    found["os._exit"] = os._exit
    found["sys.exit"] = sys.exit
    found["unittest.case.TestCase"] = unittest.case.TestCase
    return found


def name_test(nodeid: str) -> str:
    """Return the id that JUnit has for it: `classname::name`, with dots in the path of the file."""
    bracket = nodeid.find("[")
    head, parameters = (nodeid, "") if bracket < 0 else (nodeid[:bracket], nodeid[bracket:])
    parts = head.split("::")
    parts[0] = parts[0].replace("/", ".")
    parts[0] = parts[0].removesuffix(".py")
    return "%s::%s%s" % (".".join(parts[:-1]), parts[-1], parameters)


class Watcher:
    """The plugin: reports what was collected and how each test ended, and puts the witnesses among the tests."""

    def __init__(self, orders: Mapping[str, Any], reporter: Reporter, pytest: Pytest) -> None:
        self._orders = orders
        self._reporter = reporter
        self._pytest = pytest
        self._witnesses: dict[str, str | None] = {}
        self._open: dict[str, tuple[str, str]] = {}
        self.errors = 0

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
        self._add_witnesses(items)

    def _add_witnesses(self, items: list[Item]) -> None:
        pytest = self._pytest
        chance = random.Random(self._orders["nonce"])  # noqa: S311  # where they stand is no secret

        def make() -> Callable[[], None]:
            def test() -> None:
                raise AssertionError(WITNESS_WORDS)

            return test

        hosts = [item for item in items if isinstance(item, pytest.Function) and isinstance(item.parent, pytest.Module)]
        for number in range(WITNESSES if hosts else 0):
            host = chance.choice(hosts)
            name = "%s_%s" % (getattr(host, "originalname", None) or host.name, chance.randrange(10, 99))
            try:
                witness = pytest.Function.from_parent(host.parent, name=name, callobj=make())
            except Exception as error:  # noqa: BLE001  # a pytest of an unknown shape must not take the tests with it
                self._reporter.write("note", "no witness %d: %s" % (number, type(error).__name__))
                continue
            self._witnesses[witness.nodeid] = None
            items.insert(items.index(host) + chance.randrange(2), witness)

    def note(self, report: Report) -> None:
        """Take in the report of one phase of a test."""
        name = report.nodeid
        outcome, text = self._read(report)
        if name in self._witnesses:
            if report.when == "call":
                self._witnesses[name] = outcome
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

    def witnesses(self) -> list[str | None]:
        """Return how the witnesses that were run were seen to end, and how many were never seen."""
        return list(self._witnesses.values())


def make_plugin(pytest: Pytest, watcher: Watcher) -> object:
    """Return the plugin; its hooks come after all others', except the one that reads reports, which is first."""

    class Plugin:
        @pytest.hookimpl(trylast=True)  # type: ignore[untyped-decorator]
        def pytest_collection_modifyitems(self, items: list[Item]) -> None:
            watcher.choose(items)

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
    for name in {top[:-3] if top.endswith(".py") else top for top in tops}:
        if name in known or name in ("pluggy", "iniconfig", "packaging", "exceptiongroup", "tomli", "pygments"):
            try:
                importlib.import_module(name)
            except ImportError:
                pass  # not there in this version, so nothing asks for it either
    return pytest


def find_strangers(plugins: Iterable[object], known: set[int], checkout: str, test_files: set[str]) -> list[str]:
    """Return the files of plugins that came while the tests ran and that no test file is."""
    strangers = []
    for plugin in plugins:
        if id(plugin) in known:
            continue
        module = plugin if hasattr(plugin, "__file__") else sys.modules.get(type(plugin).__module__)
        path = os.path.realpath(getattr(module, "__file__", None) or "")
        if path.startswith(checkout + os.sep):
            inside = path[len(checkout) + 1 :]
            if inside not in test_files and os.path.basename(path) != "conftest.py":
                strangers.append(inside)
    return sorted(set(strangers))


def find_foreign_modules(person: str, checkout: str, tops: set[str]) -> list[str]:
    """Return the modules of the repository that were loaded from somewhere else than the checkout."""
    foreign = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            continue
        real = os.path.realpath(path)
        if real.startswith(checkout + os.sep):
            continue
        inside = real[len(person) + 1 :] if person and real.startswith(person + os.sep) else ""
        first = inside.split(os.sep)[0]
        # A virtual environment within the person's tree is an environment, not the repository.
        if inside and "site-packages" not in inside.split(os.sep) and (first in tops or first == "src"):
            foreign.append("%s (%s)" % (name, real))
    return sorted(foreign)[:20]


def main() -> None:
    """Run the tests as the orders say and report."""
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path and os.path.abspath(path) != own]
    orders = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    reporter = Reporter(orders["report"], orders.pop("key"))
    pytest = load_pytest(orders["tops"])
    functions = list_functions()
    before = take_digest(functions)
    checkout = os.path.realpath(orders["checkout"])
    sys.path[:0] = [path for path in (checkout, os.path.join(checkout, "src")) if os.path.isdir(path)]
    os.chdir(checkout)
    watcher = Watcher(orders, reporter, pytest)
    plugin = make_plugin(pytest, watcher)
    configs: list[Any] = []
    known: set[int] = set()

    class Catcher:
        @pytest.hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
        def pytest_configure(self, config: Any) -> None:
            configs.append(config)
            known.update(id(found) for found in config.pluginmanager.get_plugins())

    reporter.write("begun", {"python": sys.version.split()[0], "pytest": pytest.__version__})
    status = pytest.main(orders["words"], plugins=[plugin, Catcher()])
    changed = sorted(
        name for name, value in take_digest(list_functions()).items() if name in before and before[name] != value
    )
    manager = configs[0].pluginmanager if configs else None
    reporter.write(
        "ended",
        {
            "status": int(status),
            "errors": watcher.errors,
            "witnesses": watcher.witnesses(),
            "changed": changed[:20],
            "is_reporting": manager is not None and manager.is_registered(plugin),
            "strangers": find_strangers(
                manager.get_plugins() if manager else [], known, checkout, set(orders["test_files"])
            ),
            "foreign": find_foreign_modules(orders["person"], checkout, set(orders["tops"])),
        },
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status))


if __name__ == "__main__":
    main()
