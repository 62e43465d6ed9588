"""How does the vault start as a user of its own, with nothing of the caller's (level L1)?

Called by the scripts of root that `vault init --uid` sets up, before anything else. Whatever sudo let through is looked
at here once more: a rule that somebody widened lets no other verb in. Imported on the way of `get`.
"""

import os
import sys
from _collections_abc import Iterable, Mapping, MutableMapping, Sequence

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.vault import asker
from agentkit.vault.conversation import AGENTS
from agentkit.vault.hardening import PR_SET_PDEATHSIG, control_process, harden_process

VERBS = ("get", "list", "show", "check", "audit")
AUDIT_VERBS = ("log", "verify", "checkpoint")
STARTER = "agentkit-vault"  # the callers' script, beside root's
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
HOOK_RUNNER = "AGENTKIT_VAULT_HOOK_RUNNER"
SEEN_RULES = "AGENTKIT_VAULT_SEEN_RULES"
OURS = frozenset(("AGENTKIT_HOME", "AGENTKIT_IDENTITY", "LC_ALL", "PATH", "SUDO_UID", HOOK_RUNNER, SEEN_RULES, *AGENTS))
SIGKILL = 9
# These change what an interpreter or the loader does before our first line runs.
REFUSED_PREFIXES = ("LD_", "PYTHON", "GLIBC_", "MALLOC_", "OPENSSL_")


def start_for_caller(home: str, identity: str) -> None:
    """Leave of the caller's world who asks and what is asked for, or end the process with two lines and a status.

    `home` is what AGENTKIT_HOME is to be, `identity` the path of the vault's identity.
    """
    try:
        _demand_isolated()
        _demand_clean(os.environ)
        _demand_words(sys.argv[1:])
        _hold_to_sudo(os.environ)
        _leave_world(os.environ, home, identity)
    except AgentkitError as error:
        _end(error)


def start_for_root(user: str, home: str, identity: str, hook_runner: str) -> None:
    """Become the vault's own user with all verbs of the vault; end the process where it is not root that asks.

    `hook_runner` are the words that run a hook as the hooks' own user, parted by blanks.
    """
    try:
        _demand_isolated()
        uid, gid = _find_user(user)
        rules = _read_rules(user, uid) if sys.argv[1:2] in (["check"], ["audit"]) else None
        _become(uid, gid)
        _leave_world(os.environ, home, identity)
        os.environ[HOOK_RUNNER] = hook_runner
        if rules is not None:
            os.environ[SEEN_RULES] = rules
    except AgentkitError as error:
        _end(error)


def _demand_isolated() -> None:
    if not sys.flags.isolated:
        raise AgentkitError("this is started by its own first line: python -I", status=Exit.REFUSED)


def _demand_clean(names: Iterable[str]) -> None:
    for name in names:
        if name.startswith(REFUSED_PREFIXES):
            raise AgentkitError(f"{name} has come through to the vault's own user", status=Exit.REFUSED)


def _demand_words(words: Sequence[str]) -> None:
    """Raise AgentkitError (refused) for words by which a file could be written where the caller says, or a program run.

    An anchor may be a git remote, whose hooks would run as the vault's user; a checkpoint put there is a file written.
    """
    if not words or words[0] not in VERBS:
        raise AgentkitError(f"the vault's own user runs {', '.join(VERBS)} alone", status=Exit.REFUSED)
    if words[0] == "audit" and (words[1:2] not in [[verb] for verb in AUDIT_VERBS] or _is_too_much(words[1:])):
        raise AgentkitError(
            "the vault's own user runs audit log, audit verify with anchors that are files, and audit checkpoint alone",
            hint="print the note and keep it elsewhere; to an anchor root puts it, by the script that ends in -admin",
            status=Exit.REFUSED,
        )


def _is_too_much(words: Sequence[str]) -> bool:
    return (words[0] == "checkpoint" and len(words) > 1) or any("git:" in word for word in words)


def _hold_to_sudo(environ: Mapping[str, str]) -> None:
    """End with sudo, which the caller may end; raise AgentkitError (refused) where the record would name another."""
    # First this, then the look: a get whose sudo is gone would be on record as the vault's own user's.
    control_process(PR_SET_PDEATHSIG, SIGKILL)
    asker.is_held_to_sudo = True
    if not asker.is_roots_sudo(os.getppid()) or not environ.get("SUDO_UID", "").isdecimal():
        raise AgentkitError(
            "who asks cannot be seen: this is started by sudo, under that name",
            hint=f"sudo -u USER {sys.argv[0]} VERB …; with hidepid the vault's user needs the gid= of /proc",
            status=Exit.REFUSED,
        )
    import _signal  # type: ignore[import-not-found]  # what `signal` is made of, without its enums

    # Who is stopped while the log is locked holds up everybody, and sudo passes these on.
    for number in (_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU):
        _signal.signal(number, _signal.SIG_IGN)


def _leave_world(environ: MutableMapping[str, str], home: str, identity: str) -> None:
    # These can only make it refuse, and a value of the caller's is none of our business.
    kept = {name: "1" for name in AGENTS if environ.get(name)}
    if environ.get("SUDO_UID", "").isdecimal():
        kept["SUDO_UID"] = environ["SUDO_UID"]
    environ.clear()
    environ.update(kept)
    environ.update({"AGENTKIT_HOME": home, "AGENTKIT_IDENTITY": identity, "LC_ALL": "C.UTF-8", "PATH": PATH})
    os.umask(0o077)
    os.chdir("/")
    harden_process()
    _lift_limits()
    sys.argv.insert(1, "vault")


def _lift_limits() -> None:
    """Raise AgentkitError (refused) where the caller cut the length of files: half records would fill the log."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if hard != resource.RLIM_INFINITY:
        raise AgentkitError(
            "the length of files is limited (ulimit -f), and the audit log has to be written", status=Exit.REFUSED
        )
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _find_user(name: str) -> tuple[int, int]:
    import pwd

    if os.getuid() != 0:
        raise AgentkitError("this is for root alone", hint="sudo -i", status=Exit.REFUSED)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise AgentkitError(f"there is no user {name}", status=Exit.CONFIGURATION) from None
    return entry.pw_uid, entry.pw_gid


def _read_rules(user: str, uid: int) -> str | None:
    """Return what root sees in the rules of sudo, as `read_rules` does."""
    from agentkit.vault.separate.separationrules import read_rules

    return read_rules(user, uid, os.path.join(os.path.dirname(os.path.realpath(sys.argv[0])), STARTER))


def _become(uid: int, gid: int) -> None:
    os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _end(error: AgentkitError) -> None:
    tell(error.lines())
    os._exit(error.status)
