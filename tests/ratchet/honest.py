"""Changes that honest people make; each has to be accepted."""

# ruff: noqa: E501  # a line of a table is one change, however long

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.ratchet.verdict import ACCEPT, Verdict
from tests.ratchet.cheats import CONFTEST, PRICE_FILE, TESTS, Change
from tests.ratchet.toy import CONFTEST as FIXTURES
from tests.ratchet.toy import FILES, PRICE, STOCK, TEST_PRICE, TEST_STOCK, Toy, make_toy

STOCK_FILE, STOCK_TESTS, PROJECT = "src/shop/stock.py", "tests/test_stock.py", "pyproject.toml"


@dataclass(frozen=True)
class Honest:
    """A change, and words that the ids of the tests that it adds and mends have in them."""

    name: str
    changes: Mapping[str, Change] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    more: Callable[[Toy], None] | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def apply(self, toy: Toy) -> None:
        """Change the files."""
        for path, change in self.changes.items():
            if isinstance(change, tuple):
                toy.replace(path, *change)
            else:
                toy.write(path, change)
        if self.more is not None:
            self.more(toy)


# A baseline in which a test fails and one is expected to: what an honest person mends.
WRONG = {STOCK_FILE: STOCK.replace("self.items.get(name, 0) + count", "count")}
SIGNATURE = """

import inspect


def describe(function):
    \"\"\"Say what a function takes; pytest has fixtures for that, and sys._getframe() is not needed.\"\"\"
    return [name for name in inspect.signature(function).parameters]


class Money:
    def __init__(self, cents):
        self.cents = cents

    def __eq__(self, other):
        if not isinstance(other, Money):
            return NotImplemented
        return self.cents == other.cents

    def __hash__(self):
        return hash(self.cents)
"""
PRACTICES = """

import functools
import importlib
import logging
import sys
import traceback
import warnings
from collections import namedtuple
from dataclasses import dataclass
from enum import Enum

log = logging.getLogger(__name__)
Pair = namedtuple("Pair", "left right")
test = "test"


class Kind(Enum):
    FOOD = 1


@dataclass(frozen=True)
class Line:
    name: str
    price: float = 0.0


@functools.lru_cache
def find(name):
    if "shop.stock" not in sys.modules:
        importlib.import_module("shop.stock")
    return getattr(sys.modules["shop.stock"], name)


def load(name):
    try:
        return find(name)
    except AttributeError:
        log.exception("no %s", name)
        return traceback.format_exc()


def old():
    warnings.warn("use total", DeprecationWarning, stacklevel=2)
    log.info("old")
    return total([])


def main(arguments=None):
    words = sys.argv[1:] if arguments is None else arguments
    return 0 if words else 2
"""
TEST_PRACTICES = """
from shop.price import Line, Pair, find, load, main, old


def test_practices():
    assert find("Stock")().count("x") == 0
    assert "AttributeError" in load("nothing")
    assert Line("tea") == Line("tea") and Pair(1, 2).left == 1
    assert main(["x"]) == 0


def test_old():
    with pytest.warns(DeprecationWarning):
        assert old() == 0
"""
HONEST = (
    Honest("nothing but a commit"),
    Honest("a test by another name", {TESTS: ("def test_total_of_nothing", "def test_total_of_an_empty_basket")}),
    Honest(
        "a stricter assertion", {TESTS: ("assert total([]) == 0", "assert total([]) == 0\n    assert total(()) == 0")}
    ),
    Honest("a test file moved", {TESTS: None, "tests/unit/__init__.py": "", "tests/unit/test_price.py": TEST_PRICE}),
    Honest("a test file renamed", {STOCK_TESTS: None, "tests/test_store.py": TEST_STOCK}),
    Honest("new tests", {TESTS: TEST_PRICE + "\n\ndef test_more():\n    assert total([5]) == 5\n"}, ("test_more",)),
    Honest("a new test file", {"tests/test_more.py": "def test_more():\n    assert True\n"}, ("test_more",)),
    Honest(
        "dead code removed", {STOCK_FILE: STOCK.replace("RATES = ", "_RATES = ").replace("RATES.read", "_RATES.read")}
    ),
    Honest(
        "moved across files",
        {
            PRICE_FILE: PRICE.replace("def total(items):\n    return sum(items)\n\n\n", "").replace(
                "\n\n\ndef tax", "\n\nfrom shop.sums import total as total\n\n\ndef tax"
            ),
            "src/shop/sums.py": "def total(items):\n    return sum(items)\n",
        },
    ),
    Honest(
        "a new module",
        {
            "src/shop/money.py": "def add(a, b):\n    return a + b\n",
            PRICE_FILE: PRICE.replace(
                "return sum(items)",
                "from shop.money import add\n\n    found = 0\n    for item in items:\n        found = add(found, item)\n    return found",
            ),
        },
    ),
    Honest(
        "a new fixture",
        {
            CONFTEST: FIXTURES + "\n\n@pytest.fixture\ndef empty():\n    return Stock()\n",
            STOCK_TESTS: TEST_STOCK + "\n\ndef test_empty_one(empty):\n    assert empty.count('tea') == 0\n",
        },
        ("test_empty_one",),
    ),
    Honest("new parameters", {TESTS: ("[1, 10, 100]", "[1, 10, 100, 1000]")}, ("test_tax[1000]",)),
    Honest(
        "a test of parameters",
        {
            TESTS: TEST_PRICE
            + "\n\n@pytest.mark.parametrize(('a', 'b'), [(1, 2), (3, 4)])\ndef test_pairs(a, b):\n    assert total([a, b]) == a + b\n"
        },
        ("test_pairs[1-2]", "test_pairs[3-4]"),
    ),
    Honest(
        "a page",
        {"docs/shop.md": "# shop\n\nRun pytest, with PYTEST_ADDOPTS if you like.\n", "README.md": "conftest.py\n"},
    ),
    Honest(
        "formatting",
        {
            PRICE_FILE: PRICE.replace(
                "def total(items):\n    return sum(items)",
                "def total(\n    items,\n):\n    return sum(\n        items\n    )",
            )
        },
    ),
    Honest("formatting of the tests", {TESTS: TEST_PRICE.replace("[1, 2]", "[\n        1,\n        2,\n    ]")}),
    Honest("type hints", {PRICE_FILE: PRICE.replace("def total(items):", "def total(items: list[int]) -> int:")}),
    Honest(
        "an option of pytest that changes nothing",
        {PROJECT: ("testpaths", 'addopts = "-ra --strict-markers"\ntestpaths')},
    ),
    Honest("a version", {PROJECT: ('"1.0"', '"1.1"')}),
    Honest("inspect.signature, and pytest in a docstring", {PRICE_FILE: PRICE + SIGNATURE}),
    Honest(
        "what programs do",
        {PRICE_FILE: PRICE + PRACTICES, TESTS: TEST_PRICE + TEST_PRACTICES},
        ("test_practices", "test_old"),
    ),
    Honest("a bug mended", {STOCK_FILE: STOCK}, fixed=("TestStock::test_add",), files=WRONG),
    Honest(
        "an expected failure mended",
        {PRICE_FILE: PRICE.replace("{price:.2f}", "{float(price):.2f}"), TESTS: ("@pytest.mark.x\x66ail\n", "")},
        fixed=("test_known",),
    ),
    Honest(
        "an expected failure mended, its mark left",
        {PRICE_FILE: PRICE.replace("{price:.2f}", "{float(price):.2f}")},
        fixed=("test_known",),
    ),
    Honest(
        "a skipped test that runs now",
        {
            STOCK_TESTS: ('@pytest.mark.s\x6bip(reason="no network")\n', ""),
            "src/shop/rates.json": '{"at": 20, "remote": 1}\n',
        },
        fixed=("test_remote",),
    ),
    Honest("a link within the tree", more=lambda toy: (toy.folder / "docs/index.md").symlink_to("shop.md")),
    Honest(
        "a hook that does nothing to tests",
        {CONFTEST: FIXTURES + "\n\ndef pytest_report_header():\n    return 'shop'\n"},
    ),
    Honest(
        "an autouse fixture",
        {
            CONFTEST: FIXTURES
            + "\n\n@pytest.fixture(autouse=True)\ndef _calm(monkeypatch):\n    monkeypatch.setenv('SHOP', 'test')\n"
        },
    ),
    Honest(
        "tests that write beside themselves",
        {
            TESTS: TEST_PRICE
            + "\n\ndef test_writing():\n    import pathlib\n\n    place = pathlib.Path(__file__).with_name('seen.txt')\n    place.write_text('x')\n    assert place.read_text() == 'x'\n"
        },
        ("test_writing",),
    ),
    Honest(
        "a program of its own, tested by calling it",
        {
            "src/shop/__main__.py": "from shop.price import total\n\nprint(total([1, 2]))\n",
            TESTS: TEST_PRICE
            + "\n\ndef test_program():\n    import subprocess\n    import sys\n\n    ended = subprocess.run([sys.executable, '-m', 'shop'], cwd='src', capture_output=True, check=True, env={'PYTHONPATH': '.'})\n    assert ended.stdout == b'3\\n'\n",
        },
        ("test_program",),
    ),
    Honest(
        "threads and a child that end",
        {
            TESTS: TEST_PRICE
            + "\n\ndef test_threads():\n    import concurrent.futures\n    import multiprocessing\n\n    with concurrent.futures.ThreadPoolExecutor() as pool:\n"
            "        assert list(pool.map(total, [[1], [2]])) == [1, 2]\n    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        assert pool.map(total, [[1], [2]]) == [1, 2]\n"
        },
        ("test_threads",),
    ),
    Honest(
        "a class of tests out of functions that stay",
        {TESTS: TEST_PRICE + "\n\nclass TestTotal:\n    def test_one(self):\n        assert total([1]) == 1\n"},
        ("TestTotal::test_one",),
    ),
    Honest(
        "a marker on the file",
        {TESTS: ("import pytest\n", "import pytest\n\npytestmark = pytest.mark.filterwarnings('ignore')\n")},
    ),
    Honest(
        "a licence, and a folder of data",
        {"LICENSE": "MIT\n", "tests/data/x.txt": "1\n", ".gitattributes": "*.txt text eol=lf\n"},
    ),
)


def set_up(change: Honest, folder: Path) -> Toy | None:
    """Return a repository of its own with a baseline, where the change needs one."""
    if not change.files:
        return None
    toy = make_toy(folder / "toy", {**FILES, **change.files})
    toy.found()
    return toy


def find_wrong(change: Honest, verdict: Verdict) -> str | None:
    """Return what is wrong with the verdict on an honest change."""
    told = f"{change.name}: {verdict.answer}, {verdict.mechanism}: {verdict.reason} {verdict.hints}"
    if verdict.answer != ACCEPT:
        return told
    for words, names in ((change.new, verdict.comparison.new), (change.fixed, verdict.comparison.fixed)):
        missed = [word for word in words if not any(word in name for name in names)]
        if missed:
            return f"{told}; {missed} is not in {names}"
    return None
