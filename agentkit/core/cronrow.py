"""How is a crontab's line taken apart as it is written, and a command written so that cron hands over just that?"""

from agentkit.core.cronwords import BLANKS, split_word


def split_row(row: str, *, kind: str, rules: str) -> tuple[str, str, str]:
    """Return what stands before the command, the command as written, and from an unescaped % on what it is fed.

    `kind` is that of a CronLine; `rules` is `debian`, `cronie`, or one that knows no %: `busybox`, `anacron`. The three
    together are the row.
    """
    rest = row.lstrip(BLANKS)
    words = 3 if kind == "anacron" else (1 if rest.startswith("@") else 5) + (kind == "system")
    for _ in range(words):
        rest = split_word(rest)[1]
    if rules == "cronie" and rest.startswith(("-n ", "-n\t")):
        rest = rest[3:].lstrip(BLANKS)
    end = _find_percent(rest, debian=rules == "debian") if rules in ("debian", "cronie") else len(rest)
    return row[: len(row) - len(rest)], rest[:end], rest[end:]


def _find_percent(text: str, *, debian: bool) -> int:
    place = 0
    while place < len(text):
        if text[place] == "%":
            return place
        # Debian's cron takes the letter behind a backslash for quoted, cronie only a %.
        place += 2 if text[place] == "\\" and (debian or text[place + 1 : place + 2] == "%") else 1
    return len(text)


def escape_command(command: str, rules: str) -> str:
    r"""Return a command as a crontab has to hold it: each % as `\%`, and for Debian's cron `\\` as `\\\\`."""
    if rules == "cronie":
        return command.replace("%", "\\%")
    if rules != "debian":
        return command
    pieces: list[str] = []
    for place, letter in enumerate(command):
        following = command[place + 1 : place + 2]
        if letter == "%" or (letter == "\\" and following in ("\\", "%", "")):
            pieces.append("\\")
        pieces.append(letter)
    return "".join(pieces)
