"""Is what changed while it was looked at taken for changed the next time?"""

import os
import time
from pathlib import Path

from agentkit.depmap.signatures import is_same, look_at, sign

LONG_AGO_NS = 1_000_000_000


def test_a_digest_of_what_nobody_read_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("as it was read")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    look = look_at(str(path))
    path.write_text("as it became  ")
    now_ns = time.time_ns()
    assert not is_same(str(path), sign(str(path), look, now_ns, now_ns), look_at(str(path)))
