"""Do units say what systemd reads in their files?"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.unitfiles import FOLDERS, find_fragment, find_unit_files, is_masking
from agentkit.core.units import list_enabled_timers, read_unit
from agentkit.core.unittext import expand, parse_unit_text
from tests.machines import LIMIT_S, Loaded, ask_manager, build_machine

ONESHOT = "[Service]\nType=oneshot\nExecStart=/bin/true\n"


@pytest.fixture
def machine() -> Iterator[Path]:
    """Return a folder that another user may look into, as tmp_path is closed to systemd's test mode."""
    with tempfile.TemporaryDirectory(prefix="agentkit-units-") as folder:
        yield Path(folder)


def _say(word: str) -> str:
    return f"[Service]\nExecStart=/bin/echo {word}\n"


# Files of a machine, and the units that are looked at in it.
MACHINES: dict[str, tuple[dict[str, str], list[str]]] = {
    "the-closer-folder-wins": (
        {
            "a.service": ONESHOT,
            "etc/systemd/system/a.service": ONESHOT + _say("etc"),
            "run/systemd/system/a.service": "",
        },
        ["a.service"],
    ),
    "drop-ins-of-all-folders-are-merged-by-name": (
        {
            "foo-bar-baz.service": ONESHOT,
            "etc/systemd/system/foo-bar-baz.service.d/30.conf": _say("etc-30"),
            "lib/systemd/system/foo-bar-baz.service.d/30.conf": _say("lib-30"),
            "lib/systemd/system/foo-bar-baz.service.d/10.conf": _say("lib-10"),
            "run/systemd/system/foo-bar-baz.service.d/20.conf": _say("run-20"),
            "run/systemd/system/foo-bar-baz.service.d/20.txt": _say("no-conf"),
            "run/systemd/system/foo-bar-baz.service.d/.40.conf": _say("hidden"),
            "etc/systemd/system/foo-bar-.service.d/10.conf": _say("prefix-10"),
            "lib/systemd/system/foo-.service.d/50.conf": _say("prefix-50"),
            "lib/systemd/system/foo-bar-.service.d/50.conf": _say("longer-prefix-50"),
            "etc/systemd/system/service.d/30.conf": _say("type-30"),
            "lib/systemd/system/service.d/60.conf": _say("type-60"),
        },
        ["foo-bar-baz.service"],
    ),
    "a-template-lends-its-file-and-its-drop-ins": (
        {
            "tp-a-b@.service": ONESHOT + _say("%n:%N:%p:%i:%j"),
            "tp-a-b@own.service": ONESHOT + _say("own"),
            **{
                f"lib/systemd/system/{stem}.d/50.conf": _say(stem.replace("@", "-at-"))
                for stem in ("tp-a-b@in-st.service", "tp-a-b@.service", "service")
            },
            **{
                f"lib/systemd/system/{stem}.d/{number}.conf": _say(stem.replace("@", "-at-"))
                for number, stem in enumerate(
                    (
                        *(
                            "tp-a-@in-st.service",
                            "tp-a-@.service",
                            "tp-@.service",
                            "tp-@in-st.service",
                            "tp-a-.service",
                        ),
                        *("tp-.service", "tp-a-b@in-.service", "tp-a-b.service"),
                    ),
                    60,
                )
            },
        },
        ["tp-a-b@in-st.service", "tp-a-b@own.service"],
    ),
    "an-alias-brings-its-drop-ins": (
        {
            "real.service": ONESHOT,
            "etc/systemd/system/other.service": " -> ../../../lib/systemd/system/real.service",
            "lib/systemd/system/other.service.d/10.conf": _say("other"),
            "lib/systemd/system/real.service.d/20.conf": _say("real"),
        },
        ["real.service", "other.service"],
    ),
    "an-alias-means-the-name-and-not-the-file": (
        {
            "real.service": ONESHOT,
            "etc/systemd/system/real.service": ONESHOT + _say("etc"),
            "etc/systemd/system/other.service": " -> ../../../lib/systemd/system/real.service",
        },
        ["other.service"],
    ),
    "a-link-to-the-same-name-is-no-alias": (
        {"real.service": ONESHOT, "etc/systemd/system/real.service": " -> ../../../lib/systemd/system/real.service"},
        ["real.service"],
    ),
    "a-link-out-of-the-folders-is-the-file": (
        {"opt/kept.service": ONESHOT + _say("opt"), "etc/systemd/system/kept.service": " -> ../../../opt/kept.service"},
        ["kept.service"],
    ),
    "an-alias-is-of-the-same-type-and-shape-and-no-slice-has-one": (
        {
            "a.service": ONESHOT,
            "t@.service": ONESHOT,
            "s.slice": "[Slice]\n",
            "a.socket": " -> a.service",
            "b.slice": " -> s.slice",
            "c.service": " -> t@.service",
            "t@x.service": " -> t@.service",
            "d@y.service": " -> t@.service",
        },
        ["a.socket", "c.service", "t@x.service", "d@y.service"],
    ),
    "links-that-lead-in-circles-are-no-unit": (
        {"a.service": " -> b.service", "b.service": " -> a.service"},
        ["a.service"],
    ),
    "a-template-alias-holds-for-each-instance": (
        {"real@.service": ONESHOT + _say("%i"), "other@.service": " -> real@.service"},
        ["other@x.service"],
    ),
    "an-empty-file-or-a-link-to-null-masks": (
        {"a.service": ONESHOT, "etc/systemd/system/a.service": "", "b.service": " -> /dev/null"},
        ["a.service", "b.service"],
    ),
    "a-drop-in-is-masked-by-name": (
        {
            "a.service": ONESHOT,
            "etc/systemd/system/a.service.d/10.conf": " -> /dev/null",
            "lib/systemd/system/a.service.d/10.conf": _say("masked"),
            "lib/systemd/system/a.service.d/20.conf": _say("kept"),
        },
        ["a.service"],
    ),
    "an-empty-assignment-takes-back-commands-and-keeps-dependencies": (
        {
            "a.service": "[Unit]\nOnFailure=x.service y.service\nOnFailure=\nOnFailure=z.service\n"
            + ONESHOT
            + "ExecStart=/bin/two\nUser=daemon\nUser=\n",
            "lib/systemd/system/a.service.d/1.conf": "[Service]\nExecStart=\nExecStart=/bin/3\nExecStart=/bin/4\n",
            **{f"{name}.service": ONESHOT for name in "xyz"},
        },
        ["a.service"],
    ),
    "lines-go-on-and-comments-are-passed-over": (
        {
            "a.service": "# one\n; two\n  # three\nlost=1\n[Service]\nType = oneshot \nno equals\n"
            "ExecStart=/bin/echo a \\\n# between\n; and\n  b \\\n\\\nc\nExecStart=/bin/echo d\\\\\n"
            "ExecStart = /bin/echo  e  \n"
            "ExecStart=/bin/echo f\\\n\nExecStart=/bin/echo g\\\r\n h\r\n[X-Own]\nExecStart=/bin/x\n"
            "[Service]\nUser=mail\\\n",
        },
        ["a.service"],
    ),
    "broken-text-ends-the-reading-of-a-drop-in-only": (
        {
            "a.service": ONESHOT,
            "lib/systemd/system/a.service.d/1.conf": "[Service]\nExecStart=/bin/one\n[broken\nExecStart=/bin/two\n",
            "lib/systemd/system/a.service.d/2.conf": "[Service]\nExecStart=/bin/three\n",
        },
        ["a.service"],
    ),
}


@pytest.mark.parametrize("story", MACHINES)
def test_a_unit_is_what_the_manager_loads(machine: Path, story: str) -> None:
    files, names = MACHINES[story]
    loaded = ask_manager(build_machine(machine, files), *names)
    for name in names:
        _hold_against(str(machine), name, loaded[name])


def _hold_against(root: str, name: str, loaded: Loaded) -> None:
    unit = read_unit(root, name)
    state = loaded.one("Unit Load State")
    if unit is None:
        assert state == "not-found"
        return
    assert unit.is_masked == (state == "masked")
    if unit.is_masked:
        return
    assert state == "loaded"
    assert unit.file == loaded.one("Fragment Path")
    drop_ins = [*unit.files[1:], *(path for path, _ in unit.unreadable if path not in unit.files)]
    assert drop_ins == [path for path in loaded.values.get("DropIn Path", []) if not is_masking(root, path)]
    commands = [" ".join(command.replace("\\\\", "\\").split()) for command in unit.get_all("Service", "ExecStart")]
    assert commands == [command.replace('"', "").replace("\\\\", "\\") for command in loaded.commands]
    assert unit.get("Service", "User") == loaded.one("User")
    assert sorted(unit.get_names("Unit", "OnFailure")) == sorted(loaded.values.get("OnFailure", []))


def test_every_unit_of_this_machine_is_read() -> None:
    files = find_unit_files("/")
    # A link to a unit that is gone stays behind its package.
    names = [*files.places, *(alias for alias in files.aliases if find_fragment(files, alias))]
    assert len(names) > 100
    for name in names:
        unit = read_unit("/", name, files)
        assert unit is not None, name
        assert unit.unreadable == (), name
        assert unit.is_masked or "@" in name or unit.settings, name


def test_the_folders_are_those_of_the_system_manager() -> None:
    ended = subprocess.run(
        ["systemd-analyze", "--system", "unit-paths"],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
        timeout=LIMIT_S,
        check=True,
    )
    assert list(FOLDERS) == ended.stdout.split()


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"etc/systemd/system/timers.target.wants/x.timer": " -> /lib/systemd/system/x.timer"}, "enabled"),
        (
            {"etc/systemd/system/multi-user.target.wants/x.timer": " -> ../../../../lib/systemd/system/x.timer"},
            "enabled",
        ),
        ({"etc/systemd/system/timers.target.requires/x.timer": " -> /lib/systemd/system/x.timer"}, "enabled"),
        ({}, "disabled"),
        ({"etc/systemd/system/timers.target.d/x.conf": "[Unit]\nWants=y.timer\n"}, "disabled"),
    ],
)
def test_enabled_timers_are_those_of_systemctl(tmp_path: Path, files: dict[str, str], state: str) -> None:
    timer = "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n"
    root = build_machine(tmp_path, {"x.timer": timer, "timers.target": "[Unit]\nDescription=t\n", **files})
    ended = subprocess.run(
        ["systemctl", f"--root={root}", "is-enabled", "x.timer"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.stdout.strip() == state
    assert ("x.timer" in list_enabled_timers(str(root))) == (state == "enabled")


def test_what_pulls_a_timer_in_is_a_link_that_no_closer_folder_masks(tmp_path: Path) -> None:
    wants = "systemd/system/timers.target.wants"
    root = build_machine(
        tmp_path,
        {
            "timers.target": "[Unit]\nWants=static.timer plain.service\n",
            "real.timer": "[Timer]\nOnBootSec=1\n",
            f"lib/{wants}/masked.timer": " -> ../masked.timer",
            f"etc/{wants}/masked.timer": " -> /dev/null",
            f"lib/{wants}/kept.timer": " -> ../kept.timer",
            f"lib/{wants}/no-link.timer": "[Timer]\n",
            f"lib/{wants}/tp@.timer": " -> ../tp@.timer",
            f"lib/{wants}/tp@one.timer": " -> ../tp@.timer",
            f"etc/{wants}/alias.timer": " -> ../alias.timer",
            "etc/systemd/system/alias.timer": " -> /lib/systemd/system/real.timer",
        },
    )
    assert list_enabled_timers(str(root)) == ["kept.timer", "real.timer", "static.timer", "tp@one.timer"]


def test_links_are_followed_inside_the_root_folder(tmp_path: Path) -> None:
    root = build_machine(
        tmp_path,
        {
            "opt/kept.service": ONESHOT + "ExecStart=/bin/inside\n",
            "etc/systemd/system/kept.service": " -> /opt/kept.service",
            "etc/systemd/system/null.service": " -> /dev/null",
            "etc/systemd/system/outside.service": " -> /../../../../../../../../etc/passwd",
        },
    )
    kept = read_unit(str(root), "kept.service")
    assert kept is not None
    assert kept.get("Service", "ExecStart") == "/bin/inside"
    assert (null := read_unit(str(root), "null.service")) is not None
    assert null.is_masked
    outside = read_unit(str(root), "outside.service")
    assert outside is not None
    assert outside.unreadable == (("/etc/systemd/system/outside.service", "No such file or directory"),)


def test_what_is_no_plain_file_is_named_and_holds_nobody_up(tmp_path: Path) -> None:
    root = build_machine(tmp_path, {"a.service": ONESHOT, "loop.service": " -> /opt/loop", "opt/loop": " -> /opt/loop"})
    folder = root / "lib/systemd/system"
    (folder / "a.service.d/folder.conf").mkdir(parents=True)
    os.mkfifo(folder / "a.service.d/pipe.conf")
    (folder / "a.service.d/gone.conf").symlink_to("nowhere")
    (folder / "folder.service").mkdir()
    (folder / "junk.service").write_bytes(bytes(range(256)) * 40)
    unit = read_unit(str(root), "a.service")
    assert unit is not None
    assert dict(unit.unreadable) == {
        "/lib/systemd/system/a.service.d/gone.conf": "No such file or directory",
        "/lib/systemd/system/a.service.d/pipe.conf": "not a plain file",
    }
    assert unit.get("Service", "ExecStart") == "/bin/true"
    loop = read_unit(str(root), "loop.service")
    assert loop is not None
    assert [why for _, why in loop.unreadable] == ["Too many levels of symbolic links"]
    assert read_unit(str(root), "folder.service") is None
    assert read_unit(str(root), "junk.service") is not None


@pytest.mark.parametrize(
    "name", ["", "x", ".service", "a b.service", "../a.service", "a.service/b.service", "x@.service"]
)
def test_what_is_no_name_of_a_unit_has_no_file(tmp_path: Path, name: str) -> None:
    assert read_unit(str(build_machine(tmp_path, {"a.service": ONESHOT})), name) is None


def test_an_unknown_specifier_stays_as_it_is_written() -> None:
    assert expand("%% %n %N %p %i %I %j %h %X %", r"a-b@c-d\x2de.timer") == (
        r"% a-b@c-d\x2de.timer a-b@c-d\x2de a-b c-d\x2de c/d-e b /root %X %"
    )


def test_bytes_that_are_no_utf8_end_the_reading_unless_they_stand_in_a_comment(machine: Path) -> None:
    root = build_machine(machine, {"a.service": ONESHOT, "b.service": ONESHOT})
    (root / "lib/systemd/system/a.service").write_bytes(f"# caf\u00e9\n{ONESHOT}".encode("latin-1"))
    (root / "lib/systemd/system/b.service").write_bytes(f"[Unit]\nDescription=caf\u00e9\n{ONESHOT}".encode("latin-1"))
    loaded = ask_manager(root, "a.service", "b.service")
    assert [loaded[name].one("Unit Load State") for name in loaded] == ["loaded", "error"]
    a, b = (read_unit(str(root), name) for name in loaded)
    assert a is not None
    assert a.unreadable == ()
    assert b is not None
    assert b.unreadable == (("/lib/systemd/system/b.service", "line 2 is no UTF-8"),)


def test_a_setting_knows_its_file_and_the_line_where_it_begins(tmp_path: Path) -> None:
    root = build_machine(tmp_path, {"a.service": "[Service]\r\n\r\nExecStart=/bin/echo \\\r\n# b\r\n b\r\nUser=c\\"})
    unit = read_unit(str(root), "a.service")
    assert unit is not None
    assert [(setting.key, setting.value, setting.line) for setting in unit.settings] == [
        ("ExecStart", "/bin/echo   b", 3),
        ("User", "c", 6),
    ]
    assert {setting.file for setting in unit.settings} == {"/lib/systemd/system/a.service"}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.text(alphabet="[]=\\#;%\n\r\0 aU\ufeff", max_size=80).map(str.encode))
def test_any_bytes_are_read_without_an_error(content: bytes) -> None:
    found, trouble = parse_unit_text(content)
    assert all(setting.section for setting in found)
    assert trouble is None or trouble.startswith("line ")
