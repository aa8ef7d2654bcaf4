"""gan-runner in Python: runs opened, trained, composed and evaluated by a program or a notebook."""

from gan_runner.api.evaluation import evaluate
from gan_runner.api.trained_run import TableRows, TrainedRun
from gan_runner.api.trained_run import open_run as open  # noqa: A004
from gan_runner.api.training import compose, fit

__all__ = ["TableRows", "TrainedRun", "compose", "evaluate", "fit", "open"]
