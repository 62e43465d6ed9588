import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from datetime import timedelta
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.screen import (
    Column,
    Look,
    Styled,
    find_look,
    print_block,
    print_fact,
    print_line,
    print_styled_lines,
    print_table,
    watch,
)
from agentkit.core.visible import BARS, make_visible, sparkline, text_width

COLUMNS = [
    Column("job"),
    Column("state"),
    Column("took", is_right=True, rank=1),
    Column("trend", rank=2),
    Column("next due", rank=3),
    Column("note", folds=True),
]
ROWS = [
    [
        "backup",
        Styled("ok", "ok"),
        "1m 2s",
        "▁▃▅█ ▃",
        "in 3h",
        "all of it is well, and has been for a long long time now " * 2,
    ],
    ["日本", Styled("failed", "failed"), "3s", "▅▅", "in 12h 5m", "no"],
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def draw(width: int | None, *, has_colour: bool = False) -> str:
    page = io.StringIO()
    look = Look(width=width, has_colour=has_colour, is_live=False, has_bars=True)
    print_table(COLUMNS, ROWS, stream=page, look=look)
    return page.getvalue()


def test_in_a_pipe_every_word_stands_on_its_line_and_nothing_is_cut() -> None:
    lines = draw(None).splitlines()
    assert lines[0] == "job     state    took  trend   next due   note"
    assert lines[1] == "backup  ok      1m 2s  ▁▃▅█ ▃  in 3h      " + str(ROWS[0][5]).rstrip()
    assert lines[2] == "日本    failed     3s  ▅▅      in 12h 5m  no"


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_job_is_lost(width: int) -> None:
    page = draw(width)
    assert max(map(text_width, page.splitlines())) <= width
    assert "backup" in page
    assert "failed" in page


def test_a_narrow_terminal_loses_the_least_important_columns_first() -> None:
    assert "next due" in draw(80)
    assert "next due" not in draw(55)
    assert "trend" in draw(55)
    assert "trend" not in draw(40)
    assert "note" in draw(30)


def test_what_folds_is_all_there() -> None:
    words = " ".join(line.rstrip().split("  ")[-1] for line in draw(60).splitlines()).split()
    assert words[1:-1] == str(ROWS[0][5]).split()


def test_colours_say_the_state() -> None:
    assert "\x1b[32mok" in draw(80, has_colour=True)
    assert "\x1b[31mfailed" in draw(80, has_colour=True)
    assert "\x1b" not in draw(80)


@pytest.mark.parametrize("has_colour", [False, True])
def test_a_fact_folds_beside_its_head_on_a_terminal_and_not_at_all_in_a_pipe(has_colour: bool) -> None:
    page = io.StringIO()
    head = (" ", Styled("note   ", "dim"))
    text = "all of it is well, " * 5
    print_fact(head, text, stream=page, look=Look(width=40, has_colour=has_colour, is_live=False, has_bars=True))
    first, *others = page.getvalue().replace("\x1b[2m", "").replace("\x1b[0m", "").splitlines()
    assert first.startswith("  note    all of it")
    assert others
    assert all(line.startswith(" " * 10) and line[10] != " " and len(line) <= 40 for line in others)
    page = io.StringIO()
    print_fact(head, text, stream=page, look=Look(width=None, has_colour=has_colour, is_live=False, has_bars=True))
    assert page.getvalue().count("\n") == 1


def test_styled_lines_stand_as_they_are_with_their_tabs() -> None:
    lines = [Styled("+\ta" + " long" * 50, "ok"), Styled("", "ok"), Styled(" \x1b[2J[bold]", "")]
    coloured, plain = io.StringIO(), io.StringIO()
    print_styled_lines(lines, coloured, Look(width=40, has_colour=True, is_live=False, has_bars=True))
    print_styled_lines(lines, plain, Look(width=40, has_colour=False, is_live=False, has_bars=True))
    assert plain.getvalue() == f"{lines[0].text}\n\n \\x1b[2J[bold]\n"
    assert coloured.getvalue() == f"\x1b[32m{lines[0].text}\x1b[0m\n\n \\x1b[2J[bold]\n"


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"TERM": "xterm", "FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_a_terminal_is_coloured_unless_somebody_says_no(environ: dict[str, str], colour: bool) -> None:
    assert find_look(Terminal(), environ).has_colour is colour


def test_a_pipe_is_coloured_only_by_force_and_never_cut() -> None:
    assert find_look(io.StringIO(), {"TERM": "xterm", "COLUMNS": "60"}) == Look(None, False, False, True)
    assert find_look(io.StringIO(), {"FORCE_COLOR": "1"}).has_colour
    assert find_look(io.StringIO(), {"FORCE_COLOR": "1"}).width is None


@pytest.mark.parametrize(("given", "width"), [("60", 60), ("200", 200), ("0", 80), ("-3", 80), ("wide", 80), ("1", 20)])
def test_the_width_is_what_columns_says(given: str, width: int) -> None:
    assert find_look(Terminal(), {"TERM": "xterm", "COLUMNS": given}).width == width


def test_the_width_is_the_terminals_own_where_nobody_says() -> None:
    leader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 93, 0, 0))
    with open(terminal, "w", encoding="utf-8") as stream:
        assert find_look(stream, {"TERM": "xterm"}).width == 93
    os.close(leader)


def test_the_words_of_a_job_cannot_write_to_the_terminal() -> None:
    evil = "\x1b[2J\x1b]0;title\x07\r\x9b31m\u202egnp.exe\x00"
    page = io.StringIO()
    look = Look(width=80, has_colour=True, is_live=False, has_bars=True)
    print_table([Column("note", folds=True)], [[evil]], stream=page, look=look)
    print_line(evil, stream=page, look=look)
    print_block(evil + "\nline two\tend", stream=page)
    shown = page.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert not set(shown) & set("\x1b\x07\r\x9b\u202e\x00")
    assert "\\x1b[2J" in shown
    assert "\nline two\tend\n" in shown


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left_in_a_visible_text(text: str) -> None:
    shown = make_visible(text)
    assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    assert len(shown.splitlines()) <= 1


def test_brackets_of_a_job_are_words_and_no_markup() -> None:
    page = io.StringIO()
    print_line(Styled("[red]x[/red] :smile:", "ok"), stream=page, look=Look(80, True, False, True))
    assert "[red]x[/red] :smile:" in page.getvalue()


@given(st.lists(st.none() | st.floats(-1e300, 1e300), max_size=40))
def test_a_sparkline_has_one_place_a_value_and_its_extremes_are_the_extremes(values: list[float | None]) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    assert [bar == " " for bar in line] == [value is None for value in values]
    present = [value for value in values if value is not None]
    if present and max(present) > min(present):
        assert line[values.index(max(present))] == BARS[-1]
        assert line[values.index(min(present))] == BARS[0]


def test_without_the_letters_a_sparkline_is_ascii() -> None:
    assert sparkline([1, 2, 3], has_bars=False).isascii()
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert not find_look(ascii_only, {}).has_bars
    assert find_look(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {}).has_bars


def test_a_watch_without_a_terminal_is_one_plain_answer() -> None:
    page = io.StringIO()
    watch(lambda stream, look: print_line("all well", stream=stream, look=look), timedelta(hours=1), stream=page)
    assert page.getvalue() == "all well\n"


def test_a_watch_on_a_terminal_draws_again_and_gives_the_screen_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    drawn: list[int] = []

    def show(stream: IO[str], look: Look) -> None:
        drawn.append(1)
        print_line(f"round {len(drawn)}", stream=stream, look=look)

    page = Terminal()
    watch(show, timedelta(0), rounds=2, stream=page)
    assert "round 1" in page.getvalue()
    assert "round 2" in page.getvalue()
    assert page.getvalue().startswith("\x1b[?1049h")
    assert "\x1b[?1049l" in page.getvalue()
    assert "\x1b[?25h" in page.getvalue()


def test_ctrl_c_is_the_way_out_of_a_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")

    def show(stream: IO[str], look: Look) -> None:
        raise KeyboardInterrupt

    page = Terminal()
    watch(show, timedelta(hours=1), stream=page)
    assert "\x1b[?1049l" in page.getvalue()


def test_in_a_pipe_rich_is_never_loaded(environ: dict[str, str]) -> None:
    script = (
        "import sys\nfrom agentkit.core.screen import *\n"
        "print_table([Column('a')], [['b']]); print_line('c'); print_block('d')\n"
        "print('rich' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "a\nb\nc\nd\nFalse\n"
