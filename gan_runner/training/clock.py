"""The time that a run has trained, and its speed."""

from __future__ import annotations

import time


class Clock:
    """Counts the seconds of training, those of earlier processes of the run included."""

    def __init__(self, *, seconds_before: float, step: int) -> None:
        self._seconds_before = seconds_before
        self._began = self._row_began = time.monotonic()
        self._row_step = step

    def seconds(self) -> float:
        """Since training began, without the time between processes."""
        return self._seconds_before + time.monotonic() - self._began

    def steps_per_second(self, step: int) -> float:
        """Since the last row, which this one follows at `step`."""
        moment = time.monotonic()
        speed = (step - self._row_step) / max(moment - self._row_began, 1e-9)
        self._row_began, self._row_step = moment, step
        return speed

    def leave_out(self, seconds: float) -> None:
        """Don't count these seconds for the speed of training."""
        self._row_began += seconds
