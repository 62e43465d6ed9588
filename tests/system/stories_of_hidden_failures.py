"""Which failures does a shell swallow?"""

from tests.system.storyteller import DONE_NOTHING, NEW_FILES, SAYS_SO, Story

HIDDEN_FAILURES = [
    Story(
        "|| true, the command complains",
        """
        cp -r source target || true
        pause 70 120
        """,
        "rm -rf source",
        SAYS_SO,
        before="mkdir -p source; seq 500 > source/a",
    ),
    Story(
        "|| true and 2>/dev/null, only less is written",
        """
        cp source/* target/ 2>/dev/null || true
        pause 70 120
        """,
        "rm -rf source",
        frozenset({"too-small"}),
        before="""
        mkdir -p source target; for i in 1 2 3; do head -c "$(chance 30000 60000)" /dev/urandom > source/$i; done
        """,
    ),
    Story(
        "|| true, a count says it",
        """
        n=$(cp -v in/*.csv . 2>/dev/null | wc -l) || true
        echo "copied $n files"
        """,
        "rm -f in/*",
        frozenset({"too-small"}),
        before=NEW_FILES,
    ),
    Story(
        "|| true hides a refused connection",
        """
        copy() { pause 60 150; [ ! -e down ] || { echo 'port 22: Connection refused' >&2; return 255; }; }
        copy || true
        """,
        ": > down",
        SAYS_SO,
        heal="rm down",
    ),
    Story(
        "|| true hides a lost route, in words that hold no error",
        """
        copy() { pause 60 150; [ ! -e down ] || { echo 'host backup port 22: No route to host' >&2; return 255; }; }
        copy || true
        """,
        ": > down",
        SAYS_SO,
        heal="rm down",
    ),
    Story(
        "a pipe hides its producer, which complains",
        """
        cat database | gzip > dump.gz
        pause 60 90
        """,
        "rm database",
        SAYS_SO | DONE_NOTHING,
        before='head -c "$(chance 90000 120000)" /dev/urandom > database',
    ),
    Story(
        "a pipe hides its producer, silent, only the dump is empty",
        """
        sh -c 'cat database 2>/dev/null' | gzip > dump.gz
        """,
        "rm database",
        frozenset({"too-small"}),
        before='head -c "$(chance 90000 120000)" /dev/urandom > database',
    ),
    Story(
        "a pipe hides its producer, silent, the dump is of 10 KiB",
        "sh -c 'cat database 2>/dev/null' | gzip > dump.gz",
        "rm database",
        frozenset({"too-small"}),
        before='seq "$(chance 1000 2000)" | head -c 10000 > database',
    ),
    Story(
        "a pipe hides its producer, silent, on a file system without blocks",
        """
        sh -c 'cat database 2>/dev/null' | gzip > /dev/shm/agentkit-test-$$; rm /dev/shm/agentkit-test-$$
        """,
        "rm database",
        frozenset({"too-small"}),
        before='seq "$(chance 3000 4000)" > database',
    ),
    Story(
        "a pipe hides its producer, silent, the dump is of 100 bytes",
        "sh -c 'cat database 2>/dev/null' | gzip > dump.gz",
        "rm database",
        frozenset({"too-small"}),
        before="{ seq 50; date +%N; } > database",
        options=("--watch", "dump.gz"),
        why_declared="below 512 bytes what a job writes is mostly a time stamp or a list of one or two names",
    ),
    Story(
        "a pipe hides its producer, which took all the time",
        """
        { [ ! -e down ] || exit 1; pause 80 200; echo data; } | gzip > dump.gz
        """,
        ": > down",
        heal="rm down",
    ),
    Story(
        "a pipe hides its producer, a count is 0",
        """
        pause 60 70
        sh -c 'cat database 2>/dev/null' | tee copy | wc -l | sed 's/.*/rows dumped: &/'
        """,
        "rm database",
        frozenset({"too-small"}),
        before='seq "$(chance 400 600)" > database',
    ),
    Story(
        "a pipe hides its producer that died half way",
        """
        sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do head -c 40000 database; [ ! -e down ] || exit 3; done' | gzip > dump.gz
        """,
        ": > down",
        frozenset({"too-small"}),
        before="head -c 50000 /dev/urandom > database",
        heal="rm down",
    ),
    Story(
        "error words and status 0, in the middle of the usual lines",
        """
        for step in extract load index; do
            if [ -e broken ] && [ $step = load ]; then echo 'ERROR: no relation "orders"'; continue; fi
            echo "$step done"
        done
        pause 60 120
        """,
        ": > broken",
        SAYS_SO,
        heal="rm broken",
    ),
    Story(
        "a traceback that somebody catches",
        """#!/bin/sh
        python3 -c '
import os, traceback
try:
    if os.path.exists("broken"): raise KeyError("token")
except KeyError:
    traceback.print_exc()
'
        exit 0
        """,
        ": > broken",
        SAYS_SO,
        heal="rm broken",
    ),
    Story(
        "RESULT CODE: 1 where it was 0",
        """
        pause 60 120
        echo "task finished, RESULT CODE: $(cat code)"
        """,
        "echo 1 > code",
        SAYS_SO,
        before="echo 0 > code",
    ),
    Story(
        "permission denied for one file of many",
        """
        for i in 1 2 3 4 5; do
            if [ -e locked-away ] && [ $i = 4 ]; then echo "tar: ./4: Cannot open: Permission denied" >&2; fi
            echo "packed $i"
        done
        """,
        ": > locked-away",
        SAYS_SO,
        heal="rm locked-away",
    ),
]
