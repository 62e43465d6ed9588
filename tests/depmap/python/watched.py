"""What does a program of Python really call and touch when it runs? Told by Python's own hooks, in a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

LIMIT_S = 60
# Runs the program in its folder; stands in a process of its own, because a hook of this kind is never taken away.
HOOKS = '''
import inspect, json, os, runpy, sys
folder, script = sys.argv[1], sys.argv[2]
calls, touched = set(), set()
def name(frame):
    """The subject of the nearest frame of the program: comprehensions and bodies of classes belong to it."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(folder + os.sep):
            module = os.path.relpath(code.co_filename, folder)[:-3].replace(os.sep, ".").removesuffix(".__init__")
            if code.co_name == "<module>":
                return "py:" + module
            is_function = code.co_flags & inspect.CO_OPTIMIZED
            if is_function and code.co_name not in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"):
                qualname = code.co_qualname
                for each in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"):
                    qualname = qualname.replace(each + ".<locals>.", "")
                return "py:" + module + ":" + qualname
        frame = frame.f_back
    return None
def profile(frame, event, argument):
    if event != "call" or not frame.f_code.co_filename.startswith(folder + os.sep):
        return
    code = frame.f_code
    if code.co_name == "<module>" or not code.co_flags & inspect.CO_OPTIMIZED or code.co_name.endswith("comp>"):
        return
    if code.co_name == "<genexpr>":
        return
    caller, callee = name(frame.f_back), name(frame)
    # A generator goes on where it was left: only its first step is a call.
    if caller and callee and frame.f_lasti <= 4:
        calls.add((caller, callee))
def audit(event, arguments):
    kind = None
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        arguments = (os.fspath(arguments[0]), *arguments[1:])
        flags = arguments[2] or 0
        kind = "write" if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else "read"
        target = "file:" + os.path.normpath(arguments[0])
        if not arguments[0].startswith("/") or arguments[0].endswith((".py", ".pyc")):
            return
    elif event == "subprocess.Popen":
        kind, target = "exec", "cmd:" + os.fsdecode(arguments[1][0] if arguments[1][0] != "/bin/sh" else "sh")
        if target in ("cmd:sh", "cmd:/bin/sh"):
            kind, target = "exec", "cmd:" + os.fsdecode(arguments[1][2]).split()[0]
    elif event == "os.system":
        kind, target = "exec", "cmd:" + os.fsdecode(arguments[0]).split()[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host, port = arguments[1][:2]
        is_here = host in ("127.0.0.1", "localhost")
        kind, target = "connect", "port:tcp/%s" % port if is_here else "port:tcp/%s:%s" % (host, port)
    elif event == "sqlite3.connect" and str(arguments[0]).startswith("/"):
        kind, target = "write", "file:" + str(arguments[0])
    elif event in ("os.remove", "os.rmdir", "os.mkdir", "os.truncate") and str(arguments[0]).startswith("/"):
        kind, target = "write", "file:" + str(arguments[0])
    elif event == "os.listdir" and str(arguments[0]).startswith("/"):
        kind, target = "read", "file:" + str(arguments[0])
    if kind is not None:
        frame = sys._getframe(1)
        # What importing itself opens is no business of the program.
        while frame is not None and not frame.f_code.co_filename.startswith(folder + os.sep):
            if "importlib" in frame.f_code.co_filename:
                return
            frame = frame.f_back
        source = name(frame)
        if source is not None:
            touched.add((source, kind, target))
sys.path.insert(0, folder)
sys.addaudithook(audit)
sys.argv = sys.argv[2:]
sys.setprofile(profile)
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit:
    pass
finally:
    sys.setprofile(None)
    imports = [["py:" + n, m.__file__] for n, m in list(sys.modules.items()) if getattr(m, "__file__", None)]
    print("\\x1e" + json.dumps([sorted(calls), sorted(touched), [i for i in imports if str(i[1]).startswith(folder)]]))
'''


@dataclass(slots=True)
class Seen:
    """What was seen of a run: calls (caller, callee), what was touched (source, kind, target), modules by name."""

    calls: set[tuple[str, str]] = field(default_factory=set)
    touched: set[tuple[str, str, str]] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)


def watch(folder: Path, script: Path, *words: str) -> Seen:
    """Run a program with words, and return what it called and touched; raises where it fails."""
    environ = {"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}
    program = [sys.executable, "-I", "-c", HOOKS, str(folder), str(script), *words]
    ended = subprocess.run(
        program,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
    )
    calls, touched, imported = json.loads(ended.stdout.rpartition("\x1e")[2])
    return Seen(set(map(tuple, calls)), set(map(tuple, touched)), {name for name, _ in imported})
