"""A new run, and the generator of a saved one.

Both, and the runs that go on, make their objects of the configuration in the same way, so training,
resuming and sampling can't disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import nn

from gan_runner.config import schema as configuration
from gan_runner.config.dotted import flatten
from gan_runner.config.groups import DATA_PLACES
from gan_runner.config.plugins import require_plugins
from gan_runner.config.schema import Config
from gan_runner.data import Data
from gan_runner.data.batches import to_device
from gan_runner.datasets import Track
from gan_runner.datasets.table_label import label_candidates
from gan_runner.errors import CheckpointError, ConfigError, plural, printable
from gan_runner.evaluation.settings import refuse_single_examples, space_name
from gan_runner.evaluation.target import find_target
from gan_runner.logs.log import Log
from gan_runner.logs.loggers import check_installed
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.data import report_reading
from gan_runner.sampling.sampler import Sampler
from gan_runner.storage import checkpoint
from gan_runner.storage.best import best_measured_step
from gan_runner.storage.run_folder import RunFolder
from gan_runner.system import machine, ranks
from gan_runner.system.signals import raise_on_signals
from gan_runner.training.build import build, resolve_for
from gan_runner.training.compiling import check_networks, compile_networks
from gan_runner.training.experiment import Experiment
from gan_runner.training.independence import check_independence
from gan_runner.training.perceptual import check_perceptual_space
from gan_runner.training.privacy import check_accountant
from gan_runner.training.privacy_rules import check_copies
from gan_runner.training.restore import load_network, saved_classes, take_weights
from gan_runner.training.rules import check_pairs, check_space
from gan_runner.training.run import Run
from gan_runner.training.state import TrainState, fresh_state, frozen_copy


def create(config: Config, path: Path, terminal: Terminal) -> Run:
    """A new run in the empty folder `path`. Nothing is written before all is known to work.

    Raises ConfigError, DataError, MachineError, and CheckpointError for `init_from`.
    """
    experiment = build(with_devices(config))
    check_installed(experiment.loggers)
    device = prepare_machine(experiment.config)
    experiment, data = load_data(experiment, terminal, device)
    reading = report_reading(experiment, data, terminal.track)
    state = initial_state(experiment, data, device)
    folder = RunFolder(path)
    folder.lock()
    folder.checkpoints.mkdir()
    configuration.write(folder.config, experiment.config)
    log = Log(folder, terminal, experiment.loggers)
    return Run(folder, experiment, data, reading, state, log, terminal, device)


class Trained(NamedTuple):
    """A generator to sample: no data was read and nothing of the run is held.

    `data` is the digest of the data that it was trained on, `step` that of its checkpoint.
    """

    sampler: Sampler
    step: int
    experiment: Experiment
    data: str


_WHERE_IT_WAS: Mapping[str, str] = MappingProxyType({})


def load_generator(
    path: Path,
    *,
    which: str,
    raw: bool,
    device: str,
    data_places: Mapping[str, str] = _WHERE_IT_WAS,
) -> Trained:
    """The generator of a checkpoint: `last`, `best` or a step; its EMA unless `raw`.

    `data_places`: where its data lies now, as in `dataset.root`. Raises CheckpointError
    if the run or the checkpoint is refused, ConfigError for places of another data set.
    """
    folder = RunFolder(path)
    folder.refuse_links()
    config = configuration.relocate_data(folder.saved_config(), data_places)
    experiment = saved_experiment(config, folder)
    found = _select(folder, experiment, which)
    space = found.facts.space
    with_ema = experiment.config.train.ema > 0 and not raw
    names = saved_classes(found, experiment.model)
    built = experiment.method.build_networks(space, len(names))
    where = machine.find_device(device)
    networks: dict[str, nn.Module] = {}
    averaged = {"generator": "ema", "back_generator": "back_ema"} if with_ema else {}
    for part in ("generator", "back_generator", "encoder"):
        if part in built:
            network = frozen_copy(built[part])
            load_network(network, found, averaged.get(part, part))
            networks[part] = network.to(where)
    sampler = experiment.method.sampler(
        networks, space, names, weights="ema" if with_ema else "raw"
    )
    sampler = replace(sampler, class_counts=found.facts.class_counts if names else ())
    return Trained(sampler, found.step, experiment, found.facts.data)


def _select(folder: RunFolder, experiment: Experiment, which: str) -> checkpoint.Checkpoint:
    """The checkpoint of that name; the best of a run that measured none while it was trained is
    what gan-evaluate found."""
    if which == "best" and not (folder.checkpoints / "best.json").exists():
        best = experiment.evaluation.best
        step = best_measured_step(
            folder,
            checkpoint.steps(folder.checkpoints),
            metric=best.metric,
            direction=best.direction,
            weights="ema" if experiment.config.train.ema > 0 else "raw",
        )
        which = which if step is None else str(step)
    return checkpoint.select(folder.checkpoints, which)


def load_training_data(trained: Trained, cache: Path, track: Track) -> Data:
    """The data that a generator was trained on, read again.

    Raises DataError where it can't be read, CheckpointError if it is not the same any more.
    """
    data = trained.experiment.dataset.training(cache, track)
    if data.digest != trained.data:
        raise CheckpointError(
            "the data is not what the run was trained on, "
            f"{place_of_data(trained.experiment.config)}. Restore it."
        )
    return data


def place_of_data(config: Config) -> str:
    """The setting that says where the data lie, or which they are."""
    settings = {f"dataset.{key}": value for key, value in flatten(config.dataset).items()}
    places = ("dataset.path", "dataset.root", *DATA_PLACES)
    key = next((key for key in places if settings.get(key)), "dataset.name")
    return f"{key}={printable(settings.get(key))}"


def saved_experiment(config: Config, folder: RunFolder) -> Experiment:
    """The components of the configuration of a run. Raises CheckpointError if it is invalid, which
    says of a run of another version which version that is."""
    require_plugins(config.plugins)
    try:
        return build(config)
    except ConfigError as error:
        raise CheckpointError(f"configuration refused:\n{error}{folder.other_version()}") from None


def with_devices(config: Config) -> Config:
    """The configuration with the number of devices that there are for it. Raises ConfigError where
    one process was started for several."""
    if ranks.count() == 1 and config.devices > 1:
        raise ConfigError(
            f"this trains in one process, on one device, devices={config.devices}. Use devices=1: "
            "only gan-train starts several, and its dry runs don't"
        )
    return config.model_copy(update={"devices": ranks.count()})


def prepare_machine(config: Config) -> torch.device:
    """The device of a run, with torch's threads and determinism set. Raises MachineError."""
    return machine.prepare_device(
        device=config.device, threads=config.threads, deterministic=config.deterministic
    )


def load_data(
    experiment: Experiment, terminal: Terminal, device: torch.device
) -> tuple[Experiment, Data]:
    """The data, and the experiment with the lengths that depend on it resolved.

    Raises DataError, and ConfigError for settings that don't fit the data.
    """
    config = experiment.config
    check_accountant(config)
    with raise_on_signals():
        data = to_device(experiment.dataset.training(Path(config.cache), terminal.track), device)
    check_space(experiment, data.space)
    check_pairs(experiment, data)
    check_perceptual_space(experiment, data)
    _check_classes(experiment, data)
    space_name(experiment.evaluation, data)
    find_target(experiment.evaluation, data)
    if config.train.evaluation_interval > 0:
        refuse_single_examples(data, name=config.dataset["name"])
    if config.train.batch_size > len(data):
        raise ConfigError(
            f"a batch is larger than the data, train.batch_size={config.train.batch_size}. "
            f"The data set has {plural(len(data), 'example')}. "
            f"Use train.batch_size={2 ** (len(data).bit_length() - 1)}"
        )
    experiment = resolve_for(
        experiment,
        data,
        threads=torch.get_num_threads(),
        multiplies_bf16=machine.multiplies_bf16(device),
    )
    prepare_machine(experiment.config)  # the number of threads is known now
    return experiment, data


def _check_classes(experiment: Experiment, data: Data) -> None:
    """Raise ConfigError if a conditional model has nothing to tell apart."""
    name = printable(experiment.config.dataset["name"])
    way = experiment.config.model.get("conditioning", "none")
    counts = None if data.labels is None else data.labels.bincount(minlength=data.classes)
    if experiment.model.conditional and (counts is None or int((counts > 0).sum()) < 2):
        what = "no labels" if counts is None else "a single class"
        raise ConfigError(
            f"the data has {what}, model.conditioning={way} with dataset.name={name}. "
            f"{_label_remedy(data)} or model.conditioning=none"
        )
    if experiment.model.conditional and counts is not None:
        alone = (counts == 1).nonzero().flatten().tolist()
        if alone:
            names = data.class_names
            which = names[alone[0]] if alone[0] < len(names) else str(alone[0])
            raise ConfigError(
                f"class {printable(which)} has a single example, model.conditioning={way} with "
                f"dataset.name={name}{_label_source(data)}. Leave it out, or correct its label."
            )


def _label_remedy(data: Data) -> str:
    candidates = label_candidates(data.reading.columns)
    if candidates:
        return f"Name the column of the classes, as {' or '.join(candidates)}"
    return "Use labeled data,"


def _label_source(data: Data) -> str:
    return f" (labels: {data.reading.labels})" if data.reading.labels else ""


def initial_state(experiment: Experiment, data: Data, device: torch.device) -> TrainState:
    """The state of step 0, from new weights or from those that `init_from` names."""
    state, config = untrained_state(experiment, data, device), experiment.config
    if config.init_from is not None:
        classes = _classes(experiment, data)
        take_weights(state, Path(config.init_from), config, data.space, classes=classes)
    return state


def untrained_state(experiment: Experiment, data: Data, device: torch.device) -> TrainState:
    """The state of step 0 with new weights."""
    config = experiment.config
    state = fresh_state(
        experiment.method,
        experiment.optimizers,
        data.space,
        classes=_classes(experiment, data),
        seed=config.seed,
        with_ema=config.train.ema > 0,
        device=device,
    )
    if config.train.accumulate > 1:
        check_independence(
            config,
            experiment.method,
            state.networks,
            data.space,
            classes=_classes(experiment, data) or data.space.conditional_vector_size,
        )
    if config.privacy.is_on:
        shape = experiment.method.network_inputs(data.space)["discriminator"]
        check_copies(config, state.discriminator, shape)
    if config.compile:
        check_networks(config, state.networks.values())
        compile_networks(state.networks.values())
    return state


def _classes(experiment: Experiment, data: Data) -> int:
    """The number of classes that the networks are conditioned on."""
    return data.classes if experiment.model.conditional else 0
