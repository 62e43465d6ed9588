"""What bounds a wait at a socket, for mail, for files of other machines, for what select watches?"""

from __future__ import annotations

import ast

from agentkit.depmap.boundsgap import Gap, partly, unbounded
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.limits import ABSENT, GIVEN, NONE
from agentkit.depmap.pythonlint.rows import NEVER_BELOW, Asked, Judges, Row, Rows, judge_row
from agentkit.depmap.pythonlint.view import unparse
from agentkit.depmap.wait import PARTLY

SET_TIMEOUT = "{object}.settimeout(60); {call}"
SETTERS = frozenset({"settimeout", "setblocking"})
SERVER = "it waits for the server for ever"
CONNECTING = "connecting takes as long as the kernel tries, minutes"


def judge_socket(asked: Asked) -> Gap | None:
    """Judge what waits at a socket: settimeout on it, or its maker, or the default of all sockets bounds it."""
    if not asked.call.receiver or _is_own(asked.call) or _has_limit(asked):
        return None
    makers = asked.view.find_makers(asked.call)
    if any("socket.create_connection" in asked.view.names(maker) for maker in makers):
        # That is named where it is made, and all that it does with it.
        return None
    verb = asked.name.rpartition(".")[2]
    if verb in ("connect", "connect_ex"):
        return partly(CONNECTING, instead=SET_TIMEOUT)
    if asked.around.is_polled(asked.call) or (verb == "accept" and asked.around.is_service(asked.call)):
        return None
    what = "a client" if verb == "accept" else "the other side"
    return unbounded(f"{verb} waits for {what} for ever: the socket has no limit", instead=SET_TIMEOUT)


def _is_own(call: PyCall) -> bool:
    """Tell whether a class of the program that is a socket asks itself: its limit is for whoever has such a one."""
    func = call.node.func
    owner = unparse(func.value) if isinstance(func, ast.Attribute) else ""
    return owner.startswith("super(") or (owner == "self" and all(isinstance(key, str) for key in call.receiver))


def _has_limit(asked: Asked) -> bool:
    default = asked.around.has_socket_default(asked.call)
    states = set()
    for each in asked.view.find_on_same(asked.call):
        func = each.node.func
        if isinstance(func, ast.Attribute) and func.attr in SETTERS:
            argument = "value" if func.attr == "settimeout" else "flag"
            states.add(asked.limits.read(each, argument, 0).state)
    if states:
        # What sets it to None here may set it to a number there: what is set in time is not to be told from the text.
        return states not in ({NONE}, {ABSENT}) and not (states == {GIVEN} and _only_blocks(asked))
    return default


def _only_blocks(asked: Asked) -> bool:
    """Tell whether all that is set is setblocking(True)."""
    names = {
        each.node.func.attr
        for each in asked.view.find_on_same(asked.call)
        if isinstance(each.node.func, ast.Attribute) and each.node.func.attr in SETTERS
    }
    return names == {"setblocking"}


def judge_ftp(asked: Asked) -> Gap | None:
    """Judge ftplib.FTP: without a host it connects later."""
    if not asked.call.node.args and not any(each.arg in ("host", None) for each in asked.call.node.keywords):
        return None
    return judge_row(Row(SERVER, "timeout", 4, heeds_default=True), asked)


def judge_smtp(asked: Asked) -> Gap | None:
    """Judge smtplib.SMTP, whose limit is for all that it does; without a host it connects later, with that limit."""
    return judge_row(Row(SERVER, "timeout", None, heeds_default=True), asked)


def judge_zmq(asked: Asked) -> Gap | None:
    """Judge a socket of ZeroMQ: RCVTIMEO and SNDTIMEO bound it, a flag makes it return at once."""
    settings = [unparse(each.node) for each in asked.view.find_on_same(asked.call)]
    wanted = "SNDTIMEO" if asked.name.endswith("send") else "RCVTIMEO"
    text = unparse(asked.call.node.func.value) if isinstance(asked.call.node.func, ast.Attribute) else ""
    if any(wanted in each for each in settings) or f"{text}.{wanted} =" in asked.call.module.text:
        return None
    if "NOBLOCK" in unparse(asked.call.node) or "DONTWAIT" in unparse(asked.call.node):
        return None
    if asked.around.is_service(asked.call) or asked.around.is_polled(asked.call):
        return None
    return unbounded("it waits for a message for ever", instead="{object}.poll(60000) and {call}")


def judge_serial(asked: Asked) -> Gap | None:
    """Judge a serial line that is read: without a limit it waits for what may never come."""
    verbs = {unparse(each.node.func).rpartition(".")[2] for each in asked.view.find_on_made(asked.call)}
    return judge_row(SERIAL, asked) if any(verb.startswith("read") for verb in verbs) else None


SERIAL = Row("the line has no limit for reading", "timeout", 5)
READS = ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "accept", "connect", "connect_ex")
JUDGES: Judges = {
    **{f"socket.socket.{verb}": judge_socket for verb in READS},
    "ftplib.FTP": judge_ftp,
    "smtplib.SMTP": judge_smtp,
    **{
        f"zmq.Socket.{verb}": judge_zmq for verb in ("recv", "recv_string", "recv_json", "recv_pyobj", "recv_multipart")
    },
    "serial.Serial": judge_serial,
}
ROWS: Rows = {
    "ftplib.FTP.connect": Row(SERVER, "timeout", 2, maker="timeout", heeds_default=True),
    "imaplib.IMAP4": Row(SERVER, "timeout", None, heeds_default=True),
    "nntplib.NNTP": Row(SERVER, "timeout", None, heeds_default=True),
    "poplib.POP3": Row(SERVER, "timeout", None, heeds_default=True),
    "telnetlib.Telnet": Row(SERVER, "timeout", 2, heeds_default=True),
    "telnetlib.Telnet.read_until": Row("it waits for that text for ever, whatever the socket's limit", "timeout", 1),
    "telnetlib.Telnet.expect": Row("it waits for that text for ever, whatever the socket's limit", "timeout", 1),
    "paramiko.SSHClient.connect": Row(CONNECTING, "timeout", None, default=PARTLY),
    "paramiko.SSHClient.exec_command": Row("it waits for the command's answer for ever", "timeout", 2),
    "fabric.Connection.run": Row("it waits for the command for ever", "timeout", None),
    "pexpect.spawn.wait": Row("it waits for the program for ever", instead="{object}.expect(pexpect.EOF, timeout=60)"),
    "select.select": Row("it waits for ever for one that is ready", "timeout", 3, add="60", serves=True),
    "select.poll.poll": Row(
        "it waits for ever for one that is ready", "timeout", 0, "60000", loose=NEVER_BELOW, serves=True
    ),
    "select.epoll.poll": Row(
        "it waits for ever for one that is ready", "timeout", 0, "60", loose=NEVER_BELOW, serves=True
    ),
    "selectors.DefaultSelector.select": Row("it waits for ever for one that is ready", "timeout", 0, serves=True),
    "socket.create_connection": Row(
        "the socket has no limit: neither for connecting nor for what follows", "timeout", 1, heeds_default=True
    ),
    "ssl.get_server_certificate": Row(SERVER, "timeout", None, heeds_default=True),
}
