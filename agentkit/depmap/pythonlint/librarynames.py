"""What is a thing of a library called, however it was come by: its documented name, what its calls return?"""

from __future__ import annotations

from functools import lru_cache

# What else it is called, or what works in the same way.
ALIASES = {
    "MySQLdb.Connect": "MySQLdb.connect",
    "aiohttp.client.ClientSession": "aiohttp.ClientSession",
    "aiohttp.client.ClientTimeout": "aiohttp.ClientTimeout",
    "aioredis": "redis",
    "async_timeout.timeout": "asyncio.timeout",
    "anyio.move_on_after": "asyncio.timeout",
    "anyio.fail_after": "asyncio.timeout",
    "asyncio.BoundedSemaphore": "asyncio.Semaphore",
    "asyncio.LifoQueue": "asyncio.Queue",
    "asyncio.PriorityQueue": "asyncio.Queue",
    "asyncio.locks": "asyncio",
    "asyncio.queues": "asyncio",
    "asyncio.streams": "asyncio",
    "asyncio.subprocess.create_subprocess_exec": "asyncio.create_subprocess_exec",
    "asyncio.subprocess.create_subprocess_shell": "asyncio.create_subprocess_shell",
    "asyncio.tasks": "asyncio",
    "asyncio.timeout_at": "asyncio.timeout",
    "concurrent.futures.ProcessPoolExecutor": "concurrent.futures.Executor",
    "concurrent.futures.ThreadPoolExecutor": "concurrent.futures.Executor",
    "concurrent.futures._base": "concurrent.futures",
    "concurrent.futures.process.ProcessPoolExecutor": "concurrent.futures.Executor",
    "concurrent.futures.thread.ThreadPoolExecutor": "concurrent.futures.Executor",
    "filelock.SoftFileLock": "filelock.FileLock",
    "filelock.UnixFileLock": "filelock.FileLock",
    "ftplib.FTP_TLS": "ftplib.FTP",
    "http.client.HTTPSConnection": "http.client.HTTPConnection",
    "httpx._client": "httpx",
    "imaplib.IMAP4_SSL": "imaplib.IMAP4",
    "multiprocessing.Barrier": "threading.Barrier",
    "multiprocessing.BoundedSemaphore": "threading.Semaphore",
    "multiprocessing.Condition": "threading.Condition",
    "multiprocessing.Event": "threading.Event",
    "multiprocessing.JoinableQueue": "multiprocessing.Queue",
    "multiprocessing.Lock": "threading.Lock",
    "multiprocessing.RLock": "threading.Lock",
    "multiprocessing.Semaphore": "threading.Semaphore",
    "multiprocessing.connection.Connection": "multiprocessing.Connection",
    "multiprocessing.connection.wait": "multiprocessing.wait",
    "multiprocessing.context": "multiprocessing",
    "multiprocessing.dummy.Pool": "multiprocessing.Pool",
    "multiprocessing.managers.SyncManager": "multiprocessing",
    "multiprocessing.pool.AsyncResult": "multiprocessing.AsyncResult",
    "multiprocessing.pool.Pool": "multiprocessing.Pool",
    "multiprocessing.pool.ThreadPool": "multiprocessing.Pool",
    "multiprocessing.process": "multiprocessing",
    "multiprocessing.queues": "multiprocessing",
    "poplib.POP3_SSL": "poplib.POP3",
    "psycopg.Connection.connect": "psycopg.connect",
    "pymongo.mongo_client.MongoClient": "pymongo.MongoClient",
    "pymysql.Connect": "pymysql.connect",
    "pymysql.Connection": "pymysql.connect",
    "pymysql.connections.Connection": "pymysql.connect",
    "queue.LifoQueue": "queue.Queue",
    "queue.PriorityQueue": "queue.Queue",
    "redis.StrictRedis": "redis.Redis",
    "redis.client": "redis",
    "requests.api": "requests",
    "requests.session": "requests.Session",
    "requests.sessions": "requests",
    "select.devpoll": "select.poll",
    "selectors.BaseSelector": "selectors.DefaultSelector",
    "selectors.EpollSelector": "selectors.DefaultSelector",
    "selectors.PollSelector": "selectors.DefaultSelector",
    "selectors.SelectSelector": "selectors.DefaultSelector",
    "smtplib.LMTP": "smtplib.SMTP",
    "smtplib.SMTP_SSL": "smtplib.SMTP",
    "socket.SocketType": "socket.socket",
    "ssl.SSLSocket": "socket.socket",
    "threading.BoundedSemaphore": "threading.Semaphore",
    "threading.RLock": "threading.Lock",
    "threading.Timer": "threading.Thread",
    "trio.fail_after": "asyncio.timeout",
    "trio.move_on_after": "asyncio.timeout",
    "urllib3.connectionpool.HTTPConnectionPool": "urllib3.PoolManager",
    "urllib3.connectionpool.HTTPSConnectionPool": "urllib3.PoolManager",
    "urllib3.HTTPConnectionPool": "urllib3.PoolManager",
    "urllib3.HTTPSConnectionPool": "urllib3.PoolManager",
    "urllib3.ProxyManager": "urllib3.PoolManager",
    "urllib3.poolmanager.PoolManager": "urllib3.PoolManager",
    "urllib3.util.Timeout": "urllib3.Timeout",
    "xmlrpc.client.Server": "xmlrpc.client.ServerProxy",
}
# Of which class is what a call returns.
RETURNS = {
    "asyncio.create_subprocess_exec": "asyncio.subprocess.Process",
    "asyncio.create_subprocess_shell": "asyncio.subprocess.Process",
    "asyncio.run_coroutine_threadsafe": "concurrent.futures.Future",
    "concurrent.futures.Executor.submit": "concurrent.futures.Future",
    "docker.from_env": "docker.DockerClient",
    "multiprocessing.Manager": "multiprocessing",
    "multiprocessing.Pool.apply_async": "multiprocessing.AsyncResult",
    "multiprocessing.Pool.map_async": "multiprocessing.AsyncResult",
    "multiprocessing.Pool.starmap_async": "multiprocessing.AsyncResult",
    "multiprocessing.connection.Client": "multiprocessing.Connection",
    "multiprocessing.connection.Listener.accept": "multiprocessing.Connection",
    "multiprocessing.get_context": "multiprocessing",
    "redis.Redis.from_url": "redis.Redis",
    "redis.from_url": "redis.Redis",
    "socket.create_connection": "socket.socket",
    "socket.create_server": "socket.socket",
    "socket.fromfd": "socket.socket",
    "socket.socket.dup": "socket.socket",
    "ssl.SSLContext.wrap_socket": "socket.socket",
    "ssl.create_default_context": "ssl.SSLContext",
    "urllib.request.build_opener": "urllib.request.OpenerDirector",
    "zmq.Context.instance": "zmq.Context",
    "zmq.Context.socket": "zmq.Socket",
}
MOST_STEPS = 12


@lru_cache(maxsize=8192)
def settle(name: str) -> str:
    """Return the name under which the rules know a thing."""
    if name.startswith("py:"):
        return name
    for _ in range(MOST_STEPS):
        changed = _replace_start(name, ALIASES)
        changed = _replace_start(changed, RETURNS, is_call=True)
        if changed == name:
            break
        name = changed
    return name


def _replace_start(name: str, table: dict[str, str], *, is_call: bool = False) -> str:
    end = len(name)
    while end > 0:
        # What a call returns is told apart from the call itself by the attribute behind it.
        if name[:end] in table and not (is_call and end == len(name)):
            return table[name[:end]] + name[end:]
        end = name.rfind(".", 0, end)
    return name
