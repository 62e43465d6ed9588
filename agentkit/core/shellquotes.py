"""Where does something in a word of shell text end: a quoted text, a substitution, a variable in braces?

POSIX.1-2017, Shell Command Language, 2.2 and 2.6. What is not closed ends with the text. Nothing here calls itself: the
openings that are waited for stand in a list, however deep they go.
"""

from __future__ import annotations

import re

# What may follow literal letters and matters, inside each kind of opening.
NEXT = {
    '"': re.compile(r"[\"\\$`]"),
    "}": re.compile(r"[}\"'\\$`]"),
    # In double quotes `'` is a letter of `${x:-it's}`.
    '}"': re.compile(r"[}\"\\$`]"),
    ")": re.compile(r"[()\"'\\$`#ce]"),
    "": re.compile(r"[\"'\\$`]"),
}
CASE = re.compile(r"case(?=\s)")
ESAC = re.compile(r"esac(?![A-Za-z0-9_])")
BEFORE_WORD = " \t\n;(|&"


def find_double_end(text: str, at: int, end: int) -> int:
    """Return the index of the quote that closes a double quoted text whose inside begins at `at`, or `end`."""
    return _find_end(text, at, end, '"')


def find_brace_end(text: str, at: int, end: int, *, in_double: bool = False) -> int:
    """Return the index of the brace that closes `${`, or `end`."""
    return _find_end(text, at, end, '}"' if in_double else "}")


def find_parenthesis_end(text: str, at: int, end: int) -> int:
    """Return the index of the parenthesis that closes what was opened before `at`, or `end`."""
    return _find_end(text, at, end, ")")


def find_backquote_end(text: str, at: int, end: int) -> int:
    """Return the index of the backquote that closes, or `end`."""
    while True:
        close = text.find("`", at, end)
        if close < 0:
            return end
        begin = close
        while begin > at and text[begin - 1] == "\\":
            begin -= 1
        if (close - begin) % 2 == 0:
            return close
        at = close + 1


def skip_one(text: str, at: int, end: int, *, in_double: bool = False) -> int:
    """Return the index behind what begins at `at`: a quoted text, a substitution or one letter."""
    letter = text[at]
    following = text[at + 1 : at + 2]
    if letter == "\\":
        return min(at + 2, end)
    if letter == "'" and not in_double:
        close = text.find("'", at + 1, end)
        return end if close < 0 else close + 1
    if letter == '"' and not in_double:
        return min(find_double_end(text, at + 1, end) + 1, end)
    if letter == "`":
        return min(find_backquote_end(text, at + 1, end) + 1, end)
    if letter == "$" and following == "(":
        return min(find_parenthesis_end(text, at + 2, end) + 1, end)
    if letter == "$" and following == "{":
        return min(find_brace_end(text, at + 2, end, in_double=in_double) + 1, end)
    if letter == "$" and following == "'" and not in_double:
        return min(find_ansi_end(text, at + 2, end) + 1, end)
    return at + 1


def find_ansi_end(text: str, at: int, end: int) -> int:
    """Return the index of the quote that closes `$'`, or `end`."""
    while at < end and text[at] != "'":
        at += 2 if text[at] == "\\" else 1
    return min(at, end)


def _find_end(text: str, at: int, end: int, closing: str) -> int:
    """Go on to where `closing` stands outside of all that is opened behind `at`."""
    opened = [closing]
    # Of each parenthesis that is open, how many `case` in it are: the pattern of one ends with a parenthesis.
    cases = [0]
    while True:
        inside = opened[-1]
        found = NEXT[inside].search(text, at, end)
        if found is None:
            return end
        at = found.start()
        letter = text[at]
        at += 1
        if letter == inside[0]:
            if letter == ")" and cases[-1]:
                continue
            opened.pop()
            cases.pop()
            if not opened:
                return at - 1
        elif letter == "\\":
            at += 1
        elif letter == '"':
            opened.append('"')
            cases.append(0)
        elif letter == "'":
            close = text.find("'", at, end)
            at = end if close < 0 else close + 1
        elif letter == "`":
            at = find_backquote_end(text, at, end) + 1
        elif letter == "$":
            sign = text[at : at + 1]
            if sign == "(":
                opened.append(")")
                cases.append(0)
                at += 1
            elif sign == "{":
                opened.append('}"' if inside in ('"', '}"') else "}")
                cases.append(0)
                at += 1
            elif sign == "'" and inside not in ('"', '}"'):
                at = find_ansi_end(text, at + 1, end) + 1
        elif letter == "(":
            # The one in front of a pattern of a case is closed by that pattern's own.
            if not cases[-1]:
                opened.append(")")
                cases.append(0)
        elif at == 1 or text[at - 2] in BEFORE_WORD:
            if letter == "#":
                close = text.find("\n", at, end)
                at = end if close < 0 else close
            elif letter == "c" and CASE.match(text, at - 1, end):
                cases[-1] += 1
            elif letter == "e" and cases[-1] and ESAC.match(text, at - 1, end):
                cases[-1] -= 1
