"""Which locks outlive the run that took them?"""

from tests.system.storyteller import DONE_NOTHING, GOES_ON, NEW_FILES, SAYS_SO, Story

RELEASE = "rm -rf pid lock lock.d"

LOCKS = [
    Story(
        "stale pid file, silent, waits for a server",
        """
        [ -e pid ] && exit 0
        echo $$ > pid; trap 'rm -f pid' EXIT
        pause 100 200
        """,
        "echo 4194304 > pid",
        heal=RELEASE,
    ),
    Story(
        "stale pid file, chatty",
        """
        if [ -s pid ]; then echo "already running (pid $(cat pid)), leaving"; exit 0; fi
        echo $$ > pid; trap 'rm -f pid' EXIT
        pause 100 200
        echo "synchronised in $(chance 1 3)s"
        """,
        "echo 4194304 > pid",
        heal=RELEASE,
    ),
    Story(
        "stale pid file, its number is another's now",
        """
        if [ -e pid ] && kill -0 "$(cat pid)" 2>/dev/null; then exit 0; fi
        echo $$ > pid; trap 'rm -f pid' EXIT
        pause 80 250
        """,
        "echo 1 > pid",
        heal=RELEASE,
    ),
    Story(
        "stale pid file, the job only computes",
        """
        [ -e pid ] && exit 0
        echo $$ > pid; trap 'rm -f pid' EXIT
        i=0; while [ $i -lt 150000 ]; do i=$((i + 1)); done
        """,
        "echo 4194304 > pid",
        heal=RELEASE,
    ),
    Story(
        "stale pid file, a job of milliseconds that writes",
        """
        [ -e pid ] && exit 0
        echo $$ > pid
        head -c "$(chance 190000 230000)" /dev/urandom > dump
        rm -f pid
        """,
        "echo 4194304 > pid",
        heal=RELEASE,
    ),
    Story(
        "stale pid file, a job of milliseconds that leaves hardly a trace",
        """
        [ -e pid ] && exit 0
        echo $$ > pid
        sort in/*.csv | uniq -c | sort -n | tail -n 5 > top
        rm -f pid
        """,
        "echo 4194304 > pid",
        heal=RELEASE,
        before=NEW_FILES,
    ),
    Story(
        "lock folder of a killed run, silent",
        """
        mkdir lock 2>/dev/null || exit 0
        trap 'rmdir lock' EXIT
        pause 70 300
        cp in/*.csv .
        """,
        "mkdir -p lock",
        before=NEW_FILES,
        heal=RELEASE,
    ),
    Story(
        "lock folder of a killed run, mkdir complains",
        """
        mkdir lock || exit 0
        trap 'rmdir lock' EXIT
        for f in in/*.csv; do wc -l < "$f"; done | paste -sd+ | bc 2>/dev/null
        """,
        "mkdir -p lock",
        DONE_NOTHING | SAYS_SO,
        before=NEW_FILES,
        heal=RELEASE,
    ),
    Story(
        "lock folder of a killed run, says politely that it is locked",
        """
        if ! mkdir lock 2>/dev/null; then echo "$(date '+%F %T') locked, see you next time"; exit 0; fi
        trap 'rmdir lock' EXIT
        pause 70 140
        echo "$(date '+%F %T') indexed $(chance 90 120) pages"
        """,
        "mkdir -p lock",
        heal=RELEASE,
    ),
    Story(
        "flock -n, a child of somebody else holds the lock",
        """
        exec 9> lock; flock -n 9 || exit 0
        pause 100 250
        """,
        "[ -e holder ] || { flock lock sleep 50 > /dev/null 2>&1 & echo $! > holder; sleep 0.1; }",
        heal='kill "$(cat holder)"; rm -f holder; while ! flock -n lock true; do sleep 0.05; done',
    ),
    Story(
        "flock -n, its own daemon inherited the lock",
        """
        exec 9> lock; flock -n 9 || exit 0
        if [ -e restart ]; then
            rm restart
            sleep 50 > /dev/null 2>&1 &
            echo $! > daemon
        fi
        pause 100 200
        """,
        "[ -e daemon ] || : > restart",
        DONE_NOTHING | GOES_ON,
        heal='kill "$(cat daemon)"; rm -f daemon; while ! flock -n lock true; do sleep 0.05; done',
    ),
    Story(
        "flock -n -E 0 around the whole job, chatty",
        """
        flock -n -E 0 lock sh -c 'for f in in/*.csv; do echo "loaded $f"; done; sleep 0.06'
        """,
        "[ -e holder ] || { flock lock sleep 50 > /dev/null 2>&1 & echo $! > holder; sleep 0.1; }",
        before=NEW_FILES,
        heal='kill "$(cat holder)"; rm -f holder; while ! flock -n lock true; do sleep 0.05; done',
    ),
]
