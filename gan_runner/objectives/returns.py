"""Checks of what the losses and terms of plugins return: an update needs none of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from torch import Tensor

from gan_runner.data.shapes import check_shape

ExpectedShape = Callable[..., Sequence[int]]
"""The arguments of a method, without its object, -> the shape that it returns."""


def check_returns(kind: type, shapes: Mapping[str, ExpectedShape], *, meaning: str) -> None:
    """Let methods of a class raise PluginError if they return another shape than they must; those
    of gan_runner's own classes are tested, and stay as they are."""
    if kind.__module__.startswith("gan_runner."):
        return
    for name, expected in shapes.items():
        if name in vars(kind):
            source = kind.__name__ + ("" if name == "__call__" else f".{name}")
            method = _with_check(vars(kind)[name], expected, source=source, meaning=meaning)
            setattr(kind, name, method)


def _with_check(
    method: Callable[..., Any], expected: ExpectedShape, *, source: str, meaning: str
) -> Callable[..., Any]:
    @wraps(method)
    def call(self: object, *arguments: Any, **named: Any) -> Any:
        values = method(self, *arguments, **named)
        shape = expected(*arguments, **named)
        if isinstance(values, Tensor) and values.shape == tuple(shape[:1]):
            shape = values.shape  # a value for each example, where D gives it a map of logits
        check_shape(values, shape, source=source, meaning=meaning)
        return values

    return call
