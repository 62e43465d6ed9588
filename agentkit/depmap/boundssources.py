"""What bounds a call that fetches sources or packages: git, svn, apt-get, pip and their kin?"""

from __future__ import annotations

from agentkit.depmap.boundsgap import MOVE_S, Gap, Rule, partly, read_environment, unbounded
from agentkit.depmap.boundswords import Words, find_verb, is_limit, read_given
from agentkit.depmap.calls import Call

GIT_LETTERS, GIT_NAMES = "Cc", ("git-dir", "work-tree", "namespace", "exec-path", "super-prefix", "config-env")
GIT_NETWORK = frozenset({"fetch", "pull", "push", "clone", "ls-remote", "fetch-pack", "send-pack", "p4"})
GIT_BRANCHES = {
    "archive": ("--remote",),
    "bundle": (),
    "lfs": ("fetch", "pull", "push", "clone"),
    "remote": ("update", "prune", "show"),
    "submodule": ("update", "add"),
    "svn": ("fetch", "clone", "rebase", "dcommit", "find-rev"),
}
HG_NETWORK = frozenset({"pull", "push", "clone", "incoming", "outgoing", "identify"})
SVN_NETWORK = frozenset(
    {"checkout", "co", "update", "up", "commit", "ci", "export", "log", "ls", "list", "switch", "cat"}
)
FETCHES = frozenset(
    {
        *("update", "upgrade", "full-upgrade", "dist-upgrade", "install", "reinstall", "remove", "purge", "autoremove"),
        *("build-dep", "source", "download", "safe-upgrade", "makecache", "check-update", "groupinstall", "swap", "ci"),
        *("add", "i", "require", "create-project", "self-update", "dup", "refresh", "ref", "in", "up", "wheel"),
    }
)
# Those that wait for a lock which another one holds; the others give up at once, or after a limit of their own.
LOCK_WAITERS = frozenset({"dnf", "yum", "microdnf", "zypper"})


def judge_git(call: Call) -> Gap | None:
    """Judge git(1): only what talks to another repository can wait, and only low-speed limits bound a part of it."""
    verb, rest = find_verb(call.words, GIT_LETTERS, GIT_NAMES)
    if not _is_git_network(verb, rest) or "-h" in rest or "--help" in rest:
        return None
    operands = [word for word in rest if not word.startswith("-")]
    sources = operands[:1] if verb in ("clone", "fetch", "pull", "push", "ls-remote") else []
    if sources and all(word.startswith(("/", "./", "../", "file://")) or word == "." for word in sources):
        return None
    settings = {}
    for at, word in enumerate(call.words[:-1]):
        if word == "-c" and "=" in call.words[at + 1]:
            name, _, value = call.words[at + 1].partition("=")
            settings[name.lower()] = value
    environment = read_environment(call)
    is_slow_ended = is_limit(
        settings.get("http.lowspeedlimit", environment.get("GIT_HTTP_LOW_SPEED_LIMIT", "0"))
    ) and is_limit(settings.get("http.lowspeedtime", environment.get("GIT_HTTP_LOW_SPEED_TIME", "0")))
    shell = settings.get("core.sshcommand", environment.get("GIT_SSH_COMMAND", ""))
    if is_slow_ended:
        return partly("http.lowSpeed* end a slow transfer over http, and nothing ends one that goes on", None, MOVE_S)
    if "ConnectTimeout" in shell or "ServerAliveInterval" in shell:
        return partly("the options of ssh bound the connection, not the transfer", None, MOVE_S)
    return unbounded(f"git {verb} waits for the other side for ever", None, 300 if verb != "clone" else MOVE_S)


def _is_git_network(verb: str, rest: Words) -> bool:
    if verb in GIT_NETWORK:
        return not (verb == "ls-remote" and "--get-url" in rest)
    if verb not in GIT_BRANCHES:
        return False
    if verb == "archive":
        return any(word.startswith("--remote") for word in rest)
    if verb == "remote" and rest[:1] == ("show",):
        return len(rest) > 1 and "-n" not in rest
    return rest[:1] != () and find_verb(("git", *rest))[0] in GIT_BRANCHES[verb]


def judge_hg(call: Call) -> Gap | None:
    """Judge hg(1): what talks to another repository."""
    verb, rest = find_verb(call.words, "R", ("repository", "cwd", "config"))
    if verb not in HG_NETWORK or (verb == "identify" and not any("://" in word for word in rest)):
        return None
    return unbounded(f"hg {verb} waits for the other side for ever", None, MOVE_S)


def judge_svn(call: Call) -> Gap | None:
    """Judge svn(1): over http it gives up after 10 minutes of silence, over ssh and svn never."""
    verb, rest = find_verb(call.words, "", ("username", "password", "config-dir", "config-option"))
    if verb not in SVN_NETWORK or any(word.startswith("file://") for word in rest):
        return None
    return partly("svn ends a silence over http after 10 minutes, over svn+ssh never", None, MOVE_S)


def judge_packages(call: Call) -> Gap | None:
    """Judge a manager of packages: idle limits of its own for each download, none for the whole."""
    name = call.words[0].rpartition("/")[2]
    verb, rest = find_verb(call.words, "octC", ("option", "config-file", "prefix", "cwd", "root", "setopt"))
    if verb not in FETCHES or {"--help", "--dry-run", "--simulate", "-s", "--no-download"} & set(call.words):
        return None
    given = read_given(call.words, "oct", ("option", "setopt"))
    settings = [*given.all_values.get("-o", ()), *given.all_values.get("--option", ())]
    if any(setting.replace(" ", "").lower() == "dpkg::lock::timeout=-1" for setting in settings):
        return unbounded("a lock timeout of -1 waits for ever for whoever holds the lock", None, MOVE_S)
    if name in LOCK_WAITERS and "exit_on_lock" not in " ".join(call.words):
        return unbounded(f"{name} waits for ever for whoever holds its lock", None, MOVE_S)
    if name.startswith("pip") and "--no-index" in rest:
        return None
    return partly(f"{name} ends a silence after limits of its own, not a slow download or a question", None, MOVE_S)


MANAGERS = (
    *(
        "apt",
        "apt-get",
        "aptitude",
        "apk",
        "bundle",
        "composer",
        "dnf",
        "gem",
        "microdnf",
        "npm",
        "pip",
        "pip3",
        "pipx",
    ),
    *("pnpm", "snap", "yarn", "yum", "zypper"),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(MANAGERS, judge_packages),
    "git": judge_git,
    "hg": judge_hg,
    "svn": judge_svn,
}
