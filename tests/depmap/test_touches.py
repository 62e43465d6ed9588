"""Is what a command touches told by its words?"""

import pytest

from agentkit.depmap.calls import PROGRAM, Call, Place
from agentkit.depmap.touches import find_touches


@pytest.mark.parametrize(
    ("line", "touched"),
    [
        ("systemctl restart nginx", ("triggers", "unit:nginx.service")),
        ("systemctl is-active --quiet a.timer", ("check", "unit:a.timer")),
        ("service cron status", ("check", "unit:cron.service")),
        ("flock -n /run/l x", ("lock", "file:/run/l")),
        ("flock -n 9", ("lock", "file:/run/nine")),
        ("sudo -u bob x", ("user", "user:bob")),
        ("su - bob -c x", ("user", "user:bob")),
        ("command -v curl", ("check", "cmd:curl")),
        ("which curl", ("check", "cmd:curl")),
        ("cat /etc/motd", ("read", "file:/etc/motd")),
        ("tee /var/log/x", ("write", "file:/var/log/x")),
        ("[ -x /usr/bin/x ]", ("check", "file:/usr/bin/x")),
        ("dd if=/a/b of=/c", ("read", "file:/a/b")),
        ("curl http://db:81/x", ("connect", "port:tcp/db:81")),
    ],
)
def test_the_first_thing_that_a_command_touches(line: str, touched: tuple[str, str]) -> None:
    call = Call(PROGRAM, tuple(line.split()), line, Place("/s", 1))
    first = next(iter(find_touches(call, {"9": "/run/nine"})))
    assert (first.kind, first.target) == touched


@pytest.mark.parametrize("line", ["systemctl daemon-reload", "ls /etc", "cat -", "echo systemctl restart x"])
def test_some_commands_touch_nothing(line: str) -> None:
    assert list(find_touches(Call(PROGRAM, tuple(line.split()), line, Place("/s", 1)), {})) == []
