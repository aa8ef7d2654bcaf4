"""Torch's optimizers without its compiler, whose import takes as long as that of torch itself.

Their methods are wrapped for code that `torch.compile` traces, and the wrappers import the compiler
when the first one is called. No update is compiled here: these do the same in eager mode.
"""

from __future__ import annotations

import inspect
from typing import TypeVar

import torch
from torch import optim

T = TypeVar("T", bound=optim.Optimizer)


def _eager(kind: type[T]) -> type[T]:
    """The same optimizer; its methods are the ones inside the wrappers."""
    wrapped = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in wrapped}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    step.hooked = True  # else each step looks for hooks, which nobody sets
    return type(kind.__name__, (kind,), {**methods, "step": step})


Adam = _eager(optim.Adam)
AdamW = _eager(optim.AdamW)
RMSprop = _eager(optim.RMSprop)
SGD = _eager(optim.SGD)
