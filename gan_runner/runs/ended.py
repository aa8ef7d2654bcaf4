"""The end of a run that its own process couldn't record, because it was killed or never began."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

from gan_runner.config import schema as configuration
from gan_runner.config.schema import Config
from gan_runner.errors import CheckpointError, InUseError, MachineError
from gan_runner.storage.run_folder import RunFolder, current_time
from gan_runner.storage.status import State
from gan_runner.system.files import write_text

OPEN: tuple[State | None, ...] = (None, "running", "failed")
"""States that the end of a process may replace."""

_POLL_SECONDS = 0.2


def record_end(
    folder: RunFolder,
    config: Config,
    *,
    state: State,
    code: int,
    reason: str,
    replaced: Collection[State | None] = OPEN,
    patience: float = 0.0,
) -> None:
    """Let the folder say how its process ended, unless its state isn't among those to be
    `replaced`: what it says still holds then. For so many seconds of `patience` a process may have
    the folder still. A status that can't be read, or written, is left to whoever can."""
    began = time.monotonic()
    while True:
        try:
            folder.lock()
            break
        except InUseError:
            if time.monotonic() - began >= patience:
                return
            time.sleep(_POLL_SECONDS)
        except MachineError:
            return
    try:
        with suppress(CheckpointError, OSError):
            _record(folder, config, state, code, reason, replaced)
    finally:
        folder.release()


def _record(
    folder: RunFolder,
    config: Config,
    state: State,
    code: int,
    reason: str,
    replaced: Collection[State | None],
) -> None:
    status = folder.status()
    if status.state not in replaced or status.exit_code == code:
        return
    if not folder.config.exists():
        write_text(folder.config, configuration.text(config))
    ended = replace(status, state=state, exit_code=code, reason=reason, ended=current_time())
    folder.write_status(replace(ended, step=status.step or 0))
    shown = [node.get("name") for node in config.logger.values()]
    if state == "failed" and "TensorBoard" in shown:
        from gan_runner.logs.tensorboard import record_failure

        settings = configuration.settings(config)
        known = {k: v for k, v in settings.items() if v not in (None, "auto")}
        record_failure(folder.tensorboard, folder.title, known)
