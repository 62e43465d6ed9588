"""A PostgreSQL server of the test's own: on a unix socket and loopback, with a log of every statement."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.processes import wait_until

LIMIT_S = 60


class Cluster:
    """A running server; `stop` ends it and removes it."""

    def __init__(self) -> None:
        (self.programs, *_) = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        # The server runs as root never, and no other user may enter the folders of pytest.
        self.folder = Path(tempfile.mkdtemp(prefix="agentkit-postgres-", dir="/tmp"))
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.identity = {}
        if os.getuid() == 0:
            entry = pwd.getpwnam(self.user)
            self.identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        shutil.chown(self.folder, self.user)
        self.data, self.log_path = self.folder / "data", self.folder / "log"
        self.port = _find_free_port()
        self.admin, self.password = "boss", os.urandom(16).hex()
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        shutil.chown(password_file, self.user)
        words = ["initdb", "-D", self.data, "-U", self.admin, "--pwfile", password_file, "-A", "scram-sha-256"]
        self._run(*words, "--no-sync", "-E", "UTF8", "--locale=C")
        rules = [f"local all {pwd.getpwuid(os.getuid()).pw_name} peer", "host all trusting 127.0.0.1/32 trust"]
        rules += ["local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"]
        (self.data / "pg_hba.conf").write_text("\n".join(rules) + "\n")
        with self.log_path.open("wb") as log:
            options = {"log_statement": "all", "fsync": "off", "unix_socket_directories": str(self.folder)}
            options |= {"listen_addresses": "127.0.0.1", "port": str(self.port), "max_connections": "20"}
            words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
            self.server = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self.identity,
            )  # fmt: skip
        wait_until(lambda: self.server.poll() is not None or self.log_in(self.admin, self.password))

    def _run(self, program: str, *words: object) -> None:
        subprocess.run(
            [self.programs / program, *words], env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, cwd="/",
            capture_output=True, timeout=LIMIT_S, check=True, **self.identity,
        )  # fmt: skip

    @property
    def server_setting(self) -> str:
        return f"host=127.0.0.1 port={self.port} dbname=postgres"

    def log_in(self, role: str, password: str, *, dbname: str = "postgres") -> bool:
        """Tell whether that password opens the server."""
        return self._psql(role, password, "SELECT 1", dbname).returncode == 0

    def open_url(self, url: str) -> bool:
        """Tell whether a URL opens the server."""
        words = ["psql", "-X", "-w", "-c", "SELECT 1", url]
        return subprocess.run(words, capture_output=True, timeout=LIMIT_S, check=False).returncode == 0

    def ask(self, sql: str) -> str:
        """Return what the server answers to its administrator."""
        ended = self._psql(self.admin, self.password, sql, "postgres")
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def _psql(self, role: str, password: str, sql: str, dbname: str) -> "subprocess.CompletedProcess[str]":
        environ = {"PATH": os.environ["PATH"], "PGPASSWORD": password, "PGUSER": role, "PGDATABASE": dbname}
        environ |= {"PGHOST": "127.0.0.1", "PGPORT": str(self.port)}
        words = ["psql", "-X", "-w", "-A", "-t", "-c", sql]
        return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def stop(self) -> None:
        self.server.send_signal(signal.SIGINT)  # "fast shutdown", PostgreSQL manual, 19.5
        try:
            self.server.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait(LIMIT_S)
        shutil.rmtree(self.folder)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
