"""DP-SGD, the discriminator's part of differential privacy: gradients of single examples, clipped,
added up and given noise. Abadi et al. 2016, arXiv:1607.00133, algorithm 1.

The generator learns of the data by the discriminator alone, so that what holds for the weights of
the latter holds for both, and for samples: Xie et al. 2018, arXiv:1802.06739.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap

from gan_runner.data.batches import Batch
from gan_runner.models.discriminator import Discriminator, DiscriminatorOutput

_LARGEST_COPIES = 1 << 22
"""Numbers in the gradients of all copies of D at a time: more no longer fit in a CPU's cache."""


class PerExample(Discriminator):
    """A discriminator of which each of N examples has its own copy, so that gradients by the copies
    are those of single examples. No example can see another.

    The copies share memory. Unlike hooks on layers, which have seen the batch by the time that it
    is differentiated, they let penalties differentiate twice, and any layer do that torch can
    vectorize.
    """

    def __init__(self, network: Discriminator, count: int) -> None:
        super().__init__()
        self.parts, self._count = network.parts, count
        self._network = [network]  # in a list: its parameters aren't these
        self.copies: Mapping[str, Tensor] = {
            name: parameter.detach().expand(count, *parameter.shape).requires_grad_()
            for name, parameter in network.named_parameters()
        }

    def forward(self, examples: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Of examples [k N, *shape], of which each N have the copies in their order."""
        of_copies = examples.unflatten(0, (-1, self._count)).transpose(0, 1)
        logits, features = (
            of.transpose(0, 1).flatten(0, 1)
            for of in vmap(self._discriminate)(self.copies, of_copies)
        )
        return DiscriminatorOutput(examples, logits, features)

    def _discriminate(self, copy: Mapping[str, Tensor], examples: Tensor) -> tuple[Tensor, Tensor]:
        output = functional_call(self._network[0], dict(copy), (examples,))
        return output.logits, output.features


class PrivateGradient:
    """The sum of clipped gradients of a discriminator, by the names of its parameters."""

    def __init__(self, network: Discriminator, *, max_norm: float) -> None:
        self._parameters = dict(network.named_parameters())
        self._max_norm = max_norm
        self._sums = {name: torch.zeros_like(of) for name, of in self._parameters.items()}

    def add(self, losses: Tensor, copies: PerExample) -> None:
        """Add the clipped gradient of each example. `losses` is the sum of theirs."""
        gradients = torch.autograd.grad(losses, list(copies.copies.values()))
        torch._foreach_add_(list(self._sums.values()), clip(gradients, self._max_norm))

    def finish(self, rng: np.random.Generator, *, noise_multiplier: float, size: int) -> None:
        """Give the parameters the sum with its noise, over the expected `size` of a batch: the one
        that it had says who was in it."""
        deviation = noise_multiplier * self._max_norm
        for name, parameter in self._parameters.items():
            drawn = torch.from_numpy(rng.standard_normal(parameter.shape, dtype=np.float32))
            noise = drawn.to(parameter.device).mul_(deviation)
            parameter.grad = (self._sums[name] + noise) / size


def clip(gradients: tuple[Tensor, ...], max_norm: float) -> list[Tensor]:
    """The sums over examples of gradients [N, *shape of a parameter], in which the gradient of each
    example by all parameters has at most this norm. Abadi et al. 2016, algorithm 1: g over
    max(1, |g| / C)."""
    of_parameters = [torch.linalg.vector_norm(each.flatten(1), dim=1) for each in gradients]
    norms = torch.linalg.vector_norm(torch.stack(of_parameters), dim=0)
    factors = (norms / max_norm).clamp_min(1.0).reciprocal()
    return [torch.tensordot(factors, each, dims=1) for each in gradients]


def split_pairs(real: Batch, fake: Batch, network: Discriminator) -> Iterator[tuple[Batch, Batch]]:
    """Reals and as many fakes in parts, whose gradients by copies of a network take little memory;
    none of an empty batch."""
    numbers = sum(parameter.numel() for parameter in network.parameters())
    size = max(1, _LARGEST_COPIES // numbers)
    for start in range(0, len(real.examples), size):
        rows = slice(start, start + size)
        yield real.rows(rows), fake.rows(rows)
