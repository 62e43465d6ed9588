"""Which unit does a client program talk to, so that a script that runs the client falls with the unit?

A unit's own files say it of its control program: `ExecReload=fail2ban-client reload` makes fail2ban-client a client of
fail2ban.service. For others there is a table of well-known clients; it counts for units that are there.
"""

import fnmatch
import os
from collections.abc import Iterable

from agentkit.depmap.edge import Edge
from agentkit.depmap.unitcommands import UnitCommand
from agentkit.depmap.unitmap import UnitMap

CONTROL, KNOWN = "control-program", "known-client"
CONTROL_CONFIDENCE, KNOWN_CONFIDENCE = 0.8, 0.7
# Lines that speak to what runs. What comes before a start has nobody to speak to yet; what follows one often looks on.
SPEAKING = frozenset({"ExecReload", "ExecStop"})
AROUND = "ExecStartPost"
LEAST_ALIKE = 4
# Programs that serve every unit alike, and shells and other programs that run what they are told.
GENERIC = frozenset(
    {
        *("sh", "bash", "dash", "busybox", "toybox", "env", "python3", "perl", "ruby", "node", "php", "true", "false"),
        *("kill", "pkill", "killall", "killall5", "start-stop-daemon", "sleep", "timeout", "test", "[", "cat", "echo"),
        *("printf", "mkdir", "rmdir", "mkfifo", "mknod", "install", "rm", "cp", "mv", "ln", "touch", "chmod", "chown"),
        *("chgrp", "chattr", "setfacl", "restorecon", "chcon", "find", "grep", "sed", "awk", "mawk", "gawk", "cut"),
        *(
            "tar",
            "gzip",
            "rsync",
            "logger",
            "date",
            "id",
            "su",
            "sudo",
            "runuser",
            "setpriv",
            "nice",
            "ionice",
            "flock",
        ),
        *("mount", "umount", "findmnt", "modprobe", "rmmod", "insmod", "sysctl", "ip", "ifconfig", "iptables", "tc"),
        *("ip6tables", "ipset", "nft", "ethtool", "stty", "setterm", "chvt", "plymouth", "udevadm", "systemctl"),
        *("systemd-tmpfiles", "systemd-run", "systemd-notify", "systemd-cat", "systemd-ask-password", "run-parts"),
        *(
            "stat",
            "ls",
            "wc",
            "head",
            "tail",
            "xargs",
            "curl",
            "wget",
            "nc",
            "openssl",
            "ssh-keygen",
            "getent",
            "which",
        ),
        *("dbus-send", "gdbus", "busctl", "deb-systemd-invoke", "update-rc.d", "invoke-rc.d", "service", "ldconfig"),
        *("sync", "resolvconf", "dracut", "update-initramfs", "depmod", "blkid", "losetup", "swapoff", "fsck", "lvm"),
    }
)
_POSTGRES = ("postgresql.service", "postgresql@*.service")
_MYSQL = ("mariadb.service", "mysql.service", "mysqld.service", "mariadb@*.service")
_MAIL = ("postfix.service", "postfix@-.service", "exim4.service", "sendmail.service", "opensmtpd.service")
_REDIS = ("redis-server.service", "redis.service", "redis-server@*.service", "valkey-server.service", "valkey.service")
_CUPS = ("cups.service", "cups.socket")
_SAMBA = ("smbd.service", "smb.service", "samba-ad-dc.service")
_KUBERNETES = ("k3s.service", "kube-apiserver.service", "kubelet.service")
_LIBVIRT = ("libvirtd.service", "virtqemud.service")
# Programs that a person or a script runs, and the units that answer: names, or patterns of names.
CLIENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("psql", "pg_dump", "pg_dumpall", "pg_restore", "pg_isready", "pg_basebackup"), _POSTGRES),
    **dict.fromkeys(("createdb", "dropdb", "createuser", "dropuser", "vacuumdb", "reindexdb", "clusterdb"), _POSTGRES),
    **dict.fromkeys(("pg_amcheck", "pgbench", "pg_receivewal", "pg_recvlogical"), _POSTGRES),
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mysqlcheck", "mysqlimport", "mysqlshow"), _MYSQL),
    **dict.fromkeys(("mysql_upgrade", "mysqlslap", "mariadb-upgrade", "mariadb-slap"), _MYSQL),
    **dict.fromkeys(("mariadb", "mariadb-dump", "mariadb-admin", "mariadb-check", "mariadb-backup"), _MYSQL),
    **dict.fromkeys(("mariadb-import", "mariadb-show"), _MYSQL),
    **dict.fromkeys(("redis-cli", "valkey-cli"), _REDIS),
    **dict.fromkeys(("mongosh", "mongo", "mongodump", "mongorestore"), ("mongod.service", "mongodb.service")),
    "influx": ("influxdb.service", "influxd.service"),
    **dict.fromkeys(("docker", "docker-compose"), ("docker.service", "docker.socket")),
    "ctr": ("containerd.service",),
    "crictl": ("containerd.service", "crio.service"),
    "podman-remote": ("podman.service", "podman.socket"),
    **dict.fromkeys(("lxc", "lxd"), ("lxd.service", "lxd.socket", "incus.service", "snap.lxd.daemon.service")),
    "incus": ("incus.service", "incus.socket"),
    **dict.fromkeys(("virsh", "virt-install", "virt-clone"), _LIBVIRT),
    "snap": ("snapd.service", "snapd.socket"),
    "machinectl": ("systemd-machined.service",),
    "kubectl": _KUBERNETES,
    "consul": ("consul.service",),
    "nomad": ("nomad.service",),
    "vault": ("vault.service",),
    "etcdctl": ("etcd.service",),
    **dict.fromkeys(("apachectl", "apache2ctl", "httxt2dbm"), ("apache2.service", "httpd.service")),
    "varnishadm": ("varnish.service",),
    **dict.fromkeys(("rabbitmqctl", "rabbitmq-diagnostics", "rabbitmqadmin"), ("rabbitmq-server.service",)),
    **dict.fromkeys(("mosquitto_pub", "mosquitto_sub"), ("mosquitto.service",)),
    "fail2ban-client": ("fail2ban.service",),
    "ufw": ("ufw.service",),
    "firewall-cmd": ("firewalld.service",),
    "rndc": ("named.service", "bind9.service"),
    "unbound-control": ("unbound.service",),
    **dict.fromkeys(("postqueue", "postsuper", "postcat"), ("postfix.service", "postfix@-.service")),
    **dict.fromkeys(("exim4", "exim", "eximstats", "exiqgrep"), ("exim4.service",)),
    **dict.fromkeys(("sendmail", "mail", "mailx", "mutt", "mailq", "newaliases"), _MAIL),
    **dict.fromkeys(("doveadm", "doveconf"), ("dovecot.service",)),
    **dict.fromkeys(("lp", "lpr", "lpq", "lprm", "lpstat", "lpadmin", "cancel", "cupsenable", "cupsdisable"), _CUPS),
    **dict.fromkeys(("smbclient", "smbstatus", "smbcontrol"), _SAMBA),
    **dict.fromkeys(("wbinfo",), ("winbind.service",)),
    "chronyc": ("chrony.service", "chronyd.service"),
    **dict.fromkeys(("ntpq", "ntpdc"), ("ntpsec.service", "ntp.service", "ntpd.service")),
    "timedatectl": ("systemd-timedated.service",),
    "hostnamectl": ("systemd-hostnamed.service",),
    "localectl": ("systemd-localed.service",),
    "loginctl": ("systemd-logind.service",),
    "journalctl": ("systemd-journald.service",),
    "resolvectl": ("systemd-resolved.service",),
    "networkctl": ("systemd-networkd.service",),
    "oomctl": ("systemd-oomd.service",),
    "busctl": ("dbus.service", "dbus-broker.service"),
    **dict.fromkeys(("dbus-send", "gdbus"), ("dbus.service", "dbus-broker.service")),
    "udevadm": ("systemd-udevd.service",),
    **dict.fromkeys(("at", "batch", "atq", "atrm"), ("atd.service",)),
    "supervisorctl": ("supervisor.service", "supervisord.service"),
    "monit": ("monit.service",),
    **dict.fromkeys(("nmcli", "nmtui"), ("NetworkManager.service",)),
    "bluetoothctl": ("bluetooth.service",),
    "wpa_cli": ("wpa_supplicant.service", "wpa_supplicant@*.service"),
    **dict.fromkeys(("clamdscan", "clamdtop"), ("clamav-daemon.service", "clamd@*.service")),
    **dict.fromkeys(("auditctl", "ausearch"), ("auditd.service",)),
    **dict.fromkeys(("showmount", "exportfs"), ("nfs-server.service", "nfs-kernel-server.service")),
    "rpcinfo": ("rpcbind.service",),
    "multipath": ("multipathd.service",),
    "gluster": ("glusterd.service",),
    **dict.fromkeys(("crm_mon", "pcs", "crm"), ("pacemaker.service",)),
    "ceph": ("ceph-mon@*.service", "ceph.target"),
    "tailscale": ("tailscaled.service",),
    "cscli": ("crowdsec.service",),
}


def map_clients(units: UnitMap, programs: Iterable[tuple[str, str | None]]) -> list[Edge]:
    """Return the edges (kind `connect`) from client programs to the units that answer them.

    `programs` are the names of the nodes of programs, each with its real path where it was found; control programs of
    units are known without them. A program is no client of a unit whose main program it is.
    """
    files = {edge.source[5:]: edge.file for edge in units.edges if edge.source.startswith("unit:") and edge.file}
    mains = {(command.unit, _identify(command)) for command in units.commands if command.key == "ExecStart"}
    edges: dict[tuple[str, str], Edge] = {}
    for command in _find_control_commands(units, mains):
        program = _identify(command)
        edge = Edge(
            *(f"cmd:{program}", f"unit:{command.unit}", "connect", command.file, command.line, CONTROL),
            confidence=CONTROL_CONFIDENCE,
        )
        edges.setdefault((edge.source, edge.target), edge)
    for label, path in dict.fromkeys(programs):
        word = label.removeprefix("cmd:")
        # A program of many names, such as busybox, is the client of nobody.
        if path and os.path.basename(path) in GENERIC and os.path.basename(path) != os.path.basename(word):
            continue
        program = path or word
        for unit in _find_answering(os.path.basename(word), files):
            if (unit, program) not in mains:
                edge = Edge(
                    *(f"cmd:{program}", f"unit:{unit}", "connect", files[unit], None, KNOWN),
                    confidence=KNOWN_CONFIDENCE,
                )
                edges.setdefault((edge.source, edge.target), edge)
    return list(edges.values())


def _find_answering(name: str, units: Iterable[str]) -> list[str]:
    patterns = CLIENTS.get(name, ())
    return [unit for unit in units if any(fnmatch.fnmatchcase(unit, pattern) for pattern in patterns)]


def _find_control_commands(units: UnitMap, mains: set[tuple[str, str]]) -> list[UnitCommand]:
    """Return the commands by which a unit speaks to its own running self, each by a program that is its alone."""
    users: dict[str, set[str]] = {}
    for command in units.commands:
        users.setdefault(_identify(command), set()).add(_find_stem(command.unit))
    return [
        command
        for command in units.commands
        if (command.key in SPEAKING or (command.key == AROUND and _is_akin(command)))
        and os.path.basename(command.program) not in GENERIC
        and (command.path is None or os.path.basename(command.path) not in GENERIC)
        and (command.unit, _identify(command)) not in mains
        and len(users[_identify(command)]) == 1
        # What is run and ends is nobody to speak to.
        and any(unit == command.unit for unit, _ in mains)
    ]


def _identify(command: UnitCommand) -> str:
    return command.path or command.program


def _find_stem(unit: str) -> str:
    return unit.partition("@")[0].rpartition(".")[0] or unit.partition("@")[0]


def _is_akin(command: UnitCommand) -> bool:
    """Return whether a program and a unit begin alike: as fail2ban-client and fail2ban.service do."""
    name, unit = os.path.basename(command.program), command.unit
    return name[:LEAST_ALIKE] == unit[:LEAST_ALIKE]
