"""What do the labelled cases of Python say: which lines can wait for ever, and which must not be named?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.depmap.waitlabels import PARTLY, UNBOUNDED

FOLDER = Path(__file__).parent
MAIN = "main.py"
MARKS = {"# unbounded": UNBOUNDED, "# partly": PARTLY}


@dataclass(slots=True)
class Case:
    """Some files, of which MAIN is linted; `labels` are the types by line of MAIN."""

    name: str
    files: dict[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> dict[int, str]:
        """Return what each line is to be called; lines that are bounded are left out."""
        lines = enumerate(self.files[MAIN].splitlines(), 1)
        return {number: kind for number, line in lines for mark, kind in MARKS.items() if line.endswith(mark)}

    def lay_out(self, folder: Path) -> Path:
        """Write the files into a folder and return the path of MAIN."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return folder / MAIN


def read_cases() -> list[Case]:
    """Return all cases of this folder, in the order of the files' names."""
    return [case for path in sorted(FOLDER.glob("*.cases")) for case in _read(path.read_text())]


def _read(text: str) -> Iterator[Case]:
    for part in text.split("\n=== ")[1:]:
        name, _, body = part.partition("\n")
        case, current = Case(name), MAIN
        lines: dict[str, list[str]] = {MAIN: []}
        for line in body.splitlines():
            if line.startswith("--- "):
                current = line.removeprefix("--- ")
                lines[current] = []
            else:
                lines[current].append(line)
        case.files = {each: "\n".join(rows).strip("\n") + "\n" for each, rows in lines.items()}
        yield case
