"""In which order are the steps of a rotation taken, whatever happens between them?"""

from hypothesis import given
from hypothesis import strategies as st

from agentkit.vault.rotations.rotationsteps import (
    ADOPT,
    CREATE,
    INTENT,
    NEW,
    OLD,
    OTHER,
    PROMOTE,
    PROVE,
    REVOKE,
    SET,
    STEPS,
    TEST,
    Standing,
    choose_step,
    find_expected,
    find_step_to_repeat,
    is_to_be_given_up,
)

CURRENT = st.sampled_from([OLD, NEW, OTHER])


def test_the_steps_follow_each_other() -> None:
    done, taken = INTENT, []
    while done != PROVE:
        standing = Standing(done, done != INTENT, False, False)
        done = choose_step(standing, find_expected(standing))
        taken.append(done)
    assert taken == list(STEPS[1:])


def test_what_died_when_the_new_value_was_set_is_only_proved_to_be_dead() -> None:
    assert choose_step(Standing(PROMOTE, True, False, True), NEW) == PROVE


@given(
    st.lists(st.tuples(CURRENT, st.booleans(), st.booleans()), max_size=40),
)
def test_the_old_value_is_never_revoked_before_the_new_one_was_tested_promoted_and_adopted(
    happenings: list[tuple[str, bool, bool]],
) -> None:
    standing, held = Standing(INTENT, False, False, False), set()
    for current, fails, does_not_hold in happenings:
        seen = current
        step = choose_step(standing, seen)
        is_given_up = is_to_be_given_up(standing, seen)
        if step == REVOKE and not is_given_up:
            assert {TEST, PROMOTE, ADOPT} <= held
        if step == PROMOTE:
            assert TEST in held
            assert seen != OTHER
        if step == REVOKE and seen == OLD:
            assert is_given_up
        if step == PROVE:
            break
        done = step
        if fails:
            done = find_step_to_repeat(standing, step) if does_not_hold else standing.done
            held -= set(STEPS[STEPS.index(done) + 1 :]) if done in STEPS else set()
        else:
            held.add(step)
        standing = Standing(done, standing.has_value or done != INTENT, is_given_up, False)


def test_what_turns_out_not_to_hold_is_done_again() -> None:
    for failed, repeated in ((TEST, SET), (PROVE, REVOKE)):
        before = STEPS[STEPS.index(failed) - 1]
        done = find_step_to_repeat(Standing(before, True, False, False), failed)
        assert choose_step(Standing(done, True, False, False), OLD if failed == TEST else NEW) == repeated
    done = find_step_to_repeat(Standing(REVOKE, True, True, False), PROVE)
    assert choose_step(Standing(done, True, True, False), OTHER) == REVOKE


@given(st.sampled_from(STEPS[:4]), st.booleans())
def test_what_somebody_else_set_is_never_overwritten(done: str, has_value: bool) -> None:
    step = choose_step(Standing(done, has_value, False, False), OTHER)
    assert step == (REVOKE if has_value else CREATE)
