"""The scripts of a night: two jobs with their tests, and who thinks about them, mends them, or breaks them."""

# As in docs/night.md: the lock of a run that was killed stays, and every later run goes home without a word.
BACKUP = """#!/bin/sh
place=${1:-$(dirname "$0")/data}
[ -e "$place/backup.lock" ] && exit 0
echo $$ > "$place/backup.lock"
tar -c -C "$place" papers > "$place/backup.tar"
echo "saved $(tar -tf "$place/backup.tar" | grep -c '[^/]$') papers"
rm "$place/backup.lock"
"""
REPORT = """#!/bin/sh
place=${1:-$(dirname "$0")/data}
tar -t < "$place/backup.tar" > "$place/report"
"""
TESTS = r"""import os, subprocess


def run(script, place):
    (place / "papers").mkdir()
    (place / "papers/one").touch()
    return subprocess.check_output(["sh", script, place], text=True, timeout=30)


def test_it_saves_and_leaves_no_lock(tmp_path):
    assert run("backup.sh", tmp_path) == "saved 1 papers\n"
    assert not (tmp_path / "backup.lock").exists()


def test_a_run_that_goes_on_is_left_alone(tmp_path):
    (tmp_path / "backup.lock").write_text(str(os.getpid()))
    assert run("backup.sh", tmp_path) == ""
"""
FILES = {"backup.sh": BACKUP, "report.sh": REPORT, "test_jobs.py": TESTS, ".gitignore": "data\n__pycache__\n"}

# In front of the machine's tar: while a file `slow` is there it saves nothing but stands still, and says that it does.
SLOW_TAR = """#!/bin/sh
[ "$1" = -c ] && [ -e {folder}/slow ] && : > {folder}/standing && exec sleep 300
exec /usr/bin/tar "$@"
"""
# It is told the finding, cures nothing, and says so by its status.
RUNBOOK = """#!/bin/sh
echo runbook >> {folder}/order
cat >> {folder}/runbook-got
exit 1
"""
THINKER = """#!/bin/sh
echo thinker >> {folder}/order
cat > {folder}/thinker-got
grep -q backup.lock {folder}/thinker-got || exit 1
echo '{{"action": "propose", "severity": "critical", "proposal": "A lock whose owner is dead must stop nobody",' \\
  '"rationale": "the lock is there, and the process that it names is not"}}'
"""
# These two have a room of their own, and see nothing of the night but the copy.
MENDER = r"""#!/bin/sh
sed -i '3s/ && exit/ \&\& kill -0 "$(cat "$place\/backup.lock")" 2> \/dev\/null&/' backup.sh
"""
BREAKER = """#!/bin/sh
sed -i 3d backup.sh
"""
SLEEPER = """#!/bin/sh
exec sleep 300
"""
# Takes connections and never says a word, until its stdin ends.
HANGING_SERVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""
