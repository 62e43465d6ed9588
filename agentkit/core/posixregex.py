"""Which names match a POSIX extended regular expression, as the C library of this machine has it?

Python's `re` knows neither `[[:alnum:]]` nor a backslash that is a letter within brackets. The letters are bytes, as in
a program that sets no locale.
"""

import os
import re
from collections.abc import Sequence

EXTENDED, NO_SUBMATCHES = 1, 8  # REG_EXTENDED and REG_NOSUB, the same in glibc and musl
LETTERS_ONLY = 1  # LC_CTYPE_MASK
ROOM = 1024  # a regex_t has 64 bytes in glibc
LONGEST = 1000
MOST_REPEATED = 1000


def match_names(pattern: str, names: Sequence[str]) -> frozenset[str] | None:
    """Return the names in which the expression is found; None where it is none.

    Raises ValueError for one that could take the library years or all memory: over 1,000 letters, with references
    back, or with large counts.
    """
    counts = 1
    for count in re.findall(r"\{([0-9,]*)", pattern):
        counts *= max((int(number[:9] or 0) for number in count.split(",")), default=1) or 1
    if len(pattern) > LONGEST or counts > MOST_REPEATED or re.search(r"\\[1-9]", pattern):
        raise ValueError("the regular expression is too costly to look into")
    import ctypes

    library = ctypes.CDLL(None)
    library.newlocale.restype = library.uselocale.restype = ctypes.c_void_p
    library.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
    library.uselocale.argtypes = library.freelocale.argtypes = [ctypes.c_void_p]
    compiled = ctypes.create_string_buffer(ROOM)
    plain = library.newlocale(LETTERS_ONLY, b"C", None)
    before = library.uselocale(plain)
    try:
        if library.regcomp(compiled, os.fsencode(pattern), EXTENDED | NO_SUBMATCHES) != 0:
            return None
        try:
            return frozenset(name for name in names if library.regexec(compiled, os.fsencode(name), 0, None, 0) == 0)
        finally:
            library.regfree(compiled)
    finally:
        library.uselocale(before)
        library.freelocale(plain)
