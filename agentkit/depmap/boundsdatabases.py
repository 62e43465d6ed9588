"""What bounds a call of a database's client: psql, mysql, redis-cli and their kin?"""

from __future__ import annotations

import re

from agentkit.depmap.boundsgap import CHANGE_S, MOVE_S, Gap, Limits, Rule, partly, read_environment, unbounded
from agentkit.depmap.boundswords import is_limit, read_given
from agentkit.depmap.calls import Call
from agentkit.depmap.wait import PARTLY

CONNECT_TIMEOUT = re.compile(r"connect_timeout=([^\s&]*)")
MYSQL_NAMES = ("connect-timeout", "connect_timeout", "host", "user", "port", "socket", "execute", "defaults-file")
DUMPS = frozenset(
    {"pg_basebackup", "pg_dump", "pg_dumpall", "pg_receivewal", "pg_restore", "mariadb-dump", "mysqldump"}
)


def judge_postgresql(call: Call) -> Gap | None:
    """Judge psql(1) and what else speaks through libpq: connect_timeout is for the connecting alone."""
    name = call.words[0].rpartition("/")[2]
    given = read_given(call.words, "cdfFhLopPRtTUvEjnNOsSZ", ("dbname", "command", "file", "host", "port", "username"))
    if given.has("-V", "--version", "-?", "--help") or (name == "pg_restore" and not given.has("-d", "--dbname")):
        return None
    limit_s = MOVE_S if name in DUMPS else CHANGE_S if name != "psql" else 60
    environment = read_environment(call)
    limits = [match[1] for word in call.words for match in [CONNECT_TIMEOUT.search(word)] if match]
    limits.append(environment.get("PGCONNECT_TIMEOUT", "0"))
    if any(map(is_limit, limits)):
        return partly("connect_timeout bounds the connecting, not the waiting for the answer", None, limit_s)
    if any("statement_timeout=" in text for text in (*call.words, environment.get("PGOPTIONS", ""))):
        return partly("statement_timeout is kept by the server, and a silent server keeps nothing", None, limit_s)
    return unbounded(f"{name} waits for the server for ever", None, limit_s)


def judge_mysql(call: Call) -> Gap | None:
    """Judge mysql(1) and its kin: --connect-timeout is for the connecting alone."""
    name = call.words[0].rpartition("/")[2]
    if {"--version", "--help", "-V", "-?", "--print-defaults"} & set(call.words):
        return None
    given = read_given(call.words, "ehuPSD", MYSQL_NAMES)
    limit_s = MOVE_S if name in DUMPS else 60
    if given.limits("--connect-timeout", "--connect_timeout"):
        return partly("--connect-timeout bounds the connecting, not the waiting for the answer", None, limit_s)
    return unbounded(f"{name} waits for the server for ever", None, limit_s)


def judge_redis(call: Call) -> Gap | None:
    """Judge redis-cli(1): the -t of its newer versions is for the connecting alone."""
    given = read_given(call.words, "hpsaunridtx", ("user", "pass", "pipe-timeout"), stops=True)
    if given.has("-v", "--version", "--help"):
        return None
    if given.limits("-t"):
        return partly("-t bounds the connecting, not the waiting for the answer")
    return unbounded("redis-cli waits for the server for ever")


def judge_mongo(call: Call) -> Gap | None:
    """Judge mongosh(1): it looks for a server for 30 seconds, and waits for an answer for ever."""
    if {"--version", "--help", "-h", "--nodb"} & set(call.words):
        return None
    return partly("30 seconds bound the search for a server, nothing the waiting for its answer")


def judge_etcd(call: Call) -> Gap | None:
    """Judge etcdctl(1): 5 seconds for each command, but a watch or a lock waits for ever."""
    given = read_given(
        call.words, "", ("command-timeout", "dial-timeout", "endpoints", "cacert", "cert", "key", "user")
    )
    if given.operands[:1] in (["watch"], ["lock"], ["elect"]):
        return unbounded(f"etcdctl {given.operands[0]} waits for ever")
    return unbounded("a timeout of 0 is none") if given.gives_up("--command-timeout") else None


def _judge_isready(call: Call) -> Gap | None:
    given = read_given(call.words, "dhptU", ("dbname", "host", "port", "timeout", "username"))
    return unbounded("-t 0 waits for the server for ever", None, 20) if given.gives_up("-t", "--timeout") else None


ROWS = {
    "cassandra-cli": Limits("cassandra-cli waits for the server for ever"),
    "clickhouse-client": Limits("ends a silence of 300 seconds, not a slow answer", default=PARTLY),
    "influx": Limits("influx waits for the server for ever", instant=("-version",)),
    "mongodump": Limits("mongodump waits for the server for ever", limit_s=MOVE_S),
    "mongorestore": Limits("mongorestore waits for the server for ever", limit_s=MOVE_S),
    "sqlplus": Limits("sqlplus waits for the server for ever", instant=("-V", "-v")),
    "sqlcmd": Limits("-l bounds the login, not the query", default=PARTLY, instant=("-?",)),
}
MYSQL = ("mysql", "mysqladmin", "mysqlcheck", "mysqldump", "mysqlimport", "mysqlshow", "mysql_upgrade", "mysqlslap")
MARIADB = (
    *("mariadb", "mariadb-admin", "mariadb-check", "mariadb-dump", "mariadb-import", "mariadb-show", "mariadb-slap"),
    "mariadb-upgrade",
)
LIBPQ = (
    *("psql", "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "pg_receivewal", "pg_amcheck", "pgbench"),
    *("createdb", "dropdb", "createuser", "dropuser", "vacuumdb", "reindexdb", "clusterdb"),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(LIBPQ, judge_postgresql),
    **dict.fromkeys((*MYSQL, *MARIADB), judge_mysql),
    "etcdctl": judge_etcd,
    "mongo": judge_mongo,
    "mongosh": judge_mongo,
    "pg_isready": _judge_isready,
    "redis-cli": judge_redis,
    "valkey-cli": judge_redis,
}
