"""What every test may ask for: a home of its own, the program as a process, random choices that can be repeated."""

import ctypes
import functools
import gc
import os
import random
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SEED = int(os.environ.get("AGENTKIT_TEST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["AGENTKIT_TEST_SEED"] = str(SEED)  # each worker of pytest-xdist makes the same choices
LIMIT_S = 120.0
# So much may stay of what a test took.
LITTER_BYTES = 16 * 1024 * 1024

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_report_header() -> str:
    return f"seed of the random choices: {SEED} (again with AGENTKIT_TEST_SEED={SEED})"


def pytest_collection_finish() -> None:
    """Leave the tests themselves, which stay to the end, out of what the collector looks through."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Give back what a large test took: every program that a later one starts from within is a fork of all of it."""
    before = _count_resident_bytes()
    result = yield
    if _count_resident_bytes() - before > LITTER_BYTES:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
    return result


def _count_resident_bytes() -> int:
    """Return the size of this process in memory (proc(5), statm: the second number, in pages)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give the workers function by function, so that they end together, and whole files that share a fixture."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path, function = nodeid.partition("::")[0], nodeid.partition("[")[0]
            return path if _shares_a_fixture(path) else function

    return Scheduling(config, log) if config.getoption("dist") == "load" else None


@functools.cache
def _shares_a_fixture(path: str) -> bool:
    return 'scope="module"' in (ROOT / path).read_text(encoding="utf-8")


@pytest.fixture
def random_choices() -> random.Random:
    """Return a source of random choices that AGENTKIT_TEST_SEED repeats."""
    return random.Random(SEED)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder that AGENTKIT_HOME names; it does not exist yet, as on a new machine."""
    return tmp_path / "agentkit-home"


@pytest.fixture
def environ(tmp_path: Path, home: Path) -> dict[str, str]:
    """Return a small environment that leads to nothing of the person who runs the tests."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AGENTKIT_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }


@pytest.fixture
def own_environ(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make that small environment the one of the test itself, for code that is called and not started."""
    for name in [name for name in os.environ if not name.startswith("PYTEST")]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


@pytest.fixture
def agentkit(environ: dict[str, str]) -> Run:
    """Return a function that runs `agentkit WORDS…` as a process of its own and returns how it ended.

    `more` adds variables (None takes one away); stdin is empty unless `input` is given; `limit` is in seconds.
    """

    def run(
        *words: str,
        input: str = "",  # noqa: A002  # the name that subprocess.run has for it
        more: Mapping[str, str | None] | None = None,
        cwd: str | Path | None = None,
        limit: float = LIMIT_S,
    ) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in {**environ, **(more or {})}.items() if value is not None}
        return subprocess.run(
            [sys.executable, "-m", "agentkit", *words],
            input=input,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=variables,
            cwd=cwd,
            timeout=limit,
            check=False,
        )

    return run
