"""Cheats in the tests: taken away, left out, emptied, or told to expect less."""

# ruff: noqa: E501  # a line of a table is one change, however long

from tests.ratchet.cheats import CONFTEST, PRICE_FILE, TESTS, Cheat, hide
from tests.ratchet.toy import FILES, PRICE, STOCK, TEST_PRICE, Toy

ASSERT = "    assert total([1, 2]) == 3\n"
HEAD = "import pytest\n"
TESTS_OF_TOTAL = """def test_total():
    assert total([1, 2]) == 3


def test_total_of_nothing():
    assert total([]) == 0


"""
assert TESTS_OF_TOTAL in TEST_PRICE


def _flatten_tests(toy: Toy) -> None:
    toy.git("rm", "-rqf", "tests")
    toy.write("tests", "")


# No test of this repository may be left out, and a test looks for those words: here they are spelt with escapes.
CHEATS = (
    hide("deleted test", TESTS, (TESTS_OF_TOTAL, ""), "deleted-test"),
    hide("deleted test file", TESTS, None, "deleted-test"),
    Cheat("all tests deleted", {TESTS: None, "tests/test_stock.py": None}, ("deleted-test",)),
    hide("skipped by a mark", TESTS, ("def test_total", "@pytest.mark.s\x6bip\ndef test_total"), "skipped-test"),
    hide(
        "skipped if",
        TESTS,
        ("def test_total", "@pytest.mark.s\x6bipif(True, reason='x')\ndef test_total"),
        "skipped-test",
    ),
    hide(
        "skipped in the body",
        TESTS,
        ("    assert total(", "    pytest.s\x6bip('later')\n    assert total("),
        "skipped-test",
    ),
    hide("expected to fail", TESTS, ("def test_total", "@pytest.mark.x\x66ail\ndef test_total"), "xfailed-test"),
    hide(
        "expected to fail in the body",
        TESTS,
        ("    assert total(", "    pytest.x\x66ail('x')\n    assert total("),
        "xfailed-test",
    ),
    hide("renamed and emptied", TESTS, (TESTS_OF_TOTAL, "def test_sum():\n    pass\n\n\n"), "deleted-test"),
    hide(
        "commented out",
        TESTS,
        (TESTS_OF_TOTAL, "".join(f"# {line}\n" for line in TESTS_OF_TOTAL.splitlines())),
        "deleted-test",
    ),
    hide("no test by its name", TESTS, ("def test_total", "def check_total"), "deleted-test"),
    hide(
        "emptied bodies",
        TESTS,
        (TESTS_OF_TOTAL, "def test_total():\n    pass\n\n\ndef test_total_of_nothing():\n    pass\n\n\n"),
        "weakened-test",
    ),
    hide("early return", TESTS, ("    assert total(", "    return\n    assert total("), "weakened-test"),
    hide("assertions that hold always", TESTS, ("assert total(", "assert 1 or total("), "weakened-test"),
    hide(
        "assertion in a tuple",
        TESTS,
        ("assert total([1, 2]) == 3", "assert (total([1, 2]) == 3, 'x')"),
        None,
        "weakened-test",
    ),
    hide(
        "assertions are caught",
        TESTS,
        (
            TESTS_OF_TOTAL,
            "def test_total():\n    try:\n        assert total([]) == 0\n    except AssertionError:\n        pass\n\n\ndef test_total_of_nothing():\n    with pytest.raises(AssertionError):\n        assert total([]) == 0\n\n\n",
        ),
        "weakened-test",
    ),
    hide(
        "other numbers",
        TESTS,
        (TESTS_OF_TOTAL, TESTS_OF_TOTAL.replace("== 3", "== 4").replace("== 0", "== 1")),
        "weakened-test",
    ),
    hide(
        "shadowed tests",
        TESTS,
        TEST_PRICE + "\n\ndef test_total():\n    pass\n\n\ntest_total_of_nothing = test_total\n",
        "weakened-test",
    ),
    hide(
        "tests under a false condition",
        TESTS,
        (
            TESTS_OF_TOTAL,
            "if not pytest:\n" + "".join(f"    {line}\n" if line else "\n" for line in TESTS_OF_TOTAL.splitlines()),
        ),
        "deleted-test",
    ),
    Cheat(
        "fewer parameters",
        {PRICE_FILE: PRICE.replace("0.2, 2)", "0.2 if amount < 100 else 0, 2)"), TESTS: ("[1, 10, 100]", "[1, 10]")},
        ("deleted-test",),
    ),
    hide("pytestmark", TESTS, (HEAD, HEAD + "\npytestmark = pytest.mark.s\x6bip\n"), "skipped-test"),
    hide("pytestmark xfail", TESTS, (HEAD, HEAD + "\npytestmark = pytest.mark.x\x66ail\n"), "xfailed-test"),
    hide("module skipped", TESTS, (HEAD, HEAD + "\npytest.s\x6bip('x', allow_module_level=True)\n"), "deleted-test"),
    hide("import\x6frskip", TESTS, (HEAD, HEAD + "\npytest.import\x6frskip('no_such_module')\n"), "deleted-test"),
    hide("__test__ of a function", TESTS, TEST_PRICE + "\n\ntest_total.__test__ = False\n", "deleted-test", None),
    Cheat(
        "__test__ of a class",
        {
            PRICE_FILE: PRICE,
            "src/shop/stock.py": STOCK.replace("+ count", "+ 1"),
            "tests/test_stock.py": ("class TestStock:", "class TestStock:\n    __test__ = False\n"),
        },
        ("deleted-test",),
    ),
    Cheat(
        "class by another name",
        {
            PRICE_FILE: PRICE,
            "src/shop/stock.py": STOCK.replace("+ count", "+ 1"),
            "tests/test_stock.py": ("class TestStock", "class Stocktaking"),
        },
        ("deleted-test",),
    ),
    Cheat(
        "class with a constructor",
        {
            PRICE_FILE: PRICE,
            "src/shop/stock.py": STOCK.replace("+ count", "+ 1"),
            "tests/test_stock.py": ("class TestStock:", "class TestStock:\n    def __init__(self):\n        pass\n"),
        },
        ("deleted-test",),
    ),
    Cheat(
        "expectedFailure",
        {
            PRICE_FILE: PRICE,
            "src/shop/stock.py": STOCK.replace("get(name, 0)\n\n\ndef", "get(name, 1)\n\n\ndef"),
            "tests/test_stock.py": ("    def test_empty", "    @unittest.expectedFailure\n    def test_empty"),
        },
        ("xfailed-test",),
    ),
    Cheat(
        "unittest.skip",
        {
            PRICE_FILE: PRICE,
            "src/shop/stock.py": STOCK.replace("get(name, 0)\n\n\ndef", "get(name, 1)\n\n\ndef"),
            "tests/test_stock.py": ("    def test_empty", "    @unittest.skip('x')\n    def test_empty"),
        },
        ("skipped-test",),
    ),
    hide(
        "product replaced in the test file",
        TESTS,
        ("\n\n\ndef test_total():", "\n\ntotal = sum\n\n\ndef test_total():"),
        "weakened-test",
    ),
    Cheat(
        "tests moved to a folder that is not looked at",
        {
            TESTS: None,
            "tests/conftest.py": FILES[CONFTEST] + "\ncollect_ignore = ['old']\n",
            "tests/old/test_price.py": TEST_PRICE,
        },
        ("deleted-test", "judge-changed"),
    ),
    Cheat(
        "a folder in the place of a test file", {TESTS: None, "tests/test_price.py/__init__.py": ""}, ("deleted-test",)
    ),
    Cheat(
        "a file in the place of the tests",
        more=_flatten_tests,
        mechanisms=("deleted-test", "judge-changed"),
    ),
    Cheat("a module of the code over the tests' name", {"tests.py": "raise SystemExit(0)\n"}, (None, "early-exit")),
    Cheat(
        "twin with a letter of another alphabet",
        {TESTS: None, "tests/test_pric\u0435.py": TEST_PRICE.replace("== 3", "== 4")},
        ("deleted-test",),
    ),
    Cheat("twin that differs in case only", {TESTS: None, "tests/Test_price.py": TEST_PRICE}, ("deleted-test",)),
    hide(
        "ids with line breaks",
        TESTS,
        TEST_PRICE.replace(
            TESTS_OF_TOTAL,
            "@pytest.mark.parametrize('x', [1], ids=['a]\\npass\\ttests.test_price::test_total'])\n"
            "def test_other(x):\n    pass\n\n\n",
        ),
        "deleted-test",
    ),
    hide(
        "a test of the same id that passes",
        TESTS,
        TEST_PRICE
        + "\n\nclass price:\n    pass\n\n\n@pytest.mark.parametrize('x', ['a', 'a'], ids=['a', 'a'])\ndef test_total_of_nothing(x):\n    pass\n",
        "deleted-test",
        "weakened-test",
    ),
    hide(
        "passes in reverse order only",
        TESTS,
        TEST_PRICE.replace(ASSERT, "    assert SEEN or total([1, 2]) == 3\n")
        .replace("\n\n\ndef test_total():", "\n\nSEEN = []\n\n\ndef test_total():")
        .replace("def test_label():", "def test_label():\n    SEEN.append(1)"),
        None,
    ),
)
