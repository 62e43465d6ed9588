"""Does a client program lead to the unit that answers it, and only to one that is there?"""

from pathlib import Path

import pytest

from agentkit.depmap.boundsdatabases import LIBPQ, MARIADB, MYSQL
from agentkit.depmap.clients import CLIENTS, CONTROL, GENERIC, KNOWN, map_clients
from agentkit.depmap.edge import Edge
from agentkit.depmap.unitmap import map_units
from tests.machines import build_machine

PROGRAM = "#!/bin/sh\n"


def _map(root: Path, files: dict[str, str], *programs: tuple[str, str | None]) -> list[Edge]:
    return map_clients(map_units(str(build_machine(root, files))), programs)


def test_the_program_that_reloads_a_unit_is_its_client(tmp_path: Path) -> None:
    (edge,) = _map(
        tmp_path,
        {
            "usr/bin/guard-client": PROGRAM,
            "usr/sbin/guard-client": " -> ../bin/guard-client",
            "guard.service": "[Service]\nExecStart=/usr/bin/guard-server\nExecReload=/usr/sbin/guard-client reload\n"
            "ExecStop=/usr/bin/guard-client stop\n",
        },
    )
    assert (edge.source, edge.target, edge.kind) == ("cmd:/usr/bin/guard-client", "unit:guard.service", "connect")
    assert (edge.file, edge.line, edge.rule) == ("/lib/systemd/system/guard.service", 3, CONTROL)
    # The path is that of the client: on the edge it would be taken for the unit's.
    assert (edge.confidence, edge.path) == (0.8, None)


@pytest.mark.parametrize(
    "text",
    [
        "ExecStart=/x\nExecReload=/bin/kill -HUP $MAINPID\n",
        "ExecStart=/x\nExecReload=/bin/sh -c 'x-client reload'\n",
        "ExecStart=/x\nExecReload=/x reload\n",
        "ExecStart=/x\nExecStartPre=/usr/bin/x-prepare\n",
        "ExecStart=/x\nExecStartPost=/usr/bin/tidy-up\n",
        "Type=oneshot\nRemainAfterExit=yes\nExecStop=/usr/bin/x-client\n",
    ],
)
def test_what_serves_all_or_is_the_main_program_is_no_client(tmp_path: Path, text: str) -> None:
    assert _map(tmp_path, {"x.service": f"[Service]\n{text}"}) == []


def test_a_program_that_several_units_run_is_no_client_of_any(tmp_path: Path) -> None:
    text = "[Service]\nExecStart=/{0}\nExecReload=/usr/bin/tool {0}\n"
    assert _map(tmp_path, {f"{name}.service": text.format(name) for name in "ab"}) == []


def test_a_known_client_leads_to_the_units_that_are_there(tmp_path: Path) -> None:
    service = "[Service]\nExecStart=/x\n"
    edges = _map(
        tmp_path,
        {
            "postgresql.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
            "postgresql@.service": service,
            "x.target": "[Unit]\nWants=postgresql@15-main.service\n",
            "mariadb.service": " -> /dev/null",
            "ssh.service": service,
        },
        ("cmd:psql", "/usr/share/postgresql-common/pg_wrapper"),
        ("cmd:mysql", "/usr/bin/mariadb"),
        ("cmd:ssh", "/usr/bin/ssh"),
        ("cmd:redis-cli", None),
    )
    assert {(edge.source, edge.target) for edge in edges} == {
        ("cmd:/usr/share/postgresql-common/pg_wrapper", f"unit:postgresql{instance}.service")
        for instance in ("", "@", "@15-main")
    }
    assert {(edge.kind, edge.rule, edge.line) for edge in edges} == {("connect", KNOWN, None)}


def test_a_program_of_many_names_is_the_client_of_nobody(tmp_path: Path) -> None:
    files = {"exim4.service": "[Service]\nExecStart=/usr/sbin/exim4 -bd\n"}
    assert _map(tmp_path, files, ("cmd:sendmail", "/bin/busybox")) == []
    (edge,) = _map(tmp_path / "other", files, ("cmd:/usr/bin/mail", "/usr/bin/bsd-mailx"))
    assert (edge.source, edge.target) == ("cmd:/usr/bin/bsd-mailx", "unit:exim4.service")


def test_every_client_of_a_database_of_which_a_bound_is_known_leads_to_its_unit() -> None:
    assert {name for name in (*LIBPQ, *MYSQL, *MARIADB) if name not in CLIENTS} == set()


def test_no_generic_program_answers_for_one_unit_but_those_of_systemd_itself() -> None:
    assert {name for name in CLIENTS if name in GENERIC} == {"busctl", "dbus-send", "gdbus", "udevadm"}
