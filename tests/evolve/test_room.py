"""What does a proposer find in its room, and what can it not reach?"""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import find_repository
from agentkit.evolve.stall import open_stall
from tests.evolve.machine import JOB, Machine, copy_machine
from tests.evolve.rooms import NAME, SETTINGS, find_left, stay, write_python


@pytest.fixture(scope="module")
def place(first_machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One machine for all: no test changes anything that another one looks at."""
    return copy_machine(first_machine, tmp_path_factory.mktemp("rooms") / "machine")


def test_it_works_in_its_copy_with_the_request_on_stdin(place: Machine) -> None:
    stayed = stay(place, "cat > got; pwd; echo more >> job.sh; echo talk >&2", request='{"v": 1}\n')
    assert (stayed.proposal.trouble, stayed.proposal.is_isolated) == ("", True)
    assert stayed.proposal.stdout == f"{stayed.stall.copy}\n"
    assert stayed.proposal.stderr == "talk\n"
    assert stayed.read("got") == '{"v": 1}\n'
    assert stayed.read("job.sh") == f"{JOB}more\n"


def test_its_environment_holds_what_was_chosen_and_no_more(place: Machine) -> None:
    settings = replace(SETTINGS, keep_env=("MODEL_KEY",))
    environ = {"MODEL_KEY": "given", "OTHER_KEY": "kept back", "LANG": "C.UTF-8"}
    stayed = stay(place, ("/usr/bin/env",), settings=settings, environ=environ)
    stall = stayed.stall
    assert dict(row.split("=", 1) for row in stayed.proposal.stdout.splitlines()) == {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "MODEL_KEY": "given", "HOME": stall.home,
        "TMPDIR": stall.scratch, "AGENTKIT_CANDIDATE": NAME, "AGENTKIT_USAGE": f"{stall.home}/usage.json",
    }  # fmt: skip


def test_it_reads_nothing_of_the_persons(place: Machine) -> None:
    secret = os.urandom(8).hex()
    named = [place.home / "vault/secrets/key.age", place.home / "agentkit.toml", place.folder / ".ssh/id_ed25519",
             place.folder / ".config/agentkit/identity"]  # fmt: skip
    for path in (*named, place.folder / "notes", place.scripts / "not-committed"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {secret}")
    # Whoever is named by its path is not shown for that.
    script = f"cat {' '.join(map(str, named))}; grep -rs {secret} /tmp /home /var /run /etc; cat /etc/shadow; ls /old"
    stayed = stay(place, script)
    assert stayed.proposal.is_isolated
    assert stayed.proposal.stdout == ""
    assert stayed.proposal.stderr.count("No such file") == len(named) + 2


def test_it_reads_nothing_of_another_proposers_copy(place: Machine) -> None:
    repository = find_repository(str(place.scripts), place.environ)
    with open_stall(repository, place.environ, place.git("rev-parse", "HEAD")) as other:
        Path(other.copy, "mine").write_text("mine")
        stayed = stay(place, f"cat {other.copy}/mine; ls {place.home}/evolve/stalls/*")
    assert stayed.stall.folder != other.folder
    assert stayed.proposal.stdout == f"{os.path.basename(stayed.stall.folder)}\n"


def test_what_the_command_line_and_the_settings_name_is_seen_and_not_changed(place: Machine, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "shown")
    for name in ("shown/file", "tool.py", "beside.py"):
        (tmp_path / name).write_text(f"print('{name}')\n")
    settings = replace(SETTINGS, see=(str(tmp_path / "link"),))
    script = f"cd {tmp_path}/shown; {sys.executable} {tmp_path}/tool.py; cat {tmp_path}/link/file; ls ..; echo x > new"
    stayed = stay(place, script, settings=settings)
    assert stayed.proposal.stdout.split("\n")[:2] == ["tool.py", "print('shown/file')"]
    assert "beside.py" not in stayed.proposal.stdout
    assert "Read-only file system" in stayed.proposal.stderr
    assert not (tmp_path / "shown/new").exists()


def test_a_shown_folder_does_not_show_the_home_of_agentkit_within(place: Machine) -> None:
    (place.home / "kept").write_text("a secret")
    (place.folder / "open").write_text("may be seen\n")
    stayed = stay(
        place, f"cat {place.folder}/open; ls {place.home}", settings=replace(SETTINGS, see=(str(place.folder),))
    )
    assert stayed.proposal.stdout == "may be seen\nevolve\n"


def test_it_can_do_nothing_that_root_may(place: Machine) -> None:
    stayed = stay(place, "cat /proc/self/status")
    told = dict(row.split(":\t") for row in stayed.proposal.stdout.splitlines() if ":\t" in row)
    assert {told[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert told["NoNewPrivs"] == "1"


NAMESPACES = """
import os, sys
sys.path.insert(0, {place!r})
from agentkit.evolve.room import calls
for kind in (calls.NEW_USERS, calls.NEW_USERS | calls.NEW_MOUNTS, calls.NEW_MOUNTS, calls.NEW_PIDS, calls.NEW_IPC):
    try:
        calls.enter_namespaces(kind)
        print("could", kind)
    except calls.RefusedError as error:
        print(error.errno)
"""


def test_it_can_make_no_namespaces_of_its_own(place: Machine) -> None:
    here = Path(__file__).parents[2]
    text = NAMESPACES.format(place=str(here))
    stayed = stay(place, write_python(text), settings=replace(SETTINGS, see=(str(here / "agentkit"),)))
    # In one of users it could mount memory that nobody counts, and take up all that the machine has for rooms.
    assert stayed.proposal.stdout.split() == [str(errno.EPERM)] * 5, stayed.proposal.stderr


def test_it_learns_nothing_of_what_its_room_was_told(place: Machine) -> None:
    stayed = stay(place, "cat /proc/1/environ; cat /proc/1/maps; test -e /proc/1/root/proc")
    assert stayed.proposal.is_isolated
    assert (stayed.proposal.stdout, stayed.proposal.trouble) == ("", "the proposer ended with 1")


def test_what_lies_in_its_own_folders_of_the_kernels_is_not_shown(place: Machine, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/shm")
    see = ("/proc", "/proc/cpuinfo", "/proc/self/fd", "/dev", "/dev/fd", "/dev/fd/0", "/dev/pts", "/dev/null",
           "/dev/shm", "/sys", str(tmp_path / "link"), str(tmp_path / "nothing"), "relative")  # fmt: skip
    environ = {"PATH": ":".join([os.environ["PATH"], *see, "", "."])}
    stayed = stay(place, "echo x > /dev/null; cat /proc/cpuinfo", settings=replace(SETTINGS, see=see), environ=environ)
    assert stayed.proposal.is_isolated
    assert "/proc/cpuinfo: No such file" in stayed.proposal.stderr


def test_a_loop_of_links_on_the_way_or_beside_it_holds_nobody_up(place: Machine, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "there").symlink_to("back")
    (tmp_path / "back").symlink_to("./there/..")
    (tmp_path / "tool/bin").mkdir(parents=True)
    (tmp_path / "tool/lib").symlink_to("lib")
    names = [str(tmp_path / name) for name in ("loop", "there/x", "tool/bin")]
    path = ":".join([os.environ["PATH"], *names])
    script = f"test -d {tmp_path}/tool/bin && exit 7"
    # In a process of its own: who goes round for ever would not come back to this one.
    _, stdout, stderr = place.call("evolve", "try", "--propose", script, "--json", environ={"PATH": path})
    assert json.loads(stdout)["reason"] == "the proposer ended with 7", stderr


def test_it_sees_its_own_processes_alone(place: Machine) -> None:
    stayed = stay(place, "ls /proc; cat /proc/1/environ; ls /proc/sys /proc/sysrq-trigger")
    numbers = [int(word) for word in stayed.proposal.stdout.split() if word.isdigit()]
    assert numbers[0] == 1
    assert max(numbers) < 20
    assert "/proc/sys': No such file" in stayed.proposal.stderr.replace("'/proc/sys':", "/proc/sys':")


def test_it_gets_the_standard_descriptors_and_no_other(place: Machine) -> None:
    # The fourth is the one by which they are listed.
    stayed = stay(place, write_python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"))
    assert stayed.proposal.stdout == "[0, 1, 2, 3]\n"


def test_it_has_devices_a_terminal_and_temporary_folders(place: Machine) -> None:
    text = ("import os, pty, tempfile, multiprocessing; os.ttyname(pty.openpty()[1]); multiprocessing.Lock();"
            "open('/dev/null', 'w').write('x'); len(open('/dev/urandom', 'rb').read(4)) == 4 or 1 / 0;"
            "os.makedirs('/tmp/of its own');"
            "print(['of its own' in os.listdir(one) for one in (tempfile.gettempdir(), '/var/tmp')])")  # fmt: skip
    stayed = stay(place, write_python(text))
    assert (stayed.proposal.stdout, stayed.proposal.stderr) == ("[True, True]\n", "")


def test_who_outlives_the_proposer_is_ended(place: Machine) -> None:
    daemon = "import os, time; os.setsid(); os.fork() and os._exit(0); print(os.getsid(0), flush=True); time.sleep(600)"
    stayed = stay(place, f"{sys.executable} -c {json.dumps(daemon)} & sleep 0.5")
    assert stayed.proposal.trouble == ""
    assert stayed.proposal.stdout.strip().isdigit()
    assert find_left() == []


def test_a_program_that_is_not_there_is_told_before_anything_is_run(place: Machine, tmp_path: Path) -> None:
    (tmp_path / "unfinished").write_text("#!/nowhere/python\n")
    (tmp_path / "unfinished").chmod(0o755)
    for words in (
        ("agentkit-no-such-program",),
        ("/nowhere/mend",),
        ("./not-in-the-copy",),
        (f"{tmp_path}/unfinished",),
    ):
        with pytest.raises(AgentkitError) as caught:
            stay(place, words)
        assert caught.value.status == Exit.UNAVAILABLE
        assert words[0] in caught.value.message


def test_a_script_without_a_first_line_is_a_shells(place: Machine, tmp_path: Path) -> None:
    (tmp_path / "mend").write_text("echo mended >> job.sh\n")
    (tmp_path / "mend").chmod(0o755)
    stayed = stay(place, (f"{tmp_path}/mend",))
    assert (stayed.proposal.trouble, stayed.read("job.sh")) == ("", f"{JOB}mended\n")


@pytest.mark.parametrize(("text", "cost"), [
    ('{"cost_usd": 0.25}', 0.25), ('{"total_cost_usd": 2}', 2.0), ('{"cost_usd": NaN}', None),
    ('{"cost_usd": -1}', None), ('{"cost_usd": 1e999}', None), ('{"cost_usd": true}', None), ("[" * 60000, None),
    ('{"cost_usd": 1' + "0" * 70000 + "}", None), ("", None),
])  # fmt: skip
def test_what_it_says_that_it_cost_is_kept_where_it_is_an_amount(place: Machine, text: str, cost: float | None) -> None:
    proposal = stay(place, "cat > $AGENTKIT_USAGE", request=text).proposal
    assert (proposal.cost_usd, bool(proposal.usage_trouble)) == (cost, cost is None)


@pytest.mark.parametrize("script", [
    "mkfifo usage.json", "ln -s /etc/passwd usage.json", "mkdir usage.json", "chmod 000 .; true",
    "mkfifo $AGENTKIT_USAGE", "mkdir $AGENTKIT_USAGE", "ln -s /dev/zero $AGENTKIT_USAGE",
])  # fmt: skip
def test_anything_may_lie_where_it_says_what_it_cost(place: Machine, script: str) -> None:
    stayed = stay(place, script)
    assert (stayed.proposal.trouble, stayed.proposal.cost_usd) == ("", None)


def test_the_note_of_its_cost_in_the_copy_is_no_change(place: Machine) -> None:
    stayed = stay(place, "echo '{\"cost_usd\": 3}' > usage.json")
    assert stayed.proposal.cost_usd == 3
    assert not Path(stayed.stall.copy, "usage.json").exists()
