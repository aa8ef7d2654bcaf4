"""The shapes of what the classes of plugins return, which others rely on."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gan_runner.errors import PluginError


def check_shape(values: object, expected: Sequence[int], *, source: str, meaning: str) -> None:
    """Raise PluginError unless `source`, as in `MyLoss.generator`, returned a tensor of a shape.

    `meaning` says what the tensor should be. Nothing is read back from a device.
    """
    if isinstance(values, Tensor) and values.shape == tuple(expected):
        return
    if isinstance(values, Tensor):
        found = f"a wrong shape, shape={list(values.shape)}"
    else:
        found = f"a value that isn't a tensor, type={type(values).__name__}"
    raise PluginError(f"{source} returned {found}. Return {meaning}, {list(expected)}.")
