"""What is it that a call of something from outside the program gives, where its name alone does not say so?

Sources: the manuals of the standard library and of each package. A class gives its own instance; what is not named here
is called by what was called, such as `psycopg2.connect.cursor`.
"""

from __future__ import annotations

RETURNS = {
    "asyncio.create_subprocess_exec": "asyncio.subprocess.Process",
    "asyncio.create_subprocess_shell": "asyncio.subprocess.Process",
    "asyncio.create_task": "asyncio.Task",
    "asyncio.ensure_future": "asyncio.Task",
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.new_event_loop": "asyncio.AbstractEventLoop",
    "builtins.open": "io.TextIOWrapper",
    "codecs.open": "io.TextIOWrapper",
    "concurrent.futures.ProcessPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.ThreadPoolExecutor.submit": "concurrent.futures.Future",
    "http.client.HTTPConnection.getresponse": "http.client.HTTPResponse",
    "http.client.HTTPSConnection.getresponse": "http.client.HTTPResponse",
    "io.open": "io.TextIOWrapper",
    "logging.getLogger": "logging.Logger",
    "multiprocessing.Manager": "multiprocessing.managers.SyncManager",
    "multiprocessing.Pool": "multiprocessing.pool.Pool",
    "multiprocessing.get_context": "multiprocessing",
    "multiprocessing.pool.Pool.apply_async": "multiprocessing.pool.AsyncResult",
    "multiprocessing.pool.Pool.map_async": "multiprocessing.pool.AsyncResult",
    "multiprocessing.pool.Pool.starmap_async": "multiprocessing.pool.AsyncResult",
    "os.environ.copy": "os.environ",
    "os.fdopen": "io.TextIOWrapper",
    "os.popen": "os._wrap_close",
    "pathlib.Path.open": "io.TextIOWrapper",
    "requests.session": "requests.Session",
    "select.epoll": "select.epoll",
    "select.poll": "select.poll",
    "socket.create_connection": "socket.socket",
    "socket.create_server": "socket.socket",
    "socket.fromfd": "socket.socket",
    "socket.socket.makefile": "io.TextIOWrapper",
    "sqlite3.Connection.cursor": "sqlite3.Cursor",
    "sqlite3.Connection.execute": "sqlite3.Cursor",
    "sqlite3.connect": "sqlite3.Connection",
    "ssl.create_default_context": "ssl.SSLContext",
    "subprocess.run": "subprocess.CompletedProcess",
    "tempfile.NamedTemporaryFile": "io.TextIOWrapper",
    "tempfile.TemporaryFile": "io.TextIOWrapper",
    "urllib.request.build_opener": "urllib.request.OpenerDirector",
    "urllib.request.OpenerDirector.open": "http.client.HTTPResponse",
    "urllib.request.urlopen": "http.client.HTTPResponse",
}
# Of what pairs give: the class of each element, None where it does not matter.
PAIRS: dict[str, tuple[str | None, ...]] = {
    "asyncio.open_connection": ("asyncio.StreamReader", "asyncio.StreamWriter"),
    "asyncio.open_unix_connection": ("asyncio.StreamReader", "asyncio.StreamWriter"),
    "multiprocessing.Pipe": ("multiprocessing.connection.Connection", "multiprocessing.connection.Connection"),
    "socket.socket.accept": ("socket.socket", None),
    "socket.socketpair": ("socket.socket", "socket.socket"),
    "ssl.SSLSocket.accept": ("ssl.SSLSocket", None),
}
# What gives back the object that it was given, at the place of that argument.
GIVES_BACK = {
    "asyncio.ensure_future": 0,
    "asyncio.run": 0,
    "asyncio.shield": 0,
    "asyncio.wait_for": 0,
    "builtins.reversed": 0,
    "contextlib.ExitStack.enter_context": 0,
    "contextlib.closing": 0,
    "copy.copy": 0,
    "copy.deepcopy": 0,
    "functools.cache": 0,
    "functools.lru_cache": 0,
    "functools.singledispatch": 0,
    "functools.total_ordering": 0,
    "contextlib.contextmanager": 0,
    "contextlib.asynccontextmanager": 0,
    "dataclasses.dataclass": 0,
    "dataclasses.replace": 0,
    # A socket of TLS has the place and the limit of the one that it was made of.
    "ssl.SSLContext.wrap_socket": 0,
    "ssl.wrap_socket": 0,
    "typer.Argument": 0,
    "typer.Option": 0,
    "typing.cast": 1,
    "typing.final": 0,
    "typing.no_type_check": 0,
    "typing.overload": 0,
    "typing.runtime_checkable": 0,
    "abc.abstractmethod": 0,
    "types.MappingProxyType": 0,
    "weakref.proxy": 0,
}
# What runs a function with arguments: the place and name of the function, those of its arguments (None: all behind).
RUNS: dict[str, tuple[int, str, int | None, str]] = {
    "asyncio.AbstractEventLoop.call_later": (1, "callback", None, ""),
    "asyncio.AbstractEventLoop.call_soon": (0, "callback", None, ""),
    "asyncio.AbstractEventLoop.call_soon_threadsafe": (0, "callback", None, ""),
    "asyncio.AbstractEventLoop.run_in_executor": (1, "func", None, ""),
    "asyncio.to_thread": (0, "func", None, ""),
    "atexit.register": (0, "func", None, ""),
    "concurrent.futures.Executor.submit": (0, "fn", None, ""),
    "concurrent.futures.ProcessPoolExecutor.submit": (0, "fn", None, ""),
    "concurrent.futures.ThreadPoolExecutor.submit": (0, "fn", None, ""),
    "contextlib.ExitStack.callback": (0, "callback", None, ""),
    "multiprocessing.Process": (1, "target", 3, "args"),
    "multiprocessing.pool.Pool.apply": (0, "func", 1, "args"),
    "multiprocessing.pool.Pool.apply_async": (0, "func", 1, "args"),
    "threading.Thread": (1, "target", 3, "args"),
    "threading.Thread.__init__": (1, "target", 3, "args"),
    "multiprocessing.Process.__init__": (1, "target", 3, "args"),
    "threading.Timer": (1, "function", 2, "args"),
}
# What calls a function with each element: the place of the function (or its argument's name), that of the elements.
MAPS: dict[str, tuple[int | str, int]] = {
    "builtins.filter": (0, 1),
    "builtins.map": (0, 1),
    "builtins.max": ("key", 0),
    "builtins.min": ("key", 0),
    "builtins.sorted": ("key", 0),
    "concurrent.futures.ProcessPoolExecutor.map": (0, 1),
    "concurrent.futures.ThreadPoolExecutor.map": (0, 1),
    "functools.reduce": (0, 1),
    "itertools.filterfalse": (0, 1),
    "itertools.groupby": (1, 0),
    "itertools.starmap": (0, 1),
    "itertools.takewhile": (0, 1),
    "itertools.dropwhile": (0, 1),
    "multiprocessing.pool.Pool.imap": (0, 1),
    "multiprocessing.pool.Pool.imap_unordered": (0, 1),
    "multiprocessing.pool.Pool.map": (0, 1),
    "multiprocessing.pool.Pool.starmap": (0, 1),
}
# Whose result holds the elements that it was given.
COPIES = frozenset(
    {
        *("builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.iter", "builtins.sorted"),
        *("builtins.filter", "collections.deque", "itertools.chain", "itertools.islice", "itertools.cycle"),
        *("itertools.chain.from_iterable", "itertools.filterfalse", "itertools.takewhile", "itertools.dropwhile"),
    }
)
DICTS = frozenset(
    {
        "builtins.dict",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.ChainMap",
        "types.SimpleNamespace",
    }
)
# What makes a text of others: it is worked out when all are known.
TEXTS = frozenset(
    {
        *(
            "builtins.str",
            "builtins.int",
            "builtins.format",
            "os.fspath",
            "os.fsdecode",
            "os.fsencode",
            "os.path.join",
            "shlex.quote",
        ),
        *("os.path.dirname", "os.path.basename", "os.path.abspath", "os.path.realpath", "os.path.normpath"),
        *("os.path.expanduser", "os.path.expandvars", "os.getenv", "os.environ.get", "os.environ.pop"),
        *("os.environ.setdefault", "shlex.join", "shlex.split", "shutil.which", "os.path.splitext", "textwrap.dedent"),
        *("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "builtins.bytes"),
        *("string.Template", "os.getcwd", "pathlib.Path.cwd", "pathlib.Path.home", "py.path.local", "os.path.relpath"),
    }
)
# What gives a plain value, whose methods touch nothing.
PLAIN = frozenset(
    f"builtins.{name}"
    for name in (
        *("abs", "all", "any", "ascii", "bin", "bool", "bytearray", "callable", "chr", "complex", "divmod", "float"),
        *("hasattr", "hash", "hex", "id", "input", "isinstance", "issubclass", "len", "oct", "ord", "pow"),
        *("print", "range", "repr", "round", "slice", "sum"),
    )
)
PLAIN_METHODS = frozenset((*dir(str), *dir(bytes), *dir(int)))
# Decorators after which nobody but the program itself calls the function.
PASSIVE = (
    *("functools.", "contextlib.", "abc.", "typing.", "dataclasses.", "builtins.", "types.", "enum.", "warnings."),
    *("attr.", "attrs.", "inspect.", "logging.", "copy.", "pickle.", "weakref.", "typing_extensions."),
    *("collections.", "operator.", "unittest.mock.", "io.", "os.path.", "re.compile", "argparse."),
)
