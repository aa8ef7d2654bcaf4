"""gan-train: compose a configuration, validate it, create or continue a run, train.

The only door to Hydra, and the only entry point of training. torch is imported only once there is
something to train, so that help and faults of the configuration answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from gan_runner.errors import CheckpointError, ConfigError, Fault, report
from gan_runner.help import GROUPS, conf_folder, help_text
from gan_runner.interruption import Interrupted, end_at_once

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from gan_runner.run import Run
    from gan_runner.terminal import Terminal
