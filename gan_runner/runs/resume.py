"""A saved run goes on: whether it may, as it is asked to, from which state, and how exactly."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gan_runner.config import schema as configuration
from gan_runner.config.dotted import flatten
from gan_runner.config.groups import DATA_PLACES
from gan_runner.config.plugins import changed_plugins, loaded_plugins, used_plugins
from gan_runner.config.schema import Config, UsedPlugin
from gan_runner.data import Data
from gan_runner.errors import CheckpointError, ConfigError, printable
from gan_runner.logs import log
from gan_runner.logs.log import Log
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.data import report_reading
from gan_runner.runs.open import (
    initial_state,
    load_data,
    place_of_data,
    prepare_machine,
    saved_experiment,
    untrained_state,
    with_devices,
)
from gan_runner.storage import checkpoint
from gan_runner.storage.checkpoint import Checkpoint
from gan_runner.storage.run_folder import RunFolder
from gan_runner.system import machine
from gan_runner.system.files import write_text
from gan_runner.training.build import resolve
from gan_runner.training.experiment import Experiment
from gan_runner.training.restore import restore
from gan_runner.training.run import Run
from gan_runner.training.state import TrainState

# null or auto on the command line leaves these as they were resolved when the run was made
_RESOLVED = (
    "threads",
    "precision",
    "train.epochs",
    "evaluation.num",
    "privacy.noise_multiplier",
    "privacy.delta",
    *configuration.SCHEDULE_LENGTHS,
)


class Changes(NamedTuple):
    """The changes that a command line asks of a saved run: the whole composed configuration, and
    the dotted keys (or groups) in it that the user named."""

    config: Config | None
    named: tuple[str, ...]


def reopen(path: Path, changes: Changes, terminal: Terminal) -> Run | None:
    """An existing run at its newest valid checkpoint, to go on in its own folder; None if it is
    already complete, in which case nothing is touched.

    Raises CheckpointError if the run, or a change to it, is refused; InUseError if it is alive.
    """
    folder = RunFolder(path)
    folder.refuse_links()
    saved = folder.saved_config()
    folder.lock()
    config = with_devices(apply_changes(saved, changes))
    experiment = saved_experiment(_record_plugins(config), folder)
    if is_complete(folder, experiment):
        _record_places(folder, saved, experiment, terminal)
        return None
    found, warnings = checkpoint.newest(folder.checkpoints)
    if found is None and folder.status().step:
        warnings.append(
            f"the run was at step {folder.status().step} and none of its checkpoints is left: it "
            "begins anew."
        )
    device = prepare_machine(experiment.config)
    experiment, data = load_data(experiment, terminal, device)
    _refuse_ended_schedules(saved, experiment.config, changes)
    state = _saved_state(found, experiment, data, device)
    if found is not None:
        warnings += exactness_warnings(found, device)
        warnings += changed_plugins(experiment.config.plugins)
    check_length(state.step, experiment.config)
    reading = report_reading(experiment, data, terminal.track)
    _rewind(folder, found, experiment)
    write_text(folder.config, configuration.text(experiment.config))
    log_of_run = Log(folder, terminal, experiment.loggers)
    run = Run(folder, experiment, data, reading, state, log_of_run, terminal, device)
    run.checkpoints.saved_step = -1 if found is None else state.step
    _record_schedules(run, saved)
    for warning in warnings:
        run.warn(warning)
    return run


def _record_places(
    folder: RunFolder, saved: Config, experiment: Experiment, terminal: Terminal
) -> None:
    """Record where the data of a complete run lies now, if that was named. Raises DataError where
    it isn't there, CheckpointError if it isn't the same."""
    places = configuration.differences(saved.dataset, experiment.config.dataset)
    if {key.removeprefix("dataset.") for key in DATA_PLACES}.isdisjoint(places):
        return
    data = experiment.dataset.training(Path(experiment.config.cache), terminal.track)
    last = checkpoint.select(folder.checkpoints, "last")
    check_same(last, experiment.config, data)
    write_text(folder.config, configuration.text(experiment.config))
    terminal.say("the place of the data is recorded.")


def apply_changes(saved: Config, changes: Changes) -> Config:
    """The saved configuration with what a resumed run may change.

    Raises CheckpointError, with the differences, if the command line asks for more.
    """
    if changes.config is None or not changes.named:
        return saved
    asked = configuration.differences(saved.plain(), resolve(changes.config).plain())
    named = {
        key: (old, new)
        for key, (old, new) in asked.items()
        if _is_named(key, changes.named) and not (new in (None, "auto") and key in _RESOLVED)
    }
    refused = [
        f"  {key}: {printable(old)} -> {printable(new)}"
        for key, (old, new) in named.items()
        if not configuration.is_free(key)
    ]
    if refused:
        raise CheckpointError(
            "a resumed run can't change these settings:\n"
            + "\n".join(refused[:8])
            + "\nStart a new run, or start one from these weights with init_from=RUN"
        )
    values = {key: new for key, (_, new) in named.items() if not key.startswith("logger")}
    changed = configuration.with_values(saved, values)
    changed = changed.model_copy(update={"logger": _loggers(saved, changes)})
    if changed.train.epochs is None:  # else the number of steps isn't known yet
        _refuse_ended_schedules(saved, changed, changes)
    return changed


def _loggers(saved: Config, changes: Changes) -> dict[str, dict[str, Any]]:
    """The loggers that are asked for, all of them or some of their settings."""
    assert changes.config is not None, "there are changes"
    asked = changes.config.logger
    if "logger" in changes.named:
        return asked
    named = {key for key in flatten({"logger": asked}) if _is_named(key, changes.named)}
    return {
        name: {k: asked[name][k] if f"logger.{name}.{k}" in named else v for k, v in node.items()}
        for name, node in saved.logger.items()
    }


def _refuse_ended_schedules(saved: Config, changed: Config, changes: Changes) -> None:
    """Raise CheckpointError for a run that goes on beyond the end of a schedule that was as long
    as the run, unless the schedule's length is named, too: nobody has decided what comes then."""
    before, asked = flatten(saved.plain()), _named_values(changes)
    steps, ended = changed.train.steps, {}
    for key in configuration.SCHEDULE_LENGTHS:
        end, shape = before.get(key), before.get(key.replace(".steps", ".shape"))
        if end is None or shape == "constant" or key in asked:
            continue
        if saved.train.steps <= end < steps:
            ended[key] = end
    if ended:
        listed = " ".join(f"{key}={end}" for key, end in ended.items())
        longer = " ".join(f"{key}={steps}" for key in ended)
        raise CheckpointError(
            "the run would go on beyond the end of its learning rate's schedule, "
            f"train.steps={steps}. Add {longer} to stretch the curve from the saved step on, "
            f"or {listed} to stay at its last value."
        )


def _named_values(changes: Changes) -> dict[str, Any]:
    """The settings that the user named, but for null."""
    asked = {} if changes.config is None else flatten(changes.config.plain())
    return {k: v for k, v in asked.items() if v is not None and _is_named(k, changes.named)}


def _record_schedules(run: Run, saved: Config) -> None:
    """Say and record that a schedule has another length from here on."""
    changes = configuration.differences(saved.plain(), run.config.plain())
    for key, (old, new) in changes.items():
        if key in configuration.SCHEDULE_LENGTHS:
            text = f"{key}: {old} -> {new}, from step {run.state.step} on"
            run.log.event("change", run.state.step, text)
            run.log.say(text)


def _record_plugins(config: Config) -> Config:
    """The configuration with the plugins that it uses now, too: evaluations by all metrics may have
    begun, or a plugin come, since it was made."""
    recorded = {plugin.name for plugin in config.plugins}
    now = [UsedPlugin(**plain) for plain in used_plugins(config.plain(), loaded_plugins())]
    new = tuple(plugin for plugin in now if plugin.name not in recorded)
    return config.model_copy(update={"plugins": (*config.plugins, *new)})


def is_complete(folder: RunFolder, experiment: Experiment) -> bool:
    """Whether the run has done all its steps and its last checkpoint passes its check."""
    if folder.status().state != "completed":
        return False
    try:
        last = checkpoint.select(folder.checkpoints, "last")
    except CheckpointError:
        return False
    return last.step == requested_steps(folder, experiment)


def requested_steps(folder: RunFolder, experiment: Experiment) -> int | None:
    """The number of steps that the run is to have; None where that is given in epochs, and its
    folder doesn't say how many examples there were."""
    if experiment.config.train.epochs is None:
        return experiment.config.train.steps
    examples = folder.status().examples
    return None if examples is None else experiment.steps(examples)


def _saved_state(
    found: Checkpoint | None, experiment: Experiment, data: Data, device: torch.device
) -> TrainState:
    """The state of a checkpoint; that of step 0 if the run was killed before its first."""
    if found is None:
        return initial_state(experiment, data, device)
    check_same(found, experiment.config, data)
    state = untrained_state(experiment, data, device)
    restore(state, found)
    return state


def check_same(found: Checkpoint, config: Config, data: Data) -> None:
    """Raise CheckpointError if the configuration or the data isn't what the run began with."""
    if found.facts.config != config.digest():
        raise CheckpointError(
            f"config.yaml is not the one that the checkpoint was made with, "
            f"{printable(found.path)}. Restore it, or start a new run with init_from=RUN"
        )
    if found.facts.data != data.digest:
        raise CheckpointError(
            f"the data is not what the run began with, {place_of_data(config)}. "
            "Restore it, or start a new run with init_from=RUN"
        )


def check_length(step: int, config: Config) -> None:
    """Raise ConfigError if the run is already longer than it is to be."""
    if step > config.train.steps:
        raise ConfigError(
            f"the run is already at step {step}, train.steps={config.train.steps}. Name more steps."
        )


def _rewind(folder: RunFolder, found: Checkpoint | None, experiment: Experiment) -> None:
    """Let nothing in the folder be later than the checkpoint."""
    checkpoint.remove_partial_files(folder.checkpoints)
    folder.checkpoints.mkdir(exist_ok=True)
    if found is not None:
        checkpoint.make_last(folder.checkpoints, found)
    log.rewind(folder, -1 if found is None else found.step)
    best = log.best_step(folder, experiment.evaluation.best.direction)
    checkpoint.make_best(folder.checkpoints, best)


def exactness_warnings(found: Checkpoint, device: torch.device) -> list[str]:
    """One line if the run can't go on bit for bit here, none if it can."""
    before, here = found.facts.fingerprint, machine.fingerprint(device)
    if before == here:
        return []
    changes = configuration.differences(asdict(before), asdict(here))
    listed = ", ".join(f"{k} {printable(a)} -> {printable(b)}" for k, (a, b) in changes.items())
    return [f"the resumed run will not be bit-identical here: {listed}."]


def _is_named(key: str, named: tuple[str, ...]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in named)
