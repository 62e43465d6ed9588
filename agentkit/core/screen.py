"""How does a person see it: in columns and colours on a terminal, as plain aligned lines everywhere else?

rich is imported here and nowhere else, and only when there is a terminal to draw on. Whatever a job printed is shown
with its control characters made visible: they must not reach the terminal.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TYPE_CHECKING

from agentkit.core.visible import BARS, make_block_visible, make_visible, text_width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.text import Text

STYLES = {
    "critical": "bold red",
    "failed": "red",
    "timeout": "red",
    "lost": "red",
    "firing": "red",
    "idle": "magenta",
    "warning": "yellow",
    "skipped": "yellow",
    "late": "yellow",
    "started": "cyan",
    "learning": "cyan",
    "info": "blue",
    "ok": "green",
    "resolved": "green",
    "heading": "bold",
    "dim": "dim",
}
GAP = 2
NARROWEST = 20


@dataclass(frozen=True)
class Styled:
    """A text and the name of its style, one of `STYLES`."""

    text: str
    style: str


Cell = str | Styled


@dataclass(frozen=True)
class Column:
    """A column of a table; `folds` may break over lines, and of those with a `rank` the highest gives way first."""

    name: str
    is_right: bool = False
    folds: bool = False
    rank: int = 0


@dataclass(frozen=True)
class Look:
    """What the stream is able to show; without a terminal there is no width: nothing is cut or folded in a pipe."""

    width: int | None
    has_colour: bool
    is_live: bool
    has_bars: bool


def find_look(stream: IO[str], environ: Mapping[str, str]) -> Look:
    """Return what the stream can show, by NO_COLOR, FORCE_COLOR, TERM, COLUMNS and the terminal itself."""
    is_terminal = stream.isatty()
    is_dumb = environ.get("TERM", "dumb") in ("dumb", "unknown", "")
    width = None
    if is_terminal:
        given = environ.get("COLUMNS", "")
        width = max(NARROWEST, int(given) if given.isdecimal() and int(given) > 0 else _ask_width(stream))
    colour = is_terminal and not is_dumb
    if environ.get("FORCE_COLOR"):
        colour = environ["FORCE_COLOR"] not in ("0", "false")
    if environ.get("NO_COLOR"):
        colour = False
    return Look(
        width=width, has_colour=colour, is_live=is_terminal and not is_dumb, has_bars=_has_letters(stream, BARS)
    )


def print_table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], stream: IO[str] | None = None, look: Look | None = None
) -> None:
    """Print rows under the names of their columns; on a narrow terminal columns with a rank are left out."""
    stream, look = _default(stream, look)
    kept = _choose_columns(columns, rows, look.width)
    columns = [columns[index] for index in kept]
    cells = [[_visible(row[index]) for index in kept] for row in rows]
    if look.width is None and not look.has_colour:
        _print_plain(columns, cells, stream)
    else:
        _print_drawn(columns, cells, stream, look)


def print_line(*cells: Cell, stream: IO[str] | None = None, look: Look | None = None) -> None:
    """Print one line, its cells joined by a space."""
    stream, look = _default(stream, look)
    shown = [_visible(cell) for cell in cells]
    if not look.has_colour:
        print(" ".join(cell.text for cell in shown), file=stream)
        return
    _open_console(stream, look).print(_join(shown))


def print_fact(head: Sequence[Cell], *cells: Cell, stream: IO[str] | None = None, look: Look | None = None) -> None:
    """Print one line as `print_line` does; on a terminal what does not fit beside its head folds beside it."""
    stream, look = _default(stream, look)
    if look.width is None:
        print_line(*head, *cells, stream=stream, look=look)
        return
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(_join([_visible(cell) for cell in head]), _join([_visible(cell) for cell in cells]))
    _open_console(stream, look).print(grid)


def print_block(text: str, stream: IO[str] | None = None) -> None:
    """Print the output of a program as it stands, with its control characters made visible and a last newline."""
    stream, _ = _default(stream, None)
    shown = make_block_visible(text)
    stream.write(shown if shown.endswith("\n") or not shown else shown + "\n")


def print_styled_lines(lines: Iterable[Styled], stream: IO[str] | None = None, look: Look | None = None) -> None:
    """Print lines as they stand, each in its style: none is folded, tabs stay, control characters are made visible."""
    stream, look = _default(stream, look)
    shown = (Styled(make_block_visible(line.text), line.style) for line in lines)
    if not look.has_colour:
        stream.writelines(f"{line.text}\n" for line in shown)
        return
    from rich.color import ColorSystem
    from rich.style import Style

    # A console would fold each line, and take a millisecond for it.
    styles = {name: Style.parse(style) for name, style in STYLES.items()}
    for line in shown:
        style = styles.get(line.style, Style.null())
        stream.write(f"{style.render(line.text, color_system=ColorSystem.STANDARD)}\n")


def watch(
    draw: Callable[[IO[str], Look], None], every: timedelta, *, rounds: int | None = None, stream: IO[str] | None = None
) -> None:
    """Draw again and again until Ctrl-C (or `rounds` times); without a live terminal once, as a plain answer."""
    stream, look = _default(stream, None)
    if not look.is_live:
        draw(stream, look)
        return
    from rich.text import Text

    try:
        with _open_console(stream, look).screen(hide_cursor=True) as shown:
            while rounds is None or rounds > 0:
                _, look = _default(stream, None)
                page = io.StringIO()
                draw(page, look)
                shown.update(Text.from_ansi(page.getvalue()))
                rounds = None if rounds is None else rounds - 1
                if rounds != 0:
                    time.sleep(every.total_seconds())
    except KeyboardInterrupt:
        # The way out of a watch, and no failure.
        return


class ProgressLine:
    """A line on a terminal that says how far something is; where there is no terminal it says nothing."""

    def __init__(self, stream: IO[str], environ: Mapping[str, str]) -> None:
        self._stream = stream
        self._look = find_look(stream, environ)
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def show(self, what: str, done: int, total: int | None) -> None:
        """Say how far it is; without a total, that it goes on."""
        if not self._look.is_live:
            return
        if self._progress is None or self._task is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            # It is drawn when something is told, by the thread that tells it, and gone when it ends.
            console = _open_console(self._stream, self._look)
            self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True)
            self._task = self._progress.add_task(what, total=total)
        # Again, where it was taken away for something that was printed; its clock has gone on.
        self._progress.start()
        self._progress.update(self._task, description=what, completed=done, total=total)
        self._progress.refresh()

    def clear(self) -> None:
        """Take the line away, until more is told."""
        if self._progress is not None:
            self._progress.stop()


def _default(stream: IO[str] | None, look: Look | None) -> tuple[IO[str], Look]:
    stream = sys.stdout if stream is None else stream
    return stream, find_look(stream, os.environ) if look is None else look


def _ask_width(stream: IO[str]) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _has_letters(stream: IO[str], letters: str) -> bool:
    try:
        letters.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _visible(cell: Cell) -> Styled:
    return Styled(make_visible(cell.text), cell.style) if isinstance(cell, Styled) else Styled(make_visible(cell), "")


def _join(cells: Sequence[Styled]) -> "Text":
    from rich.text import Text

    return Text(" ").join(Text(cell.text, style=STYLES.get(cell.style, "")) for cell in cells)


def _measure(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], index: int) -> int:
    texts = [_visible(row[index]).text for row in rows]
    return max(map(text_width, [columns[index].name, *texts]))


def _choose_columns(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None) -> list[int]:
    kept = list(range(len(columns)))
    if width is None:
        return kept
    # A column that folds is readable down to this; its name never folds.
    needed = [
        min(_measure(columns, rows, index), max(NARROWEST, text_width(columns[index].name)))
        if columns[index].folds
        else _measure(columns, rows, index)
        for index in kept
    ]
    while sum(needed[index] + GAP for index in kept) - GAP > width:
        optional = [index for index in kept if columns[index].rank > 0]
        if not optional:
            break
        kept.remove(max(optional, key=lambda index: (columns[index].rank, index)))
    return kept


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[Styled]], stream: IO[str]) -> None:
    widths = [_measure(columns, rows, index) for index in range(len(columns))]
    for row in [[Styled(column.name, "") for column in columns], *rows]:
        parts = []
        for column, cell, width in zip(columns, row, widths, strict=True):
            blank = " " * (width - text_width(cell.text))
            parts.append(blank + cell.text if column.is_right else cell.text + blank)
        print((" " * GAP).join(parts).rstrip(), file=stream)


def _print_drawn(columns: Sequence[Column], rows: Sequence[Sequence[Styled]], stream: IO[str], look: Look) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style=STYLES["heading"])
    for column in columns:
        table.add_column(
            Text(column.name),
            justify="right" if column.is_right else "left",
            no_wrap=not column.folds,
            overflow="fold" if column.folds else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(cell.text, style=STYLES.get(cell.style, "")) for cell in row))
    _open_console(stream, look).print(table)


def _open_console(stream: IO[str], look: Look) -> "Console":
    from rich.console import Console

    return Console(
        file=stream,
        width=look.width or 10_000,
        force_terminal=look.has_colour or look.is_live,
        color_system="standard" if look.has_colour else None,
        no_color=not look.has_colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
