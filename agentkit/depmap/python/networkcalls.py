"""Which ports and sockets does a call connect to, or listen on, by its arguments?"""

from __future__ import annotations

from collections.abc import Iterator

from agentkit.depmap.calls import HOLE
from agentkit.depmap.endpoints import PORTS, URL, name_port
from agentkit.depmap.python.texts import Texts
from agentkit.depmap.python.things import Arguments, Container, External, ExternalObject, Node, Site

# Name: (place and name of the host, place and name of the port, the usual port).
HOSTS: dict[str, tuple[int, str, int, str, str]] = {
    "asyncio.open_connection": (0, "host", 1, "port", ""),
    "ftplib.FTP": (0, "host", 99, "port", "21"),
    "ftplib.FTP.connect": (0, "host", 1, "port", "21"),
    "ftplib.FTP_TLS": (0, "host", 99, "port", "21"),
    "http.client.HTTPConnection": (0, "host", 1, "port", "80"),
    "http.client.HTTPSConnection": (0, "host", 1, "port", "443"),
    "imaplib.IMAP4": (0, "host", 1, "port", "143"),
    "imaplib.IMAP4_SSL": (0, "host", 1, "port", "993"),
    "ldap3.Server": (0, "host", 1, "port", "389"),
    "mysql.connector.connect": (99, "host", 99, "port", "3306"),
    "MySQLdb.connect": (0, "host", 4, "port", "3306"),
    "paramiko.SSHClient.connect": (0, "hostname", 1, "port", "22"),
    "poplib.POP3": (0, "host", 1, "port", "110"),
    "poplib.POP3_SSL": (0, "host", 1, "port", "995"),
    "psycopg.connect": (99, "host", 99, "port", "5432"),
    "psycopg2.connect": (99, "host", 99, "port", "5432"),
    "pymongo.MongoClient": (0, "host", 1, "port", "27017"),
    "pymysql.connect": (0, "host", 4, "port", "3306"),
    "redis.Redis": (0, "host", 1, "port", "6379"),
    "redis.StrictRedis": (0, "host", 1, "port", "6379"),
    "smtplib.LMTP": (0, "host", 1, "port", "2003"),
    "smtplib.SMTP": (0, "host", 1, "port", "25"),
    "smtplib.SMTP.connect": (0, "host", 1, "port", "25"),
    "smtplib.SMTP_SSL": (0, "host", 1, "port", "465"),
    "telnetlib.Telnet": (0, "host", 1, "port", "23"),
}
# What may leave its host out and then has this machine's.
LOCAL = frozenset({"redis.Redis", "redis.StrictRedis", "pymongo.MongoClient"})
# Name: (kind, place and name of the pair of host and port).
PAIRS: dict[str, tuple[str, int, str]] = {
    "http.server.HTTPServer": ("listen", 0, "server_address"),
    "http.server.ThreadingHTTPServer": ("listen", 0, "server_address"),
    "multiprocessing.connection.Client": ("connect", 0, "address"),
    "multiprocessing.connection.Listener": ("listen", 0, "address"),
    "socket.create_connection": ("connect", 0, "address"),
    "socket.create_server": ("listen", 0, "address"),
    "socket.socket.bind": ("listen", 0, "address"),
    "socket.socket.connect": ("connect", 0, "address"),
    "socket.socket.connect_ex": ("connect", 0, "address"),
    "socket.socket.sendto": ("connect", 1, "address"),
    "socketserver.TCPServer": ("listen", 0, "server_address"),
    "socketserver.ThreadingTCPServer": ("listen", 0, "server_address"),
    "socketserver.ThreadingUDPServer": ("listen", 0, "server_address"),
    "socketserver.UDPServer": ("listen", 0, "server_address"),
    "socketserver.UnixStreamServer": ("listen", 0, "server_address"),
    "ssl.SSLSocket.connect": ("connect", 0, "address"),
    "xmlrpc.server.SimpleXMLRPCServer": ("listen", 0, "addr"),
}
_METHODS = ("get", "post", "put", "delete", "head", "patch", "options")
# Name: the place of the URL and its name.
URLS: dict[str, tuple[int, str]] = {
    **{f"{holder}.{method}": (0, "url") for holder in ("requests", "httpx") for method in _METHODS},
    **{f"{holder}.{method}": (0, "url") for holder in ("requests.Session", "httpx.Client") for method in _METHODS},
    **{
        f"{holder}.{method}": (0, "url")
        for holder in ("httpx.AsyncClient", "aiohttp.ClientSession")
        for method in _METHODS
    },
    **{f"{holder}.request": (1, "url") for holder in ("requests", "httpx", "requests.Session", "httpx.Client")},
    "aiohttp.ClientSession.ws_connect": (0, "url"),
    "aiohttp.ClientSession": (0, "base_url"),
    "httpx.AsyncClient": (99, "base_url"),
    "httpx.Client": (99, "base_url"),
    "httpx.stream": (1, "url"),
    "pymongo.MongoClient": (0, "host"),
    "psycopg.connect": (0, "conninfo"),
    "psycopg2.connect": (0, "dsn"),
    "redis.from_url": (0, "url"),
    "redis.Redis.from_url": (0, "url"),
    "sqlalchemy.create_engine": (0, "url"),
    "urllib.request.OpenerDirector.open": (0, "fullurl"),
    "urllib.request.Request": (0, "url"),
    "urllib.request.urlopen": (0, "url"),
    "urllib.request.urlretrieve": (0, "url"),
    "urllib3.PoolManager.request": (1, "url"),
    "urllib3.request": (1, "url"),
    "websockets.connect": (0, "uri"),
    "xmlrpc.client.ServerProxy": (0, "uri"),
}
# Whose argument may be no URL at all: nothing is said then.
MAYBE = frozenset(
    {
        *("pymongo.MongoClient", "psycopg.connect", "psycopg2.connect"),
        *("aiohttp.ClientSession", "httpx.AsyncClient", "httpx.Client"),
    }
)
SCHEMES = {**PORTS, "ws": "80", "wss": "443", "rediss": "6379"}


def find_endpoints(name: str, arguments: Arguments, site: Site, texts: Texts) -> Iterator[tuple[str, str]]:
    """Yield (kind of the edge, node) of each port and socket of a call; HOLE where a name is not known."""
    if name in URLS:
        place, word = URLS[name]
        given = arguments.first(place, word)
        if given is not None and not _is_request(given):
            yield from _read_urls(texts.read(given), is_maybe=name in MAYBE)
        elif given is None and name not in MAYBE:
            yield "connect", HOLE
    if name in HOSTS:
        yield from _read_host(name, arguments, texts)
    elif name in PAIRS:
        kind, place, word = PAIRS[name]
        protocol = "udp" if _is_datagram(name, site) else "tcp"
        yield from _read_pair(kind, arguments.first(place, word), protocol, texts)
    elif name in ("asyncio.open_unix_connection", "asyncio.start_unix_server"):
        is_server = name.endswith("server")
        given = arguments.first(1 if is_server else 0, "path")
        for path in texts.read(given):
            yield "listen" if is_server else "connect", f"file:{path}" if path.startswith("/") else HOLE
    elif name == "asyncio.start_server":
        for port in texts.read(arguments.first(2, "port")):
            yield "listen", f"port:tcp/{port}" if port.isdigit() else HOLE


def _is_request(node: Node) -> bool:
    """Tell whether a value is a Request: its URL was read where that was made."""
    return any(isinstance(thing, ExternalObject) and thing.name.endswith("Request") for thing in node.values)


def _read_urls(urls: tuple[str, ...], *, is_maybe: bool) -> Iterator[tuple[str, str]]:
    for url in urls:
        found = URL.match(url)
        if found is None:
            if not is_maybe and (HOLE in url or "://" in url):
                yield "connect", HOLE
            continue
        scheme, host, port = found.groups()
        scheme = scheme.lower().partition("+")[0]
        if scheme in ("file", "data", "sqlite"):
            continue
        usual = SCHEMES.get(scheme)
        if host and (usual or port):
            yield "connect", name_port(host, port or usual or "")


def _read_host(name: str, arguments: Arguments, texts: Texts) -> Iterator[tuple[str, str]]:
    place, word, port_place, port_word, usual = HOSTS[name]
    given = arguments.first(place, word)
    port_node = arguments.first(port_place, port_word)
    if given is None and name not in LOCAL:
        return
    hosts = ("localhost",) if given is None else texts.read(given)
    ports = (usual,) if port_node is None else texts.read(port_node)
    for host in hosts:
        if "://" in host:
            continue
        if host.startswith("/"):
            yield "connect", f"file:{host}"
            continue
        own, sign, own_port = host.rpartition(":")
        for port in ports:
            if sign and own_port.isdigit() and own.count(":") == 0:
                yield "connect", name_port(own, own_port)
            elif port:
                yield "connect", name_port(host, port)


def _read_pair(kind: str, given: Node | None, protocol: str, texts: Texts) -> Iterator[tuple[str, str]]:
    if given is None:
        return
    pairs = [thing for thing in given.values if isinstance(thing, Container)]
    for pair in pairs:
        for words in texts.words(_only(pair)):
            if len(words) < 2:
                yield kind, HOLE
            elif words[1] not in ("0", ""):
                host = "localhost" if kind == "listen" and HOLE not in words[0] else words[0]
                yield kind, name_port(host, words[1], protocol)
    if not pairs:
        for path in texts.read(given):
            yield kind, f"file:{path}" if path.startswith("/") else HOLE


def _only(thing: Container) -> Node:
    node = Node()
    node.values[thing] = None
    return node


def _is_datagram(name: str, site: Site) -> bool:
    if name.endswith((".sendto", "UDPServer")):
        return True
    for thing in site.base.values if site.base is not None else ():
        made = thing.site if isinstance(thing, ExternalObject) else None
        if isinstance(made, Site):
            for node in made.arguments.all():
                if any(isinstance(each, External) and each.name == "socket.SOCK_DGRAM" for each in node.values):
                    return True
    return False
