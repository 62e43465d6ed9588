"""How does a test use a real browser: headless Chromium, spoken to through a pipe, ended by its own pid?

The protocol is that of Chromium's developer tools (https://chromedevtools.github.io/devtools-protocol/), over
`--remote-debugging-pipe`: no port, no driver, no library. A message ends with a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_S = 60.0
# As the machine's closed network has it: without these it looks for Google's hosts at every start.
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-breakpad",
    "--hide-scrollbars",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--mute-audio",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
)
GONE = "the browser has gone: does `chromium --version` answer?"
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowLeft": (37, ""), "ArrowUp": (38, "")}
KEYS |= {"ArrowRight": (39, ""), "ArrowDown": (40, "")}


class Chromium:
    """A browser with one page, a profile of its own, and all that the page asked for or complained of."""

    def __init__(self) -> None:
        self.profile = tempfile.mkdtemp(prefix="agentkit-chromium-")
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.last = 0
        self.rest = b""
        reads, self.writing = _pipe()
        self.reading, writes = _pipe()
        # It reads from 3 and writes to 4.
        start = f'exec "$@" 3<&{reads} 4>&{writes}'
        words = ["bash", "-c", start, "bash", "chromium", *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(
            words,
            pass_fds=(reads, writes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reads)
        os.close(writes)
        self.session: str | None = None

    def attach(self) -> None:
        """Wait until it has started, and speak to its page from now on."""
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def end(self) -> None:
        """End it, by force where it does not do so by itself, and remove its profile."""
        # All that it started is in its session; nothing of that is anybody else's.
        try:
            self.session = None
            self.ask("Browser.close", limit=5.0)
            self.process.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            pass  # it is ended by force below
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # nothing was left
            self.process.wait(10)
            os.close(self.reading)
            os.close(self.writing)
            shutil.rmtree(self.profile, ignore_errors=True)

    def ask(self, method: str, limit: float = LIMIT_S, **parameters: object) -> dict[str, Any]:
        """Return what a command of the protocol answers; raises AssertionError with its error, or after the limit."""
        self.last += 1
        message: dict[str, object] = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        try:
            os.write(self.writing, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise AssertionError(GONE) from None
        for answer in self._receive(limit):
            if answer.get("id") == self.last:
                assert "error" not in answer, f"{method}: {answer}"
                return dict(answer["result"])
        raise AssertionError(f"{method}: no answer within {limit} s")

    def open(self, path: Path, address: str = "") -> None:
        """Open a file, with `address` behind its #, and wait until it is shown whole."""
        # From one # to the next a browser loads nothing.
        self.ask("Page.navigate", url="about:blank")
        self.ask("Page.navigate", url=path.as_uri() + (f"#{address}" if address else ""))
        self.wait_for("location.protocol === 'file:' && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return the value of an expression, of a promise what it promises; raises AssertionError where it throws."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Return the value of an expression as soon as it is one that JavaScript takes for true."""
        due = time.monotonic() + LIMIT_S
        while (value := self.run(script)) in (None, False, 0, ""):
            assert time.monotonic() < due, f"it never came to {script}"
            time.sleep(0.02)
        return value

    def press(self, *keys: str) -> None:
        """Press keys as a person does; a text of several letters that names no key is typed."""
        for key in keys:
            if key in KEYS:
                code, text = KEYS[key]
                more = {"key": key, "code": key, "windowsVirtualKeyCode": code}
                self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **more)
                self.ask("Input.dispatchKeyEvent", type="keyUp", **more)
                continue
            for letter in key:
                self.ask("Input.dispatchKeyEvent", type="keyDown", key=letter, text=letter)
                self.ask("Input.dispatchKeyEvent", type="keyUp", key=letter)

    def click(self, selector: str) -> None:
        """Click the middle of the first element that a selector finds."""
        spot = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            " one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            buttons = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.ask("Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], **buttons)

    def look_like(self, width: int, height: int, *, is_dark: bool = False) -> None:
        """Be a screen of so many pixels, in one of the two colour schemes."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def take_picture(self, path: Path) -> None:
        """Write what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def _receive(self, limit: float) -> Iterator[dict[str, Any]]:
        """Yield the answers that come until the limit; what the page asked for or complained of is kept."""
        due = time.monotonic() + limit
        while True:
            message, end, rest = self.rest.partition(b"\0")
            if not end:
                if not select.select([self.reading], [], [], max(0.0, due - time.monotonic()))[0]:
                    return
                piece = os.read(self.reading, 1 << 20)
                assert piece, GONE
                self.rest += piece
                continue
            self.rest = rest
            answer = json.loads(message)
            self._note(answer.get("method"), answer.get("params", {}))
            yield answer

    def _note(self, method: str | None, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(told["args"]))
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(told["message"])


@contextmanager
def start_chromium() -> Iterator[Chromium]:
    """Yield a browser that is gone afterwards, with everything that it started."""
    browser = Chromium()
    try:
        browser.attach()
        yield browser
    finally:
        browser.end()


@contextmanager
def look_anew(chromium: Chromium, width: int, height: int) -> Iterator[Chromium]:
    """Yield the browser as a new one; afterwards, nothing was asked for but files, and nothing complained."""
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.look_like(width, height)
    yield chromium
    asked_for = {url.partition(":")[0] for url in chromium.requests}
    assert (asked_for - {"data"}, chromium.complaints) == ({"file"}, [])


def _pipe() -> tuple[int, int]:
    """Return a pipe whose ends are above the numbers that the browser wants for its own."""
    low = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return high[0], high[1]
