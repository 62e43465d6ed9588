r"""Which lines of the output say that something went wrong, though the program ended with 0?

Imported by the hot verbs when there is output: plain searches first, `re` only for output that holds such a word.
Every repetition in a pattern is possessive (`++`): no line, whatever stands in it, takes more than one pass.
"""

# In lower case. A line that holds none of them is never looked at again.
NEEDLES = (
    b"error",
    b"errno",
    b"fail",
    b"traceback",
    b"exception",
    b"fatal",
    b"panic",
    b"denied",
    b"refused",
    b"not found",
    b"no such file",
    b"cannot",
    b"can't",
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
    b"invalid",
    b"missing",
    b"result code",
    b"exit status",
    b"exit code",
    b"exited with",
    b"return code",
    b"returncode",
    b"rc=",
    b"rc:",
    # What strerror(3) and shells say without any of the words above.
    b"no route to host",
    b"connection reset",
    b"connection closed",
    b"lost connection",
    b"broken pipe",
    b"a directory",
    b"file exists",
    b"does not exist",
    b"doesn't exist",
    b"stale file handle",
    b"not connected",
    b"not known",
    b"not supported",
    b"unavailable",
    b"no such device",
    b"no such process",
    b"too many open files",
    b"quota exceeded",
    b"disk full",
    b"resource busy",
    b"file busy",
    b"already in use",
    b"list too long",
    b"is down",
    b"bad file descriptor",
    b"bad magic",
    b"illegal",
    b"unbound variable",
    b"parameter not set",
    b"unknown option",
    b"unrecognized",
    b"usage:",
    b"unexpected",
    b"mismatch",
    b"has expired",
    b"deadlock",
    b"unsuccessful",
    b"giving up",
    b"aborting",
    b"terminated",
    b"critical",
    b"err!",
    b"err]",
)
# One word of a sentence, not part of a name: error.log, /var/error, error-handling.md and errorless are none.
WORD = (
    r"(?<![\w/\\-])(?<!\w\.)(?:errors?|errno|err|error\(s\)|errors?[_ -]count|fail(?:s|ed|ure|ures|ing)?|"
    r"traceback|exceptions?|fatal|panic(?:ked)?|denied|refused|not found|"
    r"no such file|cannot|can't|could not|unable to|timed out|no space left|out of memory|segmentation fault|"
    r"core dumped|killed|aborted|corrupt(?:ed|ion)?|unreachable|not permitted|read-only file system|invalid|missing|"
    r"no route to host|connection reset|connection closed|lost connection|broken pipe|(?:is|not) a directory|"
    r"file exists|does(?: not|n't) exist|stale file handle|not connected|not known|not supported|unavailable|"
    r"no such (?:device|process)|too many open files|quota exceeded|disk full|(?:resource|file) busy|already in use|"
    r"list too long|is down|bad (?:file descriptor|magic)|illegal|unbound variable|parameter not set|unknown option|"
    r"unrecognized|usage(?=:)|unexpected(?:ly)?|mismatch|has expired|deadlock|unsuccessful|giving up|aborting|"
    r"terminated|critical)"
    r"(?![\w-]|[./\\]\w)"
)
# KeyError, java.io.IOException
CLASS = r"(?-i:(?<!\w)[A-Z]\w*?(?:Error|Exception)\b(?![./\\-]\w))"
# `0 errors`, `no new errors`, `without any error`, `0 of 12 files failed`, `not an error`, `never failed`
BEFORE = (
    r"(?<![\w.])(?<!\d,)(?:0(?:\.0++)?(?:\s*+%%)?|no|zero|without(?: any)?|none of|not? an?|not(?: been)?|never|"
    r"nothing)\s++"
    r"(?:(?!%(word)s)[\w-]++\s++){0,3}%(word)s(?:\s++%(word)s)*+|n't (?:fail|error)\w*+"
)
# `errors: 0`, `failed=0`, `"error": null`, `"errors": []`, `error rate: 0.00`; but not `ERROR: no such table`, nor
# `ERROR: 0 rows exported`
AFTER = (
    r"%(word)s[\"']?+(?:\s++(?:rate|count|total|found))?+\s*+[:=]\s*+"
    r"(?:(?<!error: )0++(?:[.,]0++)?+(?![.,]?\w)|0++(?:[.,]0++)?+(?![.,]?\w|\s++[a-z]++(?!\s*+[:=]))|"
    r"(?:none|no|false|null|nil|n/a|ok)\b(?!\s++\w|-)|\[\s*+\]|\{\s*+\}|\"\"|'')"
)
CODE = (
    r"\b(?:result code|exit(?:ed with)?+(?: status| code)|exited with|return code|returncode|rc(?=[:=]))\s*+"
    r"(?:of\b|was\b|is\b|[:=])?+\s*+(?!0++(?![\w.]))-?\d++(?!\w)"
)
COLOUR = rb"\x1b\[[0-9;:?]*+[ -/]*+[@-~]"
MOST_LINES = 20
LONGEST_LINE = 200
MOST_LOOKED_AT = 2000
PIECE_BYTES = 1000
OVERLAP_BYTES = 50


def find_error_words(*texts: bytes) -> list[str]:
    """Return the lines that hold an error word, at most 20 of 200 characters each, in order, each once."""
    suspects = [(text, low) for text in texts if any(needle in (low := text.lower()) for needle in NEEDLES)]
    if not suspects:
        return []
    import re

    words = re.compile(f"{WORD}|{CLASS}", re.IGNORECASE)
    denied = re.compile(f"{BEFORE}|{AFTER}" % {"word": WORD}, re.IGNORECASE)
    code = re.compile(CODE, re.IGNORECASE)
    colour = re.compile(COLOUR)
    found: dict[str, None] = {}
    for text, low in suspects:
        for raw in _suspicious_lines(text.replace(b"\r", b"\n"), low):
            line = colour.sub(b"", raw).decode("utf-8", "backslashreplace").strip()
            if code.search(line) or words.search(denied.sub(" ", line)):
                found.setdefault(line[:LONGEST_LINE])
                if len(found) == MOST_LINES:
                    return list(found)
    return list(found)


def _suspicious_lines(text: bytes, low: bytes) -> list[bytes]:
    """Return the lines that hold a needle, in order, of very many the first and the last; a long one in pieces."""
    starts = set()
    for needle in NEEDLES:
        at = low.find(needle)
        while at >= 0:
            start = text.rfind(b"\n", 0, at) + 1
            # A line without an end is looked at in pieces that overlap, so that no word is cut in both.
            start += (at - start) // PIECE_BYTES * PIECE_BYTES
            starts.add(start)
            at = low.find(needle, max(_end_of_line(text, start, PIECE_BYTES), at + 1))
    lines = sorted(starts)
    if len(lines) > MOST_LOOKED_AT:
        lines[MOST_LOOKED_AT // 2 : -MOST_LOOKED_AT // 2] = []
    return [text[start : _end_of_line(text, start, PIECE_BYTES + OVERLAP_BYTES)] for start in lines]


def _end_of_line(text: bytes, start: int, most: int) -> int:
    end = text.find(b"\n", start, start + most)
    return end if end >= 0 else start + most
