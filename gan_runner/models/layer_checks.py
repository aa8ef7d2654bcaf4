"""The layers that networks of a plugin must be made of, so that others can be made of them."""

from __future__ import annotations

from torch import nn

from gan_runner.errors import PluginError


def check_layers(network: object, *, source: str, ends_with_logits: bool = False) -> None:
    """Raise PluginError for what isn't an nn.Sequential, which layers are added to; a discriminator
    ends with a linear layer, whose input are the last features, and a Flatten."""
    if not isinstance(network, nn.Sequential):
        shown = type(network).__name__
        raise PluginError(f"{source} didn't return an nn.Sequential, type={shown}. Return one.")
    last = [nn.Linear, nn.Flatten] if ends_with_logits else []
    ends = list(network)[-len(last) :] if last else []
    if len(ends) < len(last) or not all(map(isinstance, ends, last)):
        shown = ", ".join(type(layer).__name__ for layer in ends)
        raise PluginError(
            f"{source} doesn't end with logits, last layers={shown or 'none'}. "
            "End with nn.Linear(width, 1) and nn.Flatten(0)."
        )
