"""Which edges have the files and folders that a person names, without a map of the machine?"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator

from agentkit.core.crontext import parse_crontab
from agentkit.core.cronusers import find_uid, read_users
from agentkit.core.unitfiles import UnitFiles, is_unit_name
from agentkit.depmap.calls import Script
from agentkit.depmap.crondocument import Job, map_jobs, read_lines
from agentkit.depmap.disk import Disk, is_text
from agentkit.depmap.document import Document
from agentkit.depmap.edge import Edge
from agentkit.depmap.mapping import SKIPPED, Reader, describe_gaps
from agentkit.depmap.python.finding import is_python
from agentkit.depmap.roots import CRONTABS, MACHINE, SCRIPT, UNITS
from agentkit.depmap.shelledges import map_script
from agentkit.depmap.shellscript import is_shell_script, read_script
from agentkit.depmap.unitdocument import map_unit_commands
from agentkit.depmap.unitmap import UnitMap, map_units

CRONTAB_FOLDERS = frozenset({"cron.d", "crontabs"})
FIELDS_BEFORE_USER = 5
# What is said of a file that was read, if not all of it.
SAID_IN_PART = (": partly parsed", ": only the first ", ": cron does not run this line")
Complain = Callable[[str], None]


def read_edges(paths: Iterable[str], complain: Complain, *, search_path: str | None = None) -> list[Edge]:
    """Return the edges of the files and folders, each once; `complain` is told of what cannot be read, or only partly.

    A folder that holds `etc` is the root of a machine: all its crontabs, units and scripts are mapped, and paths are
    those inside it. Of another folder everything in it is mapped, of a file just the file. `search_path` is where
    programs are looked for besides the usual folders.
    """
    edges: dict[Edge, None] = {}
    for path in paths:
        whole = os.path.abspath(path)
        if os.path.isdir(os.path.join(whole, "etc")):
            edges.update(dict.fromkeys(_read_machine(whole, complain)))
            continue
        disk = Disk("/", search_path=search_path)
        is_program = has_python(whole, disk)
        if is_program:
            edges.update(dict.fromkeys(_read_program(whole, disk, complain)))
        files = [
            (file, list(_read_file(file, disk, complain, is_named=file == whole)))
            for file in find_files(whole, disk, complain)
            if file != whole or not is_program
        ]
        sourced = {edge.target for _, found in files for edge in found if edge.kind == "source"}
        for file, found in files:
            if file == whole or f"file:{file}" not in sourced or disk.read_head(file).startswith(b"#!"):
                edges.update(dict.fromkeys(found))
    return list(edges)


def is_unread(trouble: str) -> bool:
    """Tell whether a complaint is about a file that was not read at all."""
    return not any(said in trouble for said in SAID_IN_PART)


def has_python(path: str, disk: Disk) -> bool:
    """Tell whether a file is one of Python, or a folder holds some."""
    if not os.path.isdir(path):
        return is_python(disk.read_head(path), path)
    from agentkit.depmap.python.locating import find_python_files

    return next(find_python_files(path, disk), None) is not None


def _read_program(path: str, disk: Disk, complain: Complain) -> list[Edge]:
    from agentkit.depmap.python.edges import map_program
    from agentkit.depmap.python.program import read_program

    return map_program(read_program([path], disk, complain), disk)


def _read_machine(root: str, complain: Complain) -> Iterator[Edge]:
    reader = Reader(root)
    todo = [Document(CRONTABS, "/etc"), Document(UNITS, "/etc/systemd"), Document(MACHINE, "/")]
    seen: set[Document] = set()
    sourced: set[str] = set()
    scripts: list[str] = []
    while todo:
        document = todo.pop()
        if document in seen:
            continue
        seen.add(document)
        mapped = reader(document)
        if mapped.remark:
            complain(f"{document.path}: {mapped.remark}")
        todo.extend(mapped.reached)
        sourced.update(edge.target.removeprefix("file:") for edge in mapped.edges if edge.kind == "source")
        scripts.extend(each.name.removeprefix("file:") for each in mapped.defined if each.name.startswith("file:"))
        yield from mapped.edges
        if not todo:
            # What is there to be sourced, and is by nobody, is read for itself.
            left = (Document(SCRIPT, path) for path in scripts if path not in sourced)
            todo.extend(document for document in left if document not in seen)


def find_files(path: str, disk: Disk, complain: Complain) -> Iterator[str]:
    """Yield a file, or each script, crontab and unit of a folder."""
    if not os.path.isdir(path):
        yield path
        return
    try:
        os.listdir(path)
    except OSError as error:
        complain(f"{path}: {error.strerror}")
        return
    for folder, folders, names in os.walk(path, onerror=lambda error: complain(f"{error.filename}: {error.strerror}")):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            whole = os.path.join(folder, name)
            head = disk.read_head(whole)
            # A compiled crontab.py is called like one of a user.
            if is_unit_name(name) or (is_crontab(whole) and is_text(head)) or is_shell_script(head, whole):
                yield whole


def _read_file(path: str, disk: Disk, complain: Complain, *, is_named: bool) -> Iterator[Edge]:
    name = os.path.basename(path)
    if is_unit_name(name):
        units = read_unit(path, complain)
        own = [edge for edge in units.edges if edge.source == f"unit:{name}"]
        yield from (*own, *map_unit_commands(units, disk))
    elif is_crontab(path):
        yield from map_jobs(read_crontab_jobs(path, disk, complain), disk)
    else:
        for script in read_scripts(path, disk, complain, is_named=is_named):
            yield from map_script(script, disk)


def read_unit(path: str, complain: Complain) -> UnitMap:
    """Return what one unit's file and its drop-ins say."""
    name = os.path.basename(path)
    files = UnitFiles("/", places={name: path})
    drop_ins = f"{path}.d"
    if os.path.isdir(drop_ins):
        files.extras[f"{name}.d"] = [drop_ins]
    units = map_units("/", files)
    for place, why in units.troubles:
        complain(f"{place}: {why}")
    return units


def read_scripts(path: str, disk: Disk, complain: Complain, *, is_named: bool) -> Iterator[Script]:
    """Yield what the script at a path calls; nothing, and a complaint, where it is none that can be read."""
    content = disk.read(path)
    if content is None:
        complain(f"{path}: {disk.explain(path)}")
        return
    if not is_text(content) or (is_named and content.startswith(b"#!") and not is_shell_script(content, path)):
        complain(f"{path}: not a script of a shell or of Python, a crontab or a unit")
        return
    script = read_script(path, content, disk)
    remark = describe_gaps(script, content)
    if remark:
        complain(f"{path}: {remark}")
    yield script


def is_crontab(path: str) -> bool:
    """Tell whether a file is a crontab, by its name and folder."""
    folder, name = os.path.split(path)
    return (
        os.path.basename(folder) in CRONTAB_FOLDERS
        or folder.endswith("/spool/cron")
        or name in ("crontab", "anacrontab")
        or name.endswith((".crontab", ".cron"))
        or (name.startswith("crontab.") and not name.endswith(".py"))
    )


def read_crontab_jobs(path: str, disk: Disk, complain: Complain) -> list[Job]:
    """Return the lines of one crontab that run."""
    content = disk.read(path)
    if content is None:
        complain(f"{path}: {disk.explain(path)}")
        return []
    text = content.decode(errors="surrogateescape")
    users = read_users("/")
    folder = os.path.basename(os.path.dirname(path))
    is_system = folder == "cron.d" or path == "/etc/crontab" or _names_users(text, users.uids)
    owner = None if is_system else os.path.basename(path) if folder in ("crontabs", "cron") else "root"
    parsed = parse_crontab(text, file=path, owner=owner, is_user=lambda name: find_uid(users, name) is not None)
    for dropped in parsed.dropped:
        complain(f"{path}:{dropped.number}: cron does not run this line: {dropped.why}")
    return read_lines(parsed.lines, disk, users.homes)


def _names_users(text: str, users: Container[str]) -> bool:
    """Tell whether the lines of a crontab have the field of /etc/crontab that names the user."""
    for row in text.splitlines():
        words = row.split()
        if not words or words[0].startswith("#") or "=" in words[0]:
            continue
        place = 1 if words[0].startswith("@") else FIELDS_BEFORE_USER
        return len(words) > place + 1 and words[place] in users
    return False
