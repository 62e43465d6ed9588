"""Many documents are read by several processes: is the answer the one of a single one, whatever becomes of a child?"""

import os
import signal
import subprocess
import sys

import pytest

from agentkit.core import tree
from agentkit.depmap.document import Defined, Document, Mapped
from agentkit.depmap.edge import Edge
from agentkit.depmap.forking import LEAST, read_all
from tests.processes import wait_until

LIMIT_S = 20
DOCUMENTS = [Document("script", f"/s/{number}\udce9") for number in range(3 * LEAST)]


def _read(document: Document) -> Mapped:
    edges = tuple(
        Edge(f"file:{document.path}", f"cmd:{number}", "exec", document.path, number, "command", confidence=0.5)
        for number in range(1, 4)
    )
    reached = (Document("script", f"{document.path}.d", "context"),)
    return Mapped(edges, reached, (document.path,), (Defined(f"func:{document.path}#f", document.path, 1),), "odd")


@pytest.mark.parametrize("processors", [1, 2, 3])
def test_the_answers_are_those_of_one_process_in_the_order_of_the_documents(processors: int) -> None:
    assert list(read_all(_read, DOCUMENTS, processors=processors)) == [_read(document) for document in DOCUMENTS]


def test_few_documents_are_read_without_a_child() -> None:
    readers: set[int] = set()

    def read(document: Document) -> Mapped:
        readers.add(os.getpid())
        return _read(document)

    assert len(list(read_all(read, DOCUMENTS[: LEAST + 1], processors=2))) == LEAST + 1
    assert readers == {os.getpid()}


@pytest.mark.parametrize("end", ["killed", "fails"])
def test_what_a_child_does_not_bring_back_is_read_here(end: str) -> None:
    parent = os.getpid()

    def read(document: Document) -> Mapped:
        if os.getpid() != parent and document == DOCUMENTS[2]:
            if end == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(3)
        return _read(document)

    assert list(read_all(read, DOCUMENTS, processors=2)) == [_read(document) for document in DOCUMENTS]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


SLEEPER = """
import os, sys, time
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.forking import read_all

def read(document):
    if os.getpid() != parent:
        print(os.getpid(), flush=True)
        time.sleep(60)
    return Mapped()

parent = os.getpid()
list(read_all(read, [Document("script", str(number)) for number in range(200)], processors=2))
"""


def test_no_child_outlives_a_build_that_is_killed(environ: dict[str, str]) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], env=environ, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait(LIMIT_S)
        wait_until(lambda: not ((stat := tree.read_stat(child)) and tree.runs(stat)))
