"""What bounds a question to the network: ping, ldapsearch, mosquitto_sub, snmp and others?"""

from __future__ import annotations

from agentkit.depmap.boundsgap import Gap, Limits, Rule, partly, unbounded
from agentkit.depmap.boundswords import read_given
from agentkit.depmap.calls import Call
from agentkit.depmap.wait import PARTLY

PING_LETTERS = "cFIilmMpQSsTtwWe"


def judge_ping(call: Call) -> Gap | None:
    """Judge ping(8): -c and -w both end it, -W is for one answer."""
    given = read_given(call.words, PING_LETTERS)
    if given.has("-V", "-h") or not given.operands or given.limits("-c", "-w"):
        return None
    return unbounded("ping goes on until it is ended", "-c 3 -w 10")


def judge_arping(call: Call) -> Gap | None:
    """Judge arping(8), which counts as ping does."""
    given = read_given(call.words, "cIswWt")
    if given.has("-V", "-h") or not given.operands or given.limits("-c", "-w"):
        return None
    return unbounded("arping goes on until it is ended", "-c 3 -w 10")


def judge_ldap(call: Call) -> Gap | None:
    """Judge ldapsearch(1): nettimeout is for the connecting, -l is kept by the server."""
    given = read_given(call.words, "abdDefFhHilLoOpPRsSTUwXyYz")
    if given.has("-V", "-VV"):
        return None
    if any(option.startswith("nettimeout=") for option in given.all_values.get("-o", ())):
        return partly("nettimeout bounds the connecting, not the waiting for an answer")
    if given.limits("-l"):
        return partly("-l is kept by the server, and a silent server keeps nothing")
    return unbounded("it waits for the directory's answer for ever")


def judge_mosquitto(call: Call) -> Gap | None:
    """Judge mosquitto_sub(1): -W bounds all of it, -C counts messages that may not come."""
    given = read_given(call.words, "ACFhikLmpPqRtTuUVWx")
    if given.has("--help", "--version") or given.limits("-W"):
        return None
    if given.limits("-C"):
        return partly("-C counts messages, and they may not come", "-W 60")
    return unbounded("it listens for ever", "-W 60")


def judge_nmap(call: Call) -> Gap | None:
    """Judge nmap(1): its probes have limits, a host takes as long as it takes without --host-timeout."""
    given = read_given(call.words, "pSgDe", ("host-timeout", "script-timeout", "top-ports", "script", "max-retries"))
    if given.has("--host-timeout", "-V", "--version", "-h", "--help") or not given.operands:
        return None
    return partly("each probe of nmap is bounded, a host is not", "--host-timeout 5m")


def judge_gpg(call: Call) -> Gap | None:
    """Judge gpg(1): only what asks a keyserver can wait, and dirmngr gives up on a silent one."""
    asks = {"--recv-keys", "--receive-keys", "--refresh-keys", "--search-keys", "--send-keys", "--recv-key"}
    asks |= {"--locate-keys", "--fetch-keys", "--recv"}
    if not asks & set(call.words):
        return None
    return partly("dirmngr gives up on a silent keyserver, not on a slow one")


ROWS = {
    "msmtp": Limits("msmtp waits for the server for ever", names=("timeout",), part=("--timeout",)),
    "mosquitto_pub": Limits("mosquitto_pub waits for its broker for ever"),
    "mosquitto_rr": Limits("mosquitto_rr waits for an answer for ever", letters="W", total=("-W",), add="-W 60"),
    "nsupdate": Limits("-t 0 waits for the server for ever", letters="tkyLRrup", total=("-t",), default=None),
    "smbclient": Limits(
        "smbclient ends each request after 20 seconds or -t, not a transfer",
        letters="tIUWpscDTbmAdOL",
        default=PARTLY,
        instant=("-V", "-?"),
    ),
    "ssmtp": Limits("ssmtp waits for the server for ever"),
    "swaks": Limits("swaks ends each step after 30 seconds, not the whole", default=PARTLY),
    "certbot": Limits("certbot ends each request after 45 seconds, not the whole", default=PARTLY, limit_s=600),
}
RULES: dict[str, Rule] = {
    "arping": judge_arping,
    "gpg": judge_gpg,
    "gpg2": judge_gpg,
    "ldapadd": judge_ldap,
    "ldapdelete": judge_ldap,
    "ldapmodify": judge_ldap,
    "ldapsearch": judge_ldap,
    "ldapwhoami": judge_ldap,
    "mosquitto_sub": judge_mosquitto,
    "nmap": judge_nmap,
    "ping": judge_ping,
    "ping4": judge_ping,
    "ping6": judge_ping,
}
