"""Whether networks treat each example alone, as micro-batches need: tried out on random inputs, so
that it holds for those of plugins, too."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.training.methods import Method

_ROWS = 4
_TOLERANCE = 1e-3  # far above rounding, far below what a norm over another batch changes


@torch.no_grad()
def check_independence(
    config: Config,
    method: Method,
    networks: Mapping[str, nn.Module],
    space: Space,
    *,
    classes: int,
) -> None:
    """Raise ConfigError, with the remedy, if a network in training gives other outputs for half a
    batch than for the whole one. They are copied to the CPU, where nothing rounds coarsely."""
    labels = torch.arange(_ROWS) % classes if classes else None
    shapes = method.network_inputs(space)
    for name, network in networks.items():
        if name not in shapes:
            continue
        rng = torch.Generator().manual_seed(0)
        inputs = torch.randn(_ROWS, *shapes[name], generator=rng)
        whole = _outputs(network, inputs, labels)
        halves = [
            _outputs(network, inputs[rows], None if labels is None else labels[rows])
            for rows in torch.arange(_ROWS).chunk(2)
        ]
        if not torch.allclose(whole, torch.cat(halves), rtol=_TOLERANCE, atol=_TOLERANCE):
            raise ConfigError(
                f"the {name} treats an example by the others of its batch, or by chance, "
                f"{config.choice('model')} with train.accumulate={config.train.accumulate}. "
                "Use train.accumulate=1"
            )


def _outputs(network: nn.Module, inputs: Tensor, labels: Tensor | None) -> Tensor:
    """What a copy of a network makes of inputs, a row each."""
    network = copy.deepcopy(network).cpu()
    with torch.random.fork_rng(devices=[]):
        made = network(inputs) if labels is None else network(inputs, labels)
    return torch.cat([of.flatten(1) if of.ndim > 1 else of[:, None] for of in _tensors(made)], 1)


def _tensors(made: object) -> Iterator[Tensor]:
    if isinstance(made, Tensor):
        yield made
    elif isinstance(made, DiscriminatorOutput):
        yield made.logits
    elif isinstance(made, tuple):
        yield from made
