"""Does the map of units say where each relation stands, what is run, and what was looked at?"""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.depmap.edge import Edge
from agentkit.depmap.unitmap import UnitMap, map_units
from tests.machines import build_machine

LIB = "/lib/systemd/system"


def _map(root: Path, files: Mapping[str, str]) -> UnitMap:
    return map_units(str(build_machine(root, files)))


def _find(found: UnitMap, source: str, *, has_implicit: bool = False) -> list[tuple[str, str, str, int | None, str]]:
    """Return kind, target, file, line and rule of the edges from a unit, in order."""
    return [
        (edge.kind, edge.target, edge.file, edge.line, edge.rule)
        for edge in found.edges
        if edge.source == f"unit:{source}" and (has_implicit or not edge.rule.startswith("implicit"))
    ]


def _find_one(found: UnitMap, kind: str, source: str = "unit:a.service") -> Edge:
    (edge,) = [edge for edge in found.edges if edge.kind == kind and edge.source == source]
    return edge


def test_a_relation_stands_in_the_line_of_its_setting_in_fragment_or_drop_in(tmp_path: Path) -> None:
    found = _map(
        tmp_path,
        {
            "a.service": "[Unit]\n# one\nRequires=b.service \\\n  c.service\nPartOf=a.service\n"
            "[Service]\nExecStart=/x\n",
            "etc/systemd/system/a.service.d/1.conf": "[Unit]\n\nOnFailure=tell@%n.service\n",
            "etc/systemd/system/service.d/2.conf": "[Unit]\nUpholds=d.service\nBindsTo=e.mount\n",
        },
    )
    etc = "/etc/systemd/system"
    assert _find(found, "a.service") == [
        ("requires", "unit:b.service", f"{LIB}/a.service", 3, "Requires"),
        ("requires", "unit:c.service", f"{LIB}/a.service", 3, "Requires"),
        ("onfailure", "unit:tell@a.service.service", f"{etc}/a.service.d/1.conf", 3, "OnFailure"),
        ("wants", "unit:d.service", f"{etc}/service.d/2.conf", 2, "Upholds"),
        ("bindsto", "unit:e.mount", f"{etc}/service.d/2.conf", 3, "BindsTo"),
        ("exec", "cmd:/x", f"{LIB}/a.service", 7, "ExecStart"),
    ]


def test_a_link_in_a_folder_of_wants_is_the_file_of_its_edge(tmp_path: Path) -> None:
    wants = "etc/systemd/system/multi-user.target.wants"
    found = _map(
        tmp_path,
        {
            "multi-user.target": "[Unit]\nDescription=x\n",
            "a.service": "[Service]\nExecStart=/x\n[Install]\nWantedBy=basic.target\n",
            f"{wants}/a.service": " -> ../../../../lib/systemd/system/a.service",
            f"{wants}/null.service": " -> /dev/null",
            f"{wants}/plain.service": "no link",
            "etc/systemd/system/alias.service": " -> ../../../lib/systemd/system/a.service",
            "etc/systemd/system/multi-user.target.requires/alias.service": " -> ../alias.service",
        },
    )
    assert _find(found, "multi-user.target") == [
        ("wants", "unit:a.service", f"/{wants}/a.service", None, "wants-link"),
        (
            *("requires", "unit:a.service"),
            *("/etc/systemd/system/multi-user.target.requires/alias.service", None, "requires-link"),
        ),
    ]
    assert not [edge for edge in found.edges if edge.target == "unit:basic.target" and edge.kind == "wants"]


def test_what_systemd_adds_is_marked(tmp_path: Path) -> None:
    found = _map(
        tmp_path, {"a.service": "[Service]\nExecStart=/x\nPrivateTmp=yes\n", "a.timer": "[Timer]\nOnBootSec=1\n"}
    )
    marked = {(edge[0], edge[1], edge[4]) for edge in _find(found, "a.service", has_implicit=True)}
    assert {
        ("requires", "unit:sysinit.target", "implicit:default"),
        ("requires", "unit:system.slice", "implicit:slice"),
        ("wants", "unit:tmp.mount", "implicit:exec"),
        ("after", "unit:systemd-journald.socket", "implicit:exec"),
        ("after", "unit:-.mount", "implicit:mount"),
    } <= marked
    assert ("triggers", "unit:a.service", f"{LIB}/a.timer", None, "implicit:trigger") in _find(
        found, "a.timer", has_implicit=True
    )


@pytest.mark.parametrize(
    ("name", "text", "edge"),
    [
        ("a.timer", "[Timer]\nUnit=b.service\n", ("triggers", "unit:b.service", "Unit")),
        ("a.path", "[Path]\nPathExists=/run//x\n", ("check", "file:/run/x", "PathExists")),
        ("a.socket", "[Socket]\nListenStream=80\n", ("listen", "port:tcp/80", "ListenStream")),
        ("a.socket", "[Socket]\nListenStream=[::]:80\n", ("listen", "port:tcp/80", "ListenStream")),
        ("a.socket", "[Socket]\nListenStream=127.0.0.1:080\n", ("listen", "port:tcp/80", "ListenStream")),
        ("a.socket", "[Socket]\nListenDatagram=53\n", ("listen", "port:udp/53", "ListenDatagram")),
        ("a.socket", "[Socket]\nListenStream=/var/run/%p\n", ("listen", "file:/run/a", "ListenStream")),
        ("a.socket", "[Socket]\nListenStream=@x\n", ("listen", "file:@x", "ListenStream")),
        ("a.socket", "[Socket]\nListenStream=vsock::5\n", ("listen", "port:vsock/5", "ListenStream")),
        ("a.socket", "[Socket]\nListenStream=1\nService=b.service\n", ("triggers", "unit:b.service", "Service")),
        ("a.service", "[Service]\nEnvironmentFile=-/etc/%p\n", ("read", "file:/etc/a", "EnvironmentFile")),
        ("a.service", "[Service]\nWorkingDirectory=-/srv\n", ("read", "file:/srv", "WorkingDirectory")),
        ("a.service", "[Service]\nStandardOutput=append:/l\n", ("write", "file:/l", "StandardOutput")),
        ("a.service", "[Service]\nUser=www-data\n", ("user", "user:www-data", "User")),
        ("a.service", "[Service]\nPassEnvironment=A\n", ("env", "env:A", "PassEnvironment")),
        ("a.service", "[Unit]\nConditionPathExists=|!/x\n", ("check", "file:/x", "ConditionPathExists")),
        ("a.service", "[Unit]\nRequiresMountsFor=/m\n", ("requires", "file:/m", "RequiresMountsFor")),
        ("a.service", "[Service]\nSlice=b.slice\n", ("requires", "unit:b.slice", "Slice")),
        ("m.mount", "[Mount]\nWhat=/dev/sda\n", ("read", "file:/dev/sda", "What")),
    ],
)
def test_what_a_setting_names_is_an_edge(tmp_path: Path, name: str, text: str, edge: tuple[str, str, str]) -> None:
    found = _map(tmp_path, {name: text})
    assert edge in [(kind, target, rule) for kind, target, _, _, rule in _find(found, name)]


def test_a_command_has_its_words_and_what_it_runs_with(tmp_path: Path) -> None:
    files = {
        "opt/bin/x": "#!/bin/sh\n",
        "usr/bin/foo": " -> /opt/bin/x",
        "etc/default/a": "# c\nFROM_FILE=1\n",
        "a.service": "[Service]\nEnvironment=A=1 'B=2 3' FROM_FILE=0\nEnvironmentFile=/etc/default/a\n"
        "User=www\nType=oneshot\n"
        "ExecStartPre=+-/usr/bin/foo '%n x' $B ${A}z $MISSING $$B $FROM_FILE\n"
        "ExecStart=@foo name\nExecStart=:/no $A ; /two\n",
    }
    found = _map(tmp_path, files)
    pre, start, third, fourth = found.commands
    assert (pre.unit, pre.key, pre.program, pre.path) == ("a.service", "ExecStartPre", "/usr/bin/foo", "/opt/bin/x")
    assert pre.words == ("/usr/bin/foo", "a.service x", "2", "3", "1z", "$MISSING", "$B", "$FROM_FILE")
    assert (pre.line, pre.user, pre.environment) == (6, "root", (("A", "1"), ("B", "2 3")))
    assert (start.words, start.argv, start.path, start.user) == (("foo",), ("name",), "/opt/bin/x", "www")
    assert (third.words, third.path) == (("/no", "$A"), None)
    assert fourth.words == ("/two",)
    assert [edge.target for edge in found.edges if edge.kind == "env"] == ["env:MISSING"]
    assert [(edge.target, edge.path) for edge in found.edges if edge.kind == "exec"][:2] == [
        ("cmd:/usr/bin/foo", "/opt/bin/x"),
        ("cmd:foo", "/opt/bin/x"),
    ]


def test_templates_stand_for_themselves_and_for_each_instance_that_is_named(tmp_path: Path) -> None:
    found = _map(
        tmp_path,
        {
            "t@.service": "[Unit]\nAfter=t@%i.timer dev-%i.device\nWants=u@.service\n[Service]\nExecStart=/x %i\n"
            "Slice=user-%i.slice\n",
            "u@.service": "[Service]\nExecStart=/u %I\n",
            "b.target": "[Unit]\nWants=t@one-two.service\n",
        },
    )
    sources = {edge.source for edge in found.edges}
    assert {"unit:t@.service", "unit:t@one-two.service", "unit:u@one-two.service", "unit:u@.service"} <= sources
    assert {edge[:2] for edge in _find(found, "t@.service")} == {
        ("after", "unit:t@.timer"),
        ("unknown", "unknown:dev-%i.device"),
        ("wants", "unit:u@.service"),
        ("unknown", "unknown:user-%i.slice"),
        ("exec", "cmd:/x"),
    }
    assert ("requires", "unit:user-one-two.slice") in [edge[:2] for edge in _find(found, "t@one-two.service")]
    words = {command.unit: command.words for command in found.commands}
    assert words["t@.service"] == ("/x", "%i")
    assert words["t@one-two.service"] == ("/x", "one-two")
    assert words["u@one-two.service"] == ("/u", "one/two")


def test_templates_that_name_each_other_for_ever_come_to_an_end(tmp_path: Path) -> None:
    text = "[Unit]\nWants={}@%i-{}.service {}@%i_{}.service\n[Service]\nExecStart=/x\n"
    files = {f"{one}@.service": text.format(other, one, other, one) for one, other in (("a", "b"), ("b", "a"))}
    found = _map(tmp_path, {**files, "c.target": "[Unit]\nWants=a@1.service\n"})
    assert [why for _, why in found.troubles if "without end" in why] != []


def test_nonsense_is_told_and_stops_nobody(tmp_path: Path) -> None:
    root = build_machine(
        tmp_path,
        {
            "good.service": "[Service]\nExecStart=/x\n",
            "words.service": "[Unit]\nAfter=network %X.service\n"
            "RequiresMountsFor=rel \"open\n[Service]\nExecStart=/x 'open\n",
            "refused.service": "[Unit]\nAfter=b.service\n[Service]\nType=simple\n",
            "broken.service": "[Unit]\nAfter=b.service\n[broken\nWants=c.service\n",
            "loop.service": " -> /opt/loop",
            "opt/loop": " -> /opt/loop",
            "masked.service": " -> /dev/null",
            "etc/systemd/system/circle.service": " -> circle2.service",
            "etc/systemd/system/circle2.service": " -> circle.service",
        },
    )
    folder = root / LIB.strip("/")
    (folder / "large.service").write_bytes(b"[Unit]\n" + b"#" * 5 * 1024 * 1024)
    (folder / "latin.service").write_bytes(b"[Unit]\nAfter=b.service\nDescription=caf\xe9\n")
    (folder / "junk.service").write_bytes(bytes(range(256)) * 100)
    (folder / "x.target.wants").symlink_to("/opt/loop")
    os.mkfifo(folder / "pipe.service")
    found = map_units(str(root))
    troubles = dict(found.troubles)
    assert troubles[f"{LIB}/large.service"] == "larger than 4 MiB"
    assert troubles[f"{LIB}/latin.service"] == "line 3 is no UTF-8"
    assert troubles[f"{LIB}/pipe.service"] == "not a plain file"
    assert troubles[f"{LIB}/loop.service"] == "Too many levels of symbolic links"
    assert troubles[f"{LIB}/refused.service"].startswith("systemd refuses refused.service: it has no ExecStart=")
    assert troubles[f"{LIB}/broken.service"] == "line 3 is no section header"
    texts = [why for path, why in found.troubles if path == f"{LIB}/words.service"]
    assert "line 2: After: 'network' is no name of a unit" in texts
    assert "line 2: After: %X is no specifier" in texts
    assert "line 5: ExecStart: systemd refuses the unit: a ' is not closed" in texts
    assert [edge[1] for edge in _find(found, "broken.service")] == ["unit:b.service"]
    assert ("exec", "cmd:/x", f"{LIB}/good.service", 2, "ExecStart") in _find(found, "good.service")
    assert _find(found, "masked.service", has_implicit=True) == []


def test_a_folder_that_is_closed_is_told(tmp_path: Path) -> None:
    root = build_machine(tmp_path, {"a.service": "[Service]\nExecStart=/x\n"})
    (root / "etc/systemd").mkdir(parents=True)
    (root / "etc/systemd/system").symlink_to("system")
    found = map_units(str(root))
    assert ("/etc/systemd/system", "Too many levels of symbolic links") in found.troubles
    assert _find_one(found, "exec").target == "cmd:/x"


def test_all_that_was_looked_at_is_an_input(tmp_path: Path) -> None:
    found = _map(
        tmp_path,
        {
            "a.service": "[Service]\nExecStart=/usr/bin/x\nEnvironmentFile=/etc/default/a\n",
            "etc/systemd/system/a.service.d/1.conf": "[Unit]\n",
            "etc/systemd/system/x.target.wants/a.service": " -> ../a.service",
            "x.target": "[Unit]\n",
        },
    )
    etc = "/etc/systemd/system"
    assert {etc, LIB, f"{etc}/a.service.d", f"{etc}/a.service.d/1.conf", f"{LIB}/a.service"} <= set(found.inputs)
    assert {f"{etc}/x.target.wants", "/usr/bin/x", "/etc/default/a", "/etc/hostname"} <= set(found.inputs)


def test_a_machine_without_units_has_an_empty_map(tmp_path: Path) -> None:
    found = map_units(str(tmp_path))
    assert found.commands == ()
    assert {edge.source for edge in found.edges} == {"unit:-.mount", "unit:init.scope", "unit:system.slice"}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.text(alphabet="[]=\\#;%\n\"' $@-+aUnitServicExStart/", max_size=120))
def test_any_bytes_are_mapped_without_an_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes, text: str) -> None:
    root = build_machine(tmp_path_factory.mktemp("any"), {"a.service": "x"})
    path = root / LIB.strip("/") / "a.service"
    for content in (raw, f"[Service]\nExecStart={text}".encode(), f"[Unit]\nAfter={text}".encode()):
        path.write_bytes(content)
        map_units(str(root))
