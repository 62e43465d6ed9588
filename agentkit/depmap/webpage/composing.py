"""How do the page's files become one file that a browser opens by itself, and that lets nothing else in?"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator

from agentkit.depmap.store import Map
from agentkit.depmap.webpage.mapdata import write_data

FOLDER = os.path.dirname(os.path.abspath(__file__))
# How page.html names the files that belong into it.
STYLE = re.compile(r'<link rel="stylesheet" href="([a-z]+\.css)">')
SCRIPT = re.compile(r'<script src="([a-z]+\.js)"></script>')
# What nobody reads in the page itself; no text of a script goes on over the end of a line.
COMMENT = re.compile(r"^[ ]*(?://[^\n]*)?\n|^[ ]+|/\*.*?\*/\n?", re.MULTILINE | re.DOTALL)
DATA = '<script type="application/json" id="map">'
POLICY = "default-src 'none'"
CHUNK = 1 << 16


def write_page(chart: Map) -> Iterator[str]:
    """Yield one HTML document with the whole map in it, some 64 KiB at a time."""
    waiting: list[str] = []
    size = 0
    for text in _write_all(chart):
        waiting.append(text)
        size += len(text)
        if size >= CHUNK:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


def compose() -> tuple[str, str]:
    """Return the page before the map's data and after it; its policy allows what it holds, by digest, and no more."""
    styles: list[str] = []
    scripts: list[str] = []
    page = _read("page.html")
    page = STYLE.sub(lambda found: f"<style>{_keep(styles, found[1])}</style>", page)
    page = SCRIPT.sub(lambda found: f"<script>{_keep(scripts, found[1])}</script>", page)
    allowed = f"style-src {_digest(styles)}; script-src {_digest(scripts)}; img-src data:"
    # https://www.w3.org/TR/CSP3/: no text becomes markup (trusted types), no form and no <base> leads elsewhere.
    closed = "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    page = page.replace(POLICY, f"{POLICY}; {allowed}; {closed}", 1)
    before, mark, after = page.partition(DATA)
    return before + mark, after


def _write_all(chart: Map) -> Iterator[str]:
    before, after = compose()
    yield before
    yield from write_data(chart)
    yield after


def _keep(texts: list[str], name: str) -> str:
    texts.append(f"\n{COMMENT.sub('', _read(name))}")
    return texts[-1]


def _digest(texts: list[str]) -> str:
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)


def _read(name: str) -> str:
    with open(f"{FOLDER}/{name}", encoding="utf-8") as file:
        return file.read()
