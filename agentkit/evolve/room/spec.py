"""What is a room told: program, places and bounds, written by evolve and read in the room's own process?"""

from __future__ import annotations

import marshal

# So many bytes before it say how long it is.
LENGTH_BYTES = 8
FIELDS = (
    "token", "program", "argv", "environment", "steps", "copy", "rooms", "limit_s", "memory_bytes", "disk_bytes",
    "processes", "parent",
)  # fmt: skip


class Spec:
    """What a room is told.

    `program` is the file that is run, `argv` its words; `steps` are those of `plan_room`; `rooms` the folders in which
    it may write; `limit_s` is in seconds. `token` heads the room's report, and nobody else knows it. `parent` is the
    process that waits for the room.
    """

    __slots__ = FIELDS

    def __init__(
        self,
        *,
        token: str,
        program: str,
        argv: tuple[str, ...],
        environment: dict[str, str],
        steps: list[tuple[str, str, str]],
        copy: str,
        rooms: tuple[str, ...],
        limit_s: float,
        memory_bytes: int,
        disk_bytes: int,
        processes: int,
        parent: int,
    ) -> None:
        self.token = token
        self.program = program
        self.argv = argv
        self.environment = environment
        self.steps = steps
        self.copy = copy
        self.rooms = rooms
        self.limit_s = limit_s
        self.memory_bytes = memory_bytes
        self.disk_bytes = disk_bytes
        self.processes = processes
        self.parent = parent


def write_spec(spec: Spec) -> bytes:
    """Return a spec as bytes; the other end is the same Python, so it needs no format for strangers."""
    return marshal.dumps({name: getattr(spec, name) for name in FIELDS})


def read_spec(raw: bytes) -> Spec:
    """Return the spec that was written."""
    return Spec(**marshal.loads(raw))  # noqa: S302  # evolve wrote it, and hands it over in memory of its own
