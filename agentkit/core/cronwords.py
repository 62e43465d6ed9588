"""How does cron take the words of a line apart: an assignment, five times and a rest, a command and its input?

The rules of vixie cron, as Debian (3.0pl1) and cronie have them; only blanks and tabs set words apart.
"""

BLANKS = " \t"
C_SPACES = " \t\n\v\f\r"
# Where str.split sees blanks and cron does not.
NO_BLANKS = ("\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f")
LONGEST_ASSIGNMENT = 998  # bytes of a line that Debian's load_env looks at


def is_plain(text: str) -> bool:
    """Tell whether str.split takes the text apart as cron does."""
    return text.isascii() and not any(letter in text for letter in NO_BLANKS)


def split_word(text: str) -> tuple[str, str]:
    """Return the first word and what follows its blanks."""
    space, tab = text.find(" "), text.find("\t")
    end = min(space, tab) if space >= 0 and tab >= 0 else max(space, tab)
    return (text, "") if end < 0 else (text[:end], text[end:].lstrip(BLANKS))


def split_fields(content: str, *, plain: bool) -> tuple[list[str], str]:
    """Return the first five words and the rest of a line; `plain` is what is_plain says of it."""
    if plain:
        words = content.split(None, 5)
        if len(words) == 6:
            rest = words.pop()
            return words, rest
    fields: list[str] = []
    while content and len(fields) < 5:
        word, content = split_word(content)
        fields.append(word)
    return fields, content


def read_assignment(content: str, *, debian: bool = True) -> tuple[str, str] | None:
    """Return name and value when cron takes the line as an assignment; nothing is ever expanded in it.

    `NAME=` with nothing behind it is none to Debian's cron, and so a bad line.
    """
    content = content.partition("\0")[0]
    name, rest = _read_name(content[:LONGEST_ASSIGNMENT] if debian else content)
    if name is None:
        return None
    value = rest.lstrip(C_SPACES)
    if not value:
        return None if debian else (name, "")
    if value[0] in "'\"":
        value, quote, after = value[1:].partition(value[0])
        if not quote or after.strip(C_SPACES):
            return None
        if not debian:
            return name, value
    value = value.rstrip(C_SPACES)
    # Debian: blanks at the end go even from within quotes, and so does a second pair of quotes.
    if debian and len(value) >= 2 and value[0] in "'\"" and value[-1] == value[0]:
        value = value[1:-1]
    return name, value


def _read_name(content: str) -> tuple[str | None, str]:
    """Return the name and what follows the equals sign."""
    if content[:1] in ("'", '"'):
        name, quote, rest = content[1:].partition(content[0])
        rest = rest.lstrip(C_SPACES)
        if not quote or "=" in name or not rest.startswith("="):
            return None, ""
        return name, rest[1:]
    name, equals, rest = content.partition("=")
    name = name.rstrip(C_SPACES)
    if not equals or any(space in name for space in C_SPACES):
        return None, ""
    return name, rest


def split_command(text: str, *, debian: bool = True) -> tuple[str, str | None]:
    """Return what the shell gets and what the command reads: cut at the first %, `\\%` is %, later % are newlines.

    Debian's cron makes one backslash of two on the way, cronie does not. Without an unescaped % there is no input.
    """
    command: list[str] = []
    letters = iter(text)
    for letter in letters:
        if letter == "%":
            return "".join(command), _read_input("".join(letters))
        if letter == "\\":
            following = next(letters, "")
            if following != "%" and not (debian and following == "\\"):
                command.append(letter)
            command.append(following)
            continue
        command.append(letter)
    return "".join(command), None


def _read_input(text: str) -> str:
    fed = text.replace("\\%", "\0").replace("%", "\n").replace("\0", "%")
    # cron ends the input with a newline; it overlooks backslashes at the end when it asks whether one is needed.
    seen = fed.rstrip("\\")
    return fed + "\n" if seen and not seen.endswith("\n") else fed
