"""A headless Chromium, driven over pipes: it opens a page and says what that shows."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
        if (found := shutil.which(name))
    ),
    None,
)

# the browser reads commands from descriptor 3 and answers on 4
_PLACED = "import os, sys; [os.dup2(int(sys.argv[k]), 2 + k) for k in (1, 2)]; "
_PLACED += "os.execv(sys.argv[3], sys.argv[3:])"

# what a reader sees, also of elements that keep their content to themselves
_TEXT = """
const seen = node => node.nodeType === 3 ? node.data
  : /^(STYLE|SCRIPT|TEMPLATE)$/.test(node.nodeName) ? ""
  : [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].map(seen).join(" ");
seen(document.body).replace(/\\s+/g, " ")
"""


class Page:
    """A page of the browser."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, os.fdopen(answers, "rb")
        self._number, self._session = 0, ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def open(self, url: str) -> None:
        self._ask("Page.navigate", url="about:blank")  # another fragment alone opens nothing
        self._ask("Page.navigate", url=url)

    def text(self, *awaited: str) -> str:
        """The text of the page once all that is awaited is there."""
        deadline = time.monotonic() + 60
        while True:
            result = self._ask("Runtime.evaluate", expression=f"{{{_TEXT}}}")["result"]
            shown = str(result.get("value", ""))
            missing = [text for text in awaited if text not in shown]
            if not missing:
                return shown
            assert time.monotonic() < deadline, (missing, shown)
            time.sleep(0.1)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page, a promise awaited."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._ask("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of an expression once it is true."""
        deadline = time.monotonic() + 60
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, expression
            time.sleep(0.05)
        return value

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move, press or release the mouse, as `mouseMoved`, at a place of the window."""
        self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at one place, move it and release it at the other."""
        pressed = {"button": "left", "clickCount": 1}
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start, **pressed)
        if start != end:
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
            for place in (middle, end):
                self.mouse("mouseMoved", *place, button="left", buttons=1)
        self.mouse("mouseReleased", *end, **pressed)

    def key(self, name: str) -> None:
        """Press and release a key, as `ArrowRight`."""
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def show_as(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """The window's size in pixels, and its colors."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self) -> bytes:
        """What the window shows, as a PNG file."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        session = {"sessionId": self._session} if self._session else {}
        os.write(self._commands, json.dumps(order | session).encode() + b"\0")
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _message(self) -> bytes:
        message = bytearray()
        while (byte := self._answers.read(1)) not in (b"\0", b""):
            message += byte
        assert byte, "the browser has ended"
        return bytes(message)


@contextmanager
def browsing(profile: Path) -> Iterator[Page]:
    """A page of a browser that knows no host but this one."""
    theirs, commands = _high(os.pipe())
    answers, back = _high(os.pipe())
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    options += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    options += ["--remote-debugging-pipe", "--window-size=1600,1000"]
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", _PLACED, str(theirs), str(back), str(BROWSER), *options],
        pass_fds=(theirs, back),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    os.close(back)
    try:
        yield Page(commands, answers)
    finally:
        os.close(commands)  # which ends it
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _high(pipe: tuple[int, int]) -> tuple[int, int]:
    """A pipe whose ends have numbers that nobody counts on."""
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in pipe)
    for end in pipe:
        os.close(end)
    return reading, writing
