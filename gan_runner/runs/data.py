"""Data and its reading report, as a run has them; also without a run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gan_runner.config.schema import Config
from gan_runner.data import Data
from gan_runner.data_report.describe import describe
from gan_runner.data_report.report import ReadingReport
from gan_runner.datasets import Dataset, Track
from gan_runner.errors import Fault
from gan_runner.system.signals import raise_on_signals
from gan_runner.training.build import build_dataset
from gan_runner.training.experiment import Experiment


class ReadData(NamedTuple):
    """Training data and its reading report."""

    data: Data
    report: ReadingReport


def read_data(config: Config, track: Track) -> ReadData:
    """The data that a configuration names. Raises ConfigError, DataError, MachineError."""
    dataset = build_dataset(config)
    with raise_on_signals():
        data = dataset.training(Path(config.cache), track)
    return ReadData(data, _report(config, dataset, data, track))


def report_reading(experiment: Experiment, data: Data, track: Track) -> ReadingReport:
    """The reading report of the data that an experiment trains on."""
    return _report(experiment.config, experiment.dataset, data, track)


def _report(config: Config, dataset: Dataset, data: Data, track: Track) -> ReadingReport:
    held_out = data.reading.held_out
    if held_out is None:
        try:
            with raise_on_signals():
                rest = dataset.test(Path(config.cache), track)
            held_out = 0 if rest is None else len(rest)
        except Fault:
            held_out = None  # training needs none; an evaluation says what is wrong with them
    return describe(data, name=_name(config), held_out=held_out, mirrored=dataset.flips)


def _name(config: Config) -> str:
    """The name of the user's own file or folder, else of the data set."""
    settings = config.dataset
    own = settings.get("path")
    if own is None and "download" not in settings:
        own = settings.get("root")  # elsewhere it holds known files
    if isinstance(own, str) and Path(own).name:
        return Path(own).name
    return config.choices.get("dataset", str(settings["name"]))
