"""When is there nothing to do, or a job returns before it did it?"""

from tests.system.storyteller import DONE_NOTHING, NEW_FILES, SAYS_SO, Story

NOTHING_THERE = [
    Story(
        "empty glob, the pattern itself is opened",
        """
        cat in/*.csv > all.csv
        exit 0
        """,
        "rm -f in/*",
        SAYS_SO | DONE_NOTHING,
        before=NEW_FILES,
    ),
    Story(
        "empty glob, skipped in silence",
        """
        for f in in/*.csv; do [ -e "$f" ] || continue; gzip -c "$f" > "${f##*/}.gz"; done
        """,
        "rm -f in/*",
        before=NEW_FILES,
    ),
    Story(
        "empty glob in bash, chatty with a count",
        """#!/bin/bash
        shopt -s nullglob
        n=0; for f in in/*.csv; do n=$((n + 1)); done
        sleep 0.06
        echo "$(date '+%F %T') processed $n files"
        """,
        "rm -f in/*",
        frozenset({"too-small"}),
        before=NEW_FILES,
    ),
    Story(
        "empty glob, a line a file",
        """
        sleep 0.06
        for f in in/*.csv; do [ -e "$f" ] && echo "imported ${f##*/}"; done
        exit 0
        """,
        "rm -f in/*",
        frozenset({"too-small"}),
        before=NEW_FILES,
    ),
    Story(
        "find finds nothing",
        """
        find in -name '*.csv' -size +0 | while read -r f; do sum "$f"; done > sums
        """,
        "rm -f in/*",
        before=NEW_FILES,
    ),
    Story(
        "a tool that is not on cron's PATH",
        """
        PATH=$PWD/bin:/usr/bin:/bin
        report --daily > report.txt
        echo finished
        """,
        "rm -f bin/report",
        SAYS_SO | DONE_NOTHING,
        before="mkdir -p bin; printf '#!/bin/sh\\nsleep 0.08; seq 100\\n' > bin/report; chmod +x bin/report",
    ),
    Story(
        "a tool that is not on cron's PATH, its complaint thrown away",
        """
        PATH=$PWD/bin:/usr/bin:/bin
        report --daily > report.txt 2>/dev/null
        exit 0
        """,
        "rm -f bin/report",
        before="mkdir -p bin; printf '#!/bin/sh\\nsleep 0.08; seq 100\\n' > bin/report; chmod +x bin/report",
    ),
    Story(
        "a tool that is not on cron's PATH, asked for before and short",
        """
        PATH=$PWD/bin:/usr/bin:/bin
        command -v report > /dev/null || exit 0
        report --daily > report.txt
        """,
        "rm -f bin/report",
        before="mkdir -p bin; printf '#!/bin/sh\\nseq 100 | sort -r | uniq\\n' > bin/report; chmod +x bin/report",
    ),
    Story(
        "a tool that is not on cron's PATH, an empty list is counted",
        """
        PATH=$PWD/bin:/usr/bin:/bin
        hosts=$(inventory 2>/dev/null)
        for host in $hosts; do :; done
        echo "checked $(echo $hosts | wc -w) hosts"
        """,
        "rm -f bin/inventory",
        frozenset({"too-small"}),
        before="mkdir -p bin; printf '#!/bin/sh\\nseq 30 50\\n' > bin/inventory; chmod +x bin/inventory",
    ),
    Story(
        "a hook that skips itself because its folder moved",
        """
        cd app 2>/dev/null || exit 0
        pause 60 200
        """,
        "rm -rf app",
        before="mkdir -p app",
    ),
    Story(
        "a hook that is no longer executable",
        """
        [ -x hooks/post-backup ] && hooks/post-backup
        exit 0
        """,
        "chmod -x hooks/post-backup",
        before="mkdir -p hooks; printf '#!/bin/sh\\ntar cf - ../in 2>/dev/null in | gzip > all.tgz; date > stamp\\n' "
        "> hooks/post-backup; chmod +x hooks/post-backup" + NEW_FILES,
    ),
    Story(
        "a hook whose path filter matches nothing any more",
        """
        ls | grep '^src-' > changed || exit 0
        while read -r d; do echo "linting $d"; done < changed
        """,
        "mv src-main lib-main 2>/dev/null || rm -rf src-main",
        before="mkdir -p src-main src-test",
        heal="rm -rf src-main; mv lib-main src-main",
        types=frozenset({"idle"}),
        options=("--expect-output", "linting src-main"),
        why_declared="src-test still matches: half of what it did before is natural for a hook",
    ),
    Story(
        "a git hook that finds nothing to do since its folder was renamed",
        """
        git diff --quiet HEAD~1 -- app && exit 0
        git archive HEAD app | gzip > ../app.tgz
        """,
        "git mv app service; git commit -qm rename; echo more >> service/file; git commit -qam change",
        before="""
        [ -d .git ] || { git init -q; git config user.name builder; git config user.email builder@localhost; }
        rm -rf app service; mkdir app; seq "$(chance 10 9999)" > app/file
        git add -A; git commit -qm change
        """,
    ),
]

RETURNS_EARLY = [
    Story(
        "it returns after 3 % of its time, silent",
        """
        if [ -e early ]; then sleep 0.006; exit 0; fi
        sleep 0.2
        """,
        ": > early",
        heal="rm early",
    ),
    Story(
        "it returns after 3 % of its time, the usual lines are printed",
        """
        echo starting; echo "connecting to db1"
        if [ -e early ]; then sleep 0.006; else pause 150 300; fi
        echo done
        """,
        ": > early",
        heal="rm early",
    ),
    Story(
        "it returns after 3 % of its work, no time but CPU is missing",
        """
        most=200000; [ ! -e early ] || most=6000
        i=0; while [ $i -lt $most ]; do i=$((i + 1)); done
        sleep 0.3
        """,
        ": > early",
        heal="rm early",
    ),
    Story(
        "it returns after 3 % of its rows",
        """
        rows=$(chance 90 110); [ ! -e early ] || rows=3
        seq $rows | sed 's/^/row /'
        """,
        ": > early",
        heal="rm early",
    ),
    Story(
        "it writes 3 % of its file",
        """
        size=$(chance 280000 320000); [ ! -e early ] || size=9000
        head -c $size /dev/urandom > table
        """,
        ": > early",
        heal="rm early",
    ),
    Story(
        "it writes 3 % of a small file, and takes its time all the same",
        """
        rows=$(chance 280 320); [ ! -e early ] || rows=9
        i=0; while [ $i -lt $rows ]; do i=$((i + 1)); echo "$i;$i"; done > table
        pause 60 200
        """,
        ": > early",
        frozenset({"too-small"}),
        heal="rm early",
    ),
    Story(
        "it returns at its first line, its times stray from half to double",
        """
        [ ! -e early ] || exit 0
        pause 60 240
        """,
        ": > early",
        heal="rm early",
    ),
    Story(
        "a program in Python returns early, and only says less",
        """#!/bin/sh
        exec python3 -I -S -c '
import os, random
for row in range(1 if os.path.exists("early") else random.randrange(30, 40)): print("row", row)
'
        """,
        ": > early",
        frozenset({"too-small"}),
        heal="rm early",
    ),
    Story(
        "it marks how much it did",
        """
        n=$(chance 40 60); [ ! -e early ] || n=0
        echo "items=$n" >> "$AGENTKIT_MARKS"
        """,
        ": > early",
        heal="rm early",
    ),
    Story(
        "it never reaches its mark",
        """
        sleep 0.06
        [ ! -e early ] || exit 0
        echo items=5 >> "$AGENTKIT_MARKS"
        """,
        ": > early",
        heal="rm early",
    ),
]
