"""What bounds a connection to another machine: ssh and its kin, nc, telnet, openssl s_client, socat?"""

from __future__ import annotations

import re

from agentkit.depmap.boundsgap import MOVE_S, Gap, Limits, Rule, partly, unbounded
from agentkit.depmap.boundstransfers import is_remote
from agentkit.depmap.boundswords import Given, is_limit, read_given
from agentkit.depmap.calls import HOLE, Call

SSH_LETTERS = "BbcDEeFIiJLlmOopQRSWw"
SCP_LETTERS = "cDFiJloPSX"
SFTP_LETTERS = "BbcDFiJloPRSsX"
NC_LETTERS = "IiMmOPpqsTVwXxceGg"
NCAT_LETTERS = "gGceidmopsw"
NCAT_NAMES = (
    "wait",
    "idle-timeout",
    "exec",
    "sh-exec",
    "source",
    "source-port",
    "output",
    "delay",
    "proxy",
    "max-conns",
)
NETWORK = re.compile(r"(?:TCP|UDP|SSL|OPENSSL|UNIX|LOCAL|SOCKS|PROXY|SCTP|ABSTRACT|VSOCK|DTLS)[\w-]*:", re.IGNORECASE)


def judge_ssh(call: Call) -> Gap | None:
    """Judge ssh(1): ConnectTimeout ends with the key exchange, and the command there may take for ever."""
    given = read_given(call.words, SSH_LETTERS, stops=True)
    if given.has("-V", "-Q", "-G", "-O") or not given.operands:
        return None
    return _judge_ssh_options(given, "ssh", "what is run there may take for ever")


def judge_copy(call: Call) -> Gap | None:
    """Judge scp(1) and sftp(1); scp between two files of this machine is a copy."""
    name = call.words[0].rpartition("/")[2]
    given = read_given(call.words, SCP_LETTERS if name == "scp" else SFTP_LETTERS)
    if not given.operands or (name == "scp" and HOLE not in given.operands and not any(map(is_remote, given.operands))):
        return None
    return _judge_ssh_options(given, name, "the transfer may stall for ever", MOVE_S)


def _judge_ssh_options(given: Given, name: str, rest: str, limit_s: int = 300) -> Gap:
    told: dict[str, str] = {}
    for option in given.all_values.get("-o", ()):
        match = re.match(r"\s*(\w+)(?:\s*=\s*|\s+)(.*)", option)
        if match:
            told.setdefault(match[1].lower(), match[2])
    parts = [option for option in ("ConnectTimeout", "ServerAliveInterval") if is_limit(told.get(option.lower(), "0"))]
    if not parts:
        return unbounded(f"{name} waits for a silent host for ever", None, limit_s)
    return partly(f"{' and '.join(parts)} bound{'s' * (len(parts) == 1)} the connection, and {rest}", None, limit_s)


def judge_nc(call: Call) -> Gap | None:
    """Judge nc(1) of OpenBSD: -w bounds connecting and silence, but not the waiting of -l."""
    given = read_given(call.words, NC_LETTERS)
    if given.has("-h", "--help", "--version"):
        return None
    if given.has("-l"):
        return unbounded("nc -l listens until somebody comes, and -w does not count")
    if given.limits("-w") or (given.has("-z") and given.has("-u")):
        return None
    if given.has("-z"):
        return partly("without -w a port that drops packets takes as long as the kernel tries, minutes", "-w 5")
    if given.limits("-q") and not given.has("-u"):
        return partly("-q ends it once its input has ended, not the connecting", "-w 5")
    return unbounded("nc waits for the other side for ever", "-w 5")


def judge_ncat(call: Call) -> Gap | None:
    """Judge ncat(1): -w is for connecting alone (10 seconds by default), -i ends a silence."""
    given = read_given(call.words, NCAT_LETTERS, NCAT_NAMES)
    if given.has("-h", "--help", "--version"):
        return None
    if given.has("-l", "--listen"):
        return unbounded("ncat -l listens until somebody comes")
    if given.limits("-i", "--idle-timeout") or given.has("-z"):
        return None
    if given.limits("-w", "--wait"):
        return partly("-w bounds the connecting, not the waiting for an answer", "-i 5s")
    return unbounded("ncat waits for an answer for ever", "-w 5s -i 5s")


def judge_telnet(call: Call) -> Gap | None:
    """Judge telnet(1): it ends with its input, once it is connected."""
    ends = call.stdin is not None or (call.feed is not None and call.feed.words[:1] in (("echo",), ("printf",)))
    if ends or any(each.target == "/dev/null" and each.operator == "<" for each in call.redirects):
        return partly("the connecting takes as long as the kernel tries, minutes", None, 20)
    return unbounded("telnet waits for the other side for ever", None, 20)


def judge_openssl(call: Call) -> Gap | None:
    """Judge openssl(1): of its parts only those that talk to a server can wait."""
    verb = call.words[1:2]
    if verb in (("s_client",), ("s_server",)) and not set(call.words) & {"-help", "-h"}:
        return unbounded(f"openssl {verb[0]} waits for the other side for ever", None, 20)
    if verb == ("ocsp",) and "-url" in call.words and "-timeout" not in call.words:
        return unbounded("openssl ocsp waits for the responder for ever", None, 20)
    return None


def judge_socat(call: Call) -> Gap | None:
    """Judge socat(1): -T ends a silence, connect-timeout the connecting; together they bound it."""
    given = read_given(call.words, "blWLTt", stops=False)
    addresses = [word for word in given.operands if NETWORK.match(word)]
    if given.has("-V", "-h") or not addresses:
        return None
    if any(
        "-listen" in word.lower() or re.match(r"TCP[46]?-L:|UNIX-L:|SSL-L:", word, re.IGNORECASE) for word in addresses
    ):
        return None if all("accept-timeout=" in word for word in addresses) else unbounded("socat listens for ever")
    has_connect = all("connect-timeout=" in word or re.match(r"(?i)unix|abstract|udp", word) for word in addresses)
    if given.limits("-T") and has_connect:
        return None
    if given.limits("-T"):
        return partly("-T ends a silence, not the connecting: add connect-timeout=5 to the address")
    if has_connect and any("connect-timeout=" in word for word in addresses):
        return partly("connect-timeout bounds the connecting, not the silence behind it", "-T 5")
    return unbounded("socat waits for the other side for ever")


ROWS = {
    "autossh": Limits("autossh keeps its connection for ever", instant=("-V", "-f")),
    "gnutls-cli": Limits("gnutls-cli waits for the server for ever", instant=("-v",)),
    "rcp": Limits("rcp waits for a silent host for ever", limit_s=MOVE_S),
    "rlogin": Limits("rlogin waits for a silent host for ever"),
    "rsh": Limits("rsh waits for a silent host for ever"),
    "ssh-copy-id": Limits("ssh-copy-id waits for a silent host for ever", instant=("-h", "-?", "-n")),
    "ssh-keyscan": Limits("-T 0 waits for ever", letters="pTtf", total=("-T",), default=None, add="-T 5"),
    "sshfs": Limits("sshfs waits for a silent host for ever", instant=("-V", "-h")),
    "websocat": Limits("websocat waits for the other side for ever"),
    "wscat": Limits("wscat waits for the other side for ever"),
}
RULES: dict[str, Rule] = {
    "nc": judge_nc,
    "nc.openbsd": judge_nc,
    "nc.traditional": judge_nc,
    "ncat": judge_ncat,
    "netcat": judge_nc,
    "openssl": judge_openssl,
    "scp": judge_copy,
    "sftp": judge_copy,
    "socat": judge_socat,
    "ssh": judge_ssh,
    "telnet": judge_telnet,
}
