"""Where are the cron files of many real packages, as a machine that installed them would have them?

They are fetched on first use into a folder that git ignores, and taken out of the packages without installing any: no
script of theirs is run, and nothing but what is asked for (here /etc/cron* and /etc/anacrontab) is unpacked.
"""

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv-tests/corpus"
# Packages of Debian 12 that ship such files, without the large ones: 26 MB to download in all.
PACKAGES = (
    *("acct", "amavisd-new", "anacron", "apt", "apt-listbugs", "apt-show-versions", "apt-xapian-index", "aptitude"),
    *("atop", "awstats", "backupninja", "calendar", "certbot", "checksecurity", "chkrootkit", "cron-apt"),
    *("cron-daemon-common", "cyrus-common", "debsums", "dlocate", "dma", "dokuwiki", "dpkg", "e2fsprogs", "etckeeper"),
    *("exim4-base", "fcheck", "hylafax-server", "inn2", "john", "leafnode", "lighttpd", "logcheck", "logrotate"),
    *("logwatch", "mailman3", "man-db", "mdadm", "munin", "munin-node", "ntpsec", "ntpsec-ntpviz", "php-common"),
    *("plocate", "popularity-contest", "quota", "rkhunter", "rsnapshot", "samba", "sanoid", "sendmail-bin"),
    *("spamassassin", "sysstat", "systemd-cron", "tiger", "tripwire", "uucp"),
)
LEAST = 16  # a release may have dropped some, or their files
ATTEMPTS = 3
DOWNLOAD_LIMIT_S, UPDATE_LIMIT_S, UNPACK_LIMIT_S = 300, 180, 60


def fetch_corpus() -> dict[str, Path]:
    """Return the packages that ship cron files, each with its root folder; they are fetched when they are not there.

    Raises AssertionError, with what apt said, when fewer than 16 can be had.
    """
    roots = fetch(FOLDER, PACKAGES, LEAST, is_cron_file)
    roots = {package: root for package, root in roots.items() if (root / "etc").is_dir()}
    assert len(roots) >= LEAST, f"only {len(roots)} packages with cron files: {', '.join(roots)}"
    return roots


def fetch(folder: Path, packages: Sequence[str], least: int, is_wanted: Callable[[str], bool]) -> dict[str, Path]:
    """Return the root folders of packages, which hold the wanted ones of their files (told by the path without `/`).

    Raises AssertionError, with what apt said, when fewer than `least` can be had.
    """
    marker = folder / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder / "lock"):
        wanted = "\n".join(packages)
        if not marker.exists() or marker.read_text() != wanted:
            with tempfile.TemporaryDirectory(dir=folder, prefix="debs.") as debs:
                _download(Path(debs), packages, least)
                for deb in sorted(Path(debs).glob("*.deb")):
                    _unpack(deb, folder / deb.name.partition("_")[0], is_wanted)
            marker.write_text(wanted)
    return {package: folder / package for package in packages if (folder / package).is_dir()}


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock: of two runs at once, one fetches."""
    with path.open("w") as file:
        end = time.monotonic() + ATTEMPTS * (DOWNLOAD_LIMIT_S + UPDATE_LIMIT_S)
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < end, f"{path} is held by another run"
                time.sleep(0.2)
        yield


def _download(folder: Path, packages: Sequence[str], least: int) -> None:
    """Download what this release has of the packages."""
    said = ""
    for attempt in range(ATTEMPTS):
        if len(_find_known(packages)) < least or attempt:
            # A fresh machine has no lists, and old lists name files that are gone.
            said += _run(["apt-get", "update", "-qq"], folder, UPDATE_LIMIT_S)
        left = [package for package in _find_known(packages) if not any(folder.glob(f"{package}_*.deb"))]
        said += _run([*_apt_get(), *left], folder, DOWNLOAD_LIMIT_S)
        for package in left:
            # One unknown name, and apt-get downloads nothing.
            if not any(folder.glob("*.deb")) or (attempt and not any(folder.glob(f"{package}_*.deb"))):
                said += _run([*_apt_get(), package], folder, DOWNLOAD_LIMIT_S // 10)
        if len(list(folder.glob("*.deb"))) >= len(_find_known(packages)):
            break
        time.sleep(attempt)
    assert len(list(folder.glob("*.deb"))) >= least, f"too few packages could be downloaded: {said[-2000:]}"


def _apt_get() -> list[str]:
    # apt's own user could not write into this folder.
    return ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Timeout=20", "download"]


def _find_known(packages: Sequence[str]) -> list[str]:
    """Return the packages that apt's lists hold."""
    ended = subprocess.run(
        ["apt-cache", "pkgnames"], capture_output=True, text=True, timeout=UPDATE_LIMIT_S, check=False
    )
    known = set(ended.stdout.split())
    return [package for package in packages if package in known]


def _run(words: Sequence[str], folder: Path, limit_s: float) -> str:
    """Run a command and return what it said of errors."""
    try:
        ended = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        return f"{error}\n"
    return ended.stderr


def _unpack(deb: Path, root: Path, is_wanted: Callable[[str], bool]) -> None:
    """Take the wanted files out of a package, with their modes and links."""
    if root.exists():
        shutil.rmtree(root)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        with tarfile.open(fileobj=program.stdout, mode="r|") as archive:
            for member in archive:
                name = os.path.normpath(member.name)
                if not member.isdir() and is_wanted(name):
                    _write(archive, member, root / name)
        # The archive ends before its padding does.
        program.stdout.read()
        assert program.wait(timeout=UNPACK_LIMIT_S) == 0, deb


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
        return
    content = archive.extractfile(member)
    assert content is not None, member.name
    path.write_bytes(content.read())
    path.chmod(member.mode)


def is_cron_file(name: str) -> bool:
    """Return whether this path in a package is that of a crontab, or of a script that cron runs."""
    parts = name.split("/")
    if parts[0] != "etc" or len(parts) not in (2, 3):
        return False
    return parts[1] in ("crontab", "anacrontab") or (parts[1].startswith("cron.") and len(parts) == 3)
