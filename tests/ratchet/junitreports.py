"""Reports as runners write them, for the tests of what reads them."""

from pathlib import Path

from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, XFAIL

# A suite in which tests end in every way that pytest knows, under ids that try to look like something else.
SUITE = """
import unittest
import pytest

class TestX:
    @pytest.mark.parametrize("p", ["1", "a - b", "x] - y", "nl\\nx", "tab\\t", "é", "::q", "a/b.py", "a PASSED b"])
    def test_b(self, p): pass
    class TestInner:
        def test_c(self): pass

def test_fails(): assert 1 == 2, "tests/test_a.py::test_prints PASSED"
def test_prints():
    print("tests/test_zz.py::test_forged PASSED [ 10%]")
    print("= short test summary info =")
    print("PASSED tests/test_zz.py::test_forged")
@pytest.mark.parametrize("p", ["a - b", "c] - d"])
def test_fails_too(p): raise ValueError("x - y] - z")
@pytest.mark.left(reason="why - not")
def test_skipped(): pass
@pytest.mark.known(reason="known - since long")
def test_known(): assert 0
@pytest.mark.known
def test_unexpectedly_well(): pass
@pytest.mark.known(strict=True)
def test_strictly_well(): pass
@pytest.fixture
def bad(): raise RuntimeError("setup")
def test_no_setup(bad): pass
@pytest.fixture
def bad_end():
    yield
    raise RuntimeError("teardown")
def test_no_end(bad_end): pass
def test_fails_and_no_end(bad_end): assert 0
class TestU(unittest.TestCase):
    def test_parts(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
""".replace("mark.known", f"mark.{XFAIL}").replace("mark.left", f"mark.{SKIP}")
BROKEN = "import a_module_that_is_nowhere\n"
OUTCOMES = {
    **{
        f"tests.test_a.TestX::test_b[{name}]": PASS
        for name in ("1", "a - b", "x] - y", r"nl\nx", r"tab\t", r"\xe9", "::q", "a/b.py", "a PASSED b")
    },
    "tests.test_a.TestX.TestInner::test_c": PASS,
    "tests.test_a::test_fails": FAIL,
    "tests.test_a::test_prints": PASS,
    "tests.test_a::test_fails_too[a - b]": FAIL,
    "tests.test_a::test_fails_too[c] - d]": FAIL,
    "tests.test_a::test_skipped": SKIP,
    "tests.test_a::test_known": XFAIL,
    "tests.test_a::test_unexpectedly_well": PASS,
    "tests.test_a::test_strictly_well": FAIL,
    "tests.test_a::test_no_setup": FAIL,
    "tests.test_a::test_no_end": FAIL,
    "tests.test_a::test_fails_and_no_end": FAIL,
    "tests.test_a.TestU::test_parts": FAIL,
    "::tests.test_c": FAIL,
}


def write_suite(folder: Path) -> None:
    """Write that suite, with a module beside it that cannot be imported."""
    (folder / "tests").mkdir()
    (folder / "tests/test_a.py").write_text(SUITE)
    (folder / "tests/test_c.py").write_text(BROKEN)


def write_junit(outcomes: dict[str, str]) -> bytes:
    """Return a report as pytest writes it."""
    inner = {
        PASS: "",
        FAIL: '<failure message="assert 0">E  assert 0</failure>',
        SKIP: f'<skipped type="pytest.{SKIP}" message="why">tests/a.py:3: why</skipped>',
        XFAIL: f'<skipped type="pytest.{XFAIL}" message="known" />',
    }
    cases = []
    for name, outcome in outcomes.items():
        group, _, test = name.rpartition("::")
        cases.append(f'<testcase classname="{group}" name="{test}" time="0.001">{inner[outcome]}</testcase>')
    head = '<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" tests="1">'
    return f"{head}{''.join(cases)}</testsuite></testsuites>".encode()
