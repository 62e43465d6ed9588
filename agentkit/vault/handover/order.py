"""What is a program to be given, and how does it get there once the values are known?

Imported by the hot verbs.
"""

from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.access import Wish
from agentkit.vault.handover.delivery import deliver_at
from agentkit.vault.handover.executionwords import Execution

# MAX_ARG_STRLEN of execve(2): name, equals sign and NUL included.
LONGEST_VARIABLE_BYTES = 131072


class Order:
    """The wishes of one execution; `values` are theirs and `environ` is complete once they were handed over."""

    __slots__ = ("_texts", "asked", "environ", "values", "wishes")

    def __init__(self, asked: Execution, environ: Mapping[str, str]) -> None:
        """Read the files to be filled in; raises AgentkitError where one cannot be."""
        self.asked = asked
        self.environ: dict[str, str | bytes] = {**environ}
        self.values: list[tuple[str, bytes]] = []
        self.wishes = [
            Wish("exec", name, f"{way}:{place}" if place else way, asked.reason) for way, place, name in asked.handed
        ]
        # (descriptor, text, names of the secrets in it)
        self._texts: list[tuple[int, bytes, list[str]]] = []
        if asked.fills:
            from agentkit.vault.handover.template import list_names, read_template

            for number, path in asked.fills:
                text = read_template(path)
                names = list_names(text)
                self._texts.append((number, text, names))
                self.wishes += [Wish("exec", name, f"fill:{number}", asked.reason) for name in names]

    def hand_over(self, values: "list[bytes]") -> None:
        """Put the value of each wish where the program finds it; raises AgentkitError, and then it must not start."""
        self.values = [(wish.name, value) for wish, value in zip(self.wishes, values, strict=True)]
        rest = iter(values)
        try:
            for way, place, name in self.asked.handed:
                value = next(rest)
                if way == "env":
                    self.environ[place] = _demand_text(place, name, value)
                else:
                    deliver_at(int(place or 0), value)
            for number, text, names in self._texts:
                from agentkit.vault.handover.template import put_back

                deliver_at(number, put_back(text, {name: next(rest) for name in names}))
        except OSError as error:
            why = f"there is no room to hand a secret over: {error.strerror}"
            raise AgentkitError(why, status=Exit.WRAPPER_FAILED) from None


def _demand_text(variable: str, name: str, value: bytes) -> bytes:
    if b"\0" in value:
        why = "holds a NUL, which no variable can"
    elif len(variable) + len(value) + 2 > LONGEST_VARIABLE_BYTES:
        why = f"is longer than a variable can be ({LONGEST_VARIABLE_BYTES} bytes with its name)"
    else:
        return value
    raise AgentkitError(f"{name} {why}", hint=f"--fd 3={name}, or --stdin {name}", status=Exit.BAD_DATA)
