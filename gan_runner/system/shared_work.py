"""Work that is shared out among the ranks of a run, each part of it done by one of them.

Every rank calls these functions at the same place and gets the same results: those of one process,
since each part is done as that would do it. With one rank all parts are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, distributed

from gan_runner.errors import Fault
from gan_runner.system import ranks

Item = TypeVar("Item")
Result = TypeVar("Result")


class SharedFaultError(Exception):
    """A fault that a rank met in its part. Rank 0 raises the fault itself; all others, which must
    not go on alone, this."""


def each(work: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> list[Result]:
    """A result for each item, of which `work` is given those of this rank. Results are pickled.

    Raises the Fault of any rank on rank 0, SharedFaultError on the others.
    """
    count = ranks.count()
    found = _of_all(lambda: list(work(items[ranks.rank() :: count])))
    return [found[place % count][place // count] for place in range(len(items))]


def rows(
    work: Callable[[Sequence[slice]], Iterable[Sequence[Tensor]]], total: int, *, block: int
) -> tuple[Tensor, ...]:
    """Tensors [total, ...] on the CPU in blocks of rows, of which `work` is given those of this
    rank: for each in turn it makes the rows of all tensors.

    Raises the Fault of any rank on rank 0, SharedFaultError on the others.
    """
    blocks = [slice(begin, min(begin + block, total)) for begin in range(0, total, block)]
    own: list[Sequence[Tensor]] = []

    def shapes() -> list[tuple[torch.Size, torch.dtype]]:
        own.extend(work(blocks[ranks.rank() :: ranks.count()]))
        return [(part.shape[1:], part.dtype) for part in (own[0] if own else ())]

    of_first = _of_all(shapes)[0]  # which has a block, whether or not all have
    if ranks.count() == 1:
        return tuple(torch.cat(parts) for parts in zip(*own, strict=True))
    whole = tuple(torch.empty(total, *shape, dtype=dtype) for shape, dtype in of_first)
    for place, taken in enumerate(blocks):
        turn, maker = divmod(place, ranks.count())
        for number, tensor in enumerate(whole):
            if maker == ranks.rank():
                tensor[taken].copy_(own[turn][number])
            distributed.broadcast(tensor[taken], maker)
    return whole


def after_rank_0(read: Callable[[], Result]) -> Result:
    """What each rank reads for itself, once rank 0 has, which may write what the others find."""
    if ranks.rank() > 0:
        ranks.share(None)
    found = read()
    if ranks.rank() == 0:
        ranks.share(None)
    return found


def same_as_rank_0(tensor: Tensor | None) -> Tensor | None:
    """A tensor of rank 0, or None, on each; on the CPU."""
    if ranks.count() == 1:
        return tensor
    like = ranks.share(None if tensor is None else (tensor.shape, tensor.dtype))
    if like is None:
        return None
    given = torch.empty(like[0], dtype=like[1]) if tensor is None else tensor.contiguous()
    distributed.broadcast(given, 0)
    return given


def _of_all(outcome: Callable[[], Result]) -> list[Result]:
    """What every rank finds, on each of them."""
    if ranks.count() == 1:
        return [outcome()]
    found: list[Result | Fault] = [Fault() for _ in range(ranks.count())]
    try:
        own: Result | Fault = outcome()
    except Fault as fault:
        own = fault
    distributed.all_gather_object(found, own)
    found[ranks.rank()] = own  # itself, with its cause
    faults = [each for each in found if isinstance(each, Fault)]
    if faults and ranks.rank() == 0:
        raise faults[0]
    if faults:
        raise SharedFaultError
    return [each for each in found if not isinstance(each, Fault)]
