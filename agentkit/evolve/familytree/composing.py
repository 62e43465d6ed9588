"""How does a family tree become one page, which tells its newest candidates without any script too?"""

from __future__ import annotations

import html
import os

from agentkit.core.lines import Record
from agentkit.core.times import format_duration, format_instant
from agentkit.core.webpage import composing
from agentkit.core.webpage.composing import show, to_json
from agentkit.evolve.familytree.treedata import Tree

FOLDER = os.path.dirname(os.path.abspath(__file__))
DATA = '<script type="application/json" id="family">'
ROWS = '<tbody id="rows">'
NEWEST = 50
NOTHING = '<tr><td colspan="7">Nothing was tried yet: agentkit evolve try --propose &#39;PROGRAM&#8230;&#39;</td></tr>'


def compose() -> tuple[str, str]:
    """Return the page before its data and after it."""
    return composing.compose(FOLDER, DATA)


def write_document(tree: Tree, host: str, now: float) -> str:
    """Return one HTML document, in plain ASCII, with the whole tree in it as it stood at `now`."""
    before, after = compose()
    head, mark, rest = before.partition(ROWS)
    rows = "".join(_write_row(one) for one in reversed(tree.candidates[-NEWEST:])) or NOTHING
    data = {
        "host": show(host),
        "at": now,
        "older": tree.older,
        "metrics": tree.metrics,
        "candidates": tree.candidates,
    }
    return f"{head}{mark}{rows}{rest}{to_json(data)}{after}"


def _write_row(one: Record) -> str:
    cost, duration = one.get("cost"), one.get("duration")
    cells = [
        format_instant(float(str(one["at"])))[:16].replace("T", " ") + " UTC",
        str(one["id"])[:16],
        f"{one['state']}{', kept' if one.get('kept') else ''}",
        str(one["proposer"]),
        str(one["reason"]),
        "" if cost is None else f"${float(str(cost)):.4f}",
        "" if duration is None else format_duration(float(str(duration))),
    ]
    return "<tr>" + "".join(f"<td><bdi>{_escape(cell)}</bdi></td>" for cell in cells) + "</tr>\n"


def _escape(text: str) -> str:
    return html.escape(text).encode("ascii", "xmlcharrefreplace").decode()
