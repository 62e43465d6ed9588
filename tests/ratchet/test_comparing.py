"""Is a test that got worse always found, and is nothing else called worse?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.ratchet.changingids import find_pattern
from agentkit.ratchet.comparing import Change, Comparison, compare_outcomes
from agentkit.ratchet.outcomes import FAIL, MISSING, PASS, RANK, SKIP, WORDS, XFAIL

RESULTS = st.dictionaries(st.sampled_from([f"m::t{number}" for number in range(8)]), st.sampled_from(sorted(WORDS)))


@given(RESULTS, RESULTS)
def test_a_test_is_regressed_when_its_end_ranks_lower_and_only_then(base: dict[str, str], now: dict[str, str]) -> None:
    found = compare_outcomes(base, now)
    assert [change.id for change in found.regressed] == sorted(
        name for name, was in base.items() if RANK[now.get(name, MISSING)] < RANK[was]
    )
    assert found.missing == tuple(sorted(base.keys() - now.keys()))
    assert found.new == tuple(sorted(now.keys() - base.keys()))
    assert found.fixed == tuple(sorted(n for n, was in base.items() if was != PASS and now.get(n) == PASS))


@given(RESULTS)
def test_the_same_again_is_no_change(base: dict[str, str]) -> None:
    assert compare_outcomes(base, dict(base)) == Comparison()


@given(RESULTS, RESULTS)
def test_unstable_ids_never_regress_and_are_listed(base: dict[str, str], now: dict[str, str]) -> None:
    worse = [change.id for change in compare_outcomes(base, now).regressed]
    found = compare_outcomes(base, now, unstable=worse[:3])
    assert found.unstable == tuple(worse[:3])
    assert [change.id for change in found.regressed] == worse[3:]


def test_better_counts_hide_no_broken_test() -> None:
    # As it happened in attrs: 1,209 passed and 3 failed; then 1,210 passed and 2 failed, and two tests were broken.
    base = {f"tests.test_make::test_{number}": PASS for number in range(1209)}
    base |= {f"tests.test_old::test_{number}": FAIL for number in range(3)}
    now = dict.fromkeys(base, PASS) | {"tests.test_make::test_7": FAIL, "tests.test_make::test_8": FAIL}
    assert (list(base.values()).count(PASS), list(base.values()).count(FAIL)) == (1209, 3)
    assert (list(now.values()).count(PASS), list(now.values()).count(FAIL)) == (1210, 2)
    assert compare_outcomes(base, now).regressed == (
        Change("tests.test_make::test_7", PASS, FAIL, "fails now"),
        Change("tests.test_make::test_8", PASS, FAIL, "fails now"),
    )


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("m::t[<object at 0x7f3a2c1b>]", "m::t[<object at *>]"),
        ("m::t[6f0c3a52-5a1e-4f0b-9f5e-2f0f1c1d7e11]", "m::t[*]"),
        ("m::t[2026-11-26]", "m::t[*]"),
        ("m::t[2026-11-26T22:07:30.123456+00:00]", "m::t[*]"),
        ("m::t[at 22:07:30]", "m::t[at *]"),
        ("m::t[/tmp/pytest-of-ann/pytest-12/test_x0/f]", "m::t[/tmp/*/test_x0/f]"),
        ("m::t[/var/tmp/abc/f]", "m::t[/var/tmp/*/f]"),
        ("m::t[tmpab12cd_x]", "m::t[*]"),
        ("m::t[port-45123]", "m::t[port-*]"),
        ("m::t[45123]", "m::t[*]"),
        ("m::t[1795716000.25]", "m::t[*]"),
        ("m::t[9e107d9d372bb6826bd81d3542a419d6]", "m::t[*]"),
        ("m::test_issue_12345", "m::test_issue_12345"),
        ("m::t[1]", "m::t[1]"),
        ("m::t[#12345]", "m::t[#12345]"),
        ("m::t[1.5-x]", "m::t[1.5-x]"),
        ("m::t[facade]", "m::t[facade]"),
        ("m::t[0x10]", "m::t[0x10]"),
    ],
)
def test_the_changing_part_of_an_id(name: str, pattern: str) -> None:
    assert find_pattern(name) == pattern


def addresses(*ends: str, start: int = 0x7F0000) -> dict[str, str]:
    return {f"m::t[<object at {start + 16 * place:#x}>]": end for place, end in enumerate(ends)}


def test_ids_that_differ_in_an_address_only_are_the_same_tests() -> None:
    base, now = addresses(PASS, FAIL, PASS), addresses(PASS, PASS, FAIL, start=0x550000)
    assert compare_outcomes(base, now) == Comparison()


def test_one_of_a_pattern_that_is_gone_is_missing() -> None:
    found = compare_outcomes(addresses(PASS, PASS, PASS), addresses(PASS, PASS, start=0x550000))
    assert [change.now for change in found.regressed] == [MISSING]
    assert found.regressed[0].why == "of 3 tests like m::t[<object at *>] 2 are left"
    assert (len(found.missing), found.new) == (1, ())


def test_one_of_a_pattern_that_fails_now_is_regressed() -> None:
    found = compare_outcomes(addresses(PASS, PASS), addresses(FAIL, PASS, start=0x550000))
    assert [(change.was, change.now) for change in found.regressed] == [(PASS, FAIL)]


def test_a_further_one_that_passes_hides_none_that_fails() -> None:
    found = compare_outcomes(addresses(PASS), addresses(FAIL, PASS, PASS, start=0x550000))
    assert [(change.was, change.now) for change in found.regressed] == [(PASS, FAIL)]
    assert len(found.new) == 2


def test_an_unstable_one_takes_the_blame_of_its_pattern() -> None:
    base = addresses(PASS, PASS)
    flaky = list(base)[1]
    found = compare_outcomes(base, addresses(FAIL, PASS, start=0x550000), unstable=[flaky])
    assert (found.regressed, found.unstable) == ((), (flaky,))


def test_another_parameter_is_another_test() -> None:
    found = compare_outcomes({"m::t[1]": PASS}, {"m::t[2]": PASS})
    assert (found.missing, found.new) == (("m::t[1]",), ("m::t[2]",))


def test_a_skip_is_no_pass_and_a_fix_is_one_only_when_it_passes() -> None:
    base = {"a": PASS, "b": FAIL, "c": XFAIL, "d": SKIP, "e": FAIL}
    now = {"a": SKIP, "b": XFAIL, "c": PASS, "d": FAIL, "e": PASS}
    found = compare_outcomes(base, now)
    assert found.regressed == (Change("a", PASS, SKIP, "is skipped now"),)
    assert found.fixed == ("c", "e")
