"""What bounds a client of a database, of a store of keys, of a directory, of a daemon for containers?"""

from __future__ import annotations

import re
from functools import partial

from agentkit.depmap.boundsgap import Gap, partly, unbounded
from agentkit.depmap.pythonlint.limits import ABSENT, GIVEN, HIDDEN, NONE, ZERO
from agentkit.depmap.pythonlint.rows import NEVER_AT_ZERO, Asked, Judges, Row, Rows
from agentkit.depmap.pythonlint.view import unparse
from agentkit.depmap.wait import PARTLY

CONNECT_TIMEOUT = re.compile(r"connect_timeout=0*[1-9]")
SOCKET_TIMEOUT = re.compile(r"socket_timeout=0*[1-9.]")
IN_URL = re.compile(r"://.*[?&](?:socketTimeoutMS|timeoutMS)=0*[1-9]")
STATEMENTS = 'options="-c statement_timeout=60000"'
LIMITS = (GIVEN, HIDDEN)


def judge_postgresql(asked: Asked) -> Gap | None:
    """Judge a connection through libpq: connect_timeout is for the connecting, statement_timeout for what follows.

    psycopg 3 gives the connecting 130 seconds of its own.
    """
    text = unparse(asked.call.node)
    found = asked.limits.read(asked.call, "connect_timeout", None).state
    if asked.name.startswith("psycopg.Async") and asked.around.is_limited(asked.call):
        return None
    if found == HIDDEN:
        return None
    has_default = asked.name.startswith("psycopg.") and found == ABSENT
    connects = found == GIVEN or has_default or CONNECT_TIMEOUT.search(text) is not None
    if connects and "statement_timeout" in text:
        return None
    add = STATEMENTS if connects else f"connect_timeout=10, {STATEMENTS}"
    if connects:
        return partly("there is a limit for connecting, and none for the answer to a statement", add)
    return unbounded("it waits for the server for ever", add)


def judge_mysql(asked: Asked, *, has_default: bool, keyword: str = "connect_timeout") -> Gap | None:
    """Judge a connection to MySQL: most give the connecting 10 seconds, and the reading none."""
    state = asked.limits.read(asked.call, "read_timeout", None).state
    if state in LIMITS:
        return None
    connects = asked.limits.read(asked.call, keyword, None).state
    if connects == GIVEN or (has_default and connects == ABSENT):
        return partly("there is a limit for connecting, and none for reading an answer", "read_timeout=60")
    return unbounded("it waits for the server for ever", f"{keyword}=10, read_timeout=60")


def judge_redis(asked: Asked) -> Gap | None:
    """Judge a client of redis: socket_timeout bounds each answer, and the connecting unless that has its own."""
    read = asked.limits.read
    if read(asked.call, "socket_timeout", None).state in (*LIMITS, ZERO):
        return None
    if read(asked.call, "connection_pool", None).state not in (ABSENT, NONE):
        return None
    if SOCKET_TIMEOUT.search(unparse(asked.call.node)):
        return None
    if asked.name.startswith("redis.asyncio") and asked.around.is_limited(asked.call):
        return None
    if read(asked.call, "socket_connect_timeout", None).state == GIVEN:
        return partly("there is a limit for connecting, and none for an answer", "socket_timeout=60")
    return unbounded("redis waits for an answer for ever", "socket_timeout=60")


def judge_mongo(asked: Asked) -> Gap | None:
    """Judge a client of MongoDB: it looks for a server for 30 seconds, and waits for an answer for ever."""
    if any(asked.limits.read(asked.call, name, None).state in LIMITS for name in ("timeoutMS", "socketTimeoutMS")):
        return None
    if IN_URL.search(unparse(asked.call.node)):
        return None
    return partly("30 seconds bound the search for a server, nothing the waiting for its answer", "timeoutMS=60000")


JUDGES: Judges = {
    "psycopg2.connect": judge_postgresql,
    "psycopg.connect": judge_postgresql,
    "psycopg.AsyncConnection.connect": judge_postgresql,
    "MySQLdb.connect": partial(judge_mysql, has_default=False),
    "mysql.connector.connect": partial(judge_mysql, has_default=True, keyword="connection_timeout"),
    "pymysql.connect": partial(judge_mysql, has_default=True),
    "pymongo.MongoClient": judge_mongo,
    "redis.Redis": judge_redis,
    "redis.Redis.from_url": judge_redis,
    "redis.asyncio.Redis": judge_redis,
    "redis.asyncio.from_url": judge_redis,
    "redis.from_url": judge_redis,
}
ROWS: Rows = {
    "asyncpg.connect": Row(
        "a minute bounds the connecting, nothing the answer to a question",
        "command_timeout",
        default=PARTLY,
        is_async=True,
    ),
    "asyncpg.create_pool": Row(
        "a minute bounds the connecting, nothing the answer to a question",
        "command_timeout",
        default=PARTLY,
        is_async=True,
    ),
    "docker.DockerClient": Row("the minute of its own is taken away", "timeout", default=None),
    "docker.from_env": Row("the minute of its own is taken away", "timeout", default=None),
    "ldap3.Connection": Row("it waits for the directory's answer for ever", "receive_timeout", loose=NEVER_AT_ZERO),
}
