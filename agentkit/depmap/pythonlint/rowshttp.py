"""What bounds a question over HTTP: requests, urllib, httpx, aiohttp, urllib3 and their kin?"""

from __future__ import annotations

import ast

from agentkit.depmap.boundsgap import MOVE_S, Gap, partly, unbounded
from agentkit.depmap.pythonlint.limits import ABSENT, HIDDEN, NEGATIVE, NONE
from agentkit.depmap.pythonlint.rows import Asked, Judges, Row, Rows, judge_row
from agentkit.depmap.pythonlint.view import unparse

REQUESTS = "requests has no limit of its own"
REQUESTS_ROW = Row(REQUESTS, "timeout", add="timeout=60")
VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
# Where the timeout stands without its name: behind method, url, params, data, headers, cookies, files, auth.
REQUEST_POSITIONS = {"requests.Session.request": 8, "requests.Session.send": None}
DEFAULT_SOCKETS = "socket.setdefaulttimeout(60); {call}"
LOCAL_SCHEMES = ("file:", "data:")


def judge_requests(asked: Asked) -> Gap | None:
    """Judge a question of requests: a limit is for each step of it, a tuple for connecting and reading."""
    argument = asked.limits.read(asked.call, "timeout", REQUEST_POSITIONS.get(asked.name))
    value = argument.value
    found = None if value is None else asked.limits.find_value(value, asked.call.module, asked.view.scope(asked.call))
    if found is not None and isinstance(found[0], ast.Tuple) and len(found[0].elts) == 2:
        states = [asked.limits.judge(each, asked.call.module, found[1]) for each in found[0].elts]
        if states == [NONE, NONE]:
            return unbounded(REQUESTS, "timeout=60")
        if NONE in states:
            part = "connecting" if states[0] == NONE else "reading"
            return partly(f"there is no limit for the {part}", "timeout=60")
        return None
    if ".Session." in asked.name and argument.state in (ABSENT, HIDDEN) and _has_own_limit(asked):
        return None
    return judge_row(REQUESTS_ROW, asked)


def _has_own_limit(asked: Asked) -> bool:
    """Tell whether a session was given an adapter of somebody's own, or a request that has a limit."""
    func = asked.call.node.func
    if not isinstance(func, ast.Attribute):
        return False
    for each in asked.view.find_on_same(asked.call):
        is_mounting = isinstance(each.node.func, ast.Attribute) and each.node.func.attr == "mount"
        adapter = each.node.args[1] if is_mounting and len(each.node.args) == 2 else None
        if adapter is None:
            continue
        made = asked.view.by_node.get(adapter)
        if made is None or "requests.adapters.HTTPAdapter" not in asked.view.names(made):
            return True
    if _is_of_class_with_limit(asked):
        return True
    # `session.request = functools.partial(session.request, timeout=5)`
    text = f"{unparse(func.value)}.request = "
    return text in asked.call.module.text


def _is_of_class_with_limit(asked: Asked) -> bool:
    """Tell whether a session is of a class of the program whose own `request` or `send` has to do with a limit."""
    analysis = asked.view.program.analysis
    wanted = {f"{key}.{verb}" for key in asked.call.receiver if isinstance(key, str) for verb in ("request", "send")}
    if analysis is None or not wanted:
        return False
    own = (each.node for each in analysis.engine.functions if each.subject in wanted)
    return any("timeout" in unparse(node) for node in own)


def judge_urlopen(asked: Asked) -> Gap | None:
    """Judge urlopen: what lies on this machine needs no limit."""
    first = asked.call.node.args[0] if asked.call.node.args else None
    found = None if first is None else asked.limits.find_value(first, asked.call.module, asked.view.scope(asked.call))
    value = found[0] if found is not None else None
    if isinstance(value, ast.Constant) and str(value.value).startswith(LOCAL_SCHEMES):
        return None
    return judge_row(URLRETRIEVE if asked.name.endswith("urlretrieve") else URLOPEN, asked)


def judge_httpx(asked: Asked) -> Gap | None:
    """Judge httpx, which gives each step 5 seconds unless it is told otherwise."""
    argument = asked.limits.read(asked.call, "timeout", None)
    if argument.state == NONE:
        return unbounded("timeout=None takes away the 5 seconds that httpx has of its own", "timeout=60")
    made = asked.view.by_node.get(argument.value) if argument.value is not None else None
    if made is None or not {"httpx.Timeout", "httpx._config.Timeout"} & asked.view.names(made):
        return None
    whole = asked.limits.read(made, "timeout", 0).state
    parts = {name: asked.limits.read(made, name, None).state for name in ("connect", "read", "write", "pool")}
    if whole == NONE and all(state in (ABSENT, NONE) for state in parts.values()):
        return unbounded("httpx.Timeout(None) takes away the 5 seconds that httpx has of its own", "timeout=60")
    open_parts = [name for name, state in parts.items() if state == NONE or (whole == NONE and state == ABSENT)]
    return partly(f"there is no limit for {' and '.join(open_parts)}", "timeout=60") if open_parts else None


def judge_client_timeout(asked: Asked) -> Gap | None:
    """Judge aiohttp.ClientTimeout: a session has 300 seconds in all, unless its total is taken away."""
    total = asked.limits.read(asked.call, "total", 0).state
    if total not in (ABSENT, NONE, NEGATIVE):
        return None
    names = ("connect", "sock_connect", "sock_read")
    states = {name: asked.limits.read(asked.call, name, at + 1).state for at, name in enumerate(names)}
    if total == ABSENT and not asked.call.node.keywords and not asked.call.node.args:
        return unbounded("a ClientTimeout without a total has no limit", "total=300")
    if any(state not in (ABSENT, NONE) for state in states.values()):
        return partly("a part of it has a limit, all of it has none", "total=300")
    return unbounded("without a total there is no limit: the session's own 300 seconds are taken away", "total=300")


URLOPEN = Row("urlopen has no limit of its own", "timeout", 2, heeds_default=True)
URLRETRIEVE = Row(
    "urlretrieve takes no limit: only the default of all sockets bounds it",
    heeds_default=True,
    instead=DEFAULT_SOCKETS,
    limit_s=MOVE_S,
)
JUDGES: Judges = {
    **{f"requests.{verb}": judge_requests for verb in VERBS},
    **{f"requests.Session.{verb}": judge_requests for verb in (*VERBS, "send")},
    **{f"httpx.{verb}": judge_httpx for verb in (*VERBS, "stream")},
    **{f"httpx.{kind}": judge_httpx for kind in ("Client", "AsyncClient")},
    **{
        f"httpx.{kind}.{verb}": judge_httpx for kind in ("Client", "AsyncClient") for verb in (*VERBS, "stream", "send")
    },
    "aiohttp.ClientTimeout": judge_client_timeout,
    "urllib.request.urlopen": judge_urlopen,
    "urllib.request.urlretrieve": judge_urlopen,
}
ROWS: Rows = {
    "http.client.HTTPConnection": Row("its socket has no limit", "timeout", 2, heeds_default=True),
    "httplib2.Http": Row("httplib2 has no limit of its own", "timeout", 1, heeds_default=True),
    "urllib.request.OpenerDirector.open": URLOPEN,
    **{
        f"urllib3.PoolManager.{verb}": Row(
            "urllib3 has no limit of its own", "timeout", maker="timeout", heeds_default=True
        )
        for verb in ("request", "urlopen", "request_encode_url", "request_encode_body")
    },
    "urllib3.request": Row("urllib3 has no limit of its own", "timeout", heeds_default=True),
    "xmlrpc.client.ServerProxy": Row(
        "ServerProxy takes no limit: only the default of all sockets bounds it",
        heeds_default=True,
        instead=DEFAULT_SOCKETS,
    ),
    "websocket.create_connection": Row("it waits for the other side for ever", "timeout", 1, heeds_default=True),
    "aiohttp.ClientWebSocketResponse.receive": Row("it waits for a message for ever", "timeout", 0, is_async=True),
}
