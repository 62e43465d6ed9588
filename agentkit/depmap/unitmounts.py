"""Which mounts does a unit need, and what do mounts themselves stand on?

systemd.mount(5), systemd.automount(5), systemd.swap(5), and RequiresMountsFor= of systemd.unit(5).
"""

import re
from collections.abc import Collection

from agentkit.core.unittext import Setting, unescape
from agentkit.depmap.unitdraft import Draft

MOUNT, DEVICE = "implicit:mount", "implicit:device"
_ODD = re.compile(rb"[^A-Za-z0-9:_.]")
# Mounted for as long as the system runs, and left alone by systemd (fstab_is_extrinsic).
_EXTRINSIC = frozenset({"/", "/usr", "/etc"})
_EXTRINSIC_FOLDERS = ("/run/initramfs", "/proc", "/sys", "/dev")
_NETWORK = frozenset(
    {
        *("afs", "ceph", "cifs", "gfs", "gfs2", "ncp", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3"),
        *("smbfs", "davfs", "glusterfs", "lustre", "sshfs"),
    }
)
_QUOTA = frozenset({"ext2", "ext3", "ext4", "reiserfs", "jfs", "f2fs"})
_QUOTA_OPTIONS = frozenset({"usrquota", "grpquota", "quota", "usrjquota", "grpjquota"})


def escape_path(path: str) -> str:
    """Return a path as it stands in a unit's name, without its type (systemd-escape(1), --path)."""
    text = path.strip("/")
    if not text:
        return "-"
    parts = [part for part in text.split("/") if part not in ("", ".")]
    raw = "\0".join(parts).encode("utf-8", "surrogateescape")
    raw = _ODD.sub(lambda found: b"\0" if found[0] == b"\0" else b"\\x%02x" % found[0][0], raw)
    raw = b"\\x2e" + raw[1:] if raw.startswith(b".") else raw
    return raw.decode().replace("\0", "-")


def relate_to_mounts(draft: Draft, mounts: Collection[str]) -> None:
    """Add what a unit has to do with the mounts on the way to its paths; `mounts` are names of those with a file."""
    seen: set[str] = set()
    for path, setting, rule in draft.paths:
        here = path
        while True:
            name = f"{escape_path(here)}.mount"
            if name not in seen and name != draft.name:
                seen.add(name)
                if name in mounts:
                    draft.relate("requires", name, setting, rule or MOUNT)
                    draft.relate("after", name, setting, rule or MOUNT)
                elif name == "-.mount":
                    draft.relate("after", name, setting, rule or MOUNT)
            if here == "/":
                break
            here = here.rpartition("/")[0] or "/"


def add_mount_relations(draft: Draft) -> None:
    """Add the relations of a mount, an automount or a swap that its place and its source bring with them."""
    where = find_where(draft)
    what = draft.values.get("What")
    if draft.kind == "swap":
        path = _fill(draft, what) or where
        draft.paths.append((path, what, ""))
        if path.startswith("/dev/"):
            _need_device(draft, path, "requires", what)
        elif what:
            draft.relate("after", "systemd-remount-fs.service", what, DEVICE)
        return
    parent = where.rpartition("/")[0] or "/"
    if where != "/":
        draft.paths.append((parent, None, ""))
    if draft.kind == "automount":
        draft.relate("triggers", f"{draft.name.removesuffix('.automount')}.mount", None, "implicit:trigger")
        draft.relate("before", f"{draft.name.removesuffix('.automount')}.mount", None, "implicit:trigger")
        return
    options = set(draft.get("Options").split(","))
    type_ = draft.get("Type")
    is_bind = bool(options & {"bind", "rbind"}) or type_ in ("bind", "rbind")
    is_network = "_netdev" in options or type_.removeprefix("fuse.") in _NETWORK
    source = _fill(draft, what)
    if source.startswith("/") and (is_bind or "loop" in options or not is_network):
        draft.paths.append((source, what, ""))
    if source.startswith("/dev/") and source not in ("/dev/root", "/dev/nfs") and not is_bind and where != "/":
        is_bound = any(each.partition("=")[0] == "x-systemd.device-bound" for each in options)
        _need_device(draft, source, "bindsto" if is_bound else "requires", what)
    if (
        {each.partition("=")[0] for each in options} & _QUOTA_OPTIONS
        and draft.file
        and not is_bind
        and (type_ in _QUOTA or not type_)
    ):
        for name in ("systemd-quotacheck.service", "quotaon.service"):
            draft.relate("before", name, draft.values["Options"], MOUNT)
            draft.relate("wants", name, draft.values["Options"], MOUNT)
    if draft.is_on("DefaultDependencies", True) and not is_extrinsic(draft):
        _add_order(draft, options, type_, is_network)


def find_where(draft: Draft) -> str:
    """Return where a mount is: its name says so, and systemd refuses one where Where= differs."""
    return "/" + unescape(draft.name.removesuffix(f".{draft.kind}")).strip("/")


def is_extrinsic(draft: Draft) -> bool:
    """Return whether a mount is one of the system itself, which units neither wait for nor take down."""
    where = find_where(draft)
    is_api = any(f"{where}/".startswith(f"{each}/") for each in _EXTRINSIC_FOLDERS)
    return where in _EXTRINSIC or is_api or "x-initrd.mount" in draft.get("Options").split(",")


def _add_order(draft: Draft, options: set[str], type_: str, is_network: bool) -> None:
    side = "remote" if is_network else "local"
    if "nofail" not in options:
        draft.relate("before", f"{side}-fs.target", None, MOUNT)
    draft.relate("after", f"{side}-fs-pre.target", None, MOUNT)
    draft.relate("before", "umount.target", None, MOUNT)
    if is_network:
        draft.relate("after", "network.target", None, MOUNT)
        draft.relate("wants", "network-online.target", None, MOUNT)
        draft.relate("after", "network-online.target", None, MOUNT)
    if type_ == "tmpfs":
        draft.relate("after", "swap.target", draft.values["Type"], MOUNT)


def _need_device(draft: Draft, path: str, kind: str, setting: Setting | None) -> None:
    draft.relate(kind, f"{escape_path(path)}.device", setting, DEVICE)
    draft.relate("after", f"{escape_path(path)}.device", setting, DEVICE)
    draft.relate("after", f"blockdev@{escape_path(path)}.target", setting, DEVICE)


def _fill(draft: Draft, setting: Setting | None) -> str:
    if setting is None:
        return ""
    try:
        return draft.fill(setting.value)
    except ValueError as error:
        draft.complain(setting, str(error))
        return ""
