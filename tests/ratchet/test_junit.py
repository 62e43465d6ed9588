"""Is a JUnit report read as it was meant, whichever runner wrote it, and refused where it is none or torn?"""

import io
import subprocess
import sys

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, XFAIL
from agentkit.ratchet.reports import junit
from agentkit.ratchet.reports.junit import read_junit
from tests.ratchet.junitreports import OUTCOMES, write_junit, write_suite

LIMIT_S = 120


def read(raw: "bytes | str") -> dict[str, str]:
    return read_junit(io.BytesIO(raw.encode() if isinstance(raw, str) else raw))


def suite(cases: str) -> str:
    return f"<testsuites><testsuite name='s'>{cases}</testsuite></testsuites>"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return what the real pytest writes of a suite with every kind of end."""
    folder = tmp_path_factory.mktemp("suite")
    write_suite(folder)
    options = ["-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "--continue-on-collection-errors"]
    words = [sys.executable, "-m", "pytest", *options, "--junitxml", "report.xml", "tests"]
    ended = subprocess.run(words, cwd=folder, capture_output=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 1, ended.stdout
    return (folder / "report.xml").read_bytes()


def test_every_end_that_pytest_knows_is_read(written: bytes) -> None:
    assert read(written) == OUTCOMES


def test_a_report_that_was_cut_off_anywhere_is_torn(written: bytes) -> None:
    end = written.rindex(b">")
    for cut in [*range(1, 600), *range(600, end, 97), end]:
        with pytest.raises(AgentkitError, match=r"torn|is no XML") as caught:
            read(written[:cut])
        assert caught.value.status == Exit.BAD_DATA
    assert read(written[: end + 1]) == OUTCOMES


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_where_the_pieces_are_cut_makes_no_difference(
    size: int, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(junit, "PIECE_BYTES", size)
    assert read(written) == OUTCOMES


def test_suites_may_be_nested_and_stand_for_a_class_that_is_not_named() -> None:
    text = """<testsuites name="all"><testsuite name="outer"><testcase name="a"/>
        <testsuite name="inner"><testcase name="a"><failure/></testcase></testsuite>
        <testsuite><testcase name="b"/></testsuite><testcase name="c" classname=""/></testsuite></testsuites>"""
    assert read(text) == {"outer::a": PASS, "outer.inner::a": FAIL, "outer::b": PASS, "::c": PASS}


def test_namespaces_make_no_difference() -> None:
    prefixed = """<j:testsuites xmlns:j="urn:x"><j:testsuite name="s"><j:testcase classname="c" name="a" time="0">
        <j:failure/></j:testcase><j:testcase classname="c" name="b" time="0"/></j:testsuite></j:testsuites>"""
    assert read(prefixed) == {"c::a": FAIL, "c::b": PASS}
    assert read('<testsuite xmlns="urn:x"><testcase classname="c" name="a"/></testsuite>') == {"c::a": PASS}


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        ('<testcase classname="c" name="a" status="notrun"/>', SKIP),
        ('<testcase name="a" status="notrun" result="suppressed" time="0" classname="c"/>', SKIP),
        ('<testcase name="a" status="run" result="completed" time="0" classname="c"/>', PASS),
        ('<testcase name="a" status="FAILED" classname="c"/>', FAIL),
        ('<testcase name="a" classname="c"><error type="x"/></testcase>', FAIL),
        ('<testcase name="a" classname="c"><skipped/></testcase>', SKIP),
        (f'<testcase name="a" classname="c"><skipped type="pytest.{XFAIL}" message="m"/></testcase>', XFAIL),
        (f'<testcase name="a" classname="c"><skipped type="x" message="pytest.{XFAIL}"/></testcase>', SKIP),
        ('<testcase name="a" classname="c"><rerunFailure/><system-out>failure</system-out></testcase>', PASS),
        ('<testcase name="a" classname="c"><properties><property name="failure"/></properties></testcase>', PASS),
        ('<testcase name="a" classname="c"><failure/><failure/></testcase>', FAIL),
        ('<testcase name="a" classname="c"><skipped/><failure/></testcase>', SKIP),
        ('<testcase name="a" classname="c"/><failure/><skipped/>', PASS),
        ('<failure/><testcase name="a" classname="c"/>', PASS),
        ('<testcase name="a" classname="c"/><testcase name="a" classname="c"><failure/></testcase>', FAIL),
        ('<testcase name="a" classname="c"><failure/></testcase><testcase name="a" classname="c"/>', FAIL),
        ('<testcase name="a" classname="c"><system-out><![CDATA[<testcase name="b"/>]]></system-out></testcase>', PASS),
        ('<!-- <testcase name="b"/> --><testcase name="a" classname="c"/>', PASS),
    ],
)
def test_how_a_test_ended(case: str, outcome: str) -> None:
    assert read(suite(case)) == {"c::a": outcome}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_any_usual_encoding_is_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    text += suite('<testcase classname="é" name="ü&#10;&#9;x" time="0"/>')
    assert read(text.encode(encoding)) == {"é::ü\n\tx": PASS}


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
    + suite('<testcase classname="c" name="&j;"/>')
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + suite('<testcase classname="c" name="&a;"/>')


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (BOMB, "document type declaration"),
        (OUTSIDE, "document type declaration"),
        ('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + suite('<testcase name="a"/>'), "document type declaration"),
        (suite('<testcase classname="c" name="&a;"/>'), "undefined entity"),
        (suite(""), "has no test in it"),
        ("<html><body/></html>", "has no test in it"),
        (suite("<testcase/>"), "line 1: a test without a name"),
        (suite("<testcase classname='c'/>"), "line 1: a test without a name"),
        (suite('<testcase name="a" name="b"/>'), "duplicate attribute"),
        (suite('<testcase name="a"></testsuite>'), "mismatched tag"),
        (suite('<testcase name="&#0;"/>'), "invalid character number"),
        (suite('<testcase name="&#xD800;"/>'), "invalid character number"),
        (suite('<testcase name="').encode() + b'\xed\xa0\x80"/>', "invalid token"),
        (suite('<testcase name="\0"/>'), "is no XML"),
        (suite('<testcase name="\x1b[31m"/>'), "is no XML"),
        (suite('<testcase name="a"/>') + "<testsuite/>", "junk after document element"),
        ('<?xml version="1.0" encoding="shift_jis"?>' + suite('<testcase name="a"/>'), "is no XML|encoding"),
        ('<?xml version="1.0" encoding="rot13"?>' + suite('<testcase name="a"/>'), "is no XML|encoding"),
        ('<?xml version="1.0" encoding="no-such"?>' + suite('<testcase name="a"/>'), "encoding"),
        ("<testsuites>".encode("utf-16")[:9], "torn"),
    ],
)
def test_what_is_no_report_is_refused_in_one_clear_line(raw: "bytes | str", said: str) -> None:
    with pytest.raises(AgentkitError, match=said) as caught:
        read(raw)
    assert (caught.value.status, "\n" in caught.value.message) == (Exit.BAD_DATA, False)


class Endless(io.RawIOBase):
    """A report with an attribute that goes on and on; says how much of it was asked for."""

    def __init__(self, begin: bytes) -> None:
        self.begin, self.given = begin, 0

    def read(self, size: int = -1) -> bytes:
        piece = (self.begin if self.given == 0 else b"").ljust(size, b"x")
        self.given += len(piece)
        return piece


@pytest.mark.parametrize("begin", [b'<testsuite><testcase name="', b"<", b"<!--", b"<?x "])
def test_a_tag_without_end_is_given_up_on_before_it_fills_the_memory(begin: bytes) -> None:
    endless = Endless(begin)
    with pytest.raises(AgentkitError, match="a tag of more than 16 MiB"):
        read_junit(endless)
    assert endless.given < 20 * 1024 * 1024


def test_much_output_of_a_test_is_passed_over() -> None:
    output = "a line of output &lt;\n" * 100_000
    case = f'<testcase classname="c" name="a" time="0"><failure>{output}</failure><system-out><![CDATA[{output}]]>'
    assert read(suite(case + "</system-out></testcase>")) == {"c::a": FAIL}


def test_elements_may_be_nested_as_deep_as_they_like() -> None:
    assert read("<testsuite>" * 10_000 + '<testcase name="a"/>' + "</testsuite>" * 10_000) == {"::a": PASS}


def test_what_is_written_like_pytest_is_read_back() -> None:
    outcomes = {"tests.a::b": PASS, "tests.a::c": FAIL, "tests.a.X::d": SKIP, "tests.a.X::e": XFAIL}
    assert read(write_junit(outcomes)) == outcomes
