"""Where does work on a repository that nobody needs after a crash lie, and who clears it away then?"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository, own_mark
from agentkit.core.tree import is_alive


@contextlib.contextmanager
def make_scratch(repository: Repository) -> Iterator[str]:
    """Make a private folder inside the git folder, on the file system of its index; it goes with the block."""
    parent = _scratch_folder(repository)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f"{own_mark()}.", dir=parent)
    except OSError as error:
        raise AgentkitError(f"{parent}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_scratch(repository: Repository) -> None:
    """Remove the private folders of processes that have gone."""
    for folder in find_left_scratch(repository):
        shutil.rmtree(folder, ignore_errors=True)


def find_left_scratch(repository: Repository) -> list[str]:
    """Return the private folders of processes that have gone."""
    parent = _scratch_folder(repository)
    try:
        names = os.listdir(parent)
    except OSError:
        return []
    return [f"{parent}/{name}" for name in names if not _is_of_living(name)]


def _is_of_living(name: str) -> bool:
    pid, start, *_ = [*name.split("."), "", ""]
    return pid.isdigit() and start.isdigit() and is_alive(int(pid), int(start))


def _scratch_folder(repository: Repository) -> str:
    return f"{repository.common_dir}/agentkit/scratch"
