"""The work of training: operations of products and convolutions, counted on one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan_runner.data import Data
from gan_runner.training.methods import Method


class Pass(NamedTuple):
    """Operations for one example: of a training step with one update of D, and of the generator
    alone. `channels`: of the widest convolution, 0 for none."""

    step: float
    sample: float
    channels: int


def operations_of_a_pass(method: Method, data: Data) -> Pass:
    """Of networks whose weights nobody has drawn."""
    classes = data.classes if method.model.conditional else 0
    with torch.random.fork_rng(devices=[]), _Undrawn():
        networks = method.build_networks(data.space, classes)
    sizes = {name: sum(p.numel() for p in each.parameters()) for name, each in networks.items()}
    shapes = method.network_inputs(data.space)
    is_conditional = method.model.conditional or bool(data.space.conditional_vector_size)

    def count(name: str) -> float:
        if name not in shapes:
            return 0.0
        network = networks[name].eval()
        return _count(lambda: _pass(network, shapes[name], conditional=is_conditional))

    sample = count("generator") or 2.0 * sizes["generator"]
    if method.translates:  # weights of convolutions work once for each pixel of their maps
        step = sum(
            (count(name) or 2.0 * sizes[name]) * _passes(name, networks) for name in networks
        )
    else:
        others = (sum(sizes.values()) - sizes["generator"]) / max(1, sizes["generator"])
        step = sample * (4 + _PASSES * others)
    return Pass(
        step=step,
        sample=sample,
        channels=max(
            (_channels(of) for each in networks.values() for of in each.modules()), default=0
        ),
    )


_PASSES = 9
"""Forward passes that a step of a network takes which sees reals and fakes, learns from both, and
passes gradients on to G; learning is twice a forward pass. G itself takes four: it makes fakes
twice and learns once, as a translator does that makes them once."""


def _passes(name: str, networks: Mapping[str, nn.Module]) -> int:
    """Forward passes that a step of a translator's network takes."""
    # then G also makes a cycle and the identity, or encodes what it made
    makes_more = not {"back_generator", "heads"}.isdisjoint(networks)
    return 4 if name == "generator" and not makes_more else _PASSES


def _channels(module: nn.Module) -> int:
    """The most channels that a convolution reads or makes; 0 for what is none."""
    if not isinstance(module, nn.modules.conv._ConvNd):
        return 0
    return max(module.in_channels, module.out_channels)


class _Undrawn(TorchFunctionMode):
    """Networks built here draw no weights, which would take time and change random streams."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        is_of_init = getattr(func, "__module__", None) == "torch.nn.init"
        if is_of_init or func in (Tensor.normal_, Tensor.uniform_):
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


def _pass(network: nn.Module, shape: Sequence[int], *, conditional: bool) -> None:
    network(torch.zeros(2, *shape), torch.zeros(2, dtype=torch.int64) if conditional else None)


def _count(work: Callable[[], None]) -> float:
    """Operations for each of two examples; 0 where they can't be counted."""
    try:
        with torch.no_grad(), _Counter() as counter:
            work()
    except Exception:  # of a plugin's network; training it will say what is wrong
        return 0.0
    return float(counter.operations) / 2


class _Counter(TorchDispatchMode):
    """Adds up the operations of products and convolutions. It counts what torch's FlopCounterMode
    does, which imports torch's compiler: that takes as long as to import torch itself."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: int = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the base class wraps the method below, for the compiler

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        out = func(*args, **named)
        count = flop_registry.get(func._overloadpacket)
        self.operations += 0 if count is None else count(*args, **named, out_val=out)
        return out
