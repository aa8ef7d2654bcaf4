"""The ranks of a run: processes that train the same networks, each on its rows of every batch.

Together they do what one process would do with the whole batch. Each draws what that one would draw
and keeps its own rows; it is shown D's outputs on all rows, of which only its own lead back into
its networks; so each has the loss of the whole batch, and the gradients of all add up to its
gradient. With one rank nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, distributed


def count() -> int:
    """The number of ranks."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this one, from 0, which alone writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def own_rows(whole: Tensor, *, dim: int = 0) -> Tensor:
    """The rows of this rank of a batch [N, ...]: [N / ranks, ...]."""
    ranks = count()
    return whole if ranks == 1 else whole.chunk(ranks, dim)[rank()]


def draw(
    random: Callable[..., Tensor], shape: Sequence[int], *, dim: int = 0, **options: Any
) -> Tensor:
    """Random numbers of a shape whose `dim` is the rows of this rank, of those that one process
    would draw; `random` is torch.rand or its like."""
    whole = list(shape)
    whole[dim] *= count()
    return own_rows(random(whole, **options), dim=dim)


def gather(rows: Tensor) -> Tensor:
    """The rows of all ranks [N, ...]; the others' are constants."""
    if count() == 1:
        return rows
    parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(count())]
    distributed.all_gather(parts, rows.detach().contiguous())
    parts[rank()] = rows
    return torch.cat(parts)


def add_up(values: Tensor) -> Tensor:
    """The sum over the ranks. Differentiable, any number of times: what depends on it on all ranks
    leads back to the values of each."""
    return values if count() == 1 else _Sum.apply(values)  # type: ignore[no-untyped-call]


def couple(rows: Tensor) -> Tensor:
    """The rows of all ranks [N, ...], all of them differentiable, for a layer that compares the
    examples of a batch."""
    if count() == 1:
        return rows
    parts = [torch.zeros_like(rows) for _ in range(count())]
    parts[rank()] = rows
    return add_up(torch.cat(parts))


def deviation(rows: Tensor) -> Tensor:
    """The standard deviation of all numbers of a batch: a scalar, which isn't differentiated."""
    if count() == 1:
        return rows.std(correction=0)
    with torch.no_grad():
        numbers = rows.numel() * count()
        mean = add_up(rows.sum()) / numbers
        return (add_up((rows - mean).square().sum()) / numbers).sqrt()


def add_gradients(parameters: Iterable[Tensor]) -> None:
    """Give each parameter the sum of its gradients over the ranks, in one message."""
    if count() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, part in zip(gradients, flat.split(sizes), strict=True):
        gradient.copy_(part.view(gradient.shape))


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return add_up(gradient)
