"""gan-runner: experiments with generative adversarial networks, from YAML groups to a run folder.

    import gan_runner

    run = gan_runner.fit(["loss=hinge", "train.steps=500"])
    images = run.sample(64, labels=None, seed=0)     # uint8 [N, H, W, C]

Nothing is imported before it is used: `import gan_runner` costs no torch. The base classes and the
parts of a metric are for plugins (docs/extending.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from gan_runner.api import TrainedRun, compose, evaluate, fit, open  # noqa: A004
    from gan_runner.augmentations import Augmentation
    from gan_runner.config.component import Component
    from gan_runner.data import Data, Space
    from gan_runner.datasets import Dataset
    from gan_runner.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        Fault,
        MachineError,
        NumbersError,
        PluginError,
    )
    from gan_runner.evaluation.metrics.inputs import Measurement, MetricInputs
    from gan_runner.evaluation.metrics.measures import metric
    from gan_runner.evaluation.metrics.registry import Need, Number
    from gan_runner.models import Model
    from gan_runner.objectives.losses import Loss
    from gan_runner.objectives.penalties import Penalty
    from gan_runner.training.methods import Method
    from gan_runner.training.optimizers import Optimizer

__all__ = [
    "Augmentation",
    "CheckpointError",
    "Component",
    "ConfigError",
    "Data",
    "DataError",
    "Dataset",
    "Fault",
    "Loss",
    "MachineError",
    "Measurement",
    "Method",
    "MetricInputs",
    "Model",
    "Need",
    "Number",
    "NumbersError",
    "Optimizer",
    "Penalty",
    "PluginError",
    "Space",
    "TrainedRun",
    "compose",
    "evaluate",
    "fit",
    "metric",
    "open",
]

_HOMES = {
    **dict.fromkeys(("TrainedRun", "compose", "evaluate", "fit", "open"), "gan_runner.api"),
    "Augmentation": "gan_runner.augmentations",
    "Component": "gan_runner.config.component",
    **dict.fromkeys(("Data", "Space"), "gan_runner.data"),
    "Dataset": "gan_runner.datasets",
    **dict.fromkeys(
        (
            *("CheckpointError", "ConfigError", "DataError", "Fault"),
            *("MachineError", "NumbersError", "PluginError"),
        ),
        "gan_runner.errors",
    ),
    "Loss": "gan_runner.objectives.losses",
    **dict.fromkeys(("Measurement", "MetricInputs"), "gan_runner.evaluation.metrics.inputs"),
    "Method": "gan_runner.training.methods",
    **dict.fromkeys(("Need", "Number"), "gan_runner.evaluation.metrics.registry"),
    "metric": "gan_runner.evaluation.metrics.measures",
    "Model": "gan_runner.models",
    "Optimizer": "gan_runner.training.optimizers",
    "Penalty": "gan_runner.objectives.penalties",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gan_runner' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
