import pytest

from agentkit.depmap.tracing.noise import is_noise


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/ld.so.cache", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/opt/x/lib/libown.so.1.2", "/proc/self/maps"),
        *("/dev/null", "/etc/passwd", "/usr/lib/locale/C.utf8/LC_CTYPE", "/usr/share/zoneinfo/UTC", "/sys/fs/cgroup"),
        *("/usr/lib/python3.11/os.py", "/opt/venv/lib/python3.12/site-packages/x/y.py", "/opt/venv/pyvenv.cfg"),
        *("/home/you/__pycache__/a.cpython-311.pyc", "/srv/app/node_modules/left/pad.js", "/usr/share/git-core/x"),
        *("/run/systemd/userdb/io.systemd.Home", "/var/run/nscd/socket", "/run/nscd/socket", "/etc/localtime"),
    ],
)
def test_what_says_nothing_is_left_out(path: str) -> None:
    assert is_noise(path, is_read=True, by_shell=False)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/etc/fstab",
            "/etc/ssl/certs/ca-certificates.crt",
            "/home/you/notes.so.txt",
            "/opt/app/lib/x.py",
            "/etc/ldap",
        ),
        *("/usr/local/share/x", "/usr/local/lib/own.sh", "/srv/process/x", "/home/you/dev/null", "/etc/passwd.bak"),
        *("/run/fail2ban/fail2ban.sock", "/var/lib/x.db", "/tmp/site-packages"),
    ],
)
def test_what_a_program_depends_on_is_not(path: str) -> None:
    assert not is_noise(path, is_read=True, by_shell=False)


def test_a_shell_sources_what_a_package_brought_and_what_is_written_counts() -> None:
    assert not is_noise("/usr/share/x/functions.sh", is_read=True, by_shell=True)
    assert not is_noise("/usr/share/x/state", is_read=False, by_shell=False)
    assert not is_noise("/etc/passwd", is_read=False, by_shell=False)
    assert is_noise("/var/lib/x.db-journal", is_read=False, by_shell=False)
    assert is_noise("/dev/sda", is_read=False, by_shell=False)
