"""What `auto` stands for in the settings of the machine: CPU threads and precision.

Chosen from the networks and the capabilities of the machine, never from the clock: the same command
on the same machine gives the same bits. docs/speed.md has the measurements of threads; that of bf16
is of others, on processors that have it in hardware.
"""

from __future__ import annotations

from typing import Literal

from gan_runner.data import Data
from gan_runner.training.experiment import Experiment
from gan_runner.training.operations import operations_of_a_pass

_MUCH = 2e9
"""Operations of a step with one update of D from which on more threads than one pay."""

_WIDE = 64
"""Channels of a convolution from which on bfloat16 is taken."""


def choose_threads(experiment: Experiment, data: Data, *, available: int) -> int:
    """The number that the settings say; for auto one, or all that are available."""
    asked = experiment.config.threads
    if asked != "auto":
        return asked or available
    passed = operations_of_a_pass(experiment.method, data)
    return available if experiment.config.train.batch_size * passed.step >= _MUCH else 1


def choose_precision(
    experiment: Experiment, data: Data, *, multiplies_bf16: bool | None
) -> Literal["fp32", "bf16"]:
    """The precision that the settings say; for auto bf16 where the device multiplies it and the
    networks convolve many channels."""
    asked = experiment.config.precision
    if asked != "auto":
        return asked
    if not multiplies_bf16:
        return "fp32"
    passed = operations_of_a_pass(experiment.method, data)
    is_much = experiment.config.train.batch_size * passed.step >= _MUCH
    return "bf16" if is_much and passed.channels >= _WIDE else "fp32"
