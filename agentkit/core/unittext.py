"""Which settings does the text of a systemd unit file hold, and what do its specifiers stand for?"""

import re
from dataclasses import dataclass

from agentkit.core.unitfiles import split_name

# systemd.syntax(7): a line ends with any of these, and is at most so long.
_ENDS = re.compile(r"\r\n|\n\r|\n|\r|\0")
_ODD_ENDS = re.compile(r"[\r\0]")
BLANKS = " \t\n\r"
_BROKEN = re.compile("[\udc80-\udcff]")
MOST_CHARACTERS = 1024 * 1024
# Those of the system manager that are the same everywhere (systemd.unit(5), SPECIFIERS).
FIXED = {
    "%": "%",
    "h": "/root",
    "u": "root",
    "U": "0",
    "g": "root",
    "G": "0",
    "t": "/run",
    "S": "/var/lib",
    "C": "/var/cache",
    "L": "/var/log",
    "E": "/etc",
    "T": "/tmp",  # noqa: S108
    "V": "/var/tmp",  # noqa: S108
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment, as written, and where it begins; an empty `value` takes back what was set before."""

    section: str
    key: str
    value: str
    file: str = ""
    line: int = 0


def parse_unit_text(content: bytes, file: str = "") -> tuple[list[Setting], str | None]:
    """Return the assignments in order, and what systemd stopped at, None for nothing (systemd.syntax(7)).

    Lines without `=` or before any section are passed over, as systemd does; a broken header, and bytes that are no
    UTF-8 outside of comments, end the reading.
    """
    settings: list[Setting] = []
    section = held = ""
    begin = 0
    text = content.decode("utf-8", "surrogateescape").removeprefix("\N{BYTE ORDER MARK}")
    is_clean = text.isascii() or not _BROKEN.search(text)
    # What still hangs on a backslash at the end is read too.
    for number, line in enumerate([*(_ENDS.split(text) if _ODD_ENDS.search(text) else text.split("\n")), ""], 1):
        whole = line.strip(BLANKS)
        if not (whole or held):
            continue
        if whole.startswith(("#", ";")):
            continue
        if len(held) + len(line) > MOST_CHARACTERS:
            return settings, f"line {number} is too long"
        begin = begin if held else number
        if line.endswith("\\") and (len(line) - len(line.rstrip("\\"))) % 2:
            held += line[:-1] + " "
            continue
        if held:
            whole, held = (held + line).strip(BLANKS), ""
        if not is_clean and _BROKEN.search(whole):
            return settings, f"line {begin} is no UTF-8"
        if whole.startswith("["):
            if not whole.endswith("]"):
                return settings, f"line {begin} is no section header"
            section = whole[1:-1]
            continue
        key, equals, value = whole.partition("=")
        if equals and section:
            settings.append(Setting(section, key.rstrip(BLANKS), value.lstrip(BLANKS), file, begin))
    return settings, None


def expand(value: str, name: str) -> str:
    """Return the value with the specifiers that the unit's name decides filled in; unknown ones stay as written."""
    if "%" not in value:
        return value
    prefix, instance, kind = split_name(name)
    last = prefix.rpartition("-")[2]
    known = {
        **FIXED,
        "n": name,
        "N": name.removesuffix(f".{kind}"),
        "p": prefix,
        "P": unescape(prefix),
        "j": last,
        "J": unescape(last),
        "i": instance or "",
        "I": unescape(instance or ""),
    }
    return re.sub(r"%(.)", lambda found: known.get(found[1], found[0]), value)


def unescape(text: str) -> str:
    r"""Return what part of a unit's name stands for: `-` is a slash, `\x2d` a byte (systemd.unit(5), ESCAPING)."""
    raw = text.replace("-", "/").encode("utf-8", "surrogateescape")
    raw = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda found: bytes.fromhex(found[1].decode()), raw)
    return raw.decode("utf-8", "surrogateescape")
