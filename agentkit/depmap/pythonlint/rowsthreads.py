"""What bounds a wait for a thread, a process of Python, a queue, a lock, a future, or what is awaited?"""

from __future__ import annotations

import ast

from agentkit.depmap.boundsgap import Gap, unbounded
from agentkit.depmap.python.things import External
from agentkit.depmap.pythonlint.librarynames import settle
from agentkit.depmap.pythonlint.limits import ABSENT, NEGATIVE, NONE, ZERO
from agentkit.depmap.pythonlint.rows import NEVER_BELOW, Asked, Judges, Row, Rows, escape, judge_row
from agentkit.depmap.pythonlint.rowssockets import CONNECTING
from agentkit.depmap.pythonlint.view import unparse
from agentkit.depmap.wait import PARTLY

AWAITED = "asyncio.wait_for({call}, 60)"
BLOCK, BLOCKING = ("block", 0), ("blocking", 0)


def judge_put(asked: Asked) -> Gap | None:
    """Judge the put of a queue: one without a size is never full."""
    sizes = [asked.limits.read(maker, "maxsize", 0).state for maker in asked.view.find_makers(asked.call)]
    if not sizes or all(size in (ABSENT, ZERO, NEGATIVE) for size in sizes):
        return None
    return judge_row(ASYNC_PUT if asked.name.startswith("asyncio.") else PUT, asked)


def judge_flock(asked: Asked) -> Gap | None:
    """Judge fcntl.flock and lockf: LOCK_NB makes them return at once."""
    node = asked.call.node
    flags = node.args[1] if len(node.args) > 1 else next((each.value for each in node.keywords), None)
    if flags is None:
        return None
    found = asked.limits.find_value(flags, asked.call.module, asked.view.scope(asked.call))
    text = unparse(found[0]) if found is not None else unparse(flags)
    if "LOCK_NB" in text or "LOCK_UN" in text or "LOCK_" not in text:
        return None
    own = unparse(flags)
    module = own.rpartition(".LOCK_")[0]
    flag = f"{module}.LOCK_NB" if module else "LOCK_NB" if own.startswith("LOCK_") else "fcntl.LOCK_NB"
    replaced = unparse(node).replace(own, f"{own} | {flag}", 1)
    return unbounded("it waits for whoever holds the lock for ever", instead=escape(replaced))


def judge_filelock(asked: Asked) -> Gap | None:
    """Judge filelock.FileLock: what is said where it is made holds wherever it is taken without a limit."""
    taken = [each for each in asked.view.find_on_made(asked.call) if _attribute(each.node) == "acquire"]
    if taken and all(asked.limits.read(each, "timeout", 0).state not in (ABSENT, NONE, NEGATIVE) for each in taken):
        return None
    return judge_row(FILELOCK, asked)


def judge_iter(asked: Asked) -> Gap | None:
    """Judge `iter(q.get, None)`, which calls the function of a queue at each turn."""
    site = asked.view.find_site(asked.call)
    node = None if site is None else site.arguments.first(0)
    names = {settle(thing.name) for thing in node.values if isinstance(thing, External)} if node is not None else set()
    if not names & TURNS or len(asked.call.node.args) != 2:
        return None
    first = escape(asked.view.read_source(asked.call.node.args[0], asked.call.module))
    return unbounded(
        "each turn waits for a piece of work for ever", instead=f"{{func}}(lambda: {first}(timeout=60){{rest}})"
    )


def judge_future(asked: Asked) -> Gap | None:
    """Judge the result of a future: one that this program sets by itself is there when it is asked."""
    verbs = {_attribute(each.node) for each in asked.view.find_on_same(asked.call)}
    return None if verbs & {"set_result", "set_exception"} else judge_row(FUTURE, asked)


def judge_pool_join(asked: Asked) -> Gap | None:
    """Judge the join of a pool of processes: what was told to end at once is waited for a moment."""
    return None if asked.around.is_killed_before(asked.call, ENDS) else judge_row(POOL_JOIN, asked)


def _attribute(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


TURNS = frozenset({"multiprocessing.Queue.get", "queue.Queue.get", "queue.SimpleQueue.get"})
ENDS = frozenset({"terminate"})
POOL_JOIN = Row("it waits for all workers for ever", instead="{object}.terminate(); {call}")
PUT = Row("it waits for room for ever once the queue is full", "timeout", 2, block=("block", 1))
ASYNC_PUT = Row("it waits for room for ever once the queue is full", is_async=True, instead=AWAITED)
FILELOCK = Row(
    "it waits for whoever holds the lock for ever", "timeout", 1, loose=NEVER_BELOW, block=("blocking", None)
)
QUEUE_GET = Row("it waits for a piece of work for ever", "timeout", 1, block=BLOCK, serves=True)
LOCK = Row("it waits for whoever holds the lock for ever", "timeout", 1, loose=NEVER_BELOW, block=BLOCKING)
FUTURE = Row("it waits for the task for ever", "timeout", 0)
JUDGES: Judges = {
    "asyncio.Queue.put": judge_put,
    "builtins.iter": judge_iter,
    "concurrent.futures.Future.exception": judge_future,
    "concurrent.futures.Future.result": judge_future,
    "fcntl.flock": judge_flock,
    "fcntl.lockf": judge_flock,
    "filelock.FileLock": judge_filelock,
    "multiprocessing.Pool.join": judge_pool_join,
    "multiprocessing.Queue.put": judge_put,
    "queue.Queue.put": judge_put,
}
ROWS: Rows = {
    "concurrent.futures.Executor.map": Row("its answers are waited for for ever", "timeout"),
    "concurrent.futures.Executor.shutdown": Row(
        "it waits for all tasks for ever",
        block=("wait", 0),
        instead="{object}.shutdown(wait=False, cancel_futures=True)",
    ),
    "concurrent.futures.as_completed": Row("it waits for all of them for ever", "timeout", 1),
    "concurrent.futures.wait": Row("it waits for all of them for ever", "timeout", 1),
    "fasteners.InterProcessLock.acquire": Row(
        "it waits for whoever holds the lock for ever", "timeout", 3, block=BLOCKING
    ),
    "multiprocessing.AsyncResult.get": Row("it waits for the answer for ever", "timeout", 0),
    "multiprocessing.AsyncResult.wait": Row("it waits for the answer for ever", "timeout", 0),
    "multiprocessing.Connection.recv": Row(
        "it waits for the other process for ever", serves=True, is_polled=True, instead="{object}.poll(60) and {call}"
    ),
    "multiprocessing.Connection.recv_bytes": Row(
        "it waits for the other process for ever", serves=True, is_polled=True, instead="{object}.poll(60) and {call}"
    ),
    "multiprocessing.Pool.apply": Row(
        "it waits for the answer for ever", instead="{object}.apply_async({arguments}).get(60)"
    ),
    **{
        f"multiprocessing.Pool.{verb}": Row(
            "its answers are waited for for ever", instead="{object}.map_async({arguments}).get(60)"
        )
        for verb in ("imap", "imap_unordered")
    },
    "multiprocessing.Pool.map": Row(
        "it waits for the answers for ever", instead="{object}.map_async({arguments}).get(60)"
    ),
    "multiprocessing.Pool.starmap": Row(
        "it waits for the answers for ever", instead="{object}.starmap_async({arguments}).get(60)"
    ),
    "multiprocessing.Process.join": Row("it waits for the process for ever", "timeout", 0),
    "multiprocessing.Queue.get": QUEUE_GET,
    "multiprocessing.wait": Row("it waits for all of them for ever", "timeout", 1, serves=True),
    "queue.Queue.get": QUEUE_GET,
    "queue.Queue.join": Row(
        "it waits until all work is done, and takes no limit",
        instead="with {object}.all_tasks_done: {object}.all_tasks_done.wait_for("
        "lambda: not {object}.unfinished_tasks, 60)",
    ),
    "queue.SimpleQueue.get": QUEUE_GET,
    "threading.Barrier.wait": Row("it waits for the others for ever", "timeout", 0, maker="timeout"),
    "threading.Condition.wait": Row("it waits to be notified for ever", "timeout", 0, serves=True),
    "threading.Event.wait": Row("it waits for the sign for ever", "timeout", 0, serves=True),
    "threading.Condition.wait_for": Row("it waits to be notified for ever", "timeout", 1, serves=True),
    "threading.Condition.acquire": LOCK,
    "threading.Lock.acquire": LOCK,
    "threading.Semaphore.acquire": LOCK,
    "threading.Thread.join": Row("it waits for the thread for ever", "timeout", 0),
    # What is awaited: what has no argument for a limit is put into wait_for.
    "asyncio.Barrier.wait": Row("it waits for the others for ever", is_async=True, instead=AWAITED),
    "asyncio.Condition.wait": Row("it waits to be notified for ever", is_async=True, serves=True, instead=AWAITED),
    "asyncio.Condition.wait_for": Row("it waits to be notified for ever", is_async=True, serves=True, instead=AWAITED),
    "asyncio.Event.wait": Row("it waits for the sign for ever", is_async=True, serves=True, instead=AWAITED),
    "asyncio.Lock.acquire": Row("it waits for whoever holds the lock for ever", is_async=True, instead=AWAITED),
    "asyncio.Queue.get": Row("it waits for a piece of work for ever", is_async=True, serves=True, instead=AWAITED),
    "asyncio.Queue.join": Row("it waits until all work is done for ever", is_async=True, instead=AWAITED),
    "asyncio.Semaphore.acquire": Row("it waits for its turn for ever", is_async=True, instead=AWAITED),
    "asyncio.StreamWriter.drain": Row("it waits for the other side for ever", is_async=True, instead=AWAITED),
    **{
        f"asyncio.StreamReader.{verb}": Row("it waits for the other side for ever", is_async=True, instead=AWAITED)
        for verb in ("read", "readline", "readexactly", "readuntil")
    },
    "asyncio.open_connection": Row(CONNECTING, default=PARTLY, is_async=True, instead=AWAITED),
    "asyncio.open_unix_connection": Row(CONNECTING, default=PARTLY, is_async=True, instead=AWAITED),
    "asyncio.wait": Row("it waits for the tasks for ever", "timeout", None, is_async=True),
}
