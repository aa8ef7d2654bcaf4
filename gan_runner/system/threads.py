"""The way torch's CPU threads wait for each other. Imported before torch, needs nothing of it."""

from __future__ import annotations

import os

_SPINS = "5000"  # some ten microseconds


def share_cores() -> None:
    """Let waiting threads sleep soon, before torch's OpenMP library reads its environment.

    By default they spin, and on a machine with other work a thread that spins uses up the time of
    the one that it waits for: a step was seen to take fifteen times as long. A setting of the
    user's own (OMP_WAIT_POLICY, GOMP_SPINCOUNT) is left as it is.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
