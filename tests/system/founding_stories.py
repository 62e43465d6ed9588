"""Which jobs end with 0 and do nothing? Fifteen troubles, each in several disguises: silent, chatty, short, long."""

from tests.system.stories_of_hidden_failures import HIDDEN_FAILURES
from tests.system.stories_of_locks import LOCKS
from tests.system.stories_of_nothing_done import NOTHING_THERE, RETURNS_EARLY
from tests.system.stories_of_places import BACKGROUND, KILLED, MIRRORS, SAME_AGAIN

STORIES = [*LOCKS, *HIDDEN_FAILURES, *NOTHING_THERE, *RETURNS_EARLY, *MIRRORS, *BACKGROUND, *SAME_AGAIN, *KILLED]
