"""A secret whose keys a provider keeps, and what must hold there whatever happens."""

import base64
import os
import sqlite3
import sys
from datetime import timedelta
from pathlib import Path

from agentkit.vault.access import Wish, release
from agentkit.vault.age import open_sealed
from agentkit.vault.asker import find_asker
from agentkit.vault.keys import read_identities
from agentkit.vault.locked import lock_vault
from agentkit.vault.places import Places
from agentkit.vault.rotations.rotation import Progress, hold_rotations, rotate_secret
from agentkit.vault.rotations.rotationdue import Due, rotate_due
from agentkit.vault.rotations.rotationopen import Bench
from agentkit.vault.rotations.rotationstate import Rotation, read_rotation
from agentkit.vault.setting import Particulars, set_secret
from tests.vault import provider

NAME = "shop/api-key"
STYLES = ("named", "once", "anonymous", "single")
START_S = 1_800_000_000.0
DAY_S = 86400.0


class Shop:
    """A vault with one secret and the provider that keeps its keys; `now` is the time, as the code sees it."""

    def __init__(
        self, places: Places, environ: dict[str, str], folder: Path, style: str = "named", **settings: str
    ) -> None:
        self.places, self.environ = places, environ
        self.database = str(folder / "provider.sqlite")
        self.hook = folder / "provider-hook"
        source = Path(provider.__file__).read_text()
        self.hook.write_text(f"#!{sys.executable} -I\n{source}")
        self.hook.chmod(0o700)
        self.now = START_S
        self.limit = timedelta(seconds=30)
        self.first = f"first-{os.urandom(16).hex()}"
        with self.open() as database:
            provider.add_key(database, None, self.first)
        database.close()
        self.settings = {"database": self.database, "style": style, **settings}
        self.set(self.first, Particulars(purpose="the shop", rotate_with=str(self.hook), rotate_settings=self.settings))

    def open(self) -> sqlite3.Connection:
        return provider.open_provider(self.database)

    def set(self, value: str | None, particulars: Particulars | None = None) -> None:
        raw = None if value is None else value.encode()
        set_secret(self.environ, NAME, raw, particulars or Particulars(), self.now)

    def get(self, program: str = "/opt/somebody") -> str:
        """Return the value, as `exec` gives it to a program."""
        asker = find_asker(self.environ, [program], self.places)
        with lock_vault(self.places, asker) as vault:
            return release(vault, [Wish("exec", NAME, "fd", "test")])[0].decode()

    def fault(self, step: str, how: str, times: int = 1) -> None:
        database = self.open()
        database.execute("INSERT INTO faults VALUES (?, ?, ?)", (step, how, times))
        database.close()

    def bench(self) -> Bench:
        asker = find_asker(self.environ, ["agentkit"], self.places)
        return Bench(self.places, self.environ, asker, lambda: self.now, self.limit)

    def rotate(self, *, is_urgent: bool = False) -> Progress:
        with hold_rotations(self.places):
            return rotate_secret(self.bench(), NAME, is_urgent=is_urgent)

    def rotate_due(self) -> Due:
        with hold_rotations(self.places):
            return rotate_due(self.bench(), "web-1")

    def rotation(self) -> Rotation | None:
        return read_rotation(self.places, NAME, read_identities(self.places.identity))

    def live(self) -> dict[str, str]:
        """Return {key: value} of what lives at the provider."""
        database = self.open()
        found = dict(database.execute("SELECT id, value FROM keys WHERE live").fetchall())
        database.close()
        return found

    def names(self) -> list[str | None]:
        """Return the names of the keys that live at the provider."""
        database = self.open()
        found = [row[0] for row in database.execute("SELECT name FROM keys WHERE live")]
        database.close()
        return found

    def unseal(self, text: str) -> str:
        """Return a value out of the state of a rotation."""
        identities = read_identities(self.places.identity)
        return open_sealed(base64.b64decode(text), identities, "test").decode()

    def events(self) -> list[tuple[str, str, int]]:
        database = self.open()
        found = database.execute("SELECT what, key, live_after FROM events ORDER BY n").fetchall()
        database.close()
        return found

    def find_faults(self) -> list[str]:
        """Return what must never have happened at the provider, and did."""
        events, faults = self.events(), []
        tested: set[str] = set()
        for what, key, live_after in events:
            if live_after < 1:
                faults.append(f"no key lived after {what} {key}")
            if what == "test":
                tested.add(key)
            if what == "revoke" and not tested - {key}:
                faults.append(f"{key} was revoked before any other was tested")
        return faults

    def finish(self, *, at_most: int = 12) -> Progress:
        """Run rotate until it is over, a day each."""
        for _ in range(at_most):
            progress = self.rotate()
            if progress.rotation.is_over:
                return progress
            self.now += DAY_S
        raise AssertionError(f"not over: {progress.tell(self.now)}")
