"""What does a proposer see of the past: the `.git` of its copy, with the base and what led to it, and nothing later?

The objects are packed beside the copy, once for each base: they are handed out as copies, because whoever gets them may
do with them what it wants.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import timedelta

from agentkit.core.repo.checkout import ATTRIBUTES, write_format
from agentkit.core.repo.objects import NAME
from agentkit.core.repo.repository import Repository
from agentkit.evolve.stallkeeping import clear, is_folder, read_note, write_note

LIMIT = timedelta(minutes=10)
BRANCH = "main"
# Each new base adds a pack of what is new; so many are made one.
MOST_PACKS = 16


def give_history(folder: str, copy: str, repository: Repository, base: str, objects: str) -> None:
    """Make the `.git` of a copy, which is not there: the base, checked out on a branch, with what led to it.

    `folder` holds the packs of last time and the index by which the copy was filled; `objects` is a folder of objects
    on the same disk, which borrows those of the repository. Raises AgentkitError, OSError.
    """
    packs = _pack(folder, repository, base, objects)
    inner = f"{copy}/.git"
    name, _, mail = NAME.partition(" <")
    config = f"{write_format(repository, is_bare=False)}[user]\n\tname = {name}\n\temail = {mail.rstrip('>')}\n"
    # In there, too, a file is what is stored, whatever the attributes of the tree say: that is how it was written.
    files = {"HEAD": f"ref: refs/heads/{BRANCH}\n", "config": config, f"refs/heads/{BRANCH}": f"{base}\n",
             "info/attributes": ATTRIBUTES}  # fmt: skip
    shutil.copytree(packs, f"{inner}/objects/pack")
    for path, text in files.items():
        write_note(f"{inner}/{path}", text)
    shutil.copyfile(f"{folder}/index", f"{inner}/index")
    if os.path.exists(f"{repository.common_dir}/shallow"):
        shutil.copyfile(f"{repository.common_dir}/shallow", f"{inner}/shallow")


def _pack(folder: str, repository: Repository, base: str, objects: str) -> str:
    """Return the folder of packs that hold the base and what led to it, and nothing that came later."""
    packs, note = f"{folder}/packs", f"{folder}/packed"
    packed = read_note(note) if is_folder(packs) else ""
    if packed == base:
        return packs
    is_later = packed and repository.ask("merge-base", "--is-ancestor", packed, base).status == 0
    if not is_later or len(os.listdir(packs)) > 2 * MOST_PACKS:
        packed = ""
        clear(packs)
    # A crash from here on leaves no note, and then all of it is packed again.
    clear(note)
    os.makedirs(packs, exist_ok=True)
    wanted = f"{base}\n^{packed}\n" if packed else f"{base}\n"
    passing = replace(repository, is_passing=True)
    # A pack is begun among the objects and renamed then: among those of the stall, for the person's may lie elsewhere.
    more = {"GIT_OBJECT_DIRECTORY": objects}
    passing.git("pack-objects", "--revs", "-q", f"{packs}/pack", stdin=wanted.encode(), more=more, limit=LIMIT)
    write_note(note, base)
    return packs
