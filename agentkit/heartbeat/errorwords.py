"""Which lines of the output say that something went wrong, though the program ended with 0?

Imported by the hot verbs when there is output: plain searches first, `re` only for output that holds such a word.
"""

# Each must stand in lower case; a line counts when it holds one that is not denied (`0 errors`, `no error`).
NEEDLES = (
    b"error",
    b"fail",
    b"traceback",
    b"exception",
    b"fatal",
    b"panic",
    b"denied",
    b"refused",
    b"not found",
    b"no such file",
    b"cannot ",
    b"can't ",
    b"could not",
    b"unable to",
    b"timed out",
    b"no space left",
    b"out of memory",
    b"segmentation",
    b"core dumped",
    b"killed",
    b"aborted",
    b"corrupt",
    b"unreachable",
    b"not permitted",
    b"read-only file system",
    b"invalid ",
    b"missing ",
    b"result code",
    b"exit status",
    b"exit code",
)
WORDS = (
    r"errors?\b|errno|fail(?:s|ed|ure|ures|ing)?\b|traceback|\w*exception\b|fatal|panic(?:ked)?\b|denied|refused|not found|"
    r"no such file|cannot|can't|could not|unable to|timed out|no space left|out of memory|segmentation fault|"
    r"core dumped|killed\b|aborted|corrupt(?:ed|ion)?\b|unreachable|not permitted|read-only file system|invalid|missing"
)
# `0 errors`, `no errors`, `errors: 0`, `failed=0`, `without error`, `0 files failed`.
DENIED = (
    r"\b(?:0|no|zero|without(?: any)?|not? an?)\s+(?:[\w-]+\s+){0,2}(?:%s)|"
    r"\b(?:%s)(?:\s+\w+)?\s*[:=]\s*(?:0+(?![.\d]*[1-9])|none|no|false|null|\[\]|\"\")(?![\w])"
)
CODES = r"\b(?:result code|exit (?:status|code)|return code|rc)\s*[:=]?\s*(?!0+\b)-?\d+"
MOST_LINES = 20
LONGEST_LINE = 200


def find_error_words(*texts: bytes) -> list[str]:
    """Return the lines that hold an error word, at most 20 of 200 characters each, in order, each once."""
    suspects = [text for text in texts if _holds_needle(text)]
    if not suspects:
        return []
    import re

    words = re.compile(rf"\b(?:{WORDS})", re.IGNORECASE)
    denied = re.compile(DENIED % (WORDS, WORDS), re.IGNORECASE)
    codes = re.compile(CODES, re.IGNORECASE)
    found: dict[str, None] = {}
    for text in suspects:
        for raw in text.splitlines():
            if len(found) == MOST_LINES:
                break
            if not _holds_needle(raw):
                continue
            line = raw.decode("utf-8", "backslashreplace")
            if codes.search(line) or words.search(denied.sub(" ", line)):
                found.setdefault(line.strip()[:LONGEST_LINE])
    return list(found)


def _holds_needle(text: bytes) -> bool:
    low = bytes(text).lower()
    return any(needle in low for needle in NEEDLES)
