"""How is one table of the configuration read into its shape, and how is a fault in it told?

A fault names file, table, key, what was expected, what was found and the nearest known key.
"""

import functools
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import TypeVar

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import Setting, describe_settings
from agentkit.core.values import Kind, WrongKindError

Table = TypeVar("Table")


def read_table(shape: type[Table], table: object, path: str, where: str) -> Table:
    """Return what the table `where` of the file `path` says, in its shape.

    Raises AgentkitError (configuration) for an unknown key, a value of another kind, and a needed key that is missing.
    """
    if not isinstance(table, dict):
        raise fault(path, f"{where}: expected a table [{where}], found {show(table)}")
    kind: type = shape  # what mypy takes for hashable
    settings = _find_keys(kind)
    values = {}
    for key, value in table.items():
        if key not in settings:
            raise unknown_key(path, where, key, value, list(settings))
        field_name, setting = settings[key]
        try:
            values[field_name] = setting.kind.read(value)
        except WrongKindError as error:
            raise _wrong_value(path, f"{where}.{key}", setting.kind, value, str(error)) from None
    for key, (field_name, setting) in settings.items():
        if field_name not in values and field_name in _find_needed(kind):
            raise fault(path, f"{where}: {key} is missing; expected {setting.kind.expected}")
    return shape(**values)


def _wrong_value(path: str, where: str, kind: Kind, value: object, found: str) -> AgentkitError:
    unknown = [word for word in _iterate_words(value) if word not in kind.words]
    near = nearest(unknown[0], list(kind.words)) if unknown else None
    hint = f"did you mean {near}?" if near else kind.hint
    return fault(path, f"{where}: expected {kind.expected}, found {found or show(value)}", hint=hint)


def _iterate_words(value: object) -> Iterator[str]:
    for word in value if isinstance(value, list) else [value]:
        if isinstance(word, str):
            yield word


@functools.cache
def _find_needed(shape: type) -> frozenset[str]:
    return frozenset(spot.name for spot in fields(shape) if spot.default is MISSING and spot.default_factory is MISSING)


@functools.cache  # a file may have thousands of tables of one shape
def _find_keys(shape: type) -> dict[str, tuple[str, Setting]]:
    """Return {key in the file: (field, its setting)} of a table."""
    return {setting.name: (field_name, setting) for field_name, setting in describe_settings(shape).items()}


def unknown_key(path: str, where: str, key: str, value: object, known: list[str]) -> AgentkitError:
    """Return the fault of a key that a table does not have; the hint names the nearest known one, else all."""
    if where.startswith("jobs.") and isinstance(value, dict):
        # TOML reads [jobs.web.daily] as a table within the job web.
        name = f"{where.removeprefix('jobs.')}.{key}"
        return fault(path, f"unknown key {where}.{key}", hint=f'a job\'s name with a dot is written [jobs."{name}"]')
    return fault(path, f"unknown key {where}.{key}", hint=suggest(nearest(key, known), known, f"{where}."))


def nearest(name: str, known: list[str]) -> str | None:
    """Return the known word that this one was probably meant to be."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, known, n=1, cutoff=0.6)), None)


def suggest(near: str | None, known: list[str], before: str = "") -> str:
    """Return the hint that names the nearest known key, else all known keys."""
    return f"did you mean {before}{near}?" if near else f"known keys: {', '.join(sorted(known))}"


def fault(path: str, what: str, *, hint: str | None = None) -> AgentkitError:
    """Return the error of a fault in the file `path`."""
    return AgentkitError(f"{path}: {what}", hint=hint, status=Exit.CONFIGURATION)


def show(value: object) -> str:
    """Return a value as an error shows it, at most 60 letters."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"  # which Python writes for nobody
    return text if len(text) <= 60 else f"{text[:57]}..."
