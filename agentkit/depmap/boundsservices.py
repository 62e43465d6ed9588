"""What bounds a question to a daemon of this machine or a cluster: systemctl, docker, kubectl, fail2ban-client?"""

from __future__ import annotations

import re

from agentkit.depmap.boundsgap import ASK_S, CHANGE_S, MOVE_S, Gap, Limits, Rule, partly, unbounded
from agentkit.depmap.boundswords import find_verb, is_limit, read_given
from agentkit.depmap.calls import Call

JOB_VERBS = frozenset(
    {
        *("start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart", "isolate"),
        *("condrestart", "force-reload", "reload-or-try-restart"),
    }
)
NOW_VERBS = frozenset({"enable", "disable", "mask", "reenable"})
SYSTEMCTL_LETTERS, SYSTEMCTL_NAMES = "tpHMnosPC", ("type", "property", "host", "machine", "lines", "state", "root")
DOCKER_LETTERS, DOCKER_NAMES = "Hcl", ("host", "context", "log-level", "config", "tlscacert", "tlscert", "tlskey")
DOCKER_LOCAL = frozenset({"", "help", "completion", "context", "--help", "--version", "-v"})
PODMAN_WAITS = frozenset(
    {
        *(
            "attach",
            "build",
            "exec",
            "events",
            "login",
            "pull",
            "push",
            "run",
            "search",
            "wait",
            "start",
            "stop",
            "compose",
        )
    }
)
MOVES = frozenset({"build", "buildx", "compose", "load", "pull", "push", "run", "save", "up"})
KUBE_LETTERS = "nsvl"
KUBE_NAMES = (
    *("namespace", "server", "context", "cluster", "kubeconfig", "user", "token", "request-timeout", "timeout"),
    *("as", "as-group", "certificate-authority", "client-certificate", "client-key", "selector", "output", "for"),
)
KUBE_LOCAL = frozenset({"", "config", "completion", "help", "kustomize", "options", "plugin"})
KUBE_ENDLESS = frozenset({"attach", "exec", "port-forward", "proxy", "run", "cp", "debug", "edit"})


def judge_systemctl(call: Call) -> Gap | None:
    """Judge systemctl(1): questions end by the limits of D-Bus, a job only by its unit's own."""
    verb, rest = find_verb(call.words, SYSTEMCTL_LETTERS, SYSTEMCTL_NAMES)
    words = call.words[1:]
    if "--wait" in words and verb in ("start", "restart", "is-system-running"):
        return unbounded(f"systemctl {verb} --wait waits until it has ended", None, CHANGE_S)
    has_now = verb in NOW_VERBS and "--now" in words
    if not (verb in JOB_VERBS or has_now) or "--no-block" in words or not rest:
        return None
    return partly(
        f"systemctl {verb} waits as long as the unit's own limits let it: for a oneshot without one, for ever",
        None,
        CHANGE_S,
    )


def judge_service(call: Call) -> Gap | None:
    """Judge service(8) and invoke-rc.d(8), which wait for what they start."""
    verbs = JOB_VERBS & set(call.words[2:])
    if not verbs:
        return None
    name = call.words[0].rpartition("/")[2]
    return partly(f"{name} waits until the service's own script or unit has ended", None, CHANGE_S)


def judge_docker(call: Call) -> Gap | None:
    """Judge docker(1): every question goes to its daemon, and none has a limit."""
    name = call.words[0].rpartition("/")[2]
    if {"--version", "--help", "-v"} & set(call.words[1:2]):
        return None
    verb, rest = find_verb(call.words, DOCKER_LETTERS, DOCKER_NAMES)
    if verb in DOCKER_LOCAL or "--help" in rest[:1] or (verb == "compose" and rest[:1] in (("version",), ("config",))):
        return None
    return unbounded(f"{name} waits for its daemon for ever", None, MOVE_S if verb in MOVES else ASK_S)


def judge_podman(call: Call) -> Gap | None:
    """Judge podman(1), which has no daemon: what moves images, or waits for a container, can wait."""
    verb, rest = find_verb(call.words, "", ("root", "runroot", "url", "connection", "log-level"))
    if verb == "logs" and {"-f", "--follow"} & set(rest):
        return unbounded("podman logs -f follows for ever")
    if verb not in PODMAN_WAITS or (verb == "run" and {"-d", "--detach"} & set(rest)):
        return None
    return unbounded(f"podman {verb} can wait for ever", None, MOVE_S if verb in MOVES else ASK_S)


def judge_kubectl(call: Call) -> Gap | None:
    """Judge kubectl(1): --request-timeout bounds each request; what streams or waits needs more."""
    verb, rest = find_verb(call.words, KUBE_LETTERS, KUBE_NAMES)
    given = read_given(call.words, KUBE_LETTERS, KUBE_NAMES)
    if verb in KUBE_LOCAL or given.has("--help", "--client", "-h"):
        return None
    has_request = given.limits("--request-timeout")
    follows = given.has("-f", "--follow") if verb == "logs" else given.has("-w", "--watch", "--watch-only")
    if verb in KUBE_ENDLESS or (verb in ("logs", "get") and follows):
        return unbounded(f"kubectl {verb} goes on until the other side ends it")
    if verb in ("rollout", "wait"):
        if verb == "rollout" and rest[:1] != ("status",):
            return None if has_request else unbounded("kubectl waits for the server for ever", "--request-timeout=30s")
        is_limited = given.limits("--timeout") or (verb == "wait" and not given.has("--timeout"))
        if is_limited and has_request:
            return None
        if is_limited:
            return partly("--timeout bounds the waiting, not each request", "--request-timeout=30s")
        return unbounded(f"kubectl {verb} waits until it is so", None, CHANGE_S)
    if has_request:
        return None
    add = None if given.has("--request-timeout") else "--request-timeout=30s"
    return unbounded("kubectl waits for the server for ever", add)


def judge_helm(call: Call) -> Gap | None:
    """Judge helm(1): --timeout is for what it waits for in the cluster."""
    verb, _ = find_verb(call.words, "n", ("namespace", "kube-context", "kubeconfig"))
    if verb not in ("install", "upgrade", "uninstall", "rollback", "test", "list", "status", "pull", "repo", "get"):
        return None
    return partly("--timeout of helm bounds the waiting in the cluster, not each request", None, CHANGE_S)


def judge_fail2ban(call: Call) -> Gap | None:
    """Judge fail2ban-client(1): `ping N` alone is bounded; --timeout is for the start of the server."""
    given = read_given(call.words, "csp", ("conf", "socket", "pidfile", "pname", "loglevel", "logtarget", "timeout"))
    if given.has("-h", "--help", "-V", "--version", "-t", "--test", "-d", "--dp", "--dump-pretty", "--str2sec"):
        return None
    command = given.operands
    if not command or "start" in command[:3] or (command[0] == "ping" and len(command) > 1 and is_limit(command[1])):
        return None
    if command[0] == "ping":
        mended = re.sub(r"\bping\b", "ping 5", call.text, count=1)
        return unbounded(
            "fail2ban-client ping waits for a server that hangs", None, 20, mended if mended != call.text else None
        )
    if given.has("--timeout"):
        return unbounded("--timeout of fail2ban-client does not bound the waiting for the server's answer", None, 20)
    return unbounded("fail2ban-client waits for ever for a server that hangs", None, 20)


def judge_rabbitmq(call: Call) -> Gap | None:
    """Judge rabbitmqctl(8): -t bounds it, await_startup has 5 minutes."""
    given = read_given(call.words, "tnp", ("timeout", "node", "vhost"))
    if not given.operands or given.operands[0] in ("help", "version", "await_startup", "autocomplete"):
        return None
    if given.limits("-t", "--timeout"):
        return None
    return unbounded("rabbitmqctl waits for its node for ever", None if given.has("-t", "--timeout") else "-t 60")


def judge_supervisor(call: Call) -> Gap | None:
    """Judge supervisorctl, which waits for supervisord's answer."""
    given = read_given(call.words, "csupr", ("configuration", "serverurl", "username", "password"))
    if given.has("-h", "--help") or given.operands[:1] in (["version"], ["help"]):
        return None
    return unbounded("supervisorctl waits for supervisord for ever")


def judge_chrony(call: Call) -> Gap | None:
    """Judge chronyc(1): its requests have limits, but waitsync tries for ever unless told how often."""
    given = read_given(call.words, "dhp")
    if given.operands[:1] != ["waitsync"] or (len(given.operands) > 1 and is_limit(given.operands[1])):
        return None
    return unbounded("chronyc waitsync tries for ever", None, CHANGE_S)


def judge_udevadm(call: Call) -> Gap | None:
    """Judge udevadm(8): settle ends after 120 seconds, wait and monitor do not end."""
    given = read_given(call.words, "tE", ("timeout", "exit-if-exists"))
    verb = given.operands[:1]
    if verb == ["monitor"]:
        return unbounded("udevadm monitor goes on for ever")
    if verb == ["wait"] and not given.limits("-t", "--timeout"):
        return unbounded("udevadm wait waits for ever")
    return None


ROWS = {
    "ceph": Limits(
        "ceph waits for the cluster for ever",
        names=("connect-timeout", "cluster", "conf", "id", "name"),
        part=("--connect-timeout",),
        instant=("-v",),
        why_partly="--connect-timeout bounds the connecting, not the waiting for the answer",
    ),
    "rbd": Limits("rbd waits for the cluster for ever"),
    "varnishadm": Limits("-t 0 is no limit", letters="nSTt", total=("-t",), default=None, add="-t 5"),
    "virsh": Limits("virsh waits for libvirtd for ever", instant=("-v", "-V", "-h")),
}
RULES: dict[str, Rule] = {
    "chronyc": judge_chrony,
    "docker": judge_docker,
    "docker-compose": judge_docker,
    "fail2ban-client": judge_fail2ban,
    "helm": judge_helm,
    "invoke-rc.d": judge_service,
    "kubectl": judge_kubectl,
    "nerdctl": judge_docker,
    "oc": judge_kubectl,
    "podman": judge_podman,
    "rabbitmqctl": judge_rabbitmq,
    "service": judge_service,
    "supervisorctl": judge_supervisor,
    "systemctl": judge_systemctl,
    "udevadm": judge_udevadm,
}
