"""Is a call that waits found however its object was come by, and left alone once it has a limit?"""

from pathlib import Path

import pytest

from agentkit.depmap.lintreading import lint_paths

# A module, its class, how one is made, the call that waits, the same with a limit.
THINGS = {
    "queue": ("queue", "Queue", "()", "get()", "get(timeout=5)"),
    "lock": ("threading", "Lock", "()", "acquire()", "acquire(timeout=5)"),
    "event": ("threading", "Event", "()", "wait()", "wait(5)"),
    "session": ("requests", "Session", "()", "get('http://db')", "get('http://db', timeout=5)"),
    "child": ("subprocess", "Popen", "(['ssh', 'db'])", "wait()", "wait(5)"),
    "thread": ("threading", "Thread", "(target=print)", "join()", "join(5)"),
    "process": ("multiprocessing", "Process", "(target=print)", "join()", "join(5)"),
    "pool": ("concurrent.futures", "ThreadPoolExecutor", "()", "map(print, [1])", "map(print, [1], timeout=5)"),
    "poll": ("select", "poll", "()", "poll()", "poll(5000)"),
}
# {M} the module, {C} the class, {A} the arguments of its maker, {W} what waits.
STYLES = {
    "module": "import {M}\nx = {M}.{C}{A}\nx.{W}\n",
    "module under another name": "import {M} as m\nx = m.{C}{A}\nx.{W}\n",
    "class": "from {M} import {C}\nx = {C}{A}\nx.{W}\n",
    "class under another name": "from {M} import {C} as D\nx = D{A}\nx.{W}\n",
    "all names": "from {M} import *\nx = {C}{A}\nx.{W}\n",
    "import in a function": "def f():\n    from {M} import {C}\n    x = {C}{A}\n    x.{W}\n",
    "import that may fail": "try:\n    from {M} import {C}\nexcept ImportError:\n    raise\nx = {C}{A}\nx.{W}\n",
    "at once": "import {M}\n{M}.{C}{A}.{W}\n",
    "attribute": (
        "import {M}\nclass K:\n    def __init__(self):\n        self.x = {M}.{C}{A}\n"
        "    def f(self):\n        self.x.{W}\n"
    ),
    "attribute of the class": "import {M}\nclass K:\n    x = {M}.{C}{A}\n    def f(self):\n        self.x.{W}\n",
    "attribute from a parameter": (
        "import {M}\nclass K:\n    def __init__(self, x):\n        self.x = x\n    def f(self):\n        self.x.{W}\n"
        "K({M}.{C}{A}).f()\n"
    ),
    "attribute of another": (
        "import {M}\nclass K:\n    def __init__(self):\n        self.x = {M}.{C}{A}\nk = K()\nk.x.{W}\n"
    ),
    "global": "import {M}\nx = {M}.{C}{A}\ndef f():\n    x.{W}\n",
    "parameter": "import {M}\ndef f(x):\n    x.{W}\nf({M}.{C}{A})\n",
    "named parameter": "import {M}\ndef f(*, x=None):\n    x.{W}\nf(x={M}.{C}{A})\n",
    "returned": "import {M}\ndef g():\n    return {M}.{C}{A}\nx = g()\nx.{W}\n",
    "in a list": "import {M}\nxs = [{M}.{C}{A} for _ in range(3)]\nfor x in xs:\n    x.{W}\n",
    "added to a list": "import {M}\nxs = []\nxs.append({M}.{C}{A})\nfor x in xs:\n    x.{W}\n",
    "in a dict": "import {M}\nxs = {{'a': {M}.{C}{A}}}\nxs['a'].{W}\n",
    "values of a dict": "import {M}\nxs = {{'a': {M}.{C}{A}}}\nfor x in xs.values():\n    x.{W}\n",
    "unpacked": "import {M}\nx, y = {M}.{C}{A}, 1\nx.{W}\n",
    "closure": "import {M}\ndef f():\n    x = {M}.{C}{A}\n    def g():\n        x.{W}\n    g()\n",
    "lambda": "import {M}\nx = {M}.{C}{A}\nf = lambda: x.{W}\nf()\n",
    "walrus": "import {M}\nif x := {M}.{C}{A}:\n    x.{W}\n",
    "one of two": "import {M}, sys\nx = {M}.{C}{A} if sys.argv else None\nx.{W}\n",
    "subclass": "import {M}\nclass K({M}.{C}):\n    pass\nx = K{A}\nx.{W}\n",
    "property": ("import {M}\nclass K:\n    @property\n    def x(self):\n        return {M}.{C}{A}\nK().x.{W}\n"),
    "generator": "import {M}\ndef g():\n    yield {M}.{C}{A}\nfor x in g():\n    x.{W}\n",
    "async function": "import {M}\nasync def f():\n    x = {M}.{C}{A}\n    x.{W}\n",
    "try and finally": "import {M}\nx = {M}.{C}{A}\ntry:\n    pass\nfinally:\n    x.{W}\n",
    "class in a variable": "import {M}\nD = {M}.{C}\nx = D{A}\nx.{W}\n",
    "decorated": (
        "import {M}, functools\ndef d(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a)\n"
        "    return g\n@d\ndef h(x):\n    x.{W}\nh({M}.{C}{A})\n"
    ),
    "annotated": "import {M}\ndef f(x: {M}.{C}):\n    x.{W}\n",
    "annotated in quotes": "import {M}\ndef f(x: '{M}.{C} | None' = None):\n    x.{W}\n",
}


def find_lines(text: str, path: Path) -> list[int | None]:
    path.write_text(text)
    return [wait.line for wait in lint_paths([str(path)], lambda _: None)]


@pytest.mark.parametrize("style", STYLES)
def test_each_thing_is_known_in_each_style(style: str, tmp_path: Path) -> None:
    missed, wrong = [], []
    for name, (module, of, arguments, waits, bounded) in THINGS.items():
        fields = {"M": module, "C": of, "A": arguments}
        text = STYLES[style].format(**fields, W=waits)
        rows = list(enumerate(text.splitlines(), 1))
        [line] = [number for number, row in rows if f"x.{waits}" in row] or [len(rows)]
        if find_lines(text, tmp_path / "main.py") != [line]:
            missed.append(name)
        if find_lines(STYLES[style].format(**fields, W=bounded), tmp_path / "main.py"):
            wrong.append(name)
    assert (missed, wrong) == ([], [])
