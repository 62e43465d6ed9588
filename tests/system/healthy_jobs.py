"""Which jobs vary by nature, and are to be left in peace?"""

# name -> (script, what comes before each run); a script knows its turn from the file `turn`.
COUNT_TURNS = "echo $(( $(cat turn 2>/dev/null || echo 0) + 1 )) > turn\n"
HEALTHY_JOBS = {
    "its time strays from half to double": ("pause 60 240", ""),
    "it prints 5 to 50 lines": ('seq "$(chance 5 51)" | sed "s/^/item /"', ""),
    "it prints nothing and writes a little": ("seq 3 > file", ""),
    "it is over in 5 ms": (":", ""),
    "it rotates logs, once in seven runs by far more": (
        """
        size=20000; [ $(( $(cat turn) % 7 )) != 0 ] || size=900000
        head -c $size /dev/urandom | gzip > log.gz; echo "rotated $size bytes"
        """,
        COUNT_TURNS,
    ),
    "it says 0 errors each time": ('echo "$(chance 20 400) files copied, 0 errors, 0 skipped"', ""),
    "it warns each time": ('echo "warning: no config found, missing file /etc/x.conf" >&2; pause 50 90', ""),
    "it says something on stderr every other time": (
        '[ $(( $(cat turn) % 2 )) = 0 ] || echo "$(date): slow answer, took $(chance 1 9) s" >&2; echo fine',
        COUNT_TURNS,
    ),
    "it takes what has come, 1 to 9 files": (
        'for f in in/*; do wc "$f"; rm "$f"; done; pause 20 90',
        'mkdir -p in; for i in $(seq "$(chance 1 10)"); do seq "$(chance 1 2000)" > in/$i; done',
    ),
    "it computes, more or less": (
        "most=$(chance 20000 60000); i=0; while [ $i -lt $most ]; do i=$((i + 1)); done",
        "",
    ),
    "it finds nothing to do three times in ten": (
        '[ $(( $(cat turn) * 7 % 10 )) -gt 2 ] || exit 0\npause 60 90; echo "sent $(chance 3 9) mails"',
        COUNT_TURNS,
    ),
    "it leaves work in the background": ("(pause 40 120; seq 300 > file) > /dev/null 2>&1 & exit 0", ""),
    "it appends to a log that others read": ('date >> log; tail -n "$(chance 2 20)" log; sync log', ""),
}
