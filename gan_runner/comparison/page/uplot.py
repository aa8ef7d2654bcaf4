"""uPlot, which draws curves in the browser: small, MIT, kept unmodified in `vendor/uplot`.

Its version and the sha256 of each file stand here; a test holds the files to them.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "vendor" / "uplot"

VERSION = "1.6.32"
"""Of the npm package `uplot`, whose `LICENSE` and files of `dist/` these are."""

SHA256 = {
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""Of each file in the folder."""


def script() -> str:
    """The library, which defines `uPlot`."""
    return _read("uPlot.iife.min.js")


def style() -> str:
    """The style sheet that it needs."""
    return _read("uPlot.min.css")


def _read(name: str) -> str:
    return (FOLDER / name).read_bytes().decode()
