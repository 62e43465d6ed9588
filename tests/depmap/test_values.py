"""Is what a variable may hold the union of all ways?"""

from agentkit.depmap.calls import HOLE
from agentkit.depmap.values import MOST, UNKNOWN, State, join_states, merge


def test_alternatives_of_values_are_taken_once() -> None:
    assert merge([(("a",), ("b",)), (("b",), ("c",))]) == (("a",), ("b",), ("c",))


def test_too_many_alternatives_are_not_known() -> None:
    assert merge([tuple((str(number),) for number in range(MOST + 1))]) == UNKNOWN == ((HOLE,),)


def test_after_branches_a_variable_may_hold_what_any_of_them_set() -> None:
    before = State({"a": (("1",),), "b": (("x",),)}, folder="/")
    left, right = before.copy(), before.copy()
    left.variables["a"] = (("2",),)
    right.variables["c"] = (("3",),)
    right.folder = "/opt"
    join_states(before, [left, right])
    assert before.variables == {"a": (("2",), ("1",)), "b": (("x",),), "c": (("3",),)}
    assert before.folder is None


def test_a_branch_goes_its_own_way() -> None:
    before = State({"a": (("1",),)})
    before.copy().variables["a"] = (("2",),)
    assert before.variables == {"a": (("1",),)}
