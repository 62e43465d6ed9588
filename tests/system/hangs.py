"""What really hangs: commands against a server that never answers, a full one, a fifo, a lock that is held.

Each row is a label of lint, whether the command is to be seen hanging on this stage, and the command. The names in
braces are those of the stage. What is bounded in part is seen to hang on the part that has no bound.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agentkit.depmap.disk import Disk
from agentkit.depmap.lint import lint
from agentkit.depmap.shellscript import read_script
from tests.depmap.waitlabels import BOUNDED, PARTLY, UNBOUNDED

HANGS, ENDS = True, False
# Seen hanging: still there after this long. Every bound below is shorter.
LONGEST_S = 4.0
# What ends is given this long: twenty at once on two cores take their time to start.
PATIENCE_S = 60.0
AT_ONCE = 16
Row = tuple[str, bool, str]

TRANSFERS: list[Row] = [
    (UNBOUNDED, HANGS, "curl -s http://127.0.0.1:{silent}"),
    (UNBOUNDED, HANGS, "curl -m 0 -s http://127.0.0.1:{silent}"),
    (UNBOUNDED, HANGS, "curl --expect100-timeout 1 -s http://127.0.0.1:{silent}"),
    (UNBOUNDED, HANGS, 'x=$(curl -s http://127.0.0.1:{silent}); echo "$x"'),
    (UNBOUNDED, HANGS, "echo http://127.0.0.1:{silent} | xargs -n 1 curl -s"),
    (UNBOUNDED, HANGS, "ulimit -t 1; curl -s http://127.0.0.1:{silent}"),
    (UNBOUNDED, HANGS, "curl -s http://127.0.0.1:{silent} & wait"),
    (PARTLY, HANGS, "curl --connect-timeout 1 -s http://127.0.0.1:{silent}"),
    (PARTLY, ENDS, "curl --connect-timeout 1 -s http://127.0.0.1:{full}"),
    (PARTLY, ENDS, "curl -s -y 1 -Y 1 http://127.0.0.1:{silent}"),
    (BOUNDED, ENDS, "curl -sm1 http://127.0.0.1:{silent}"),
    (BOUNDED, ENDS, "curl --max-time 1 -s http://127.0.0.1:{full}"),
    (BOUNDED, ENDS, "curl --max-time 1 --retry 1 -s http://127.0.0.1:{silent}"),
    (PARTLY, HANGS, "wget -q -O- http://127.0.0.1:{silent}"),
    (PARTLY, HANGS, "wget -q -T 1 -O- http://127.0.0.1:{silent}"),
    (PARTLY, HANGS, "wget -q --read-timeout=1 -t 1 -O- http://127.0.0.1:{full}"),
    (UNBOUNDED, HANGS, "wget -q -T 0 -t 1 -O- http://127.0.0.1:{silent}"),
    (UNBOUNDED, HANGS, "wget -q -T 1 -t 0 -O- http://127.0.0.1:{silent}"),
    (BOUNDED, ENDS, "wget -q -T 1 -t 1 -O- http://127.0.0.1:{silent}"),
    (UNBOUNDED, HANGS, "rsync rsync://127.0.0.1:{silent}/x {folder}/y"),
    (PARTLY, HANGS, "rsync --contimeout=1 rsync://127.0.0.1:{silent}/x {folder}/y"),
    (PARTLY, ENDS, "rsync --timeout=1 rsync://127.0.0.1:{silent}/x {folder}/y"),
    (BOUNDED, ENDS, "rsync -a /etc/hostname {folder}/y"),
]
REMOTE: list[Row] = [
    (UNBOUNDED, HANGS, "ssh -p {silent} 127.0.0.1 true"),
    (UNBOUNDED, HANGS, "ssh -o BatchMode=yes -p {silent} 127.0.0.1 true"),
    (PARTLY, ENDS, "ssh -o ConnectTimeout=1 -p {silent} 127.0.0.1 true"),
    (UNBOUNDED, HANGS, "scp -P {silent} 127.0.0.1:x {folder}/x"),
    (BOUNDED, ENDS, "ssh-keyscan -T 1 -p {silent} 127.0.0.1"),
    (UNBOUNDED, HANGS, "nc.openbsd 127.0.0.1 {silent}"),
    (UNBOUNDED, HANGS, "nc.openbsd -lU {folder}/listening"),
    (UNBOUNDED, HANGS, "nc.openbsd -l -w 1 {free}"),
    (PARTLY, HANGS, "nc.openbsd -z 127.0.0.1 {full}"),
    (BOUNDED, ENDS, "nc.openbsd -z -w 1 127.0.0.1 {full}"),
    (BOUNDED, ENDS, "nc.openbsd -w1 127.0.0.1 {silent}"),
    (UNBOUNDED, HANGS, "socat -u TCP:127.0.0.1:{silent} -"),
    (PARTLY, HANGS, "socat -u TCP:127.0.0.1:{silent},connect-timeout=1 -"),
    (PARTLY, HANGS, "socat -u -T 1 TCP:127.0.0.1:{full} -"),
    (BOUNDED, ENDS, "socat -u -T 1 TCP:127.0.0.1:{full},connect-timeout=1 -"),
    (UNBOUNDED, HANGS, "openssl s_client -connect 127.0.0.1:{silent} </dev/null"),
    (UNBOUNDED, HANGS, "cat < /dev/tcp/127.0.0.1/{silent}"),
    (UNBOUNDED, HANGS, "exec 3<>/dev/tcp/127.0.0.1/{silent}; read -r line <&3"),
    (PARTLY, HANGS, "echo > /dev/tcp/127.0.0.1/{full}"),
    (BOUNDED, ENDS, "timeout 1 bash -c 'echo > /dev/tcp/127.0.0.1/{full}'"),
    (UNBOUNDED, HANGS, "git ls-remote http://127.0.0.1:{silent}/x"),
    (UNBOUNDED, HANGS, "git clone -q git://127.0.0.1:{silent}/x {folder}/clone"),
    (PARTLY, ENDS, "git -c http.lowSpeedLimit=9 -c http.lowSpeedTime=1 ls-remote http://127.0.0.1:{silent}/x"),
    (BOUNDED, ENDS, "git rev-parse HEAD"),
]
DATABASES: list[Row] = [
    (UNBOUNDED, HANGS, "psql -h 127.0.0.1 -p {silent} -U x -c 'select 1'"),
    (PARTLY, ENDS, "PGCONNECT_TIMEOUT=2 psql -h 127.0.0.1 -p {silent} -U x -c 'select 1'"),
    (UNBOUNDED, HANGS, "pg_dump -h 127.0.0.1 -p {silent} -U x --lock-wait-timeout=1 x"),
    (UNBOUNDED, HANGS, "pg_isready -t 0 -h 127.0.0.1 -p {silent}"),
    (BOUNDED, ENDS, "pg_isready -h 127.0.0.1 -p {silent}"),
    (UNBOUNDED, HANGS, "redis-cli -h 127.0.0.1 -p {silent} ping"),
    (BOUNDED, ENDS, "timeout 1 redis-cli -h 127.0.0.1 -p {silent} ping"),
]
LOCAL: list[Row] = [
    (UNBOUNDED, HANGS, "flock {lock} true"),
    (UNBOUNDED, HANGS, "exec 9>{lock}; flock 9"),
    (BOUNDED, ENDS, "flock -n {lock} true"),
    (BOUNDED, ENDS, "flock -w 1 {lock} true"),
    (UNBOUNDED, HANGS, "cat {fifo}"),
    (UNBOUNDED, HANGS, "read -r line < {fifo}"),
    (UNBOUNDED, HANGS, "read -t 1 line < {fifo}"),
    (UNBOUNDED, HANGS, "mkfifo {folder}/q; echo go > {folder}/q"),
    (BOUNDED, ENDS, "mkfifo {folder}/own; read -t 1 line <> {folder}/own"),
    (UNBOUNDED, HANGS, "tail -f /etc/hostname"),
    (BOUNDED, ENDS, "tail -n 1 /etc/hostname"),
    (UNBOUNDED, HANGS, "sleep infinity"),
    (UNBOUNDED, HANGS, "until [ -e {folder}/never ]; do sleep 0.1; done"),
    (UNBOUNDED, HANGS, "while ! nc.openbsd -z -w1 127.0.0.1 {free}; do sleep 0.1; done"),
    (BOUNDED, ENDS, "n=0; until [ -e {folder}/never ]; do n=$((n+1)); [ $n -ge 5 ] && exit 1; sleep 0.1; done"),
    (BOUNDED, ENDS, "timeout 1 sh -c 'until [ -e {folder}/never ]; do sleep 0.1; done'"),
    (UNBOUNDED, HANGS, "timeout 0 sleep infinity"),
    (PARTLY, HANGS, "timeout -s CONT 1 sleep infinity"),
    (PARTLY, HANGS, "timeout 1 sh -c 'trap \"\" TERM; sleep infinity'"),
    (BOUNDED, ENDS, "timeout -k 1 1 sh -c 'trap \"\" TERM; sleep infinity'"),
    (PARTLY, HANGS, "timeout 1 sh -c 'trap \"\" TERM; while :; do sleep 1; done'"),
    (BOUNDED, ENDS, "timeout 1 sh -c 'while :; do sleep 1; done'"),
    (BOUNDED, ENDS, "timeout 1 nohup sleep infinity"),
    (BOUNDED, ENDS, "timeout 1 setsid sleep infinity"),
    (BOUNDED, ENDS, "timeout 1 tail -f /etc/hostname"),
    (BOUNDED, ENDS, "perl -e 'alarm shift; exec @ARGV' 1 sleep infinity"),
]
# Only where a server of fail2ban could be stopped.
FAIL2BAN: list[Row] = [
    (UNBOUNDED, HANGS, "fail2ban-client -s {socket} status"),
    (UNBOUNDED, HANGS, "fail2ban-client -s {socket} --timeout 1 status"),
    (UNBOUNDED, HANGS, "fail2ban-client -s {socket} ping"),
    (BOUNDED, ENDS, "fail2ban-client -s {socket} ping 1"),
    (BOUNDED, ENDS, "timeout 3 fail2ban-client -s {socket} status"),
]
# These need programs that few machines have; the sweep tells which it could not run.
RARE: list[Row] = [
    (UNBOUNDED, HANGS, "ncat --recv-only 127.0.0.1 {silent}"),
    (PARTLY, HANGS, "ncat --recv-only -w 1 127.0.0.1 {silent}"),
    (BOUNDED, ENDS, "ncat --recv-only -w 1 -i 1 127.0.0.1 {silent}"),
    (PARTLY, ENDS, "echo quit | telnet 127.0.0.1 {silent}"),
    (UNBOUNDED, HANGS, "sleep 30 | telnet 127.0.0.1 {silent}"),
    (UNBOUNDED, HANGS, "ftp -n 127.0.0.1 {silent}"),
    (UNBOUNDED, HANGS, "mysql --protocol=tcp -h 127.0.0.1 -P {silent} -e 'select 1'"),
    (PARTLY, ENDS, "mysql --protocol=tcp --connect-timeout=1 -h 127.0.0.1 -P {silent} -e 'select 1'"),
    (UNBOUNDED, HANGS, "mysqladmin --protocol=tcp -h 127.0.0.1 -P {silent} ping"),
    (UNBOUNDED, HANGS, "ldapsearch -x -H ldap://127.0.0.1:{silent}"),
    (PARTLY, HANGS, "ldapsearch -x -o nettimeout=1 -H ldap://127.0.0.1:{silent}"),
    (PARTLY, HANGS, "ldapsearch -x -l 1 -H ldap://127.0.0.1:{silent}"),
    (UNBOUNDED, HANGS, "mosquitto_sub -h 127.0.0.1 -p {silent} -t x"),
    (PARTLY, HANGS, "mosquitto_sub -C 1 -h 127.0.0.1 -p {silent} -t x"),
    (BOUNDED, ENDS, "mosquitto_sub -W 1 -h 127.0.0.1 -p {silent} -t x"),
    (UNBOUNDED, HANGS, "mosquitto_pub -h 127.0.0.1 -p {silent} -t x -m y"),
    (PARTLY, HANGS, "lftp -e 'ls; exit' http://127.0.0.1:{silent}"),
    (PARTLY, HANGS, "rclone ls --http-url http://127.0.0.1:{silent} :http:"),
    (PARTLY, HANGS, "smbclient -N -p {silent} -L //127.0.0.1"),
    (BOUNDED, ENDS, "snmpwalk -t 1 -r 1 -v2c -c public 127.0.0.1:{silent}"),
    (BOUNDED, ENDS, "dig +time=1 +tries=1 @127.0.0.1 -p {silent} +tcp x"),
    (UNBOUNDED, HANGS, "inotifywait -qq /etc/hostname"),
    (BOUNDED, ENDS, "inotifywait -qq -t 1 /etc/hostname"),
    (UNBOUNDED, HANGS, "lockfile -1 {lock}"),
    (BOUNDED, ENDS, "lockfile -1 -r 1 {lock}"),
    (UNBOUNDED, HANGS, "docker -H tcp://127.0.0.1:{silent} ps"),
    (UNBOUNDED, HANGS, "kubectl --server=http://127.0.0.1:{silent} get pods"),
    (BOUNDED, ENDS, "kubectl --server=http://127.0.0.1:{silent} --request-timeout=1s version"),
    (UNBOUNDED, HANGS, "borg list ssh://127.0.0.1:{silent}/./x"),
    (UNBOUNDED, HANGS, "vmstat 1"),
    (UNBOUNDED, HANGS, "ping 127.0.0.1"),
    (BOUNDED, ENDS, "ping -c 1 -w 1 127.0.0.1"),
]
COMMON = [*TRANSFERS, *REMOTE, *DATABASES, *LOCAL]


@contextmanager
def open_stage(folder: Path) -> Iterator[dict[str, object]]:
    """Yield the names of a stage: ports, a fifo without a writer, a lock that is held."""
    silent, full, free = (socket.socket() for _ in range(3))
    for each in (silent, full, free):
        each.bind(("127.0.0.1", 0))
    silent.listen(256)
    full.listen(0)
    kept: list[socket.socket] = []
    thread = threading.Thread(target=_accept_for_ever, args=(silent, kept), daemon=True)
    thread.start()
    # A queue of one that is full: the kernel drops the first packet of every other connection.
    for _ in range(3):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())
        kept.append(waiting)
    os.mkfifo(folder / "fifo")
    (folder / "lock").write_text("0")
    lock = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    free_port = free.getsockname()[1]
    free.close()
    try:
        yield {
            "silent": silent.getsockname()[1],
            "full": full.getsockname()[1],
            "free": free_port,
            "folder": folder,
            "fifo": folder / "fifo",
            "lock": folder / "lock",
        }
    finally:
        os.close(lock)
        silent.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for each in (silent, full, *kept):
            each.close()


def _accept_for_ever(server: socket.socket, kept: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            kept.append(server.accept()[0])


@contextmanager
def stop_fail2ban(folder: Path) -> Iterator[dict[str, object]]:
    """Yield the socket of a server of fail2ban without jails that was stopped by SIGSTOP."""
    shutil.copytree("/etc/fail2ban", folder / "fail2ban", ignore=shutil.ignore_patterns("jail.d", "jail.local"))
    names = {"socket": folder / "f2b.sock", "pidfile": folder / "f2b.pid"}
    words = [
        "-c",
        folder / "fail2ban",
        "-s",
        names["socket"],
        "-p",
        names["pidfile"],
        "--logtarget",
        folder / "f2b.log",
    ]
    words = [str(word) for word in words]
    with subprocess.Popen(
        ["fail2ban-server", "-f", "-x", *words, "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            due = time.monotonic() + PATIENCE_S
            while subprocess.run(
                ["fail2ban-client", *words, "ping", "2"], capture_output=True, timeout=PATIENCE_S, check=False
            ).returncode:
                assert time.monotonic() < due, "the server of fail2ban did not come up"
                assert server.poll() is None, "the server of fail2ban ended"
                time.sleep(0.2)
            server.send_signal(signal.SIGSTOP)
            yield names
        finally:
            server.kill()


def find_label(command: str, folder: Path) -> str:
    """Return what lint says of a command, as the only one of a script."""
    disk = Disk("/")
    types = {wait.type for wait in lint(read_script(str(folder / "script"), command.encode(), disk), disk)}
    return UNBOUNDED if UNBOUNDED in types else PARTLY if PARTLY in types else BOUNDED


def run_rows(rows: Iterable[Row], stage: dict[str, object], folder: Path) -> Iterator[tuple[Row, str, bool]]:
    """Yield for each row what lint says of its command, and whether it was seen to hang."""
    todo = [(row, row[2].format(**stage)) for row in rows]
    for begin in range(0, len(todo), AT_ONCE):
        batch = todo[begin : begin + AT_ONCE]
        labels = [find_label(command, folder) for _, command in batch]
        started = [(_start(command, folder), time.monotonic()) for _, command in batch]
        for (row, _), label, (process, at) in zip(batch, labels, started, strict=True):
            hangs = _wait(process, at + (LONGEST_S if row[1] else PATIENCE_S))
            _end(process)
            yield row, label, hangs


def _start(command: str, folder: Path) -> subprocess.Popen[bytes]:
    # What asks for input waits for this pipe, which nobody writes into.
    return subprocess.Popen(
        ["bash", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"},
        cwd=folder,
    )


def _wait(process: subprocess.Popen[bytes], due: float) -> bool:
    try:
        process.wait(max(0.0, due - time.monotonic()))
    except subprocess.TimeoutExpired:
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    if process.stdin is not None:
        process.stdin.close()
