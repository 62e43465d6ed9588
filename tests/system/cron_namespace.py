"""How does a test ask a real cron daemon what it does, without touching the machine's own cron?

`RealCron` runs the daemon in mount and PID namespaces of its own. It sees the crontabs, users and mail program of one
folder of the test (`cron.root`), and the rest of the machine as it is. When the namespace's first process ends,
everything that was started inside ends with it, and so do the mounts.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

OUT = "/run/out"  # the folder `cron.out` as jobs of every user see it
DAEMONS = {
    "debian": "cron -f -L 15",
    "busybox": "busybox crond -f -l 0 -L /run/log/crond.log -c /var/spool/cron/crontabs",
    "cronie": "crond -n",
}
FAST = "+0 x60"  # a clock on which a minute of the daemon takes a second
NEEDED = ("unshare", "nsenter", "setpriv", "mount", "sh")

# The first process: private mounts, the daemon, then reaping until its lifetime is over (orphans come to it).
# An overlay on tmpfs makes mount points for files that this machine may lack, such as /usr/sbin/sendmail.
INIT = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/out /run/mail /run/log /run/layers
cover() {
    layer=/run/layers/$(echo "$1" | tr / _)
    mkdir "$layer" "$layer.work"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$layer,workdir=$layer.work" "$1"
}
cover /etc; cover /dev; cover /usr/sbin
mount -t tmpfs -o mode=755 tmpfs /var/spool
mkdir /var/spool/cron /var/spool/mail
for name in out mail log; do mount --bind "$BASE/$name" "/run/$name"; done
for name in passwd group shadow crontab; do
    rm -f "/etc/$name"
    if [ -L "$BASE/root/etc/$name" ]; then
        cp -a "$BASE/root/etc/$name" "/etc/$name"
    elif [ -d "$BASE/root/etc/$name" ]; then
        cp -a "$BASE/root/etc/$name" "/etc/$name"
    elif [ -e "$BASE/root/etc/$name" ]; then
        : > "/etc/$name"
        mount --bind "$BASE/root/etc/$name" "/etc/$name"
    fi
done
mkdir -p /etc/cron.d
if [ -d "$BASE/root/etc/cron.d" ]; then
    mount --bind "$BASE/root/etc/cron.d" /etc/cron.d
else
    rm -rf /etc/cron.d
    cp -a "$BASE/root/etc/cron.d" /etc/cron.d
fi
mount --bind "$BASE/root/var/spool/cron" /var/spool/cron
if [ -n "${ZONE:-}" ]; then
    ln -sfn "/usr/share/zoneinfo/$ZONE" /etc/localtime
fi
: > /dev/log
mount --bind "$SYSLOG" /dev/log
rm -f /usr/sbin/sendmail
cp "$BASE/sendmail" /usr/sbin/sendmail
cd /
# The daemon's own time only: nothing else in here is moved.
env ${CLOCK:-} $DAEMON </dev/null >"$BASE/daemon.out" 2>&1 &
echo $! > "$BASE/daemon.pid.part"
mv "$BASE/daemon.pid.part" "$BASE/daemon.pid"
left=$LIFETIME
while [ "$left" -gt 0 ]; do
    sleep 1
    left=$((left - 1))
done
"""

# It inherits the daemon's moved clock, of which a static program knows nothing: libfaketime ends one now and then.
SENDMAIL = """#!{busybox} sh
file=$({busybox} mktemp -p /run/mail) && {{ echo "X-Arguments: $*"; {busybox} cat; }} > "$file" &&
    {busybox} mv "$file" "$file.eml"
"""


class RealCron:
    """A real cron daemon over the crontabs in `root`, for the length of a `with` block.

    Lay out `root` (a machine's root folder: etc/crontab, etc/cron.d, etc/passwd, var/spool/cron/crontabs) before the
    block begins, with the methods `install_…` or by hand; it can be changed while the daemon runs, too. `out` is a
    folder that every user's job can write to, as /run/out. Needs root and Linux; says so when it cannot work.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flavour: str = "debian",
        zone: str | None = None,
        clock: str | None = None,
        daemon: str | None = None,
        lifetime_s: int = 600,
        network_of: int | None = None,
    ) -> None:
        """Lay out empty folders; `zone` is the machine's time zone.

        `clock` moves the daemon's clock: `FAST`, or `@EPOCH x60` (seconds since 1970, and how fast); the jobs keep
        the true time. `daemon` is the command line of another build of the flavour. `network_of` is a process whose
        network namespace the daemon and its jobs have; without it they have the machine's.
        """
        self.folder = folder
        self.root = folder / "root"
        self.out = folder / "out"
        self.log: list[str] = []
        self.flavour = flavour
        self.crontabs = self.root / "var/spool/cron" / ("" if flavour == "cronie" else "crontabs")
        self._zone = zone
        self._clock = clock
        self._daemon = daemon or DAEMONS[flavour]
        self._lifetime_s = lifetime_s
        self._network = [] if network_of is None else ["nsenter", f"--target={network_of}", "--net", "--"]
        self._init: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._syslog: socket.socket | None = None
        self._lay_out()

    def _lay_out(self) -> None:
        for folder in (self.root / "etc/cron.d", self.crontabs):
            folder.mkdir(parents=True)
        for name in ("passwd", "group", "shadow"):
            shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        for name in ("out", "mail", "log"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o1777)
        script = self.folder / "sendmail"
        script.write_text(SENDMAIL.format(busybox=shutil.which("busybox") or "/bin/busybox"))
        script.chmod(0o755)
        (self.folder / "init").write_text(INIT)

    # What stands in the machine's files.

    def install_crontab(self, user: str, text: str | bytes) -> Path:
        """Write a user's crontab as crontab(1) leaves it: mode 0600, one link, owned by the user."""
        path = _write(self.crontabs / user, text, 0o600)
        uid, gid = self._ids(user)
        os.chown(path, uid, gid)
        return path

    def install_system(self, text: str | bytes) -> Path:
        """Write /etc/crontab (with a user field)."""
        return _write(self.root / "etc/crontab", text, 0o644)

    def install_cron_d(self, name: str, text: str | bytes) -> Path:
        """Write a file in /etc/cron.d (with a user field)."""
        return _write(self.root / "etc/cron.d" / name, text, 0o644)

    def add_user(self, name: str, uid: int, *, home: str = "/", shadow: str = "*:19000:0:99999:7:::") -> None:
        """Add a user to the password database that the daemon and its jobs see."""
        with (self.root / "etc/passwd").open("a") as passwd:
            passwd.write(f"{name}:x:{uid}:{uid}::{home}:/bin/sh\n")
        with (self.root / "etc/group").open("a") as group:
            group.write(f"{name}:x:{uid}:\n")
        with (self.root / "etc/shadow").open("a") as file:
            file.write(f"{name}:{shadow}\n")

    def _ids(self, user: str) -> tuple[int, int]:
        for line in (self.root / "etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return int(fields[2]), int(fields[3])
        return 0, 0

    # The daemon.

    def __enter__(self) -> Self:
        missing = [name for name in (*NEEDED, self._daemon.split()[0]) if shutil.which(name) is None]
        if missing or os.geteuid() != 0:
            raise AssertionError(f"real cron needs root and these programs: missing {missing or 'root'}")
        self._listen()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _listen(self) -> None:
        # A path of a socket has at most 107 bytes, and a test's folder may be longer.
        self._socket_folder = tempfile.mkdtemp(prefix="cronlog")
        address = os.path.join(self._socket_folder, "log")
        self._syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._syslog.bind(address)
        os.chmod(address, 0o666)
        self._listener = threading.Thread(target=self._receive, args=(self._syslog,), daemon=True)
        self._listener.start()

    def _receive(self, syslog: socket.socket) -> None:
        while message := syslog.recv(65536):
            if message == b"stop":
                return
            self.log.append(message.rstrip(b"\n\0").decode(errors="backslashreplace"))

    def _start(self) -> None:
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "BASE": str(self.folder),
            "SYSLOG": os.path.join(self._socket_folder, "log"),
            "DAEMON": self._daemon,
            "LIFETIME": str(self._lifetime_s),
            "ZONE": self._zone or "",
            "CLOCK": "",
        }
        if self._clock is not None:
            library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
            if library is None or self.flavour == "busybox":
                raise AssertionError("a moved clock needs libfaketime, and a daemon that is not linked statically")
            variables |= {"FAKETIME": self._clock, "FAKETIME_DONT_RESET": "1", "NO_FAKE_STAT": "1"}
            variables["FAKETIME_FMT"] = "%s"
            variables["CLOCK"] = f"LD_PRELOAD={library}"
        self._init = subprocess.Popen(
            # If the test process is killed, the namespace goes with it.
            [
                *self._network,
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork"),
                *("--kill-child", "--mount-proc", "sh", str(self.folder / "init")),
            ],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.wait_until((self.folder / "daemon.pid").exists, 20, "the namespace did not come up")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._init is not None:
            first = self._first_pid()
            if first is None:
                self._init.kill()
            else:
                # Its parent gets to know only when every process of the namespace has ended.
                os.kill(first, signal.SIGKILL)
            self._init.communicate(timeout=30)
        if self._syslog is not None and self._listener is not None:
            self._syslog.shutdown(socket.SHUT_RDWR)
            self._listener.join(timeout=30)
            self._syslog.close()
            shutil.rmtree(self._socket_folder)

    def _first_pid(self) -> int | None:
        """Return the pid, seen from outside, of the namespace's first process."""
        assert self._init is not None
        try:
            children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text().split()
        except FileNotFoundError:
            return None
        return int(children[0]) if children else None

    @property
    def daemon_pid(self) -> int:
        """The daemon's pid inside the namespace."""
        return int((self.folder / "daemon.pid").read_text())

    def is_running(self) -> bool:
        """Tell whether the daemon lives."""
        return self.run(["kill", "-0", str(self.daemon_pid)]).returncode == 0

    def stop_daemon(self, limit_s: float = 20) -> None:
        """End the daemon alone: jobs that run go on, the namespace stays."""
        self.run(["kill", "-KILL", str(self.daemon_pid)])
        self.wait_until(lambda: not self.is_running(), limit_s, "the daemon did not end")

    def run(self, command: Sequence[str], *, limit_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command inside the namespace, as root, and return what came of it."""
        first = self._first_pid()
        assert first is not None, "the namespace is gone"
        return subprocess.run(
            ["nsenter", "--target", str(first), "--mount", "--net", "--pid", "--", *command],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            stdin=subprocess.DEVNULL,
            timeout=limit_s,
            check=False,
        )

    def wait_until(self, predicate: Callable[[], bool], limit_s: float, what: str = "it did not come") -> None:
        """Wait until the predicate holds; AssertionError with the daemon's log when the limit comes first."""
        end = time.monotonic() + limit_s
        while not predicate():
            assert self._init is not None
            if self._init.poll() is not None:
                assert self._init.stdout is not None
                talk = self._init.stdout.read().decode(errors="replace")
                raise AssertionError(f"the namespace ended early: {talk}\n{self.talk()}")
            if time.monotonic() > end:
                raise AssertionError(f"{what} within {limit_s} s\n{self.talk()}")
            time.sleep(0.05)

    @property
    def mails(self) -> list[str]:
        """The mails that were sent, oldest first; the first line holds sendmail's arguments."""
        files = sorted((self.folder / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_text(errors="backslashreplace") for path in files]

    def talk(self) -> str:
        """Return all that the daemon said, for a person who looks at a failed test."""
        files = [self.folder / "daemon.out", self.folder / "log/crond.log"]
        return "\n".join([*self.log, *(path.read_text(errors="replace") for path in files if path.exists())])


def touching(path: str) -> str:
    """Return a shell command that leaves a file as evidence."""
    return f": > {shlex.quote(path)}"


def _write(path: Path, text: str | bytes, mode: int) -> Path:
    # Where fs.protected_regular is 2, not even root writes to another's file in a sticky folder such as the spool.
    path.unlink(missing_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path
