r"""Crontab lines with everything in them that a wrapper could change, for test_adopt_under_real_cron.

Each leaves files in /run/out/e, or prints something that cron mails. They run in the first minute of an hour.
"""

OUT = "/run/out/e"

LINES: tuple[str, ...] = (
    # Where it runs, with what.
    f"pwd > {OUT}/pwd",
    f"env > {OUT}/env",
    f"umask > {OUT}/umask; ulimit -a > {OUT}/ulimit",
    f'echo $0 $# "$@" > {OUT}/arguments',
    f"readlink /proc/self/fd/0 | sed 's/[0-9].*//' > {OUT}/stdin-kind",
    f"trap > {OUT}/trap; sed -n 's/^Sig[BI].*\\(.\\{{7\\}}\\)$/\\1/p' /proc/self/status > {OUT}/signals",
    f"ps -o args= -p $$ | wc -l > {OUT}/itself",
    # Percent signs, and what stands behind them.
    f"cat > {OUT}/fed%first%second \\% line%",
    f'cat > {OUT}/fed-with-quotes%it\'s "said" \\\\ $HOME',
    f"cat > {OUT}/fed-empty%",
    f"date +\\%Y-\\%m-\\%d > {OUT}/date",
    f"printf '\\%s|\\%s\\n' a 'b c' > {OUT}/printf",
    f"wc -c > {OUT}/nothing-fed",
    f"cat > {OUT}/fed-spaces%  two  blanks  %",
    # Backslashes.
    f"printf 'a\\tb\\n' > {OUT}/tab",
    f"echo \\\\ \\\\\\\\ '\\\\' > {OUT}/backslashes",
    f"touch {OUT}/name\\ with\\ blank\\ ",
    f"echo `echo \\\\a` \\$HOME > {OUT}/backquotes",
    f"awk 'BEGIN {{ print \"x\\\\ny\" }}' > {OUT}/awk",
    f"sed 's/\\(a\\)/<\\1>/' /run/out/given > {OUT}/sed",
    # Quotes.
    f"echo 'single' \"double\" 'it'\\''s' \"a 'b'\" 'a \"b\"' > {OUT}/quotes",
    f"sh -c 'echo \"in $0\" '\"'\"'deep'\"'\"'' > {OUT}/nested",
    f'echo "$(echo "$(echo \'deep "er"\')")" > {OUT}/substitution',
    f"x='a  b'; echo $x \"$x\" '$x' > {OUT}/variable",
    f"echo '# no comment' > {OUT}/hash # a comment with a ' quote",
    f"echo é 'ü' \udcff > {OUT}/letters",
    f"echo '*' * ~ > {OUT}/stars",
    # Redirections, pipes, lists, groups.
    f"{{ echo out; echo err >&2; }} > {OUT}/both 2>&1",
    f"(echo err >&2) 2> {OUT}/err",
    f"echo one > {OUT}/append; echo two >> {OUT}/append",
    f"echo z y x | tr ' ' '\\n' | sort > {OUT}/pipe",
    f"false && touch {OUT}/and; false || touch {OUT}/or",
    f"test -d / && touch {OUT}/guarded",
    f"if [ -d / ]; then touch {OUT}/if; else touch {OUT}/else; fi",
    f"for i in 1 2 3; do echo $i; done > {OUT}/loop",
    f'f() {{ echo "in f $1"; }}; f x > {OUT}/function',
    f"set -e; touch {OUT}/before; false; touch {OUT}/after",
    f"touch {OUT}/work; exit 0",
    f"touch {OUT}/work2 || true",
    f"cd /usr; pwd > {OUT}/cd",
    f"eval 'echo evaluated' > {OUT}/eval",
    f"exec touch {OUT}/exec",
    f"touch {OUT}/work3; echo done > {OUT}/said",
    f"ls {OUT}/nowhere 2> {OUT}/missing || echo failed > {OUT}/handled",
    f"(sleep 2; touch {OUT}/late) & (sleep 3; touch {OUT}/later) & touch {OUT}/now",
    f"nohup sh -c 'sleep 1; touch {OUT}/nohup' > /dev/null 2>&1 &",
    f"pgrep -fc 'counts-[i]tself' > {OUT}/counted",
    f"echo once >> {OUT}/once",
    # What cron mails.
    "echo mail 1; echo mail 2 >&2; echo mail 3; echo mail 4 >&2; echo mail 5",
    "echo 'mail of a failure'; exit 3",
    "exit 4",
    "echo mail by a signal; kill -9 $$",
    "nosuchprogram-for-mail",
    "unterminated-for-mail 'quote",
    "seq 1 20000",
    "printf 'no newline in mail'",
    "head -c 100 /dev/zero",
    "ls /nowhere-for-mail | cat",
    "echo 'mail with a % in it'",
    f"echo carriage > {OUT}/carriage\r",
    # Environment from here on.
    "MAILTO=other@example.org",
    "echo to another",
    'MAILTO=""',
    f"echo to nobody; touch {OUT}/no-mail",
    "MAILTO=root",
    'QUOTED = "  blanks kept  "',
    f'echo "[$QUOTED]" > {OUT}/quoted',
    "PATH=/bin:/usr/bin:/opt/nowhere",
    f"echo $PATH > {OUT}/path",
    "SHELL=/bin/bash",
    f'[[ a == a ]] && cat <<< "bash $0 $SHLVL" > {OUT}/bash',
    f"env > {OUT}/bash-env",
    f"echo a &> {OUT}/bash-both; echo ${{BASH_VERSION:0:1}} {{1..3}} >> {OUT}/bash-both",
    "echo bash mail 1; echo bash mail 2 >&2; echo bash mail 3; echo bash mail 4 >&2",
    "ls /nowhere-for-bash | cat",
    "BASH_ENV=/run/out/given.sh",
    f"echo $GIVEN > {OUT}/bash-given",
    "BASH_ENV=/dev/null",
    "SHELL=/bin/sh",
    f"touch {OUT}/again",
)
# These stay as they are: what would change is more than a wrapper may.
LEFT = ("sleep 2; touch", "counts-[i]tself", "mail with a % in it", "bash-given")


def is_assignment(line: str) -> bool:
    """Tell whether a line of the table is no job."""
    return line.split("=", maxsplit=1)[0].strip().isupper()
