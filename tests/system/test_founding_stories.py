"""Is each founding story found by `check` through the real wrapper, and are healthy jobs left in peace?

The seed chooses a third of them: with AGENTKIT_TEST_SEED=0, 1 and 2 all are told.
"""

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import SEED
from tests.system.founding_stories import STORIES
from tests.system.healthy_jobs import HEALTHY_JOBS
from tests.system.storyteller import RHYTHMS, Answer, Story, Telling, subject_of, tell, watch_healthy

BY_NAME = {story.name: story for story in STORIES}
AT_ONCE = 3
LIMIT_S = 900.0
THIRD = slice(SEED % 3, None, 3)
each_story = pytest.mark.parametrize("story", list(BY_NAME)[THIRD])
each_healthy_job = pytest.mark.parametrize("healthy", list(HEALTHY_JOBS)[THIRD])


class Library:
    """The stories that were asked for, told side by side: they mostly sleep."""

    def __init__(self, stories: dict[str, "Future[Telling]"], healthy: dict[str, "Future[list[Answer]]"]) -> None:
        self._stories = stories
        self._healthy = healthy

    def telling_of(self, story: str) -> Telling:
        return self._stories[story].result(LIMIT_S)

    def answers_about(self, healthy: str) -> list[Answer]:
        return self._healthy[healthy].result(LIMIT_S)


@pytest.fixture(scope="module")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    asked: list[dict[str, Any]] = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    stories = {params["story"] for params in asked if "story" in params}
    healthy = {params["healthy"] for params in asked if "healthy" in params}
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield Library(
            {
                name: pool.submit(tell, story, tmp_path_factory.mktemp("story"), _rhythm_of(story))
                for name, story in BY_NAME.items()
                if name in stories
            },
            {
                name: pool.submit(
                    watch_healthy, script, before, tmp_path_factory.mktemp("healthy"), random.Random(f"{SEED} {name}")
                )
                for name, (script, before) in HEALTHY_JOBS.items()
                if name in healthy
            },
        )
    finally:
        pool.shutdown(cancel_futures=True)


def _rhythm_of(story: Story) -> str:
    """Return how often `check` comes by: the seed decides, so that each story is told in each rhythm."""
    return list(RHYTHMS)[(STORIES.index(story) + SEED) % len(RHYTHMS)]


@each_story
def test_a_healthy_run_is_worth_no_word(story: str, library: Library) -> None:
    subject = subject_of(BY_NAME[story])
    for answer in library.telling_of(story).while_healthy:
        assert (answer.worrying(subject), answer.informing(subject)) == ([], [])
        assert answer.is_honest()


@each_story
def test_the_bad_run_is_named(story: str, library: Library) -> None:
    answer, subject = library.telling_of(story).while_bad[0], subject_of(BY_NAME[story])
    assert answer.firing_types(subject) & BY_NAME[story].types, answer.worrying(subject)
    assert answer.status == 1


@each_story
def test_the_bad_state_is_still_named_at_its_third_run(story: str, library: Library) -> None:
    answer, subject = library.telling_of(story).while_bad[-1], subject_of(BY_NAME[story])
    assert answer.firing_types(subject) & BY_NAME[story].types, answer.worrying(subject)
    assert answer.status == 1


@each_story
def test_health_resolves_it(story: str, library: Library) -> None:
    telling = library.telling_of(story)
    (last,), subject = telling.after, subject_of(BY_NAME[story])
    assert last.worrying(subject) == []
    assert last.is_honest()
    assert last.resolved_types(subject) & telling.while_bad[-1].firing_types(subject)


@each_healthy_job
def test_a_job_that_varies_by_nature_is_left_in_peace(healthy: str, library: Library) -> None:
    for answer in library.answers_about(healthy):
        assert answer.worrying("job:healthy") == []
        assert answer.is_honest()


def test_what_needs_a_declaration_says_why() -> None:
    assert [story.name for story in STORIES if bool(story.options) != bool(story.why_declared)] == []
