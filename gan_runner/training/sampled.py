"""The sampler of a run: its networks joined with what its data says of their outputs."""

from __future__ import annotations

from gan_runner.data import Data
from gan_runner.sampling.sampler import Sampler
from gan_runner.training.experiment import Experiment
from gan_runner.training.state import TrainState


def sampler_of(
    experiment: Experiment, data: Data, state: TrainState, *, raw: bool = False
) -> Sampler:
    """The sampler of a state: of the EMA where there is one, unless `raw`."""
    uses_ema = state.ema is not None and not raw
    return experiment.method.sampler(
        state.sampling_networks if uses_ema else state.networks,
        data.space,
        class_names(experiment, data),
        weights="ema" if uses_ema else "raw",
    )


def class_names(experiment: Experiment, data: Data) -> tuple[str, ...]:
    """A name for each class that the generator is conditioned on."""
    names, classes = data.class_names, data.classes
    if not experiment.model.conditional:
        return ()
    return tuple(names[k] if k < len(names) else str(k) for k in range(classes))
