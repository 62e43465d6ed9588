"""Is every line of any crontab accounted for, whatever it holds, by the rules of each cron?"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.crontab import read_crontabs


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for folder in ("etc", "var/spool/cron/crontabs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n")
    return tmp_path


SCHEDULES = (
    "* * * * *",
    "*/5 1-3 * jan mon",
    "@reboot",
    "@daily",
    "61 * * * *",
    "30 2 31 2 *",
    "@no",
    "* * * *",
    "*~9 * * * *",
)
PIECES = (
    *SCHEDULES,
    " ",
    "\t",
    "root",
    "ada",
    "bob",
    "=",
    "%",
    "\\",
    "'",
    '"',
    "#",
    "é",
    "\udce4",
    "\r",
    "\0",
    "\x85",
    "-n",
    "A",
    "$",
)


@st.composite
def _crontabs(draw: st.DrawFn) -> str:
    rows = draw(st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), max_size=8))
    good = [f"{draw(st.sampled_from(SCHEDULES))} ada {row}" for row in rows[:3]]
    return "\n".join(rows + good) + draw(st.sampled_from(["", "\n", "\r\n", "  "]))


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=_crontabs(), rules=st.sampled_from(["debian", "cronie", "busybox"]))
def test_no_content_breaks_the_reader_and_every_line_is_accounted_for(machine: Path, text: str, rules: str) -> None:
    content = text.encode(errors="surrogateescape")
    for name, mode in (("etc/crontab", 0o644), ("var/spool/cron/crontabs/ada", 0o600)):
        path = machine / name
        path.write_bytes(content)
        path.chmod(mode)
    crontabs = read_crontabs(str(machine), cron=rules, now=0.0)
    known = {(line.file, line.number) for line in crontabs.lines}
    known |= {(line.file, line.number) for line in (*crontabs.dropped, *crontabs.altered)}
    for line in crontabs.lines:
        assert line.command.encode() is not None
        assert "\n" not in line.command
    rows = content.split(b"\n")
    for number, row in enumerate(rows, 1):
        bare = row.strip(b" \t")
        if bare and not bare.startswith(b"#") and b"=" not in bare:
            assert ("/var/spool/cron/crontabs/ada", number) in known, (text, number)
