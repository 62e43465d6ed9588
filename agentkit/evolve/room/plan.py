"""What of the disk does a proposer see: which folders to read, which to write, and what is hidden within them?

The order of wishes is: its own rooms; then what nobody may see; then what is needed to run it; then the system.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from agentkit.core.paths import VAR_LIB, configuration_file, home_folder, state_folder
from agentkit.evolve.room.programs import find_program_folders
from agentkit.evolve.stall import Stall

# A step is (kind, path, more): see a file or folder, work in a folder, hide one, or link a path to where it leads.
SEE, WORK, HIDE, LINK = "see", "work", "hide", "link"
Step = tuple[str, str, str]

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/snap", "/gnu")
# What programs look up and everybody may know; keys, passwords and jobs lie elsewhere in /etc.
OF_ETC = (
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version",
    "fonts", "gai.conf", "gitconfig", "group", "host.conf", "hostname", "hosts", "inputrc", "java-11-openjdk",
    "java-17-openjdk", "java-21-openjdk", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "locale.conf",
    "localtime", "login.defs", "magic", "magic.mime", "mime.types", "networks", "nsswitch.conf", "os-release", "passwd",
    "perl", "pki/ca-trust", "pki/java", "pki/tls/cert.pem", "pki/tls/certs", "pki/tls/openssl.cnf", "profile",
    "protocols", "python3", "resolv.conf", "rpc", "services", "shells", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf",
    "static", "terminfo", "timezone",
)  # fmt: skip
# In a home; most of them would not be seen anyway, but a person may show the home.
PRIVATE = (
    ".aws", ".azure", ".cargo/credentials", ".cargo/credentials.toml", ".config/agentkit", ".config/gcloud",
    ".config/gh", ".config/git/credentials", ".config/sops", ".docker", ".git-credentials", ".gnupg", ".kube",
    ".local/share/keyrings", ".local/state/agentkit", ".mozilla", ".netrc", ".npmrc", ".password-store", ".pgpass",
    ".pypirc", ".ssh", ".vault-token",
)  # fmt: skip
# The room has its own; of the machine's nothing is shown but what somebody has laid into the last one.
MADE_ANEW, SHARED = ("/dev", "/proc"), "/dev/shm"  # noqa: S108  # no file of ours is made there
# These are made anew in the room, or say too much of the machine.
NEVER = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys")
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # in the room these are the stall's
PATH_IN_TEXT = re.compile(r"/[^\s'\"|&;<>()$`*?\[\]{}:,=]+")
MOST_LINKS = 40


def plan_room(
    stall: Stall, argv: tuple[str, ...], program: str, environ: Mapping[str, str], shown: Iterable[str]
) -> list[Step]:
    """Return how the room is made, folders before what lies in them; `program` is the file that is run.

    `shown` are files and folders that a person lets it see.
    """
    steps: dict[str, Step] = {}
    root = stall.repository.root
    secrets = _resolve(_find_secrets(stall, environ))
    for path in (*SYSTEM, *(f"/etc/{name}" for name in OF_ETC), *shown):
        _add(steps, SEE, path)
    # Of the person's work tree only what is run is seen.
    if root != "/" and os.path.realpath(root) not in steps:
        _hide(steps, os.path.realpath(root))
    for path in (*find_program_folders(program, environ), *_find_named(argv, root, environ)):
        _add(steps, SEE, path)
    for secret in secrets:
        for path in [path for path in steps if _lies_in(path, secret)]:
            del steps[path]
        _hide(steps, secret)
    _add(steps, SEE, program)
    for path in TEMPORARY:
        _add(steps, WORK, path, os.path.realpath(stall.scratch))
    for path in (stall.copy, stall.home, stall.scratch):
        _add(steps, WORK, path)
    return _order(steps)


def trace(path: str) -> tuple[dict[str, str], str]:
    """Return the links {path: target} on the way to a path, and where it lies really, "" where nothing is there."""
    links: dict[str, str] = {}
    at, names, count = "", path.split("/")[::-1], 0
    while names:
        name = names.pop()
        if name in ("", "."):
            continue
        here = os.path.dirname(at) if name == ".." else f"{at}/{name}"
        try:
            target = os.readlink(here)
        except OSError:
            at = here.rstrip("/")
            continue
        # Steps, and not links: of a loop there is but one.
        count += 1
        if count > MOST_LINKS:
            return {}, ""
        links[here] = target
        at = "" if target.startswith("/") else at
        names += target.split("/")[::-1]
    return (links, at or "/") if os.path.lexists(at or "/") else ({}, "")


def _find_secrets(stall: Stall, environ: Mapping[str, str]) -> list[str]:
    """Return what no proposer may see, whoever names it."""
    found = [state_folder(environ), configuration_file(environ), VAR_LIB, stall.repository.common_dir,
             stall.repository.git_dir, f"{stall.repository.root}/.git"]  # fmt: skip
    found += [os.path.abspath(environ[name]) for name in ("AGENTKIT_IDENTITY",) if environ.get(name)]
    found += [f"{environ[name]}/agentkit" for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME") if environ.get(name)]
    home = home_folder(environ)
    return found + [f"{home}/{name}" for name in PRIVATE] if home else found


def _find_named(argv: tuple[str, ...], root: str, environ: Mapping[str, str]) -> list[str]:
    """Return the files and folders that a command line names, those left out that hold nearly everything."""
    words = [word for word in argv if word.startswith("/")]
    words += [word for text in argv for word in PATH_IN_TEXT.findall(text)]
    found = []
    for word in dict.fromkeys(words):
        try:
            real = os.path.realpath(word)
        except OSError:
            continue  # a link that is not ours to read, as /proc has them
        if any(_lies_in(path, never) for path in (word, real) for never in NEVER) or not os.path.exists(real):
            continue
        if os.path.isdir(real) and (real.count("/") < 2 or any(_lies_in(one, real) for one in _broad(root, environ))):
            continue
        found.append(word)
    return found


def _broad(root: str, environ: Mapping[str, str]) -> list[str]:
    home = home_folder(environ)
    return _resolve([root, state_folder(environ), *([home] if home else [])])


def _resolve(paths: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(os.path.realpath(path) for path in paths if path))


def _add(steps: dict[str, Step], kind: str, path: str, source: str = "") -> None:
    links, real = trace(path)
    if not real or real == "/":
        return
    for link, target in links.items():
        if not _is_made_anew(link):
            steps.setdefault(link, (LINK, link, target))
    if kind == SEE and _is_made_anew(real):
        return
    if kind == WORK or steps.get(real, (HIDE,))[0] == HIDE:
        steps[real] = (kind, real, source or real)


def _hide(steps: dict[str, Step], real: str) -> None:
    if os.path.lexists(real) and real != "/":
        steps[real] = (HIDE, real, "" if os.path.isdir(real) else "file")


def _order(steps: dict[str, Step]) -> list[Step]:
    """Return the steps that are needed, in order: what is seen already needs none, nor does what nobody sees."""
    ordered: list[Step] = []
    above: list[Step] = []
    for path in sorted(steps, key=lambda path: path.split("/")):
        kind = steps[path][0]
        while above and not _lies_in(path, above[-1][1]):
            above.pop()
        around = above[-1][0] if above else HIDE
        if around != SEE if kind == HIDE else around == SEE and kind in (SEE, LINK):
            continue
        ordered.append(steps[path])
        if kind != LINK:
            above.append(steps[path])
    return ordered


def _is_made_anew(path: str) -> bool:
    is_laid_there = path != SHARED and _lies_in(path, SHARED)
    return not is_laid_there and any(_lies_in(path, folder) for folder in MADE_ANEW)


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
