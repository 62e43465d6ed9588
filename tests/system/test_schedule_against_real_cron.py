"""Does a schedule run when the real daemon runs it, while the clock is changed for the summer and back?"""

from bisect import bisect
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agentkit.core.schedule import next_run
from tests.system.cron_namespace import OUT, RealCron

BERLIN = ZoneInfo("Europe/Berlin")
SCHEDULES = (
    *("30 2 * * *", "*/10 2 * * *", "15 2,3 * * *", "0 3 * * *", "1 3 * * *", "* 2 * * *", "0 * * * *", "2 * * * *"),
    *(
        "59 1 * * *",
        "59 2 * * *",
        "0-59 1-3 * * *",
        "@hourly",
        "0 2-3 * * *",
        "*/2 * * * *",
        "1 2 29 3 *",
        "58 2 25 10 *",
    ),
)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(datetime(2026, 3, 29, 1, 57, 30, tzinfo=BERLIN), id="the clock goes forward"),
        pytest.param(datetime(2026, 10, 25, 2, 57, 30, tzinfo=BERLIN), id="the clock goes back"),
    ],
)
def test_next_run_follows_debian_cron_when_the_clock_changes(tmp_path: Path, start: datetime) -> None:
    zone, begin = BERLIN.key, start.timestamp()
    cron = RealCron(tmp_path, zone=zone, clock=f"@{begin:.0f} x30")
    rows = [f"{schedule} date +\\%s.\\%N >> {OUT}/{place}" for place, schedule in enumerate(SCHEDULES)]
    cron.install_crontab("root", "\n".join([f"* * * * * date +\\%s.\\%N >> {OUT}/ticks", *rows, ""]))
    with cron:
        cron.wait_until(lambda: len(_times(cron.out / "ticks")) >= 8, 60)
    ticks = _times(cron.out / "ticks")[:8]
    first = begin // 60 * 60 + 60
    for place, schedule in enumerate(SCHEDULES):
        # The last tick that the daemon made before a run tells its minute; a tick lasts two seconds.
        seen = {first + 60 * (bisect(ticks, time + 0.5) - 1) for time in _times(cron.out / str(place))}
        said = set()
        at = next_run(schedule, begin, zone)
        while at is not None and at < first + 60 * 7:
            said.add(at)
            at = next_run(schedule, at, zone)
        assert {at for at in seen if at < first + 60 * 7} == said, schedule


def _times(path: Path) -> list[float]:
    return sorted(map(float, path.read_text().split())) if path.exists() else []
