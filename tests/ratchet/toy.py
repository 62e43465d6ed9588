"""A small repository with real git and an accepted baseline, made once and copied for each test."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentkit.core.repo.repository import Repository, find_repository
from agentkit.ratchet.judging import Judgement, find_baseline, judge
from agentkit.ratchet.moving import found_state
from agentkit.ratchet.state import read_state, write_state

LIMIT_S = 60.0
PRICE = '''"""What things cost."""


def total(items):
    return sum(items)


def tax(amount):
    return round(amount * 0.2, 2)


def label(name, price):
    return f"{name}: {price:.2f}"
'''
STOCK = '''"""What is there."""

import json
from pathlib import Path

RATES = Path(__file__).with_name("rates.json")


class Stock:
    def __init__(self):
        self.items = {}

    def add(self, name, count=1):
        if count < 1:
            raise ValueError("count must be positive")
        self.items[name] = self.items.get(name, 0) + count

    def count(self, name):
        return self.items.get(name, 0)


def rate(country):
    return json.loads(RATES.read_text())[country]
'''
TEST_PRICE = """import pytest

from shop.price import label, tax, total


def test_total():
    assert total([1, 2]) == 3


def test_total_of_nothing():
    assert total([]) == 0


@pytest.mark.parametrize("amount", [1, 10, 100])
def test_tax(amount):
    assert tax(amount) == amount * 0.2


def test_label():
    assert label("tea", 2) == "tea: 2.00"


@pytest.mark.x\x66ail
def test_known():
    assert label("tea", "2") == "tea: 2.00"
"""
TEST_STOCK = """import unittest

import pytest

from shop.stock import Stock, rate


class TestStock:
    def test_add(self, stock):
        stock.add("tea")
        assert stock.count("tea") == 3

    def test_nothing(self, stock):
        with pytest.raises(ValueError):
            stock.add("tea", 0)


class TestOld(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(Stock().count("tea"), 0)


def test_rate():
    assert rate("at") == 20


@pytest.mark.s\x6bip(reason="no network")
def test_remote():
    assert rate("remote")
"""
CONFTEST = """import pytest

from shop.stock import Stock


@pytest.fixture
def stock():
    found = Stock()
    found.add("tea", 2)
    return found
"""
FILES = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
    "src/shop/__init__.py": "",
    "src/shop/price.py": PRICE,
    "src/shop/stock.py": STOCK,
    "src/shop/rates.json": '{"at": 20, "remote": 0}\n',
    "tests/__init__.py": "",
    "tests/conftest.py": CONFTEST,
    "tests/test_price.py": TEST_PRICE,
    "tests/test_stock.py": TEST_STOCK,
    "docs/shop.md": "# shop\n",
}
# What each cheat hides.
BROKEN = PRICE.replace("return sum(items)", "return sum(items) + 1")


@dataclass(frozen=True)
class Toy:
    """A copy of the repository: change its files, then have it judged."""

    folder: Path
    environ: Mapping[str, str]

    @property
    def repository(self) -> Repository:
        return find_repository(str(self.folder), self.environ)

    def git(self, *words: str, stdin: str = "") -> str:
        ended = subprocess.run(
            ["git", *words], cwd=self.folder, env=dict(self.environ), input=stdin, capture_output=True,
            encoding="utf-8", errors="surrogateescape", timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str | bytes | None) -> None:
        """Write a file, or take it away where the text is None."""
        place = self.folder / path
        if text is None:
            place.unlink()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new))

    def commit(self) -> str:
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", "candidate")
        return self.git("rev-parse", "HEAD")

    def judge(self, commit: str = "", **words: bool) -> Judgement:
        return judge(self.repository, read_state(self.repository), commit or self.commit(), **words)

    def found(self) -> Judgement:
        """Make what is checked out the first baseline."""
        repository = self.repository
        commit = self.git("rev-parse", "HEAD")
        first = find_baseline(repository, commit)
        state = write_state(
            repository, None, commit, "refs/heads/main", first.outcomes, first.unstable, first.metrics, {}
        )
        found_state(repository, state)
        return first


def make_environ(home: Path) -> dict[str, str]:
    """Return an environment in which git knows nobody else's configuration."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}


def make_toy(folder: Path, files: Mapping[str, str]) -> Toy:
    """Return a new repository with one commit on main; it has no baseline yet."""
    folder.mkdir(parents=True)
    toy = Toy(folder, make_environ(folder.parent))
    toy.git("init", "--quiet", "--initial-branch=main")
    for key, value in (("user.name", "Toy"), ("user.email", "toy@example.org"), ("commit.gpgSign", "false")):
        toy.git("config", key, value)
    for path, text in files.items():
        toy.write(path, text)
    toy.commit()
    return toy


def copy_toy(toy: Toy, folder: Path) -> Toy:
    """Return a copy, baseline and all."""
    shutil.copytree(toy.folder, folder, symlinks=True)
    return Toy(folder, make_environ(folder.parent))


# In the place of settings: those that name a folder of tests that the code cannot know.
HOLDOUT = "HOLDOUT"
HELD_OUT = "def test_more():\n    from shop.price import total\n\n    assert total([5, 6]) == 11\n"


class Toys:
    """Repositories with a baseline, one for each text of settings; made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Toy] = {}

    def take(self, settings: str, folder: Path) -> Toy:
        """Return a copy of the one with these settings."""
        if settings not in self._made:
            place = self._folder / str(len(self._made))
            toy = make_toy(place / "toy", FILES | self._find_settings(settings))
            toy.found()
            self._made[settings] = toy
        return copy_toy(self._made[settings], folder)

    def _find_settings(self, settings: str) -> dict[str, str]:
        if settings == HOLDOUT:
            apart = self._folder / "apart"
            apart.mkdir(exist_ok=True)
            (apart / "test_more.py").write_text(HELD_OUT, encoding="utf-8")
            settings = f'[ratchet]\nholdout = "{apart}"\n'
        return {"agentkit.toml": settings} if settings else {}
