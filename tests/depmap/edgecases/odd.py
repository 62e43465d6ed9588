"""Which labelled cases can no text file hold: bytes, ends of lines, length, depth, scripts that are broken?"""

from tests.depmap.edgecases.reading import SCRIPT, Case, make_case

LONG_LINES = 2000
DEPTH = 60


def make_odd_cases() -> list[Case]:
    """Return them."""
    return [*_make_bytes(), *_make_large(), *_make_broken()]


def _make_bytes() -> list[Case]:
    return [
        make_case("no newline at the end", {SCRIPT: b"#!/bin/bash\none\ntwo"}, ["exec one", "exec two"]),
        make_case("a file without a line", {SCRIPT: b""}, ["not exec *"]),
        make_case("only a first line", {SCRIPT: b"#!/bin/bash"}, ["not exec *"]),
        make_case(
            "ends of lines as on Windows",
            {SCRIPT: b"#!/bin/sh\r\none x\r\nif two; then\r\n  three\r\nfi\r\n"},
            ["exec one", "maybe exec two", "maybe exec three", "maybe unknown"],
            is_run=False,
        ),
        make_case(
            "letters of UTF-8",
            {SCRIPT: "#!/bin/bash\n# Prüfung\necho 'größer → ok'\none \"äöü\"\nf_ä() { two; }\nthree # ß\n"},
            ["exec one", "exec three @6", "~f_ä() exec two"],
        ),
        make_case(
            "bytes of Latin-1",
            {SCRIPT: b"#!/bin/bash\n# Pr\xfcfung\necho 'gr\xf6\xdfer'\none \"\xe4\"\ntwo\n"},
            ["exec one @4", "exec two @5"],
        ),
        make_case("a byte order mark", {SCRIPT: b"\xef\xbb\xbf#!/bin/bash\none\n"}, ["exec one"], is_run=False),
        make_case(
            "a page break and blanks of other kinds",
            {SCRIPT: "#!/bin/bash\n\f\none\n\t \ttwo\t x\n"},
            ["exec one", "exec two", "maybe exec \f"],
            is_run=False,
        ),
        make_case(
            "another shell's first line",
            {SCRIPT: "#! /bin/sh -e\none\n. ./lib.sh\n", "lib.sh": "two\n"},
            ["exec one", "source lib.sh", "lib.sh: exec two"],
        ),
        make_case(
            "a first line by env",
            {SCRIPT: "#!/usr/bin/env -S bash -e\none\n"},
            ["exec one", "maybe exec *", "maybe exec * via *"],
        ),
    ]


def _make_large() -> list[Case]:
    lines = ["#!/bin/bash"]
    labels = []
    for number in range(LONG_LINES // 8):
        lines += [
            f"# part {number}",
            f"part_{number}() {{",
            f"    tool-{number} \"$1\" | grep -q 'x; y' || true",
            f'    local value="$(reader-{number} a)"',
            "    if [ -n \"$value\" ]; then echo 'a $(b) c'; fi",
            "}",
            f"part_{number} {number}",
            "",
        ]
        labels += [
            f"call part_{number}() @{8 * number + 8}",
            f"part_{number}() exec tool-{number} @{8 * number + 4}",
            f"part_{number}() exec reader-{number} @{8 * number + 5}",
            f"part_{number}() exec grep",
        ]
    deep = "one\n"
    for _ in range(DEPTH):
        deep = f"if true; then\n{deep}fi\n"
    substituted = "$(two)"
    for _ in range(20):
        substituted = f'$(echo "{substituted}")'
    return [
        make_case("a script of two thousand lines", {SCRIPT: "\n".join(lines)}, labels, is_run=False),
        make_case("deeply nested", {SCRIPT: "#!/bin/bash\n" + deep}, [f"exec one @{DEPTH + 2}"]),
        make_case("deep substitutions", {SCRIPT: f"#!/bin/bash\nx={substituted}\n"}, ["exec two"]),
        make_case(
            "a very long line",
            {SCRIPT: "#!/bin/bash\n" + "; ".join(["one x"] * 3000) + "; two\n"},
            ["exec one", "exec two"],
            is_run=False,
        ),
    ]


def _make_broken() -> list[Case]:
    return [
        make_case(
            "a quote that is never closed",
            {SCRIPT: "#!/bin/bash\none\ntwo\necho 'x\n"},
            ["exec one", "exec two", "maybe unknown"],
        ),
        make_case(
            "an if that is never closed",
            {SCRIPT: "#!/bin/bash\none\nif two; then\n  three\n"},
            ["exec one", "~exec two", "~exec three", "maybe unknown"],
        ),
        make_case(
            "a word too many",
            {SCRIPT: "#!/bin/bash\none\nfi\ntwo\nf() { three; }\nf\n"},
            ["exec one", "~exec two", "~f() exec three", "~call f()", "maybe unknown"],
        ),
        make_case(
            "a bracket in the middle of nowhere",
            {SCRIPT: "#!/bin/bash\none\n)\ntwo\n"},
            ["exec one", "~exec two", "maybe unknown"],
        ),
        make_case(
            "a here-document without its end",
            {SCRIPT: "#!/bin/bash\none\ncat <<END\ncurl x\n"},
            ["exec one", "exec cat", "not exec curl", "maybe unknown"],
        ),
        make_case(
            "words of another shell",
            {
                SCRIPT: "#!/bin/zsh\none\nfor x (a b) two $x\n[[ -n $x ]] && three\nprint -r -- ${(f)x}\nfour\n",
            },
            ["exec one", "maybe exec two", "maybe exec three", "exec four", "maybe exec *", "maybe unknown"],
            is_run=False,
        ),
    ]
