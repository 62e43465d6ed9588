"""Where is a machine with the systemd units of many real packages, enabled as their installation would?

They are taken out of packages of Debian 12 without installing any; `systemctl --root` makes the links.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tests.system.corpus import FOLDER, fetch

UNITS = FOLDER.parent / "unitcorpus"
# 50 MB to download in all.
PACKAGES = (
    *("accountsservice", "anacron", "apache2", "apparmor", "apt", "auditd", "autofs", "avahi-daemon", "bind9", "bluez"),
    *("certbot", "chrony", "clamav-daemon", "cockpit-ws", "corosync", "cron", "cups-daemon", "dbus", "dnsmasq"),
    *("dovecot-core", "e2fsprogs", "exim4-base", "fail2ban", "fwupd", "glusterfs-server", "haproxy", "hostapd"),
    *("inetutils-inetd", "irqbalance", "keepalived", "libvirt-daemon-system", "logrotate", "lvm2", "lxc", "man-db"),
    *("mariadb-server", "mdadm", "memcached", "monit", "mosquitto", "multipath-tools", "network-manager"),
    *("nfs-common", "nfs-kernel-server", "nftables", "nginx", "nginx-common", "ntpsec", "open-iscsi", "opendkim"),
    *("openssh-server", "openvpn", "packagekit", "plocate", "policykit-1", "polkitd", "podman", "postfix"),
    *("postgresql-common", "prometheus-node-exporter", "quota", "redis-server", "rpcbind", "rsync", "rsyslog", "samba"),
    *("smartmontools", "stunnel4", "supervisor", "syslog-ng-core", "sysstat", "systemd", "systemd-container"),
    *("systemd-journal-remote", "systemd-oomd", "systemd-resolved", "systemd-timesyncd", "tftpd-hpa", "tor", "udev"),
    *("udisks2", "ufw", "unattended-upgrades", "unbound", "util-linux", "uuid-runtime", "varnish", "wireguard-tools"),
    *("wpasupplicant", "xfsprogs", "zfs-zed"),
)
LEAST = 30
FOLDERS = ("etc/systemd/system/", "lib/systemd/system/", "usr/lib/systemd/system/")
LIMIT_S = 120


def fetch_units() -> dict[str, Path]:
    """Return the root folders of the packages that ship units."""
    roots = fetch(UNITS, PACKAGES, LEAST, lambda name: name.startswith(FOLDERS))
    return {package: root for package, root in roots.items() if any(root.rglob("*.*"))}


def build_server(root: Path, *, is_enabled: bool = True) -> Path:
    """Make the root folder of a machine that has all these units, open to every user, and enable what can be."""
    for source in fetch_units().values():
        shutil.copytree(source, root, symlinks=True, dirs_exist_ok=True)
    if is_enabled:
        folder = root / "lib/systemd/system"
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and "[Install]" in _read(path))
        # One that cannot be enabled keeps none of the others from it.
        for name in names:
            subprocess.run(
                ["systemctl", "--root", str(root), "enable", "--quiet", name],
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
    for folder_name, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder_name, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
            elif (target := str(path.readlink())).startswith("/") and target != "/dev/null":
                # systemd, told to look into this folder, would follow it out of here.
                path.unlink()
                path.symlink_to(os.path.relpath(f"{root}{target}", path.parent))
    root.chmod(0o755)
    return root


def _read(path: Path) -> str:
    return path.read_text(errors="replace")
