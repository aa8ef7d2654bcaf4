"""An option of a group with all that is known of its settings: value, meaning, type, range.

The files of the configuration know no classes, and the classes no files: here they meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component, find_classes
from gan_runner.config.reference import Option, read_option
from gan_runner.config.schema import Config, QuickLimits
from gan_runner.data import Degradation
from gan_runner.datasets import Dataset
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.logs.loggers import Logger
from gan_runner.models import GenerativeModel, Model
from gan_runner.objectives.elbo import VariationalObjective
from gan_runner.objectives.losses import Loss
from gan_runner.objectives.objective import GameSettings
from gan_runner.objectives.terms import Term
from gan_runner.sweeps.settings import (
    ClusterSettings,
    HalvingSettings,
    SweepSettings,
    TuningSettings,
)
from gan_runner.training.methods import Method
from gan_runner.training.optimizers import Optimizer

_FIXED: dict[str, tuple[type[Component], ...]] = {
    "": (Config,),
    "model": (GenerativeModel, Model),
    "loss": (GameSettings,),
    "dataset": (Dataset,),
    "evaluation": (Evaluation,),
    "health": (Health,),
    "quick_limits": (QuickLimits,),
    "sweeping": (SweepSettings,),
    "hydra.sweeper": (TuningSettings, HalvingSettings),
    "hydra.launcher": (ClusterSettings,),
}
"""The classes that check a node whatever the options, by the node's key."""
_FAMILIES: dict[str, tuple[type[Component], ...]] = {
    "model": (GenerativeModel,),
    "loss": (Loss, VariationalObjective),
    "loss.penalty": (Term,),
    "augment": (Augmentation,),
    "dataset": (Dataset,),
    "dataset.source": (Dataset,),
    "dataset.degrade": (Degradation,),
    "optimizer": (Optimizer,),
    "logger": (Logger,),
}
"""The classes among which a node's `name` is found, by the node's key or by the one above it."""


def typed_option(group: str, name: str, folder: Path | None = None) -> Option:
    """An option of ours, or of another folder, and every setting of it with its type. Raises
    OSError where there is none."""
    return with_types(read_option(group, name, folder))


def with_types(option: Option) -> Option:
    """An option with the types of its settings, of the classes that it names."""
    classes: dict[str, list[type[Component]]] = {key: [*kinds] for key, kinds in _FIXED.items()}
    for key, kind in _named_classes(option):
        classes.setdefault(key, []).append(kind)
    return option.with_types(classes)


def _named_classes(option: Option) -> Iterator[tuple[str, type[Component]]]:
    for key, name in option.classes.items():
        above = key.rpartition(".")[0]
        for family in _FAMILIES.get(key) or _FAMILIES.get(above, ()):
            kinds: dict[str, type[Component]] = find_classes(family)
            if name in kinds:
                yield key, kinds[name]
        if key == "method" and name in find_classes(Method):
            yield key, find_classes(Method)[name].Settings
