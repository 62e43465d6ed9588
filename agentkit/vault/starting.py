"""How does the vault start as a user of its own, with nothing of the caller's (level L1)?

Called by the scripts of root that `vault init --uid` sets up, before anything else. Whatever sudo let through is looked
at here once more: a rule that somebody widened lets no other verb in. Imported on the way of `get`.
"""

import os
import sys
from _collections_abc import Iterable, Mapping, MutableMapping

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.vault.asker import is_roots_sudo
from agentkit.vault.conversation import AGENTS

# None of them changes what is stored, runs a program or writes where the caller says.
VERBS = ("get", "list", "show", "check", "audit")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
HOOK_RUNNER = "AGENTKIT_VAULT_HOOK_RUNNER"
SEEN_RULES = "AGENTKIT_VAULT_SEEN_RULES"
OURS = frozenset(("AGENTKIT_HOME", "AGENTKIT_IDENTITY", "LC_ALL", "PATH", "SUDO_UID", HOOK_RUNNER, SEEN_RULES, *AGENTS))
# These change what an interpreter or the loader does before our first line runs.
REFUSED_PREFIXES = ("LD_", "PYTHON", "GLIBC_", "MALLOC_", "OPENSSL_")


def start_for_caller(home: str, identity: str) -> None:
    """Leave of the caller's world who asks and what is asked for, or end the process with two lines and a status.

    `home` is what AGENTKIT_HOME is to be, `identity` the path of the vault's identity.
    """
    try:
        _demand_isolated()
        _demand_clean(os.environ)
        _demand_verb(sys.argv[1:2])
        _demand_sudo(os.environ)
        _leave_world(os.environ, home, identity)
    except AgentkitError as error:
        _end(error)


def start_for_root(user: str, home: str, identity: str, hook_runner: str) -> None:
    """Become the vault's own user with all verbs of the vault; end the process where it is not root that asks.

    `hook_runner` are the words that run a hook as the hooks' own user, parted by blanks.
    """
    try:
        _demand_isolated()
        _become(user)
        _leave_world(os.environ, home, identity)
        os.environ[HOOK_RUNNER] = hook_runner
    except AgentkitError as error:
        _end(error)


def _demand_isolated() -> None:
    if not sys.flags.isolated:
        raise AgentkitError("this is started by its own first line: python -I", status=Exit.REFUSED)


def _demand_clean(names: Iterable[str]) -> None:
    for name in names:
        if name.startswith(REFUSED_PREFIXES):
            raise AgentkitError(f"{name} has come through to the vault's own user", status=Exit.REFUSED)


def _demand_verb(words: list[str]) -> None:
    if not words or words[0] not in VERBS:
        raise AgentkitError(f"the vault's own user runs {', '.join(VERBS)} alone", status=Exit.REFUSED)


def _demand_sudo(environ: Mapping[str, str]) -> None:
    """Raise AgentkitError (refused) where the record would name the wrong one, which is worse than no answer."""
    if not is_roots_sudo(os.getppid()) or not environ.get("SUDO_UID", "").isdecimal():
        raise AgentkitError(
            "who asks cannot be seen: this is started by sudo, under that name",
            hint=f"sudo -u USER {sys.argv[0]} VERB …; with hidepid the vault's user needs the gid= of /proc",
            status=Exit.REFUSED,
        )


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


def _become(user: str) -> None:
    import pwd

    if os.getuid() != 0:
        raise AgentkitError("this is for root alone", hint="sudo -i", status=Exit.REFUSED)
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise AgentkitError(f"there is no user {user}", status=Exit.CONFIGURATION) from None
    os.setgroups([entry.pw_gid])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def _end(error: AgentkitError) -> None:
    tell(error.lines())
    os._exit(error.status)
