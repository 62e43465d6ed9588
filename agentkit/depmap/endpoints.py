"""Which ports and sockets does a command connect to, or listen on, by its words?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentkit.core.launchers import skip_options
from agentkit.depmap.calls import HOLE

Words = tuple[str, ...]

URL = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[^/@\s]*@)?(\[[^\]]*\]|[^/:?#\s]*)(?::([0-9]+|\0))?", re.IGNORECASE)
PORTS = {
    "http": "80",
    "https": "443",
    "ftp": "21",
    "ftps": "990",
    "ssh": "22",
    "sftp": "22",
    "git": "9418",
    "ldap": "389",
    "ldaps": "636",
    "smtp": "25",
    "smtps": "465",
    "imap": "143",
    "imaps": "993",
    "mqtt": "1883",
    "redis": "6379",
    "postgresql": "5432",
    "postgres": "5432",
    "mysql": "3306",
    "mongodb": "27017",
    "amqp": "5672",
    "rsync": "873",
}
# Programs whose words may be the addresses that they go to.
BY_URL = frozenset(
    {
        *("curl", "wget", "wget2", "http", "https", "xh", "aria2c", "lynx", "links", "elinks", "httpie", "git"),
        *("svn", "youtube-dl", "ldapsearch", "ab", "wrk"),
    }
)
# Name: (the short option of the host, that of the port, the usual port); the long ones are --host and --port.
DATABASES = {
    "mariadb": ("-h", "-P", "3306"),
    "mariadb-dump": ("-h", "-P", "3306"),
    "mongosh": ("--host", "--port", "27017"),
    "mysql": ("-h", "-P", "3306"),
    "mysqladmin": ("-h", "-P", "3306"),
    "mysqldump": ("-h", "-P", "3306"),
    "pg_dump": ("-h", "-p", "5432"),
    "pg_dumpall": ("-h", "-p", "5432"),
    "pg_isready": ("-h", "-p", "5432"),
    "pg_restore": ("-h", "-p", "5432"),
    "psql": ("-h", "-p", "5432"),
    "redis-cli": ("-h", "-p", "6379"),
}
SSH_LETTERS = "bcDEeFIiJLlmOopQRSWwBP"


def find_endpoints(name: str, words: Words) -> Iterator[tuple[str, str]]:
    """Yield (kind of the edge, node) of each port and socket that the words name; HOLE where a name is not known."""
    if name in BY_URL:
        yield from _find_urls(words)
    elif name in ("nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "telnet"):
        yield from _find_netcat(words)
    elif name in DATABASES:
        yield from _find_database(name, words)
    elif name in ("ssh", "sftp", "ssh-copy-id", "autossh", "mosh"):
        yield from _find_ssh(words)
    elif name in ("scp", "rsync"):
        yield from _find_copies(name, words)
    elif name == "socat":
        yield from _find_socat(words)
    elif name == "openssl" and "-connect" in words[:-1]:
        yield from _connect(words[words.index("-connect") + 1], "443")
    elif name in ("python3", "python") and words[1:3] == ("-m", "http.server"):
        yield "listen", f"port:tcp/{words[3] if len(words) > 3 and words[3].isdigit() else '8000'}"


def _connect(address: str, usual: str) -> Iterator[tuple[str, str]]:
    host, sign, port = address.rpartition(":")
    if not sign:
        host, port = address, usual
    yield "connect", name_port(host, port)


def name_port(host: str, port: str, protocol: str = "tcp") -> str:
    """Return the node of a port: of this machine, or of another one; who logs in there, and with what, is left out."""
    host = host.rpartition("@")[2]
    is_here = host.strip("[]") in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "")  # noqa: S104  # nothing is bound here
    return f"port:{protocol}/{port}" if is_here else f"port:{protocol}/{host}:{port}"


def _find_urls(words: Words) -> Iterator[tuple[str, str]]:
    for word in words[1:]:
        found = URL.match(word)
        if found is None:
            if word == HOLE and words[0].rpartition("/")[2] in ("curl", "wget") and not _has_url(words):
                yield "connect", HOLE
            continue
        scheme, host, port = found.groups()
        if scheme.lower() == "file":
            continue
        known = PORTS.get(scheme.lower())
        if known or port:
            yield "connect", name_port(host, port or known or "")
    if words[1:2] == ("clone",):
        for word in words[2:]:
            remote = re.match(r"(?:[\w.-]+@)?([\w.-]+):(?!//)\S", word)
            if remote and not word.startswith("-"):
                yield "connect", name_port(remote.group(1), "22")


def _has_url(words: Words) -> bool:
    return any(URL.match(word) for word in words)


def _find_netcat(words: Words) -> Iterator[tuple[str, str]]:
    listens = any(re.match(r"-[a-zA-Z]*l", word) or word == "--listen" for word in words[1:])
    at = skip_options(
        words, 1, "wipsqXxTIOPMmkG" if listens is False else "wisqXxTIOMmG", ("wait", "idle-timeout", "delay")
    )
    rest = [word for word in words[at:] if not word.startswith("-")]
    if any(re.match(r"-[a-zA-Z]*U", word) for word in words[1:at]) and rest:
        yield "listen" if listens else "connect", f"file:{rest[0]}"
    elif listens:
        ports = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "-p"] or rest[-1:]
        yield from (("listen", f"port:tcp/{port}") for port in ports if port.isdigit())
    elif len(rest) >= 2:
        protocol = "udp" if any(re.match(r"-[a-zA-Z]*u", word) for word in words[1:at]) else "tcp"
        yield "connect", name_port(rest[0], rest[1], protocol)


def _find_option(words: Words, *options: str) -> str | None:
    for at, word in enumerate(words[1:], 1):
        for option in options:
            if word == option:
                return words[at + 1] if at + 1 < len(words) else None
            if option.startswith("--") and word.startswith(f"{option}="):
                return word.partition("=")[2]
            if not option.startswith("--") and word.startswith(option) and not word.startswith("--") and len(word) > 2:
                return word[2:]
    return None


def _find_database(name: str, words: Words) -> Iterator[tuple[str, str]]:
    if any(URL.match(word) for word in words[1:]):
        yield from _find_urls(words)
        return
    host_option, port_option, usual = DATABASES[name]
    host = _find_option(words, host_option, "--host")
    port = _find_option(words, port_option, "--port")
    if host is None and port is None:
        return
    if host is not None and host.startswith("/"):
        yield "connect", f"file:{host}"
        return
    yield "connect", name_port(host or "localhost", port or usual)


def _find_ssh(words: Words) -> Iterator[tuple[str, str]]:
    at = skip_options(words, 1, SSH_LETTERS, ())
    if at < len(words) and not words[at].startswith("-"):
        host = words[at].removeprefix("ssh://").rpartition("@")[2]
        yield "connect", name_port(host, _find_option(words[:at], "-p", "-P") or "22")


def _find_copies(name: str, words: Words) -> Iterator[tuple[str, str]]:
    for word in words[1:]:
        remote = re.match(r"(?:[^@/:\s]+@)?([\w.\0-]+):(?!//)", word)
        if word.startswith("rsync://") or (name == "rsync" and "::" in word):
            found = URL.match(word)
            host = found.group(2) if found else word.partition("::")[0].rpartition("@")[2]
            yield "connect", name_port(host, (found.group(3) if found else None) or "873")
        elif remote and not word.startswith("-"):
            yield "connect", name_port(remote.group(1), _find_option(words, "-P") or "22" if name == "scp" else "22")


def _find_socat(words: Words) -> Iterator[tuple[str, str]]:
    for word in words[1:]:
        kind, _, rest = word.partition(":")
        address = rest.partition(",")[0]
        kind = kind.upper()
        if kind in ("TCP", "TCP4", "TCP6", "TCP-CONNECT", "OPENSSL", "SSL"):
            yield from _connect(address, "443")
        elif kind in ("TCP-LISTEN", "TCP4-LISTEN", "TCP6-LISTEN", "TCP-L", "OPENSSL-LISTEN"):
            yield "listen", f"port:tcp/{address}"
        elif kind in ("UNIX", "UNIX-CONNECT", "UNIX-CLIENT"):
            yield "connect", f"file:{address}"
        elif kind in ("UNIX-LISTEN", "UNIX-L"):
            yield "listen", f"file:{address}"
