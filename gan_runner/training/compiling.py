"""`compile=true`: the networks' passes in training are compiled by torch.compile, their updates
with them. Samples of a run without an EMA come from the compiled networks, all others don't."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from gan_runner.config.schema import Config
from gan_runner.errors import ConfigError, MachineError, printable

BACKEND = "inductor"
_SHAPES = (
    64  # batches of other sizes, with gradients or without, that a network may be compiled for
)
_TWICE = "does not currently support double backward"  # of a plugin's penalty that didn't say so


def compile_networks(networks: Iterable[nn.Module]) -> None:
    """Have each network compiled at its first pass over a batch of each shape.

    Each shape for itself: sizes that may vary would be compiled for after the second one, so that a
    resumed run, which meets them in another order, would round otherwise. And whole: a part left as
    it is would be slower without a word.
    """
    for network in networks:
        network.compile(
            backend=BACKEND,
            fullgraph=True,
            dynamic=False,
            recompile_limit=_SHAPES,
            isolate_recompiles=True,
        )


def check_networks(config: Config, networks: Iterable[nn.Module]) -> None:
    """Raise ConfigError, with the remedy, for networks that torch can't compile."""
    if any(isinstance(part, nn.RNNBase) for network in networks for part in network.modules()):
        raise ConfigError(
            f"torch doesn't compile recurrent networks, compile=true with {config.choice('model')}."
            " Use compile=false"
        )


def compiling_fault(error: Exception) -> MachineError | None:
    """What torch's compiler refused, as a fault with its remedy; None for other errors."""
    # by name: the compiler is imported only where it is used
    modules = {kind.__module__ for kind in type(error).__mro__}
    of_compiler = any(name.startswith(("torch._dynamo", "torch._inductor")) for name in modules)
    if not of_compiler and _TWICE not in str(error):
        return None
    text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return MachineError(
        f"torch.compile failed, compile=true: {printable(text)}. Use compile=false in a new run. "
        "On a CPU it needs a C++ compiler, as g++."
    )
