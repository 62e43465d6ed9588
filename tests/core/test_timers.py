"""Are timers what systemd makes of them?"""

import os
import random
import re
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentkit.core.timers import Timer, read_timer, read_timers
from agentkit.core.timespan import parse_time_span
from tests.machines import LIMIT_S, ask_manager, build_machine

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
TIMER = "[Timer]\nOnCalendar=daily\n"
ONESHOT = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
WANTS = "etc/systemd/system/timers.target.wants"


@pytest.fixture
def machine() -> Iterator[Path]:
    """Return a folder that another user may look into, as tmp_path is closed to systemd's test mode."""
    with tempfile.TemporaryDirectory(prefix="agentkit-timers-") as folder:
        yield Path(folder)


def _read(root: Path, files: dict[str, str], *names: str) -> dict[str, Timer]:
    links = {f"{WANTS}/{name}": f" -> /lib/systemd/system/{name}" for name in names or ("x.timer",)}
    return {timer.name: timer for timer in read_timers(str(build_machine(root, {**files, **links})), now=NOW, tz="UTC")}


def _read_one(root: Path, timer: str, service: str | None = ONESHOT) -> Timer:
    return _read(root, {"x.timer": timer, **({} if service is None else {"x.service": service})})["x.timer"]


def _codes(timer: Timer) -> list[str]:
    return [code for code, _ in timer.faults]


def test_a_timer_says_what_it_starts_when_as_whom_and_with_what_bound(tmp_path: Path) -> None:
    timer = _read(
        tmp_path,
        {
            "x.timer": "[Timer]\nOnCalendar=Sun 03:00\nOnCalendar=Mon 04:00 Asia/Tokyo\nOnBootSec=15min\n"
            "Unit=job@%p.service\n",
            "job@.service": "[Unit]\nOnFailure=mail@%n.service chat.service\n[Service]\nType=oneshot\nUser=backup\n"
            "ExecStartPre=/bin/mkdir\nExecStart=@-/bin/a one two\nExecStart=+/bin/b ; -/bin/c 'x ; y'\n"
            "TimeoutStartSec=1h 30s\n",
        },
    )["x.timer"]
    assert timer.schedule == "Sun 03:00; Mon 04:00 Asia/Tokyo; OnBootSec=15min"
    assert timer.next == datetime(2026, 3, 1, 19, tzinfo=UTC).timestamp()
    assert (timer.file, timer.service, timer.service_file) == (
        "/lib/systemd/system/x.timer",
        "job@x.service",
        "/lib/systemd/system/job@.service",
    )
    assert [(command.raw, command.text, command.ignores_failure) for command in timer.commands] == [
        ("@-/bin/a one two", "/bin/a one two", True),
        ("+/bin/b", "/bin/b", False),
        ("-/bin/c 'x ; y'", "/bin/c 'x ; y'", True),
    ]
    assert (timer.user, timer.start_limit_s) == ("backup", 3630.0)
    assert timer.on_failure == ("mail@job@x.service.service", "chat.service")
    assert (timer.is_masked, timer.faults) == (False, ())


@pytest.mark.parametrize(
    ("timer", "service", "codes"),
    [
        (TIMER, ONESHOT, []),
        ("", ONESHOT, ["masked"]),
        (" -> /dev/null", ONESHOT, ["masked"]),
        (TIMER, " -> /dev/null", ["masked"]),
        (TIMER, None, ["no-service"]),
        ("[Timer]\nOnCalendar=25:00\nOnCalendar=daily\n", ONESHOT, ["bad-calendar"]),
        ("[Timer]\nOnCalendar=25:00\n", ONESHOT, ["bad-calendar", "no-schedule"]),
        ("[Timer]\nOnCalendar=daily\nOnBootSec=\n", ONESHOT, ["no-schedule"]),
        ("[Timer]\nOnBootSec=5\nOnCalendar=\n", ONESHOT, ["no-schedule"]),
        ("[Timer]\nOnCalendar=25:00\nOnCalendar=\nOnCalendar=daily\n", ONESHOT, []),
        ("[Timer]\nOnBootSec=soon\n", ONESHOT, ["bad-span", "no-schedule"]),
        ("[Timer]\nPersistent=yes\n", ONESHOT, ["no-schedule"]),
        ("[Timer]\nOnClockChange=yes\n", ONESHOT, []),
        ("[Timer]\nOnCalendar=2020-01-01\n", ONESHOT, ["never"]),
        ("[Timer]\nOnCalendar=2020-01-01\nOnUnitActiveSec=1h\n", ONESHOT, []),
        (TIMER, "[Service]\nType=oneshot\n", ["no-command"]),
        (TIMER, "[Service]\nUser=mail\n", ["no-command"]),
        (TIMER, "[Service]\nType=simple\n", ["no-command"]),
        (TIMER, "[Service]\nRemainAfterExit=yes\n", ["no-command"]),
        (TIMER, "[Service]\nExecStop=/bin/true\n", ["no-command"]),
        (TIMER, "[Service]\nRemainAfterExit=yes\nExecStop=/bin/true\n", ["no-command"]),
        (TIMER, "[Unit]\nSuccessAction=reboot\n[Service]\nRemainAfterExit=yes\n", ["no-command"]),
        (TIMER, "[Service]\nType=simple\nRemainAfterExit=yes\nExecStop=/bin/true\n", ["no-command"]),
        (TIMER, "[Service]\nExecStart=/bin/true\nExecStart=\nRemainAfterExit=no\n", ["no-command"]),
        (TIMER, "[Service]\nExecStart=/bin/true\nExecStart=/bin/false\n", ["refused"]),
        (TIMER, "[Service]\nExecStart=/bin/true ; /bin/false\n", ["refused"]),
        (TIMER, f"{ONESHOT}Restart=always\n", ["refused"]),
        (TIMER, f"{ONESHOT}Restart=on-failure\n", []),
        (TIMER, "[Service]\nType=dbus\nExecStart=/bin/true\n", ["refused"]),
        (TIMER, "[Service]\nBusName=org.example.X\nExecStart=/bin/true\n", []),
        ("[Timer]\nOnCalendar=daily\n[broken\n", ONESHOT, ["unreadable"]),
        (TIMER, f"{ONESHOT}[broken\n", ["unreadable"]),
    ],
)
def test_what_keeps_a_timer_from_running_is_what_the_manager_refuses(
    machine: Path, timer: str, service: str | None, codes: list[str]
) -> None:
    found = _read_one(machine, timer, service)
    assert _codes(found) == codes
    loaded = ask_manager(machine, "x.timer", "x.service")
    states = [loaded[name].one("Unit Load State") for name in ("x.timer", "x.service")]
    # What the manager loads and what never comes all the same.
    is_loaded = states == ["loaded", "loaded"]
    starts_nothing = (
        re.search(r"RemainAfterExit=yes\n.*ExecStop|SuccessAction", service or "") and "simple" not in service
    )
    harmless = {"never", "no-command"} if starts_nothing else {"never"}
    if codes[-1:] != ["bad-calendar"]:
        assert is_loaded == (not set(codes) - harmless), states
    assert found.is_masked == ("masked" in states)


@pytest.mark.parametrize(
    "timer",
    [
        f"{TIMER}Unit=one.service\nUnit=two.service\n",
        f"{TIMER}Unit=\nUnit=one.service\n",
        f"{TIMER}Unit=no name\nUnit=two.service\n",
        f"{TIMER}Unit=x.timer\n",
        f"{TIMER}Unit=%p-more.service\n",
        TIMER,
    ],
)
def test_a_timer_starts_the_unit_that_the_manager_starts(machine: Path, timer: str) -> None:
    services = {f"{name}.service": ONESHOT for name in ("x", "one", "two", "x-more")}
    found = _read(machine, {"x.timer": timer, **services})["x.timer"]
    assert [found.service] == ask_manager(machine, "x.timer")["x.timer"].values["Triggers"]


@pytest.mark.parametrize(
    "lines",
    [
        "Type=oneshot",
        "Type=oneshot\nTimeoutStartSec=90",
        "Type=oneshot\nTimeoutSec=1min 30s",
        "Type=oneshot\nTimeoutSec=5\nTimeoutStartSec=infinity",
        "Type=oneshot\nTimeoutStartSec=20\nTimeoutStartSec=",
        "Type=oneshot\nTimeoutStartSec=20\nTimeoutStartSec=soon",
        "Type=oneshot\nTimeoutStartSec=20\nTimeoutStartSec=0",
        "Type=oneshot\nRuntimeMaxSec=5",
        "Type=simple",
        "TimeoutStartSec=5",
        "RuntimeMaxSec=1h",
        "RuntimeMaxSec=1h\nRuntimeMaxSec=",
        "RuntimeMaxSec=1h\nRuntimeMaxSec=infinity",
        "Type=notify\nRuntimeMaxSec=2d",
        "User=mail",
        "User=mail\nUser=",
        "User=%p-user",
    ],
)
def test_user_and_bound_are_those_of_the_manager(machine: Path, lines: str) -> None:
    found = _read_one(machine, TIMER, f"[Service]\nExecStart=/bin/true\n{lines}\n")
    loaded = ask_manager(machine, "x.service")["x.service"]
    key = "TimeoutStartSec" if loaded.one("Type") == "oneshot" else "RuntimeMaxSec"
    assert found.start_limit_s == parse_time_span(loaded.one(key) or "")
    assert found.user == (loaded.one("User") or "root")


def test_a_dynamic_user_is_not_root(tmp_path: Path) -> None:
    assert _read_one(tmp_path, TIMER, f"{ONESHOT}DynamicUser=yes\n").user == "x"


def test_a_link_that_is_left_over_is_a_timer_without_a_file(tmp_path: Path) -> None:
    timer = _read(tmp_path, {"timers.target": "[Unit]\n"}, "gone.timer")["gone.timer"]
    assert (timer.file, timer.service, _codes(timer)) == (None, "gone.service", ["not-found", "no-service"])


def test_a_timer_that_is_not_enabled_is_read_by_its_name(tmp_path: Path) -> None:
    root = str(build_machine(tmp_path, {"x.timer": TIMER, "x.service": ONESHOT}))
    assert read_timers(root, now=NOW) == ()
    assert read_timer(root, "x.timer", now=NOW, tz="UTC").next == datetime(2026, 3, 2, tzinfo=UTC).timestamp()


def test_a_timer_may_start_what_is_no_service(tmp_path: Path) -> None:
    timer = _read(tmp_path, {"x.timer": f"{TIMER}Unit=night.target\n", "night.target": "[Unit]\nDescription=n\n"})[
        "x.timer"
    ]
    assert (timer.service, timer.commands, timer.faults) == ("night.target", (), ())


def test_settings_of_drop_ins_hold(tmp_path: Path) -> None:
    timer = _read(
        tmp_path,
        {
            "x.timer": "[Timer]\nOnCalendar=hourly\n",
            "x.service": ONESHOT,
            "etc/systemd/system/x.timer.d/when.conf": "[Timer]\nOnCalendar=\nOnCalendar=Sun 05:00\n",
            "etc/systemd/system/x.service.d/a.conf": "[Service]\nExecStart=\nExecStart=-/bin/y\nTimeoutStartSec=5m\n",
        },
    )["x.timer"]
    assert (timer.schedule, [command.raw for command in timer.commands]) == ("Sun 05:00", ["-/bin/y"])
    assert (timer.next, timer.start_limit_s) == (datetime(2026, 3, 8, 5, tzinfo=UTC).timestamp(), 300.0)


def test_files_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    build_machine(tmp_path, {"x.timer": TIMER, "x.service": ONESHOT})
    os.mkfifo(tmp_path / "lib/systemd/system/pipe.service")
    timer = _read(tmp_path, {"pipe.timer": TIMER}, "pipe.timer")["pipe.timer"]
    assert timer.faults[0] == ("unreadable", "/lib/systemd/system/pipe.service: not a plain file")


def test_the_timers_of_this_machine_are_read_and_none_is_lame() -> None:
    timers = read_timers(now=NOW)
    assert timers
    for timer in timers:
        assert timer.faults == (), timer
        assert timer.commands, timer
        assert timer.next is None or timer.next > NOW


def test_the_next_elapses_of_this_machines_timers_are_those_of_systemd() -> None:
    for timer in read_timers(now=NOW, tz="UTC"):
        expressions = [part for part in timer.schedule.split("; ") if not re.match(r"On\w+=", part)]
        if not expressions:
            assert timer.next is None
            continue
        ended = subprocess.run(
            ["systemd-analyze", "calendar", f"--base-time=@{NOW:.0f}", "--", *expressions],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"},
            timeout=LIMIT_S,
            check=True,
        )
        times = re.findall(r"Next elapse: \w{3} (.+) UTC", ended.stdout)
        assert timer.next == min(datetime.fromisoformat(f"{time}+00:00").timestamp() for time in times)


SPANS = [
    *(
        "5",
        "+.1",
        "1s +.5s",
        "0",
        "infinity",
        " infinity ",
        "1min 30s",
        "1.5h",
        "2 h",
        "1h30m",
        "5s500ms",
        "1M",
        "1y 2w",
        "3.25us",
        "1.5",
    ),
    *(
        "",
        " ",
        "-5",
        "- 5",
        "+5",
        "5 5",
        "5 apples",
        "5apples",
        "12.34.56",
        "12.34 .56",
        "12.34s.56",
        "1.",
        ".5",
        "1. 5",
    ),
    *("1s 2", "1 s 2 ms", "20 sec", "seconds", "infinity 5", "99999999999999999999", "600000y", "1hour", "1hr", "1hrs"),
    *(
        "1\N{MICRO SIGN}s",
        "1\N{GREEK SMALL LETTER MU}s",
        "5m",
        "5M",
        "5minute",
        "5 minutes",
        "5months",
        "7days 3d",
        "1\t2",
    ),
    *("0.1234567s", "0.5min", "1e3", "0x10", "1,5", "1d-1h", "1d1h", "5ss", "5smin"),
]
WORDS = (
    "1",
    "15",
    "0",
    "2.5",
    "0.25",
    ".",
    " ",
    "s",
    "sec",
    "min",
    "m",
    "M",
    "h",
    "hr",
    "d",
    "week",
    "y",
    "us",
    "ms",
    "-",
    "+",
)


def test_a_time_span_is_as_long_as_systemd_says(random_choices: random.Random) -> None:
    made = ["".join(random_choices.choices(WORDS, k=random_choices.randint(1, 6))) for _ in range(200)]
    spans = list(dict.fromkeys([*SPANS, *made]))
    assert {each: _find_length(each) for each in spans} == _ask_lengths(spans)


def _find_length(text: str) -> int | str | None:
    try:
        length_s = parse_time_span(text)
    except ValueError:
        return "refused"
    return None if length_s is None else round(length_s * 1_000_000)


def _ask_lengths(texts: list[str]) -> dict[str, int | str | None]:
    answers: dict[str, int | str | None] = {}
    while rest := texts[len(answers) :]:
        ended = subprocess.run(
            ["systemd-analyze", "timespan", "--", *rest],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            timeout=LIMIT_S,
            check=False,
        )
        lengths_us = [int(length) for length in re.findall(r"^ *\S+s: ([0-9]+)$", ended.stdout, re.MULTILINE)]
        answers.update(
            (text, None if length == 2**64 - 1 else length) for text, length in zip(rest, lengths_us, strict=False)
        )
        # It ends at the first one that it refuses.
        if ended.returncode:
            answers[rest[len(lengths_us)]] = "refused"
    return answers
