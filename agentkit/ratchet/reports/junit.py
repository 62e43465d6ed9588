"""How did each test end, as a JUnit XML report has it, whichever runner wrote it?

There is no one schema of JUnit's reports; https://github.com/testmoapp/junitxml collects what runners write. What
counts here is `testcase` with `classname` and `name`, and `failure`, `error` or `skipped` in it. What a report says of
its own counts has no say: a test is what stands there by name.
"""

from typing import BinaryIO
from xml.parsers import expat

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, XFAIL, Outcomes, worse

PIECE_BYTES = 1024 * 1024
# expat keeps a tag until its end is there, and this is no tag of a test report any more.
LONGEST_TAG_BYTES = 16 * 1024 * 1024
# GoogleTest and CTest say it so, with or without an element for it.
STATES = {
    **dict.fromkeys(("notrun", "disabled", "skipped", "suppressed", "ignored"), SKIP),
    **dict.fromkeys(("fail", "failed", "failure", "error"), FAIL),
}

TORN = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)


def read_junit(stream: BinaryIO) -> Outcomes:
    """Return each test's outcome; of a test that stands there twice the worst.

    Raises AgentkitError (bad data) where it is no XML, torn, without a test, or has a DTD: entities are what XML bombs
    and readers of foreign files are made of (CWE-776, CWE-611), and no runner writes any.
    """
    outcomes: Outcomes = {}
    # The names that come again and again are these very objects then: compared by identity, a twentieth of the time.
    parser = expat.ParserCreate(intern={name: name for name in ("testcase", "classname", "name", "time")})
    parser.ordered_attributes = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = _refuse_doctype
    _listen(parser, outcomes)
    fed = 0
    try:
        while piece := stream.read(PIECE_BYTES):
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > LONGEST_TAG_BYTES:
                raise _bad(f"line {parser.CurrentLineNumber}: a tag of more than {LONGEST_TAG_BYTES >> 20} MiB")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        if error.code in TORN:
            raise _bad(f"torn: it ends at line {error.lineno} in the middle ({said})") from None
        raise _bad(f"is no XML: {said} at line {error.lineno}, column {error.offset + 1}") from None
    except (LookupError, ValueError) as error:
        # An encoding that Python has not, or of more than one byte a letter.
        raise _bad(f"its encoding cannot be read: {error}") from None
    if not outcomes:
        raise _bad("has no test in it")
    return outcomes


def _listen(parser: expat.XMLParserType, outcomes: Outcomes) -> None:
    """Have the parser put what it meets into `outcomes`; closures, as there are two calls a test."""
    test: str | None = None
    suites: list[str] = []
    put = outcomes.setdefault

    def start(tag: str, attributes: list[str]) -> None:
        nonlocal test
        if tag == "testcase":
            # As pytest writes it: classname, name, time.
            if (
                len(attributes) == 6
                and attributes[0] == "classname"
                and attributes[2] == "name"
                and attributes[4] == "time"
            ):
                test = f"{attributes[1]}::{attributes[3]}"
                put(test, PASS)
                return
            said = dict(zip(attributes[::2], attributes[1::2], strict=True))
            test = _name_test(said, suites, parser)
            state = STATES.get(said.get("status", "").lower()) or STATES.get(said.get("result", "").lower(), PASS)
            outcomes[test] = worse(put(test, state), state)
        elif tag in {"failure", "error"}:
            if test is not None:
                outcomes[test] = worse(outcomes[test], FAIL)
        elif tag == "skipped":
            if test is not None:
                kind = dict(zip(attributes[::2], attributes[1::2], strict=True)).get("type", "")
                outcomes[test] = worse(outcomes[test], XFAIL if kind.endswith(".xfail") else SKIP)
        elif tag == "testsuite":
            suites.append(dict(zip(attributes[::2], attributes[1::2], strict=True)).get("name", ""))
        elif ":" in tag:
            start(tag.rpartition(":")[2], attributes)

    def end(tag: str) -> None:
        nonlocal test
        if tag == "testcase":
            test = None
        elif tag == "testsuite":
            suites.pop()
        elif ":" in tag:
            end(tag.rpartition(":")[2])

    parser.StartElementHandler = start
    parser.EndElementHandler = end


def _name_test(said: dict[str, str], suites: list[str], parser: expat.XMLParserType) -> str:
    """Return the id of a test; without a `classname` the names of its suites stand for it."""
    group = said.get("classname", said.get("class"))
    name = said.get("name", "")
    if group is None:
        group = ".".join(filter(None, suites))
    if not name:
        raise _bad(f"line {parser.CurrentLineNumber}: a test without a name")
    return f"{group}::{name}"


def _refuse_doctype(*_: object) -> None:
    raise _bad("has a document type declaration, which no test report needs and an attack does")


def _bad(message: str) -> AgentkitError:
    return AgentkitError(message, status=Exit.BAD_DATA)
