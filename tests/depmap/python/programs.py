"""Programs of Python by chance: modules, classes and functions that call each other in every way there is.

Each function is called, and only by those before it, so that every program ends and all of it runs.
"""

from __future__ import annotations

import random
from pathlib import Path

TOUCHES = (
    "open({path!r}, 'w').close()",
    "open(os.path.join(ROOT, {name!r}), 'a').close()",
    "(Path(ROOT) / {name!r}).write_text('x')",
    "subprocess.run(['basename', {name!r}], check=True)",
    "subprocess.call('basename ' + {name!r}, shell=True)",
    "os.system('basename {name}')",
    "sqlite3.connect(f'{{ROOT}}/{name}').close()",
    "os.makedirs(ROOT + '/' + {name!r}, exist_ok=True)",
)
HEAD = """\
import contextlib
import functools
import os
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = {root!r}


def decorate(function):
    @functools.wraps(function)
    def inner(*words, **names):
        return function(*words, **names)

    return inner

"""
# How a function calls another one; {f} is its name here.
WAYS = (
    "{f}()",
    "g = {f}\n    g()",
    "table = {{'a': {f}, 'b': print}}\n    table['a']()",
    "(lambda: {f}())()",
    "for each in [{f}]:\n        each()",
    "list(map(lambda _: {f}(), [1]))",
    "functools.partial({f})()",
    "[each() for each in ({f},)]",
    "thread = threading.Thread(target={f})\n    thread.start()\n    thread.join()",
    "with ThreadPoolExecutor(1) as pool:\n        pool.submit({f}).result()",
    "def inner(x=None):\n        (x or {f})()\n    inner()",
    "def give():\n        return {f}\n    give()()",
    "def steps():\n        yield {f}\n    for step in steps():\n        step()",
    "a, *b = print, {f}\n    b[0]()",
    "holder = Holder({f})\n    holder.go()",
    "holder = Holder(None)\n    holder.run = {f}\n    holder.go()",
    "Derived({f}).go()",
    "Holder({f})()",
    "with Holder({f}):\n        pass",
    "with held({f}) as g:\n        g()",
    "Holder({f}).shown",
    "getattr(Record({f}), 'run')()",
    "call(run={f})",
    "call(*[{f}])",
    "call(**{{'run': {f}}})",
    "sorted([1], key=lambda _: {f}() or 0)",
    "try:\n        raise KeyError\n    except KeyError:\n        {f}()",
)
CLASSES = """\
class Holder:
    def __init__(self, run):
        self.run = run

    def go(self):
        if self.run is not None:
            self.run()

    def __call__(self):
        self.go()

    def __enter__(self):
        self.go()
        return self

    def __exit__(self, *error):
        pass

    @property
    def shown(self):
        return self.run()


class Derived(Holder):
    def __init__(self, run):
        super().__init__(run)

    def go(self):
        super().go()


@dataclass
class Record:
    run: object


@contextlib.contextmanager
def held(run):
    yield run


def call(run):
    run()


"""


def make_program(seed: int, folder: Path, data: Path, *, modules: int = 3, functions: int = 30) -> Path:
    """Write a program into a folder and return its script; what it writes stands in `data`."""
    chance = random.Random(seed)
    names = [f"f{number}" for number in range(functions)]
    home = {name: number * modules // functions for number, name in enumerate(names)}
    callers: dict[str, list[str]] = {name: [] for name in names}
    for number, name in enumerate(names[1:], 1):
        # Whoever stands before it calls it: all of them run in the end.
        callers[chance.choice(names[max(0, number - 6) : number])].append(name)
    texts = []
    for module in range(modules):
        parts = [HEAD.format(root=str(data)), CLASSES]
        own = [name for name in names if home[name] == module]
        needed = {called for name in own for called in callers[name] if home[called] != module}
        for other in sorted({home[called] for called in needed}):
            taken = ", ".join(sorted(called for called in needed if home[called] == other))
            parts.insert(1, f"from part{other} import {taken}\n\n")
        for name in own:
            body = [chance.choice(WAYS).format(f=called) for called in callers[name]]
            if chance.random() < 0.5 or not body:
                path = f"{name}-{module}"
                body.append(chance.choice(TOUCHES).format(path=str(data / path), name=path))
            decorator = "@decorate\n" if chance.random() < 0.2 else ""
            parts.append(f"{decorator}def {name}():\n    " + "\n    ".join(body) + "\n\n\n")
        texts.append("".join(parts))
    for module, text in enumerate(texts):
        (folder / f"part{module}.py").write_text(text)
    script = folder / "start.py"
    script.write_text("from part0 import f0\n\nif __name__ == '__main__':\n    f0()\n")
    return script
