"""A machine in a folder, as the map reads it: crontabs, units and scripts by their paths."""

from collections.abc import Mapping
from pathlib import Path

# Debian's, as far as the map reads it.
FAIL2BAN = """\
[Unit]
Description=Fail2Ban Service
After=network.target
PartOf=firewalld.service

[Service]
ExecStart=/usr/bin/fail2ban-server -xf start
ExecStop=/usr/bin/fail2ban-client stop
ExecReload=/usr/bin/fail2ban-client reload
"""
CRONTAB = """\
*/5 * * * * root /usr/local/bin/guard-status > /dev/null
*/5 * * * * root /usr/local/bin/banned
0 7 * * * root timeout 60 /usr/local/bin/morning-report
* * * * * root /usr/local/bin/dashboard
"""
GUARD = """\
#!/bin/sh
jails() { fail2ban-client status | sed -n 's/.*Jail list://p'; }
show() { for jail in $(jails); do echo "$jail"; done; }
show
"""
BANNED = """\
#!/bin/bash
count_banned() {
    fail2ban-client --timeout 3 status sshd | awk '/Currently banned/ {print $NF}'
}
count_banned > /var/lib/node/banned
"""
REPORT = """\
#!/bin/bash
security() { echo "bans: $(fail2ban-client status sshd | tail -1)"; }
disk() { df -l /; }
main() { security; disk; }
main
"""
HEALTH = """\
#!/bin/bash
CLIENT=/usr/bin/fail2ban-client
alive() { "$CLIENT" ping 5 >/dev/null; }
firewall() { "$CLIENT" status >/dev/null || return 1; }
alive && firewall
"""
DASHBOARD = "#!/bin/sh\n/usr/local/bin/health || echo down\n"
STORY = {
    "etc/cron.d/node": CRONTAB,
    "usr/lib/systemd/system/fail2ban.service": FAIL2BAN,
    "usr/local/bin/guard-status": GUARD,
    "usr/local/bin/banned": BANNED,
    "usr/local/bin/morning-report": REPORT,
    "usr/local/bin/health": HEALTH,
    "usr/local/bin/dashboard": DASHBOARD,
}


def lay_out(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make the files of a machine; what lies in a `bin` can be run."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o755 if "bin" in path.parent.name else 0o644)
    return root
