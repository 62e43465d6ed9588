"""Does what lint calls unbounded really hang, and does what it calls bounded really end?"""

from pathlib import Path

from tests.system.hangs import COMMON, FAIL2BAN, open_stage, run_rows, stop_fail2ban


def test_what_is_called_unbounded_hangs_and_what_is_called_bounded_ends(tmp_path: Path) -> None:
    with open_stage(tmp_path) as stage:
        wrong = [
            f"{row[2]}: lint says {label}, it {'hangs' if hangs else 'ends'}"
            for row, label, hangs in run_rows(COMMON, stage, tmp_path)
            if (label, hangs) != row[:2]
        ]
    assert wrong == []


def test_a_question_to_a_stopped_fail2ban_hangs_but_for_a_ping_with_a_limit(tmp_path: Path) -> None:
    with stop_fail2ban(tmp_path) as stage:
        told = [(row[2], (label, hangs)) for row, label, hangs in run_rows(FAIL2BAN, stage, tmp_path)]
    assert told == [(command, (label, hangs)) for label, hangs, command in FAIL2BAN]
