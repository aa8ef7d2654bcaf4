"""The refusals that several models share, each with its remedy."""

from __future__ import annotations

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.base import DiscriminatorNetwork, GenerativeModel

ImageShape = tuple[int, int, int]


def refuse_batch_of_one(model: GenerativeModel, batch_size: int) -> None:
    """Raise ConfigError where a network compares the examples of a batch, and there is but one."""
    if batch_size > 1:
        return
    for name, network in model:
        layer = network.minibatch if isinstance(network, DiscriminatorNetwork) else "none"
        if layer != "none":
            raise ConfigError(
                "a minibatch layer needs more than one example, train.batch_size=1 "
                f"with model.{name}.minibatch={layer}. "
                f"Use train.batch_size=64 or model.{name}.minibatch=none"
            )
    for name, norm in model.norms.items():
        if norm == "batch":
            raise ConfigError(
                f"batch norm needs more than one example, train.batch_size=1 with "
                f"model.{name}.norm=batch. Use train.batch_size=64 or "
                f"model.{name}.norm=layer"
            )


def refuse_single_pixels(model: GenerativeModel, image: ImageShape) -> None:
    """Raise ConfigError where two halvings leave instance norm maps of a single pixel."""
    _, height, width = image
    for name, norm in model.norms.items():
        if norm == "instance" and max(height, width) == 4:
            raise ConfigError(
                f"{height}x{width} pixels end in a map of a single pixel, which has no "
                f"variance, model.{name}.norm=instance. Use model.{name}.norm=layer"
            )


def image_shape(space: Space, *, model: str, smallest: int, instead: str = "mlp") -> ImageShape:
    """The shape [C, H, W] of one image, for the models that make nothing else.

    Raises ConfigError, which names a model to take `instead`, for other examples, for more than 4
    channels and for a side under `smallest`.
    """
    if space.kind != "images":
        fitting = "rnn" if space.kind == "sequences" and instead == "mlp" else instead
        raise ConfigError(
            f"{model} can't build examples of shape {list(space.shape)}, model={model}. "
            f"Use model={fitting} for {space.kind}."
        )
    channels, height, width = space.shape
    if not 1 <= channels <= 4:
        raise ConfigError(
            f"{model} can't build images of {channels} channels, model={model}. "
            f"Use images of 1 to 4 channels, or model={instead}"
        )
    if min(height, width) < smallest:
        raise ConfigError(
            f"{model} can't build images of {height}x{width} pixels, model={model}. "
            f"Use images of at least {smallest}x{smallest} pixels, or model={instead}"
        )
    return channels, height, width


def sides(shape: tuple[int, ...]) -> ImageShape:
    """The shape [C, H, W] of what a network is made for; a conditional D sees more channels."""
    channels, height, width = shape
    return channels, height, width
