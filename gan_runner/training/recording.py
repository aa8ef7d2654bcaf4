"""The record of a run while it goes on: its status, warnings and verdicts, and how it ended."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import torch

from gan_runner.logs.log import Log
from gan_runner.storage.run_folder import RunFolder, current_time
from gan_runner.storage.status import State, Status, Verdict
from gan_runner.system import machine

_NUMBER = re.compile(r"\d+(\.\d+)?")


class Recorder:
    """Keeps `status.json` and the events of a run, and prints them for the person who waits."""

    def __init__(self, folder: RunFolder, log: Log, device: torch.device) -> None:
        self.folder = folder
        self.log = log
        self.status: Status = folder.status()
        self._device = device

    def update_status(self, **changes: Any) -> None:
        """Change `status.json`, and note the memory that it took so far. Raises OSError."""
        peak = max(machine.peak_memory(self._device), self.status.peak_memory or 0)
        self.status = replace(self.status, **changes, peak_memory=peak)
        self.folder.write_status(self.status)

    def warn(self, step: int, text: str) -> None:
        """Say a warning, and keep it in the status once."""
        self.log.say(f"warning: {text}", style="yellow")
        self.log.event("warning", step, text)
        if text not in self.status.warnings:
            self.status = replace(self.status, warnings=(*self.status.warnings, text))

    def warn_once(self, step: int, text: str) -> None:
        """Say a warning, unless the run has had it before, if with other numbers."""
        if _NUMBER.sub("", text) not in [_NUMBER.sub("", each) for each in self.status.warnings]:
            self.warn(step, text)

    def add_verdict(self, verdict: Verdict) -> None:
        """Say a verdict, and keep it in the status. Raises OSError."""
        self.log.verdict(verdict)
        self.update_status(verdicts=(*self.status.verdicts, verdict))

    def verdicts_until(self, step: int) -> tuple[Verdict, ...]:
        """The verdicts that a run resumed at this step won't come to again."""
        return tuple(verdict for verdict in self.status.verdicts if verdict.step <= step)

    def close(self, step: int, *, state: State, exit_code: int, reason: str) -> None:
        """Record how the run ended and let the folder go. Raises OSError."""
        try:
            self.update_status(
                state=state, exit_code=exit_code, reason=reason, ended=current_time()
            )
            self.log.event("end", step, f"{state}: {reason}")
            self.log.close(success=None if state in ("interrupted", "paused") else exit_code == 0)
        finally:
            self.folder.release()
