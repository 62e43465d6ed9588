"""What is it that a program starts which is given another command?"""

from __future__ import annotations

from dataclasses import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inner:
    """What a wrapper starts: a program's `words`, or a shell's `text` with its `arguments` ($0 first).

    `own` are the wrapper's own words. `reads_stdin` is a shell that takes its text from its input, `folder` one whose
    programs are all run (with the words before it as options in `own`). `is_remote`: on another machine or in
    a container. `is_applet`: a part of the wrapper itself, no file. `job` is what heartbeat calls it.
    """

    own: Words
    words: Words = ()
    text: str | None = None
    arguments: Words = ()
    reads_stdin: bool = False
    folder: str | None = None
    is_remote: bool = False
    is_applet: bool = False
    job: str | None = None


def start_from(words: Words, at: int, *, is_remote: bool = False) -> list[Inner]:
    """Return the program whose words begin at an index; nothing where no words are left."""
    return [Inner(words[:at], words[at:], is_remote=is_remote)] if at < len(words) else []
