import base64
import hashlib
import json
import random
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest

from agentkit.core.visible import make_visible
from agentkit.depmap.document import Defined
from agentkit.depmap.edge import DECLARED, Edge
from agentkit.depmap.graph import load_graph
from agentkit.depmap.opening import open_map
from agentkit.depmap.store import Map
from agentkit.depmap.stored import read_edges
from agentkit.depmap.tracing.keeping import add_seen
from agentkit.depmap.webpage import mapdata
from agentkit.depmap.webpage.composing import FOLDER, compose, write_page
from tests.depmap.maps import edge, make_map
from tests.depmap.oracle import declare, make_graph

Run = Callable[..., "subprocess.CompletedProcess[str]"]
# Elements that have no end (https://html.spec.whatwg.org/#void-elements).
VOID = {"meta", "link", "input", "br"}
HOSTILE = [
    "unit:</script><script>alert(1)</script>",
    "unit:<!--<script>",
    "unit:]]><img src=x onerror=alert(1)>",
    "file:/tmp/\"quoted\" 'twice' \\ & &lt;",
    "file:/tmp/\u202etxt.exe",
    "file:/tmp/line\u2028end\nand\x00\x1b[31m",
    "file:/tmp/not-utf-8-\udcff\udc80",
    "file:/tmp/שלום-😀-ä",
    "cmd:__proto__",
    "constructor:toString",
    "no kind at all",
    "unit:%zz",
    "cmd:",
]
LARGEST_BYTES = 62_000
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3


class Reader(HTMLParser):
    """What is in a page: its elements, in which order they end, and the texts of its scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.faults: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.opened or self.opened.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        if self.opened and self.opened[-1] in ("script", "style"):
            self.texts.append((self.opened[-1], data))


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert (reader.opened, reader.faults) == ([], [])
    return reader


def read_data(environ: dict[str, str]) -> dict[str, list[list[object]]]:
    with open_map(environ) as chart:
        page = "".join(write_page(chart))
    [text] = [text for tag, text in read(page).texts if text.startswith("{")]
    found: dict[str, list[list[object]]] = json.loads(text)
    return found


def show(name: str) -> str:
    return make_visible(name).encode("utf-8", "backslashreplace").decode()


def list_edges(data: dict[str, list[list[object]]]) -> list[tuple[object, ...]]:
    """Return the edges of the data, written out."""
    found = []
    for file, functions, numbers in data["edges"]:
        rows = [numbers[start : start + 5] for start in range(0, len(numbers), 5)]  # type: ignore[index,arg-type]
        for source, target, line, function, detail in rows:
            inside = functions[function - 1] if function else None  # type: ignore[index]
            kind, falls, *more = data["details"][detail]
            found.append((data["nodes"][source], data["nodes"][target], kind, falls, file, line or None, inside, *more))
    return found


def list_stored(chart: Map) -> list[tuple[object, ...]]:
    graph = load_graph(chart)
    names = dict(zip(graph.nodes, graph.names, strict=True))
    found = []
    for stored in read_edges(chart):
        one = stored.edge
        assert stored.source is not None
        assert stored.target is not None
        ends = (show(names[stored.source]), show(names[stored.target]))
        place = (show(one.file), one.line, one.function and show(one.function))
        found.append((*ends, one.kind, *place, one.rule, one.how, one.confidence, one.via, one.reason))
    return found


def test_the_page_is_whole_html_that_leads_nowhere_else() -> None:
    before, after = compose()
    reader = read(f"{before}{{}}{after}")
    assert (before + after).startswith("<!DOCTYPE html>\n")
    places = [value for _, attrs in reader.seen for name, value in attrs.items() if name in ("src", "href", "action")]
    assert set(places) == {"#", "data:,"}
    # Only the name of SVG looks like an address; nothing is ever loaded by it.
    rest = (before + after).replace('"http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", rest)
    assert [tag for tag, attrs in reader.seen if any(name.startswith("on") or name == "style" for name in attrs)] == []
    assert len((before + after).encode()) < LARGEST_BYTES


def test_the_policy_allows_by_digest_what_is_in_the_page_and_nothing_else() -> None:
    before, after = compose()
    reader = read(f"{before}{{}}{after}")
    [policy] = [attrs["content"] for _, attrs in reader.seen if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        texts = [text for kind, text in reader.texts if kind == tag and text != "{}"]
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert rules[rule] == [f"'sha256-{digest}'" for digest in digests] != []
    assert set(rules) == {
        *("default-src", "style-src", "script-src", "img-src", "base-uri", "form-action", "require-trusted-types-for"),
    }


def test_every_script_of_the_folder_is_in_the_page_without_its_comments() -> None:
    before, after = compose()
    for path in Path(FOLDER).glob("*.*s"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        code = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("//")]
        assert [line for line in code if line not in before + after] == [], path
    assert not re.search(r"^//|/\*", before + after, re.MULTILINE)


def test_no_text_of_the_page_is_ever_made_markup() -> None:
    scripts = "".join(path.read_text() for path in Path(FOLDER).glob("*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", scripts)
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|import\(", scripts)


def test_the_data_is_the_map_edge_by_edge(
    own_environ: dict[str, str], random_choices: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that a file with many edges comes in several pieces.
    monkeypatch.setattr(mapdata, "EDGES_A_PIECE", 3)
    for _ in range(10):
        edges = declare(make_graph(random_choices), random_choices)
        more = [edge("job:night", "cmd:run", "exec", path="/opt/run.sh", line=number % 4 + 1) for number in range(8)]
        more += [edge("func:/opt/run.sh#f", "unknown:$x", "unknown", file="/opt/run.sh", line=2)]
        more += [
            Edge("unit:x.timer", "unit:x.service", "triggers", "/lib/x.timer", None, "Unit", confidence=0.7, via="v")
        ]
        make_map(own_environ, [*edges, *more], [Defined("func:/opt/run.sh#f", "/opt/run.sh", 1)])
        data = read_data(own_environ)
        with open_map(own_environ) as chart:
            assert data["nodes"] == load_graph(chart).names
            told = list_edges(data)
            assert sorted(map(repr, (one[:3] + one[4:] for one in told))) == sorted(map(repr, list_stored(chart)))
        assert {one[3] for one in told if one[2] == "triggers" and one[8] != DECLARED} == {-1}
        # Within a file by line: the first edge between two nodes is the one that `blast` names.
        assert [(one[4], one[5] or 0) for one in told] == sorted((str(one[4]), one[5] or 0) for one in told)
        assert [len(numbers) for _, _, numbers in data["edges"] if len(numbers) > 15] == []  # type: ignore[arg-type]


def test_names_that_would_end_the_script_or_fool_the_eye_are_only_names(own_environ: dict[str, str]) -> None:
    make_map(own_environ, [edge("job:root", name, file=name.partition(":")[2] or "/etc/x") for name in HOSTILE])
    data = read_data(own_environ)
    assert sorted(data["nodes"]) == sorted(["job:root", *map(show, HOSTILE)])
    with open_map(own_environ) as chart:
        page = "".join(write_page(chart))
    assert not re.search("[\u0080-\u009f\u202a-\u202e\u2028\u2066-\u2069\ud800-\udfff]", page)
    before, after = compose()
    assert [tag for tag, _ in read(page).seen] == [tag for tag, _ in read(before + after).seen]


def test_a_node_has_its_other_names_its_path_and_its_places(own_environ: dict[str, str]) -> None:
    script = "/opt/run.sh"
    edges = [edge("job:night", "cmd:run.sh", "exec", path=script), edge(f"file:{script}", "cmd:curl", path="/bin/curl")]
    make_map(own_environ, edges, [Defined(f"file:{script}", script, 3)])
    data = read_data(own_environ)
    spot = {name: number for number, name in enumerate(data["nodes"])}  # type: ignore[misc]
    names = {number: more for number, *more in data["names"]}
    assert names == {spot[f"file:{script}"]: ["cmd:run.sh"], spot["cmd:curl"]: ["/bin/curl"]}  # type: ignore[index]
    assert data["defined"] == [[spot[f"file:{script}"], script, 3]]  # type: ignore[index]


def test_the_verb_prints_the_page_and_an_empty_map_makes_one_too(own_environ: dict[str, str], agentkit: Run) -> None:
    make_map(own_environ, [])
    ended = agentkit("depmap", "export", "--format", "html")
    assert (ended.returncode, ended.stderr) == (0, "")
    data = read_data(own_environ)
    assert (data["nodes"], data["edges"], data["details"]) == ([], [], [])
    read(ended.stdout)


def test_what_is_read_has_the_contrast_that_makes_it_readable() -> None:
    style = Path(FOLDER, "page.css").read_text()
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    texts = (
        "text",
        "dim",
        "link",
        "accent",
        "unit",
        "job",
        "cmd",
        "file",
        "func",
        "place",
        "secret",
        "person",
        "unknown",
    )
    light = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", schemes[0]))
    for scheme in schemes:
        colours = {**light, **dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", scheme))}
        found = {
            (text, ground): measure_contrast(colours[text], colours[ground])
            for text, ground in product(texts, ("page", "panel", "sunken", "accent-soft"))
        }
        assert {pair: ratio for pair, ratio in found.items() if ratio < LEAST_CONTRAST} == {}
        # The frame of what has the focus: 1.4.11.
        assert min(measure_contrast(colours["focus"], colours[ground]) for ground in ("page", "panel", "sunken")) >= 3


def measure_contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted(map(measure_light, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def measure_light(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_of_a_map_that_was_never_built_no_time_of_a_build_is_told(own_environ: dict[str, str]) -> None:
    add_seen(own_environ, [edge("file:/opt/x", "cmd:date", "exec")], print)
    assert read_data(own_environ)["built"] is None
