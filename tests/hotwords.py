"""How does a test hold a hot verb's own reading of its words against that of typer, which declares the same ones?"""

from collections.abc import Callable
from typing import TypeVar

import pytest
import typer
from typer._click import ClickException

from agentkit.core.errors import AgentkitError, Exit

Asked = TypeVar("Asked")


def parse_by_typer(
    app: typer.Typer, words: list[str], monkeypatch: pytest.MonkeyPatch, *, verb: str, work: str, kind: type[Asked]
) -> Asked:
    """Return what the command that typer made of the declaration asks its work for, with the work itself left out.

    `work` is the dotted name of the function that does it, `kind` the class of what it is asked for.
    """
    seen: list[object] = []

    def take(*given: object) -> int:
        seen.extend(given)
        return 7

    monkeypatch.setattr(work, take)
    command = typer.main.get_group(app).commands[verb]
    with command.make_context(verb, list(words)) as context:
        assert command.invoke(context) == 7
    [asked] = [one for one in seen if isinstance(one, kind)]
    return asked


def assert_both_refuse(
    hot: Callable[[], object], slow: Callable[[], object]
) -> tuple[AgentkitError, ClickException | None]:
    """Hold that both ways refuse with the status for wrong words, and with the same lines where the words are ours.

    Returns the error of the hot way, and that of typer where it says in its own words what is wrong with them as such.
    """
    with pytest.raises(AgentkitError) as refused:
        hot()
    assert refused.value.status == Exit.USAGE
    with pytest.raises((AgentkitError, ClickException)) as refused_by_typer:
        slow()
    if isinstance(refused_by_typer.value, AgentkitError):
        assert refused_by_typer.value.status == Exit.USAGE
        assert refused_by_typer.value.lines() == refused.value.lines()
        return refused.value, None
    assert refused_by_typer.value.exit_code == Exit.USAGE
    return refused.value, refused_by_typer.value


def list_options(app: typer.Typer, verb: str) -> set[str]:
    """Return the options that are declared for help and completion."""
    command = typer.main.get_group(app).commands[verb]
    return {option for spot in command.params for option in spot.opts if option.startswith("--")}
