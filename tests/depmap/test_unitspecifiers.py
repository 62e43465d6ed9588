"""Do specifiers stand for what systemd fills in?"""

import tempfile
from pathlib import Path

import pytest

from agentkit.depmap.unitexec import read_commands
from agentkit.depmap.unitspecifiers import make_filler, read_machine
from tests.unitdumps import dump_units, print_word

# Those of the user whom systemd runs as, here another one than on a machine, are left out.
LETTERS = "nNpPiIjJfyYdtSCLETVHlqmbvaowBWMA%"
NAMES = ("plain.service", "a-b@c-d.service", r"x@y\x2dz.service", "dash-ed.service")


@pytest.mark.parametrize("name", NAMES)
def test_a_specifier_stands_for_what_systemd_fills_in(name: str) -> None:
    line = "/bin/echo " + " ".join(f"{letter}=%{letter}" for letter in LETTERS)
    with tempfile.TemporaryDirectory(prefix="agentkit-units-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / name
        file.write_text(f"[Service]\nExecStart={line}\n")
        file.chmod(0o644)
        dump = dump_units([folder], [name])
    (command,) = read_commands(line, make_filler(read_machine("/"), name, str(file)))
    assert dump.commands[name, "ExecStart"] == [" ".join(map(print_word, command.argv))]


def test_another_machine_says_itself_what_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("web-1.example\n")
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    fill = make_filler(read_machine(str(tmp_path)), "a.service", "/x/a.service")
    assert fill("%H %l %q %m %o %w") == "web-1.example web-1 web-1.example 0123456789abcdef0123456789abcdef debian 12"
    # Which kernel it runs, nobody can know from here.
    assert fill("%v %b") == "%v %b"


def test_a_letter_that_is_no_specifier_is_refused_and_other_characters_stay(tmp_path: Path) -> None:
    fill = make_filler(read_machine(str(tmp_path)), "a.service", "/x/a.service")
    assert fill("100% %- %%n") == "100% %- %n"
    with pytest.raises(ValueError, match="%X is no specifier"):
        fill("%X")
