"""A real Chromium, driven over its DevTools protocol: no driver to install, no request to anywhere but the page."""

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import connect
from websockets.sync.connection import Connection

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC: Final = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--disable-features=Translate,OptimizationHints,MediaRouter", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip
_START_LIMIT_S: Final = 30.0  # a first start on a loaded machine with two cores


def chromium() -> str | None:
    """Return where Chromium is, or None."""
    if found := os.environ.get("ALVH_CHROMIUM"):
        return found
    return next(filter(None, map(shutil.which, NAMES)), str(_MAC) if _MAC.exists() else None)


class Tab:
    """One tab. What is asked of it waits for its answer; what it tells meanwhile is kept in `events`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a DevTools method and return its result."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._connection.recv(timeout=20))
            if told.get("id") != number:
                self.events.append(told)
                continue
            if "error" in told:
                raise AssertionError(f"{method}: {told['error']}")
            result: dict[str, Any] = told["result"]
            return result

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """Evaluate an expression in the page (awaiting a promise) and return its value."""
        told = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in told:
            raise AssertionError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, script: str, limit_s: float = 8.0) -> Any:  # noqa: ANN401 - whatever the script gives
        """Return the expression's value as soon as it is true."""
        deadline = time.monotonic() + limit_s
        while not (value := self.run(script)):
            assert time.monotonic() < deadline, f"not within {limit_s} s: {script}\n{self.text()[:3000]}"
            time.sleep(0.05)
        return value

    def go(self, url: str) -> None:
        """Open an address."""
        self.call("Page.navigate", url=url)

    def text(self) -> str:
        """Return what the page says, as a person sees it."""
        return str(self.run("document.body.innerText"))

    def look(self, *, width: int, height: int = 900, is_dark: bool = False) -> None:
        """Take another size and colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def click(self, selector: str) -> None:
        """Click an element with the mouse, where it is."""
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        middle = "(r => [r.x + r.width / 2, r.y + r.height / 2])"
        place = self.run(f"{middle}(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def press(self, key: str, text: str = "") -> None:
        """Press a key."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text if kind == "keyDown" else "",
                windowsVirtualKeyCode=codes.get(key, 0),
            )  # fmt: skip

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write a screenshot."""
        told = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def requested(self) -> list[str]:
        """Return the addresses that were asked for."""
        self.run("1")
        sent = (event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [each["request"]["url"] for each in sent]

    def complaints(self) -> list[str]:
        """Return uncaught exceptions, console errors and violations of the content policy."""
        self.run("1")
        found = []
        for event in self.events:
            match event:
                case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                    found.append(str(details.get("exception", {}).get("description", details["text"])))
                case {"method": "Runtime.consoleAPICalled", "params": {"type": "error", "args": words}}:
                    found.append(str(words))
                case {"method": "Log.entryAdded", "params": {"entry": {"level": "error", "text": text}}}:
                    found.append(text)
        return found


@contextmanager
def browser() -> Iterator[Tab]:
    """Start a Chromium of its own, with an empty profile, and end it with all its children."""
    path = chromium()
    assert path is not None, "no Chromium here"
    with tempfile.TemporaryDirectory(prefix="alvh-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [path, f"--user-data-dir={profile}", *_FLAGS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            with connect(_address(Path(profile), process), max_size=None) as connection:
                yield Tab(connection)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _address(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the first tab listens: Chromium writes the port it chose into its profile."""
    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"Chromium ended with {process.returncode}"
        lines = told.read_text().splitlines() if told.exists() else []
        if len(lines) == 2:
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=5) as answer:
                for tab in json.load(answer):
                    if tab["type"] == "page":
                        return str(tab["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("Chromium has opened no tab")
