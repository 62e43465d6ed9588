"""How are many documents read by all processors at once?

A part of them is read by each of a few children, which are gone when the answer is there. What a child does not bring
back, because it was killed or there was no memory for it, is read here.
"""

from __future__ import annotations

import marshal
import os
import selectors
import signal
import time
from collections.abc import Iterator, Sequence

from agentkit.core.tree import die_with_parent
from agentkit.depmap.document import Defined, Document, Mapped, Reader
from agentkit.depmap.edge import Edge

# For fewer a child costs more than it saves.
LEAST = 48
LIMIT_S = 600.0
END_LIMIT_S = 5.0
CHUNK_BYTES = 1 << 20


def read_all(read: Reader, documents: Sequence[Document], *, processors: int | None = None) -> Iterator[Mapped]:
    """Yield what `read` says of each document, in their order."""
    count = min(processors or len(os.sched_getaffinity(0)), len(documents) // LEAST)
    if count < 2:
        yield from map(read, documents)
        return
    answers = _ask_children(read, [documents[part::count] for part in range(count)])
    for place, document in enumerate(documents):
        part = answers[place % count]
        yield read(document) if part is None else part[place // count]


def _ask_children(read: Reader, parts: Sequence[Sequence[Document]]) -> list[list[Mapped] | None]:
    """Return the answers for each part, the last of which is read here; None for a part that did not come back."""
    pipes: dict[int, tuple[int, int]] = {}
    parent = os.getpid()
    for number, part in enumerate(parts[:-1]):
        receiving, sending = os.pipe2(os.O_CLOEXEC)
        try:
            child = os.fork()
        except OSError:
            os.close(receiving)
            os.close(sending)
            break
        if child == 0:
            _answer(read, part, sending, parent)
        os.close(sending)
        pipes[receiving] = (number, child)
    answers: list[list[Mapped] | None] = [None] * len(parts)
    answers[-1] = [read(document) for document in parts[-1]]
    for number, content in _collect(pipes):
        answers[number] = None if content is None else [_unpack(packed) for packed in content]
    return answers


def _answer(read: Reader, part: Sequence[Document], sending: int, parent: int) -> None:
    """Write what is read to the pipe, and end: a child never returns."""
    status = 1
    try:
        # It shares our open files, the lock of the build among them: it must not outlive us.
        if not die_with_parent() or os.getppid() != parent:
            return
        with open(sending, "wb") as pipe:
            marshal.dump([_pack(read(document)) for document in part], pipe)
        status = 0
    finally:
        os._exit(status)


def _collect(pipes: dict[int, tuple[int, int]]) -> Iterator[tuple[int, list[tuple[object, ...]] | None]]:
    ends_at = time.monotonic() + LIMIT_S
    received: dict[int, list[bytes]] = {pipe: [] for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and (left := ends_at - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, CHUNK_BYTES)
                received[key.fd].append(chunk)
                if not chunk:
                    selector.unregister(key.fd)
    for pipe, (number, child) in pipes.items():
        os.close(pipe)
        whole = b"".join(received[pipe])
        yield number, marshal.loads(whole) if _end(child) == 0 else None  # noqa: S302  # written by our own child


def _end(child: int) -> int | None:
    """Return the status of a child, which has nothing left to do; None of one that does not end."""
    ends_at = time.monotonic() + END_LIMIT_S
    while time.monotonic() < ends_at:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return None


def _pack(mapped: Mapped) -> tuple[object, ...]:
    return (
        [_fields(edge) for edge in mapped.edges],
        [(one.kind, one.path, one.context) for one in mapped.reached],
        list(mapped.inputs),
        [(one.name, one.file, one.line) for one in mapped.defined],
        mapped.remark,
    )


def _unpack(packed: tuple[object, ...]) -> Mapped:
    edges, reached, inputs, defined, remark = packed
    return Mapped(
        tuple(Edge(*fields) for fields in edges),  # type: ignore[attr-defined]
        tuple(Document(*fields) for fields in reached),  # type: ignore[attr-defined]
        tuple(inputs),  # type: ignore[arg-type]
        tuple(Defined(*fields) for fields in defined),  # type: ignore[attr-defined]
        remark,  # type: ignore[arg-type]
    )


def _fields(edge: Edge) -> tuple[object, ...]:
    return (
        edge.source,
        edge.target,
        edge.kind,
        edge.file,
        edge.line,
        edge.rule,
        edge.function,
        edge.how,
        edge.confidence,
        edge.via,
        edge.path,
        edge.reason,
    )
