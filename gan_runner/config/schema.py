"""The run's own settings as types, and a run's configuration as plain data in its folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from gan_runner.config.component import Component, parse_settings
from gan_runner.config.dotted import flatten
from gan_runner.config.groups import DATA_PLACES
from gan_runner.config.plain_yaml import LARGEST_FILE_BYTES, read_plain
from gan_runner.config.reference import plain_option
from gan_runner.errors import CheckpointError, ConfigError, printable
from gan_runner.system.files import write_text

SCHEDULE_LENGTHS = (
    "optimizer.generator.schedule.steps",
    "optimizer.discriminator.schedule.steps",
)
# What a resumed run may change: how long it is and its schedules are, what it shows and keeps, and
# where it runs. The data may lie elsewhere, too: its digest is compared with the one that the run
# began with.
FREE = (
    *SCHEDULE_LENGTHS,
    "train.steps",
    "train.epochs",
    "train.log_every",
    "train.sample_every",
    "train.save_every",
    "train.eval_every",
    "train.keep",
    "terminal.preview",
    "device",
    "devices",
    "threads",
    "reuse_memory",
    "cache",
    *DATA_PLACES,
    "dataset.download",
    "dataset.source.download",
)

_FREE_GROUPS = ("logger",)  # all of their settings

PLACES = (*DATA_PLACES, "cache")
"""Settings that are paths of what is read again later."""

_EARLIER = {
    "terminal.preview": "never",
    "reuse_memory": True,
    "devices": 1,
    "compile": False,
    "train.updates": "alternating",
    "train.accumulate": 1,
    "privacy.epsilon": None,
    "privacy.noise_multiplier": None,
    "privacy.max_grad_norm": 1.0,
    "privacy.delta": None,
    "dataset.columns": {},
    "dataset.constraints": [],
    "dataset.conditional_vector": [],
    "dataset.number_encoding": "plain",
    "dataset.bounds": "none",
    "dataset.spikes": False,
    "dataset.names": [],
    "dataset.skip_lines": [],
    "model.discriminator.dropout": 0.0,
    "health.action.ignores_input": "warn",
    "health.action.identity": "warn",
    "health.action.checkerboards": "warn",
    "health.translation.effect": 0.05,
    "health.translation.change": 0.1,
    "health.translation.checkerboards": 10.0,
    "health.translation.span": 400,
    "health.action.impossible_rows": "warn",
    "health.impossible_rows.share": 0.1,
    "evaluation.target": "auto",
}
"""Settings that runs of earlier versions lack, with what these did."""
_TABLES = ("Table", "Iris", "Wine", "BreastCancer")
_OF_CLASSES = {
    "dataset.columns": ("Table",),
    "dataset.constraints": _TABLES,
    "dataset.conditional_vector": _TABLES,
    "dataset.number_encoding": _TABLES,
    "dataset.bounds": _TABLES,
    "dataset.spikes": _TABLES,
    "dataset.names": ("Table",),
    "dataset.skip_lines": ("Table",),
    "model.discriminator.dropout": ("DCGAN", "MLP"),
}
"""Those of them that only some classes of a group have."""

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # in C, ten times as fast, where it is


FEWEST_EVALUATED_STEPS = 100
"""With train.eval_every=auto: a shorter run isn't evaluated unless it is asked for."""

PreviewMode = Literal["auto", "always", "never"]
Name = Annotated[str, Field(pattern=r"^\w+$")]  # it becomes part of the names of logged terms


class Train(Component):
    """Length, sizes and intervals of training. An interval of 0 means: only at the end; for
    `eval_every` it means never, and auto is resolved when the data is known."""

    steps: NonNegativeInt
    epochs: PositiveInt | None
    updates: Literal["alternating", "simultaneous"]
    batch_size: PositiveInt
    accumulate: PositiveInt
    log_every: NonNegativeInt
    sample_every: NonNegativeInt
    save_every: NonNegativeInt
    eval_every: NonNegativeInt | Literal["auto"]
    keep: NonNegativeInt
    samples: Annotated[int, Field(ge=1, le=1024)]
    ema: Annotated[float, Field(ge=0, lt=1)]
    ema_warmup: Annotated[float, Field(ge=1)]

    @property
    def is_evaluated(self) -> bool:
        """Whether evaluations come in it, as far as is known."""
        if self.eval_every == "auto":
            return self.epochs is not None or self.steps >= FEWEST_EVALUATED_STEPS
        return self.eval_every > 0

    @property
    def evaluation_interval(self) -> int:
        """The steps between two evaluations, once that is resolved; 0 for none."""
        return 0 if self.eval_every == "auto" else self.eval_every


class PrivacySettings(Component):
    """Differential privacy of D's updates. `epsilon` is the budget of all of them; the noise that
    needs it, and `delta`, are resolved when the data is known."""

    epsilon: PositiveFloat | None
    noise_multiplier: PositiveFloat | None
    max_grad_norm: PositiveFloat
    delta: Annotated[float, Field(gt=0, lt=1)] | None

    @property
    def is_on(self) -> bool:
        """Whether D is trained with it."""
        return self.epsilon is not None or self.noise_multiplier is not None

    @property
    def asked(self) -> str:
        """The setting that turned it on, with its value."""
        name = "epsilon" if self.epsilon is not None else "noise_multiplier"
        return f"privacy.{name}={getattr(self, name):g}"


class QuickLimits(Component):
    """What the settings of a run with quick=true are at most, where nothing else is asked for."""

    updates: PositiveInt
    batch_size: PositiveInt
    every: PositiveInt
    log_every: PositiveInt
    width: PositiveInt
    expansion: PositiveInt
    hidden: PositiveInt
    image_size: PositiveInt
    evaluated: PositiveInt
    sweep_samples: PositiveInt
    sweep_repeats: PositiveInt
    sweep_trials: PositiveInt


class TerminalSettings(Component):
    """The terminal of a run."""

    preview: PreviewMode


class UsedPlugin(Component):
    """A plugin that gave something to a run: a package's version, or a file's sha256."""

    name: str
    version: str | None
    sha256: str | None


class Config(Component):
    """A run's configuration. The groups stay plain here; their own classes check them."""

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
    devices: PositiveInt
    precision: Literal["fp32", "bf16", "auto"]
    deterministic: bool
    threads: PositiveInt | Literal["auto"] | None
    reuse_memory: bool
    compile: bool
    quick: bool
    cache: Annotated[str, Field(min_length=1)]
    init_from: Annotated[str, Field(min_length=1)] | None
    train: Train
    privacy: PrivacySettings
    terminal: TerminalSettings
    method: dict[str, Any]
    model: dict[str, Any]
    loss: dict[str, Any]
    augment: dict[Name, dict[str, Any]]
    logger: dict[Name, dict[str, Any]]
    dataset: dict[str, Any]
    optimizer: dict[str, Any]
    evaluation: dict[str, Any]
    health: dict[str, Any]
    choices: dict[str, str]
    plugins: tuple[UsedPlugin, ...]

    def plain(self) -> dict[str, Any]:
        """The configuration as plain data, as `config.yaml` has it."""
        return json.loads(self.model_dump_json())  # type: ignore[no-any-return]

    def choice(self, group: str) -> str:
        """The name on the command line of the option of a group, as far as it is known."""
        if group in self.choices:
            return f"{group}={printable(self.choices[group])}"
        return f"{group}.name={printable(getattr(self, group).get('name'))}"

    def digest(self) -> str:
        """A digest of everything that a resumed run may not change."""
        leaves = flatten(self.plain())
        left = ("plugins", "quick")  # what quick=true changed is in the settings
        fixed = {
            k: v
            for k, v in leaves.items()
            # a setting that does what earlier versions did leaves the digest as theirs
            if not is_free(k) and k not in left and (k not in _EARLIER or v != _EARLIER[k])
        }
        return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()


def is_free(key: str) -> bool:
    """Whether a resumed run may change a setting, given by its dotted key."""
    return key in FREE or key.partition(".")[0] in _FREE_GROUPS


def parse(plain: Mapping[str, Any]) -> Config:
    """A composed configuration, with the run's own settings checked.

    Raises ConfigError. Needs no torch, so that a fault answers at once.
    """
    return parse_settings(plain, Config)


def read(path: Path) -> Config:
    """The configuration of a run folder, which may come from a stranger: data, never a program.

    Raises CheckpointError for anything but plain data with known keys.
    """
    plain = read_plain(path)
    _add_settings(plain)
    if "choices" in plain and "method" not in plain:
        raise CheckpointError(
            f"the run was made by an earlier version of gan-runner, {printable(path.parent)}."
        )
    if "method" in plain and "logger" not in plain:  # of an earlier version
        plain["logger"] = {"tensorboard": plain_option("logger", "tensorboard")}
    try:
        return parse({"quick": False, **plain})  # which runs made before there was one lack
    except ConfigError as error:
        raise CheckpointError(f"configuration refused, {printable(path)}:\n{error}") from None


def _add_settings(plain: dict[str, Any]) -> None:
    """Give a configuration the settings that it lacks as one of an earlier version."""
    for key, value in _EARLIER.items():
        *groups, name = key.split(".")
        if key in _OF_CLASSES and _class_name(plain, groups[0]) not in _OF_CLASSES[key]:
            continue
        node: Any = plain
        for group in groups:
            node = node.setdefault(group, {}) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.setdefault(name, value)


def _class_name(plain: dict[str, Any], group: str) -> object:
    node = plain.get(group)
    return node.get("name") if isinstance(node, dict) else None


def write(path: Path, config: Config) -> None:
    """Write `config.yaml`, and see that it reads back as the same.

    Raises OSError, and ConfigError for a configuration that can't be kept, as a huge one.
    """
    content = text(config)
    if len(content.encode()) > LARGEST_FILE_BYTES:
        leaves = flatten(config.plain())
        longest = max(leaves, key=lambda key: len(str(leaves[key])))
        raise ConfigError(
            f"a setting is too long to be kept, {longest}={printable(leaves[longest], limit=60)}. "
            f"All settings together may take {LARGEST_FILE_BYTES >> 20} MiB."
        )
    write_text(path, content)
    try:
        kept = read(path)
    except CheckpointError as error:
        raise ConfigError(str(error)) from None
    assert kept == _with_absolute_paths(config), f"{path} reads back as another configuration"


def text(config: Config) -> str:
    """The configuration as the text of `config.yaml`. Data and cache have absolute paths there: a
    relative one means the folder in which the command was typed, and a later command, as a resume,
    may be typed in another."""
    plain = _with_absolute_paths(config).plain()
    return str(yaml.dump(plain, Dumper=_DUMPER, sort_keys=False))


def _with_absolute_paths(config: Config) -> Config:
    found = flatten(config.plain())
    relative = {key: found[key] for key in PLACES if isinstance(found.get(key), str)}
    return with_values(config, {key: absolute_path(path) for key, path in relative.items()})


def absolute_path(path: str) -> str:
    """A path that doesn't depend on the current folder; one in a home folder does not, either."""
    return path if path.startswith("~") else os.path.abspath(path)  # noqa: PTH100  (links stay)


def relocate_data(config: Config, places: Mapping[str, str]) -> Config:
    """The configuration of data that lies elsewhere now, one of DATA_PLACES.

    Raises ConfigError for a data set without such a setting.
    """
    for key, path in places.items():
        if key.removeprefix("dataset.") not in flatten(config.dataset):
            raise ConfigError(
                f"{config.choice('dataset')} has no setting {key}, {key}={printable(path)}. "
                "Remove it."
            )
    return with_values(config, places)


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy with other values of settings in `FREE`, as they stand in a valid configuration."""
    train, dataset = _below("train", values), _below("dataset", values)
    terminal = _below("terminal", values)
    return config.model_copy(
        update={
            **{key: value for key, value in values.items() if "." not in key},
            "train": config.train.model_copy(update=train),
            "terminal": config.terminal.model_copy(update=terminal),
            "dataset": _with_dotted(config.dataset, dataset),
            "optimizer": {
                part: _with_schedule(node, _below(f"optimizer.{part}.schedule", values))
                for part, node in config.optimizer.items()
            },
        }
    )


def _with_dotted(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with other values, by dotted key."""
    changed = {key: value for key, value in changes.items() if "." not in key}
    for key in {key.partition(".")[0] for key in changes if "." in key}:
        changed[key] = _with_dotted(plain[key], _below(key, changes))
    return {**plain, **changed}


def _with_schedule(optimizer: Any, changes: Mapping[str, Any]) -> Any:
    if not changes:
        return optimizer
    return {**optimizer, "schedule": {**optimizer["schedule"], **changes}}


def _below(group: str, values: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{group}."
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def settings(config: Config) -> dict[str, Any]:
    """All settings by dotted key, to compare runs by. Which penalties and augmentations there are
    is one as well: their own settings are missing in runs without them."""
    chosen = {"loss.penalty": config.loss.get("penalty", {}), "augment": config.augment}
    named = {
        key: ", ".join(sorted(nodes)) or "none"
        for key, nodes in chosen.items()
        if isinstance(nodes, Mapping)  # a configuration that was refused may have anything here
    }
    return {**flatten(config.plain()), **named}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, with both values; a missing one is None."""
    left, right = flatten(ours), flatten(theirs)
    keys = sorted(left.keys() | right.keys())
    return {k: (left.get(k), right.get(k)) for k in keys if left.get(k) != right.get(k)}
