"""A run in MLflow. Here is its only door."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from gan_runner.logs.trackers import RunFacts, Tracker
from gan_runner.sampling.pictures.png import Picture
from gan_runner.storage.run_folder import RunFolder

_PARAMETERS_AT_A_TIME = 100  # MLflow takes no more
_LONGEST_VALUE = 6000
_LONGEST_TEXT = 5000


class MLflowRun(Tracker):
    """One run, by a client of its own: nothing of MLflow is global here."""

    is_outside: ClassVar[bool] = True

    def __init__(self, folder: RunFolder, *, tracking_uri: str, experiment: str) -> None:
        self._folder = folder
        self._tracking_uri = tracking_uri
        self._experiment = experiment
        self._id = ""

    def begin(self, facts: RunFacts, tracked_id: str | None) -> str:
        # MLflow 3 asks for a database unless files are allowed by name
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        self._client = MlflowClient(tracking_uri=self._tracking_uri)
        self._id = self._reopen(tracked_id) or self._create()
        parameters = [
            Param(key, ("null" if value is None else str(value))[:_LONGEST_VALUE])
            for key, value in facts.settings.items()
        ]
        # a setting that a resumed run has changed: MLflow refuses another value of a parameter
        known = self._client.get_run(self._id).data.params
        new = [one for one in parameters if one.key not in known]
        for first in range(0, len(new), _PARAMETERS_AT_A_TIME):
            self._client.log_batch(self._id, params=new[first : first + _PARAMETERS_AT_A_TIME])
        self._client.log_text(self._id, facts.text, "config.yaml")
        return self._id

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(_metric_name(name), v, now, step) for name, v in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def picture(self, name: str, step: int, picture: Picture, content: bytes) -> None:
        self._client.log_image(self._id, picture, key=name, step=step)

    def text(self, name: str, text: str, step: int) -> None:
        self._client.set_tag(self._id, name, text[:_LONGEST_TEXT])

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self, *, success: bool | None) -> None:
        if self._id:
            status = {None: "KILLED", True: "FINISHED", False: "FAILED"}[success]
            self._client.set_terminated(self._id, status)

    def _reopen(self, tracked_id: str | None) -> str | None:
        """The id of the run that goes on; None for one that isn't there."""
        if tracked_id is not None:
            with suppress(MlflowException):
                self._client.update_run(tracked_id, status="RUNNING")
                return tracked_id
        return None

    def _create(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        place = self._client.create_experiment(self._experiment) if found is None else ""
        run = self._client.create_run(
            place if found is None else found.experiment_id,
            run_name=self._folder.name,
            tags={"sweep": self._folder.sweep} if self._folder.sweep else None,
        )
        return str(run.info.run_id)


def _metric_name(name: str) -> str:
    """A name in the letters that MLflow takes, with one slash: its files have a folder for each,
    and elbo couldn't stand beside elbo/divergence."""
    letters = "".join(c if c.isalnum() or c in "_-./ :" else "_" for c in name)
    group, _, rest = letters.partition("/")
    return f"{group}/{rest.replace('/', '.') or group}"
