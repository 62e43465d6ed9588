"""Where are candidate and base run side by side: same settings, same interpreter, checkouts of their own?"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Self

from agentkit.core.passing import make_passing_folder
from agentkit.core.repo.checkout import Tree, Workshop, read_tree
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.running import Job, Run, run_tests
from agentkit.ratchet.settings import Settings, choose_python, read_settings
from agentkit.ratchet.shield import Facts, read_facts, shield_from_caches
from agentkit.ratchet.testside import is_test_side

# Told the name of a run, how many of its tests have ended, and of how many; over and over while it goes on.
Tell = Callable[[str, int, int | None], None]


class Court:
    """What all runs share: the accepted tree, its settings, the interpreter, and a private folder; closed after use."""

    def __init__(self, repository: Repository, accepted: str, tell: Tell | None) -> None:
        self.repository = repository
        self.environ = repository.environ
        self.tell = tell
        self.accepted: Tree = read_tree(repository, accepted)
        self.settings: Settings = read_settings(repository, self.accepted)
        self.python = choose_python(repository, self.settings)
        self._folder = ""

    def __enter__(self) -> Self:
        self._folder = make_passing_folder()
        self.work = Workshop(self.repository, self._folder)
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(
        self,
        name: str,
        tree: Tree,
        *,
        only: Iterable[str] | None = None,
        reverse: bool = False,
        holdout: str = "",
        first: Callable[[], None] | None = None,
    ) -> Run:
        """Run the tests of a tree in a checkout of its own; `first` is called before the first line of it is run."""
        tell = self.tell
        checkout = self.work.make_checkout()
        words: tuple[str, ...] = ()
        if holdout:
            # Where a hold-out lies is a secret of whoever keeps it.
            words = (shutil.copytree(holdout, f"{checkout.folder}-apart"),)
        tests = tuple(path for path in tree if is_test_side(path, self.settings.tests))
        before: Facts = {}

        def prepare() -> None:
            checkout.fill(tree)
            shield_from_caches(checkout.folder, tests)
            before.update(read_facts(checkout.folder, tests))
            if first:
                first()

        run = run_tests(
            Job(
                name=name,
                checkout=checkout.folder,
                prepare=prepare,
                person=self.repository.root,
                python=self.python,
                settings=self.settings,
                test_files=tests,
                tops=find_tops(tree),
                folder=self._folder,
                environ=self.environ,
                only=None if only is None else tuple(only),
                reverse=reverse,
                words=words,
                tell=(lambda done, total: tell(name, done, total)) if tell else None,
            )
        )
        after = read_facts(checkout.folder, tests)
        touched = [path for path, facts in before.items() if after.get(path) != facts]
        shutil.rmtree(checkout.folder, ignore_errors=True)
        if touched:
            told = f"it wrote into its tests: {touched[0]}"
            run = replace(run, hints=(*run.hints, told), rewritten=tuple(touched))
        return run


def find_tops(tree: Iterable[str]) -> tuple[str, ...]:
    """Return what Python would find by its name at the top of a checkout or in its `src`."""
    tops = {path.removeprefix("src/").split("/")[0] for path in tree if path.endswith(".py")}
    return tuple(sorted(tops | {"src"} if any(path.startswith("src/") for path in tree) else tops))
