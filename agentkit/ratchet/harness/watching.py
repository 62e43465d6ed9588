"""What did the code that is judged do to what judges it, or look at in it, while its tests ran?

Part of the harness: standard library and Python 3.8 alone, loaded from beside it and not by name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

JUDGES = frozenset(
    ("_pytest", "pluggy", "_frozen_importlib", "_frozen_importlib_external", "ast", "pathlib", "inspect")
)

LONGEST_LIST = 20
# These an honest program exchanges too, and no test decides by them.
TALK = frozenset(("print", "open", "input", "help", "exit", "quit", "copyright", "credits", "license", "breakpoint"))
# What asks for one of these in code that is judged looks around in what judges it (https://peps.python.org/pep-0578).
LOOKS = frozenset(
    (
        "sys._getframe", "sys._current_frames", "sys._current_exceptions", "sys.settrace", "sys.setprofile",
        "gc.get_objects", "gc.get_referrers", "gc.get_referents", "object.__getattr__", "object.__setattr__", "open",
        "code.__new__",
    )
)  # fmt: skip
FRAMES = frozenset(("tb_frame", "gi_frame", "cr_frame", "ag_frame"))
# Through these of the standard library a look still is the look of whoever called.
WINDOWS = ("/inspect.py", "/traceback.py", "/pathlib.py", "/linecache.py", "/tokenize.py", "/io.py", "/codecs.py")


def list_functions() -> dict[str, tuple[object, object]]:
    """Return {name: (function, its code)} of pytest, of what calls its hooks, and of what a test decides by.

    Of two such lists what differs was exchanged or rewritten.
    """
    return {name: (found, getattr(found, "__code__", None)) for name, found in _find_functions().items()}


def _find_functions() -> dict[str, object]:
    import builtins
    import unittest.case

    found: dict[str, object] = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in JUDGES or name == "unittest.case":
            for label, value in list(vars(module).items()):
                if getattr(value, "__module__", None) != name:
                    continue
                if isinstance(value, type):
                    for inner, member in list(vars(value).items()):
                        if callable(getattr(member, "__func__", member)):
                            found["%s.%s.%s" % (name, label, inner)] = getattr(member, "__func__", member)
                elif callable(value):
                    found["%s.%s" % (name, label)] = value
    for label, value in list(vars(builtins).items()):
        if callable(value) and label not in TALK:
            found["builtins." + label] = value
    found["os._exit"] = os._exit
    found["sys.exit"] = sys.exit
    found["unittest.case.TestCase"] = unittest.case.TestCase
    return found


def watch_looks(checkout: str, test_files: set[str]) -> list[str]:
    """Return a list that fills with what the code that is judged looks at while it runs; this cannot be undone."""
    looks: list[str] = []
    frame_of = sys._getframe  # noqa: SLF001
    busy: list[int] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in LOOKS or busy:
            return
        if event[:7] == "object.":
            name = arguments[1]
            if name not in FRAMES and not (event == "object.__setattr__" and name == "__code__"):
                return
            event = name
        elif event == "open":
            path = arguments[0]
            if type(path) is not str or not (path.endswith(".py") or path.startswith("/proc/")):
                return
            inside = path[len(checkout) + 1 :] if path.startswith(checkout + os.sep) else path
            if inside not in test_files and not path.startswith(("/proc/self/", "/proc/%d/" % os.getpid())):
                return
        busy.append(1)
        try:
            frame: Any = frame_of(1)
            while frame is not None and event not in FRAMES and name_file(frame).endswith(WINDOWS):
                frame = frame.f_back
            path = name_file(frame) if frame is not None else ""
        finally:
            busy.pop()
        inside = path[len(checkout) + 1 :] if path.startswith(checkout + os.sep) else ""
        # Code without a file was made from a text.
        is_text = path.startswith("<") and not path.startswith("<frozen")
        if ((inside and inside not in test_files) or is_text) and len(looks) < LONGEST_LIST:
            told = "%s: %s" % (inside or path, event)
            if told not in looks:
                looks.append(told)

    sys.addaudithook(hook)
    return looks


def name_file(frame: Any) -> str:
    """Return the file of the code that a frame runs."""
    return str(frame.f_code.co_filename)


def find_strangers(plugins: Iterable[object], checkout: str, test_files: set[str]) -> list[str]:
    """Return the files of plugins and of finders of modules that lie in the candidate and are none of its tests."""
    strangers = []
    for plugin in plugins:
        module = plugin if hasattr(plugin, "__file__") else sys.modules.get(type(plugin).__module__)
        path = os.path.realpath(getattr(module, "__file__", None) or "")
        if path.startswith(checkout + os.sep):
            inside = path[len(checkout) + 1 :]
            if inside not in test_files and os.path.basename(path) != "conftest.py":
                strangers.append(inside)
    return sorted(set(strangers))


def find_foreign_modules(person: str, checkout: str, tops: set[str]) -> list[str]:
    """Return the modules of the repository that were loaded from somewhere else than the checkout."""
    foreign = []
    folders: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            continue
        # Hundreds of modules lie in a few folders, and each step of a path is a question to the system.
        folder = os.path.dirname(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        real = os.path.realpath(path) if os.path.islink(path) else os.path.join(folders[folder], os.path.basename(path))
        if real.startswith(checkout + os.sep):
            continue
        inside = real[len(person) + 1 :] if person and real.startswith(person + os.sep) else ""
        first = inside.split(os.sep)[0]
        # A virtual environment within the person's tree is an environment, not the repository.
        if inside and "site-packages" not in inside.split(os.sep) and (first in tops or first == "src"):
            foreign.append("%s (%s)" % (name, real))
    return sorted(foreign)[:20]
