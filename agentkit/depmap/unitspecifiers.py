"""What do the specifiers in a setting of a unit stand for, on the machine with this root folder?

As systemd.unit(5), SPECIFIERS, has it for the system manager. What only the running machine knows (its boot, its
kernel) is filled in for `/` alone, and stays as written for other roots.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentkit.core.rooted import resolve
from agentkit.core.unitfiles import split_name
from agentkit.core.unittext import FIXED, unescape

# `%` before any other character is no specifier, and stays (specifier.c).
_SPECIFIER = re.compile(r"%([A-Za-z0-9%])")
# Of the group cr, deprecated: where the kernel's group of the unit lies.
UNKNOWABLE = frozenset("crRD")
# The fields of os-release(5).
_RELEASE = {"o": "ID", "w": "VERSION_ID", "B": "BUILD_ID", "W": "VARIANT_ID", "M": "IMAGE_ID", "A": "IMAGE_VERSION"}
_OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
# Architectures by the kernel's names, where systemd has others.
_ARCHITECTURES = {"x86_64": "x86-64", "i686": "x86", "i386": "x86", "aarch64": "arm64", "armv7l": "arm"}
MOST_BYTES = 64 * 1024

Fill = Callable[[str], str]


@dataclass(frozen=True)
class Machine:
    """What is the same in all units: values by specifier, and the files that say so."""

    values: Mapping[str, str]
    inputs: tuple[str, ...]


def read_machine(root: str) -> Machine:
    """Return what the specifiers of the machine stand for; those that nobody knows are missing."""
    values = {**FIXED, "s": "/bin/sh"}
    host = os.uname().nodename if root == "/" else _read(root, "etc/hostname").strip()
    if host:
        values["H"], values["l"] = host, host.partition(".")[0]
        values["q"] = _find_field(_read(root, "etc/machine-info"), "PRETTY_HOSTNAME") or host
    if machine := _read(root, "etc/machine-id").strip():
        values["m"] = machine
    release = next((text for name in _OS_RELEASE if (text := _read(root, name))), "")
    values.update((letter, _find_field(release, field)) for letter, field in _RELEASE.items() if release)
    if root == "/":
        uname = os.uname()
        values["v"], values["a"] = uname.release, _ARCHITECTURES.get(uname.machine, uname.machine)
        values["b"] = _read(root, "proc/sys/kernel/random/boot_id").strip().replace("-", "")
    inputs = ("etc/hostname", "etc/machine-info", "etc/machine-id", *_OS_RELEASE)
    return Machine(values, tuple(f"/{name}" for name in inputs))


def make_filler(machine: Machine, name: str, file: str) -> Fill:
    """Return the function that fills in the specifiers of a unit's settings.

    It raises ValueError for a letter that is no specifier, as systemd refuses the word then. In a template those that
    only an instance decides stay as written.
    """
    values: dict[str, str] = {}

    def fill(text: str) -> str:
        if "%" not in text:
            return text
        if not values:
            values.update(_find_values(machine, name, file))
        return _SPECIFIER.sub(lambda found: _look_up(values, found), text)

    return fill


def _look_up(values: Mapping[str, str], found: re.Match[str]) -> str:
    letter = found[1]
    if letter in values:
        return values[letter]
    if letter in UNKNOWABLE or letter in "HlqmbvaowBWMA" or ("i" not in values and letter in "iIfnN"):
        return found[0]
    raise ValueError(f"{found[0]} is no specifier")


def _find_values(machine: Machine, name: str, file: str) -> dict[str, str]:
    prefix, instance, kind = split_name(name)
    last = prefix.rpartition("-")[2]
    values = {
        **machine.values,
        "p": prefix,
        "P": unescape(prefix),
        "j": last,
        "J": unescape(last),
        "y": file,
        "Y": os.path.dirname(file),
        "d": f"/run/credentials/{name}",
    }
    # An empty instance is that of a template.
    if instance != "":
        values.update(
            {"n": name, "N": name.removesuffix(f".{kind}"), "i": instance or "", "I": unescape(instance or "")}
        )
        path = prefix if instance is None else instance
        if path == "-" or not (path.startswith("-") or path.endswith("-")):
            values["f"] = "/" + unescape(path).strip("/")
    return values


def _find_field(text: str, field: str) -> str:
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and key == field:
            return value.strip("\"'")
    return ""


def _read(root: str, name: str) -> str:
    """Return the text of a small file; what is missing or closed to us is empty."""
    try:
        handle = os.open(resolve(root, name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
