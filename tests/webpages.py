"""What does a test hold against a page that is one file: whole HTML, closed to everything else, readable?"""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

from agentkit.core.webpage.composing import SHARED

# Elements that have no end (https://html.spec.whatwg.org/#void-elements).
VOID = {"meta", "link", "input", "br"}
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
GROUNDS = ("page", "panel", "sunken", "accent-soft")
SCHEMES = {
    "light": r"^:root \{(.*?)^\}",
    "dark": r"^@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}",
    "print": r"^@media print \{\s*:root \{(.*?)\}",
}
DANGERS = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|"
    r"fetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|import\("
)


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
    """Return what is in a page; raises AssertionError where an element is not closed."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert (reader.opened, reader.faults) == ([], [])
    return reader


def demand_closed(page: str, data: str) -> None:
    """Raise AssertionError where the policy of a page with this data allows more than what is in it, by digest."""
    reader = read(page)
    [policy] = [attrs["content"] for _, attrs in reader.seen if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        texts = [text for kind, text in reader.texts if kind == tag and text != data]
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert rules[rule] == [f"'sha256-{digest}'" for digest in digests] != []
    assert set(rules) == {
        *("default-src", "style-src", "script-src", "img-src", "base-uri", "form-action", "require-trusted-types-for"),
    }


def find_left_out(folder: str, page: str) -> dict[str, list[str]]:
    """Return {file: its lines} of what stands in the folder's or the shared styles and scripts, and not in the page."""
    found = {}
    for path in (*Path(folder).glob("*.*s"), *Path(SHARED).glob("*.*s")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        code = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("//")]
        if missing := [line for line in code if line not in page]:
            found[path.name] = missing
    return found


def find_dangers(page: str) -> list[str]:
    """Return what could make markup of a text, run one, or ask somebody else, in the scripts of a page."""
    return [found for tag, text in read(page).texts if tag == "script" for found in re.findall(DANGERS, text)]


def find_faint(folder: str, texts: set[str]) -> dict[tuple[str, str, str], float]:
    """Return {(scheme, text, ground): contrast} of the colours that cannot be read well, on screen or paper."""
    styles = [Path(place).read_text() for place in (f"{SHARED}/ground.css", f"{folder}/page.css")]
    colours: dict[str, str] = {}
    found = {}
    for scheme, pattern in SCHEMES.items():
        roots = "".join(root for style in styles for root in re.findall(pattern, style, re.DOTALL | re.MULTILINE))
        told = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", roots))
        colours = {**colours, **told} if scheme != "light" else told
        for text, ground in product(sorted(texts), GROUNDS):
            ratio = measure_contrast(colours[text], colours[ground])
            if ratio < LEAST_CONTRAST:
                found[scheme, text, ground] = ratio
        # The frame of what has the focus: 1.4.11.
        for ground in GROUNDS[:3]:
            assert measure_contrast(colours["focus"], colours[ground]) >= 3 or scheme == "print"
    return found


def measure_contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted(map(measure_light, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def measure_light(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
