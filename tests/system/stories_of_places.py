"""What happens elsewhere: in an empty mount, in the background, in a file that stands still, by a kill?"""

from tests.system.storyteller import DONE_NOTHING, GOES_ON, SAYS_SO, Story

MIRROR_FILES = """
mkdir -p source target; rm -rf source/*
for i in $(seq "$(chance 25 32)"); do head -c "$(chance 2000 9000)" /dev/urandom > "source/$i"; done
"""
MIRRORS = [
    Story(
        "mirror of an unmounted source, silent",
        "rm -rf target; cp -a source target",
        "rm -rf source/*",
        before=MIRROR_FILES,
    ),
    Story(
        "mirror of an unmounted source, each file is listed",
        "rm -rf target/*; cp -av source/. target",
        "rm -rf source/*",
        before=MIRROR_FILES,
    ),
    Story(
        "mirror of an unmounted source, as a tar file",
        "tar czf target/all.tgz source; sleep 0.06",
        "rm -rf source/*",
        before=MIRROR_FILES,
    ),
    Story(
        "mirror of an unmounted source, with totals",
        """
        rm -rf target; cp -a source target; sleep 0.06
        echo "Number of files: $(find target -type f | wc -l)"
        """,
        "rm -rf source/*",
        frozenset({"too-small"}),
        before=MIRROR_FILES,
    ),
    Story(
        "mirror that copies only what changed, and removes what has gone",
        """
        for f in target/*; do [ -e "source/${f##*/}" ] || rm -f "$f"; done
        cp -u source/* target/ 2>/dev/null
        exit 0
        """,
        "rm -rf source/*; mkdir -p source",
        frozenset({"too-small"}),
        before="mkdir -p source target; for i in 1 2 3 4 5 6 7 8 9; do [ -e source/$i ] || echo $i > source/$i; done",
        options=("--watch", "target"),
        why_declared="a run that finds nothing new does just as little on every healthy day",
    ),
]

BACKGROUND = [
    Story(
        "work in the background dies with a status",
        """
        (pause 80 200; [ ! -e broken ] || exit 3) &
        exit 0
        """,
        ": > broken",
        GOES_ON,
        heal="rm broken",
    ),
    Story(
        "work in the background is killed",
        """
        sh -c '[ ! -e broken ] || kill -9 $$; sleep 0.15' > /dev/null 2>&1 &
        exit 0
        """,
        ": > broken",
        GOES_ON | DONE_NOTHING,
        heal="rm broken",
    ),
    Story(
        "work in the background, detached, gives up at once with status 0",
        """
        setsid sh -c '[ ! -e broken ] || exit 0; sleep 0.15' > /dev/null 2>&1 &
        exit 0
        """,
        ": > broken",
        heal="rm broken",
    ),
    Story(
        "work in the background that always took longer dies at once",
        """
        nohup sh -c '[ ! -e broken ] || exit 1; sleep 1.2' > /dev/null 2>&1 &
        exit 0
        """,
        ": > broken",
        GOES_ON,
        heal="rm broken",
    ),
    Story(
        "work in the background that only computes stops computing",
        """
        sh -c 'most=150000; [ ! -e broken ] || most=1000; i=0; while [ $i -lt $most ]; do i=$((i + 1)); done' &
        sleep 0.4
        exit 0
        """,
        ": > broken",
        heal="rm broken",
    ),
]

SAME_AGAIN = [
    Story(
        "the same bytes where the output always changed",
        "cat feed; pause 60 120",
        "cp feed.old feed",
        frozenset({"unchanged"}),
        before='[ ! -e feed ] || cp feed feed.old; seq "$(chance 1 30000)" | tail -n 5 > feed',
        options=("--expect-change", "stdout"),
        why_declared="most healthy jobs print the same each time: only a person knows that this one must not",
    ),
    Story(
        "a watched file that always changed and stops",
        "[ -e frozen ] || cp feed published; pause 60 120",
        ": > frozen",
        frozenset({"unchanged"}),
        before="od -An -N64 -tx1 /dev/urandom > feed",
        heal="rm frozen",
        options=("--watch", "published"),
        why_declared="no file is looked at that nobody named",
    ),
    Story(
        "a file that is to change and does not",
        "[ -e frozen ] || cp feed published",
        ": > frozen",
        frozenset({"idle"}),
        before="od -An -N64 -tx1 /dev/urandom > feed",
        heal="rm frozen",
        options=("--expect-change", "published"),
        why_declared="no file is looked at that nobody named",
    ),
]

KILLED = [
    Story(
        "SIGKILL of the job",
        """
        [ ! -e oom ] || kill -9 $$
        pause 60 120
        """,
        ": > oom",
        frozenset({"failed"}),
        heal="rm oom",
    ),
    Story(
        "SIGKILL of the wrapper",
        """
        [ ! -e oom ] || exec kill -9 $PPID
        pause 60 120
        """,
        ": > oom",
        frozenset({"lost"}),
        heal="rm oom",
    ),
    Story(
        "SIGKILL of the wrapper and of the job",
        """
        [ ! -e oom ] || kill -9 $PPID $$
        pause 60 120
        """,
        ": > oom",
        frozenset({"lost"}),
        heal="rm oom",
    ),
    Story(
        "SIGKILL of a child that nobody asks about",
        """
        sh -c '[ ! -e oom ] || kill -9 $$; sleep 0.1; seq 3'
        exit 0
        """,
        ": > oom",
        DONE_NOTHING | SAYS_SO,
        heal="rm oom",
    ),
]
