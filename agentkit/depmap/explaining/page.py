"""How are explained findings shown: as records, or as a table with the roots first?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentkit.core.errors import tell
from agentkit.core.lines import Record, write_record
from agentkit.core.screen import Column, Styled, print_line, print_table
from agentkit.depmap.answers import shorten
from agentkit.depmap.explaining.explain import explain, is_firing

COLUMNS = (
    Column("root"),
    Column("finding"),
    Column("by way of", folds=True),
    Column("falls"),
    Column("what", folds=True),
)
SHOWN_WAY = 4
SHOWN_ROOTS = 10


def print_explained(environ: Mapping[str, str], source: str, *, as_json: bool, is_quiet: bool) -> None:
    """Print every record of a pipe, the findings explained; for a person those that hold now, the roots first."""
    explained = explain(environ, source, is_quiet=is_quiet)
    if as_json:
        for record in explained.tell():
            write_record(record)
    else:
        _print_page(explained.tell(), is_quiet=is_quiet)
    if explained.late is not None:
        raise explained.late


def _print_page(records: Iterable[Record], *, is_quiet: bool) -> None:
    rows = sorted((_Row(record) for record in records if is_firing(record)), key=_Row.rank)
    if rows:
        print_table(COLUMNS, [row.cells() for row in rows])
    roots = list(dict.fromkeys(row.root for row in rows if row.root))
    if roots:
        more = f" and {len(roots) - SHOWN_ROOTS} more" if len(roots) > SHOWN_ROOTS else ""
        count = f"{len(rows)} finding{'s' if len(rows) != 1 else ''}, {len(roots)} root{'s' if len(roots) != 1 else ''}"
        print_line(f"{count}: {', '.join(roots[:SHOWN_ROOTS])}{more}")
    elif not rows and not is_quiet:
        tell("agentkit: no finding that holds now\n")


class _Row:
    """One finding as a person sees it."""

    def __init__(self, record: Mapping[str, object]) -> None:
        cause = record.get("cause")
        cause = cause if isinstance(cause, dict) else {}
        via = cause.get("via")
        impact = record.get("impact")
        self.subject = str(record["subject"])
        self.root = str(cause.get("root", ""))
        self.way = [str(one) for one in via] if isinstance(via, list) else []
        between = cause.get("via_count")
        self.between = between if isinstance(between, int) else len(self.way)
        suspects = cause.get("suspects")
        self.suspects = [str(one) for one in suspects] if isinstance(suspects, list) else []
        count = record.get("impact_count")
        # The map knows it, and it is not said to be not well.
        self.is_known = isinstance(impact, list)
        self.falls = count if isinstance(count, int) else len(impact) if isinstance(impact, list) else 0
        self.severity = str(record.get("severity", ""))
        self.title = str(record.get("title", ""))

    def rank(self) -> tuple[bool, str, int, int, str]:
        """Return what rows are sorted by: root by root, each before what it took along; what has none at the end."""
        return not self.root, self.root, -self.falls, self.between, self.subject

    def cells(self) -> tuple[str | Styled, ...]:
        """Return the cells of a row."""
        before = "… < " if self.between > len(self.way) else ""
        way = before + " < ".join(map(shorten, self.way[:SHOWN_WAY])) + (" < …" if len(self.way) > SHOWN_WAY else "")
        what = self.title
        if self.suspects:
            what += f"; with other failing jobs it shares {', '.join(self.suspects)}"
        return (
            self.root or ("-" if self.is_known else "?"),
            Styled(self.subject, self.severity),
            way or "-",
            str(self.falls) if self.root or self.is_known else "?",
            what,
        )
