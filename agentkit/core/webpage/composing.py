"""How do a page's files become one file that a browser opens by itself, and that lets nothing else in?"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re

from agentkit.core.visible import make_visible

SHARED = os.path.dirname(os.path.abspath(__file__))
# How page.html names the files that belong into it.
STYLE = re.compile(r'<link rel="stylesheet" href="([a-z]+\.css)">')
SCRIPT = re.compile(r'<script src="([a-z]+\.js)"></script>')
# What nobody reads in the page itself; no text of a script goes on over the end of a line.
COMMENT = re.compile(r"^[ ]*(?://[^\n]*)?\n|^[ ]+|/\*.*?\*/\n?", re.MULTILINE | re.DOTALL)
POLICY = "default-src 'none'"


def compose(folder: str, mark: str) -> tuple[str, str]:
    """Return the page of a folder up to the end of `mark`, and the rest; what is not there is one of the shared files.

    Its policy allows what it holds, by digest, and no more.
    """
    styles: list[str] = []
    scripts: list[str] = []
    page = _read(folder, "page.html")
    page = STYLE.sub(lambda found: f"<style>{_keep(styles, folder, found[1])}</style>", page)
    page = SCRIPT.sub(lambda found: f"<script>{_keep(scripts, folder, found[1])}</script>", page)
    allowed = f"style-src {_digest(styles)}; script-src {_digest(scripts)}; img-src data:"
    # https://www.w3.org/TR/CSP3/: no text becomes markup (trusted types), no form and no <base> leads elsewhere.
    closed = "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    page = page.replace(POLICY, f"{POLICY}; {allowed}; {closed}", 1)
    before, mark, after = page.partition(mark)
    return before + mark, after


def to_json(value: object) -> str:
    """Return JSON that HTML takes for nothing else: `</script>` and `<!--` would end or change the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def show(text: str) -> str:
    """Return a text as every table shows it, with what is no character of UTF-8 as an escape."""
    return make_visible(text).encode("utf-8", "backslashreplace").decode()


def _keep(texts: list[str], folder: str, name: str) -> str:
    texts.append(f"\n{COMMENT.sub('', _read(folder, name))}")
    return texts[-1]


def _digest(texts: list[str]) -> str:
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)


def _read(folder: str, name: str) -> str:
    path = f"{folder}/{name}"
    with open(path if os.path.exists(path) else f"{SHARED}/{name}", encoding="utf-8") as file:
        return file.read()
