"""The loggers that a run may have: their settings. A file under `conf/logger/` names a class here.

The library of each is imported when a run begins to log to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gan_runner.config.component import Component
from gan_runner.errors import ConfigError
from gan_runner.logs.trackers import Tracker
from gan_runner.storage.run_folder import RunFolder

Name = Annotated[str, Field(min_length=1)]


class Logger(Component, ABC):
    """A place that a run is logged to beside its own rows."""

    library: ClassVar[str | None] = None
    """The package that it needs, if that isn't always there."""

    command: ClassVar[str | None] = None
    """What shows the curves of a run in a folder, {folder}."""

    @abstractmethod
    def open(self, folder: RunFolder) -> Tracker:
        """The tracker of the run in this folder. Raises ImportError."""


class TensorBoard(Logger):
    """Event files in the run folder."""

    command = "tensorboard --logdir {folder}"

    def open(self, folder: RunFolder) -> Tracker:
        from gan_runner.logs.tensorboard import TensorBoardLog

        return TensorBoardLog(folder.tensorboard)


class CSV(Logger):
    """The rows as a table in the run folder."""

    def open(self, folder: RunFolder) -> Tracker:
        from gan_runner.logs.csv_file import CSVFile

        return CSVFile(folder)


class WandB(Logger):
    """Weights & Biases."""

    library = "wandb"

    project: Name
    entity: Name | None
    mode: Literal["offline", "online"]

    def open(self, folder: RunFolder) -> Tracker:
        from gan_runner.logs.wandb import WandBRun

        return WandBRun(folder, project=self.project, entity=self.entity, mode=self.mode)


class MLflow(Logger):
    """MLflow, of which mlflow-skinny is enough."""

    library = "mlflow"

    tracking_uri: Name
    experiment: Name

    def open(self, folder: RunFolder) -> Tracker:
        from gan_runner.logs.mlflow import MLflowRun

        return MLflowRun(folder, tracking_uri=self.tracking_uri, experiment=self.experiment)


def check_installed(loggers: Mapping[str, Logger]) -> None:
    """Raise ConfigError for a logger whose package isn't there."""
    for name, logger in loggers.items():
        if logger.library is not None and find_spec(logger.library) is None:
            raise ConfigError(
                f"{logger.library} isn't installed, logger={name}. "
                f'Install it: pip install "gan-runner[{logger.library}]".'
            )
