"""What do failing jobs have in common that no other job has, and which job alone uses a thing?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from agentkit.depmap.explaining.causes import list_bits
from agentkit.depmap.graph import NONE, Arrows

SEVERAL = -2
MOST_SUSPECTS = 5


def find_suspects(
    needs: Arrows, components: Sequence[Sequence[int]], jobs: Iterable[int], failing: Iterable[int]
) -> dict[int, tuple[int, ...]]:
    """Return of failing jobs what at least two of them depend on and no other job does: what most share comes first.

    Nobody said that these are not well; it is what the failing jobs have in common. Of things that depend on each other
    and are shared by the same jobs only the last on the way down are told, and MOST_SUSPECTS of a job at most.
    """
    wanted = list(dict.fromkeys(failing))
    if len(wanted) < 2:
        return {}
    users = _find_failing_users(needs, components, wanted, set(jobs).difference(wanted))
    shared = [node for node in _find_last(needs, components, users) if users[node].bit_count() > 1]
    suspects: dict[int, tuple[int, ...]] = {}
    # Jobs that have been told enough are looked at no more: there may be very many of both.
    is_open = (1 << len(wanted)) - 1
    for node in sorted(shared, key=lambda node: (-users[node].bit_count(), node)):
        for bit in list_bits(users[node] & is_open):
            job = wanted[bit]
            suspects[job] = (*suspects.get(job, ()), node)
            if len(suspects[job]) == MOST_SUSPECTS:
                is_open &= ~(1 << bit)
    return suspects


def _find_last(needs: Arrows, components: Sequence[Sequence[int]], users: Mapping[int, int]) -> Iterator[int]:
    """Yield of what the same jobs use what leads to nothing else that these use."""
    for component in components:
        mask = users.get(component[0])
        inside = set(component) if mask else ()
        for node in inside:
            if not any(users.get(head) == mask and head not in inside for head in needs.of(node)):
                yield node


def _find_failing_users(
    needs: Arrows, components: Sequence[Sequence[int]], failing: Sequence[int], others: set[int]
) -> dict[int, int]:
    """Return of each node that failing jobs depend on and none of the others does which they are (a bit each)."""
    bits = {job: 1 << bit for bit, job in enumerate(failing)}
    users: dict[int, int] = {}
    shared = bytearray(len(needs))
    # A component comes after all that it leads to: backwards, those that depend on something come before it.
    for component in reversed(components):
        is_shared = any(shared[node] or node in others for node in component)
        mask = 0
        for node in component:
            mask |= users.pop(node, 0) | bits.get(node, 0)
        if is_shared:
            for node in component:
                shared[node] = 1
                for head in needs.of(node):
                    shared[head] = 1
        elif mask:
            for node in component:
                users[node] = mask
            inside = set(component)
            for node in component:
                for head in needs.of(node):
                    if head not in inside and not shared[head]:
                        users[head] = users.get(head, 0) | mask
    return users


def find_only_users(needs: Arrows, components: Sequence[Sequence[int]], users: Iterable[int]) -> list[int]:
    """Return of each node the one of these users that it is or that depends on it; SEVERAL, or NONE.

    A user that depends on it only by way of another user is none.
    """
    listed = frozenset(users)
    found = [NONE] * len(needs)
    for component in reversed(components):
        own = [node for node in component if node in listed]
        user = NONE
        for one in own or [found[node] for node in component]:
            user = join(user, one)
        for node in component:
            found[node] = user
        if user == NONE:
            continue
        for node in component:
            for head in needs.of(node):
                found[head] = join(found[head], user)
    return found


def join(one: int, other: int) -> int:
    """Return the one user of two answers of `find_only_users`."""
    return other if one == NONE else one if other in (NONE, one) else SEVERAL
