"""Where does a script run that may do whatever it likes, and leaves nothing behind?

In a mount, PID, network and user namespace of its own: every folder of the machine is there with a layer on top that
is thrown away, the devices are the harmless ones, and only the folder of the test is the real one.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

LIMIT_S = 60
FAKES = "/run/fakes"  # the folder that stands first in PATH
PATH = f"{FAKES}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ROOM = r"""
set -eu
base=$1 folder=$2
shift 2
mount -t tmpfs -o size=256m tmpfs "$base"
mkdir "$base/root" "$base/layers" "$base/work"
cd "$base/root"
for name in /*; do
    name=${name#/}
    if [ -L "/$name" ]; then ln -s "$(readlink "/$name")" "$name"; continue; fi
    case $name in
    etc | usr | var | opt | srv | root | home | bin | sbin | lib | lib32 | lib64)
        mkdir "$name" "$base/layers/$name" "$base/work/$name"
        mount -t overlay overlay -o "lowerdir=/$name,upperdir=$base/layers/$name,workdir=$base/work/$name" "$name" ;;
    esac
done
mkdir -p proc dev tmp run sys mnt run/fakes run/lock
chmod 1777 tmp
mount -t proc proc proc
# Root of the room is root of the machine to the files of proc: what sets the kernel is closed to it.
for name in sys sysrq-trigger irq bus fs; do
    if [ -e "proc/$name" ]; then
        mount --bind "proc/$name" "proc/$name"
        mount -o remount,bind,ro "proc/$name"
    fi
done
for name in null zero full random urandom tty; do : > "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
mkdir -p "./$folder"
mount --bind "$folder" "./$folder"
if [ -d "$folder/.over" ]; then cp -a "$folder/.over/." .; fi
exec chroot . "$@"
"""

# What stands in for a wrapper that is not installed everywhere, or would need a real machine under it: it takes its
# own words away and starts the rest.
OPTIONS = r"""
while [ $# -gt 0 ]; do
    case " $TAKES " in *" $1 "*) shift; [ $# -eq 0 ] || shift; continue ;; esac
    case $1 in
    --) shift; break ;;
    -*) shift ;;
    *) break ;;
    esac
done
"""
ASSIGNED = 'while case $1 in *=*) true ;; *) false ;; esac do export "$1"; shift; done\n'
SKIP = "shift\n"


def _wrapper(takes: str = "", before: str = "", after: str = "", run: str = '[ $# -eq 0 ] || exec "$@"\n') -> str:
    return f"#!/bin/sh\nTAKES='{takes}'\n{before}{OPTIONS}{after}{run}"


# The text may stand before the user or behind; runuser -u takes words instead.
_SU = """#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    -c | --command) exec sh -c "$2" ;;
    -u | --user) named=1; shift ;;
    -s | -g | -G | --shell) shift ;;
    --) shift; exec "$@" ;;
    -*) ;;
    *) [ -z "$named" ] || exec "$@" ;;
    esac
    shift
done
"""
WRAPPERS: Mapping[str, str] = {
    "sudo": _wrapper("-u -Hu -g -p -C -D -h -r -t -T -U --user --group", after=ASSIGNED),
    "doas": _wrapper("-u -C"),
    "su": _SU,
    "runuser": _SU,
    "systemd-cat": _wrapper("-t -p"),
    "time": _wrapper("-f -o"),
    "watch": _wrapper("-n --interval", run='exec sh -c "$*"\n'),
    "chroot": _wrapper(after=SKIP),
    "unshare": _wrapper("-S -G -R -w"),
    "nsenter": _wrapper("-t --target -S -G"),
    "ip": '#!/bin/sh\nif [ "$1 $2" = "netns exec" ]; then shift 3; exec "$@"; fi\n',
    "systemd-run": _wrapper("-p -u -E -M --property --unit --setenv"),
    "strace": _wrapper("-e -o -s -p"),
    "parallel": _wrapper("-j -n --jobs", run='while read -r x; do :; done; exec "$1"\n'),
    "script": '#!/bin/sh\nwhile [ $# -gt 0 ]; do if [ "$1" = -c ]; then exec sh -c "$2"; fi; shift; done\n',
    "unbuffer": _wrapper(),
    "chronic": _wrapper(),
    "xvfb-run": _wrapper("-n -s -e -f -p"),
    "setpriv": _wrapper("--reuid --regid --groups"),
    "ionice": _wrapper("-c -n --class"),
    "taskset": _wrapper(after=SKIP),
    "chrt": _wrapper(after=SKIP),
    "nocache": _wrapper(),
    "start-stop-daemon": "#!/bin/sh\nwhile [ $# -gt 0 ]; do\n"
    "case $1 in -K|--stop|-T|--status) exit 0 ;; -x|--exec|-a|--startas) run=$2; shift ;; --exec=*) run=${1#*=} ;;\n"
    '--) shift; exec "$run" "$@" ;; esac\n'
    'shift; done\n[ -z "$run" ] || exec "$run"\n',
}


def run_in_room(
    folder: Path, words: Iterable[str], environ: Mapping[str, str], limit_s: float = LIMIT_S
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program in a room of its own, in `folder`, which is the only one that it can really change.

    What lies in `folder/.over` is put over the root folder of the room first. Ends with 137 at the limit.
    """
    base = folder / ".room"
    base.mkdir(exist_ok=True)
    words = ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(folder), *words]
    call = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    inner = ["timeout", "--signal=KILL", str(limit_s), "sh", "-c", ROOM, "sh", str(base), str(folder), *words]
    return subprocess.run(
        [*call, *inner],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**environ, "PATH": PATH},
        timeout=limit_s + 30,
        check=False,
    )


def lay_over(folder: Path, name: str, content: str | None = None) -> None:
    """Put a program into the room at an absolute path: a script, or without a content one that does nothing."""
    # A path through a link, such as /bin, is the one behind it.
    path = folder / ".over" / os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name)).lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        return
    if content is None:
        path.symlink_to("/usr/bin/true")
    else:
        path.write_text(content)
        path.chmod(0o755)


def lay_fakes(folder: Path, names: Iterable[str]) -> None:
    """Make programs that do nothing, by a name or an absolute path, and the wrappers that are known here."""
    for name in names:
        if "/" in name:
            lay_over(folder, os.path.normpath(name), WRAPPERS.get(os.path.basename(name)))
        else:
            lay_over(folder, f"{FAKES}/{name}", WRAPPERS.get(name))
