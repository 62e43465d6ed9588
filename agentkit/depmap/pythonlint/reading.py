"""Which waits without a bound have the files and folders of Python that are named?"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.program import read_program, uncollected
from agentkit.depmap.pythonlint.lint import lint_program
from agentkit.depmap.wait import Wait


def lint_python(paths: Iterable[str], disk: Disk, complain: Callable[[str], None]) -> list[Wait]:
    """Return the waits of one program: files and folders, with the modules beside them that they import.

    `complain` is told of what cannot be read, or only in part.
    """
    named = list(paths)
    try:
        with uncollected():
            return lint_program(read_program(named, disk, complain), disk)
    except RecursionError:
        # One text that is nested deeper than Python calls must not end the answer about all others.
        complain(f"{', '.join(named)}: nested too deep to be read")
        return []
