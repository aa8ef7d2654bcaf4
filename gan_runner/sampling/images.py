"""Images as a program has them, to what translators take, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gan_runner.data import Space
from gan_runner.data.conversion import convert_channels, resize_bicubic
from gan_runner.data.data import one_hot_pixels
from gan_runner.data.label_colors import classes_of_colors, color_names, named_colors
from gan_runner.errors import ConfigError, printable
from gan_runner.sampling.translation import Translation

Image = NDArray[np.uint8]

_WITH_ALPHA = (2, 4)  # channels


def translate_images(
    translation: Translation,
    images: ArrayLike | Sequence[ArrayLike],
    *,
    tile: int | None = None,
) -> Image | list[Image]:
    """One image [H, W, C] or [H, W], a batch [N, H, W, C], or a list of images of any sizes, each
    translated: uint8 in the same form, of label maps the class of each pixel, with C = 1, or its
    color where the run's classes are colors. `tile` as `Translation.translate` has it.

    Raises ConfigError for anything else, and what `Translation.translate` does.
    """
    if isinstance(images, (list, tuple)):
        return _translate_list(translation, [_as_array(image) for image in images], tile)
    array = _as_array(images)
    single = array.ndim < 4
    outputs = translate_batch(translation, array[None] if single else array, tile=tile)
    return outputs[0] if single else outputs


def translate_batch(translation: Translation, images: Image, *, tile: int | None = None) -> Image:
    """[N, H, W, C] or [N, H, W] -> [N, H, W, C]. The alpha of images that the network takes without
    it is kept, in the size of the outputs."""
    planes = torch.from_numpy(images if images.ndim == 4 else images[..., None])
    planes = planes.permute(0, 3, 1, 2)
    outputs = translation.translate(_to_inputs(planes, translation.inputs), tile=tile)
    if translation.space.label_names:
        outputs = _to_classes(outputs, translation.space)
    elif planes.shape[1] in _WITH_ALPHA and _has_only_colors(translation):
        alpha = resize_bicubic(planes[:, -1:], outputs.shape[2:])
        outputs = torch.cat((outputs, alpha), dim=1)
    values: Image = outputs.permute(0, 2, 3, 1).contiguous().numpy()
    return values


def _translate_list(translation: Translation, images: list[Image], tile: int | None) -> list[Image]:
    """Images of one shape are translated together."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(index)
    found: dict[int, Image] = {}
    for indices in by_shape.values():
        batch = np.stack([images[index] for index in indices])
        found |= dict(zip(indices, translate_batch(translation, batch, tile=tile), strict=True))
    return [found[index] for index in range(len(images))]


def _has_only_colors(translation: Translation) -> bool:
    """Whether neither inputs nor outputs have an alpha of their own."""
    return {translation.inputs.shape[0], translation.space.shape[0]} <= {1, 3}


def _to_classes(maps: Tensor, space: Space) -> Tensor:
    """Label maps [N, K, H, W] as the class of each pixel, [N, 1, H, W], or its color."""
    classes, colors = maps.argmax(1), named_colors(space.label_names)
    if colors is not None:
        return colors[classes].permute(0, 3, 1, 2)
    return classes[:, None].to(torch.uint8)


def _to_inputs(images: Tensor, space: Space) -> Tensor:
    """Images [N, C, H, W] in the channels of inputs: of label maps the classes or the colors of
    pixels, gray for color or the reverse. Raises ConfigError for a color of no class."""
    colors = named_colors(space.label_names) if space.label_names else None
    if colors is not None and images.shape[1] == 3:
        classes = classes_of_colors(images, colors)
        if int(classes.min()) < 0:
            strange = color_names(images.permute(0, 2, 3, 1)[classes < 0][:1])[0]
            raise ConfigError(
                f"the run has no class of this color, color={strange}. "
                f"Use {', '.join(space.label_names)}"
            )
        return one_hot_pixels(classes, len(space.label_names))
    if space.label_names and images.shape[1] == 1:
        return one_hot_pixels(_known_classes(images[:, 0], space), len(space.label_names))
    converted = convert_channels(images, space.shape[0])
    return images if converted is None else converted


def _known_classes(classes: Tensor, space: Space) -> Tensor:
    """Classes [N, H, W] by their places. Raises ConfigError for one that the run doesn't have."""
    last = len(space.label_names) - 1
    if classes.numel() and int(classes.max()) > last:
        raise ConfigError(
            f"a class that the run doesn't have, class={int(classes.max())}. Use 0 to {last}, the "
            f"places of {', '.join(space.label_names)}"
        )
    return classes


def _as_array(image: Any) -> Image:
    """uint8 [H, W], [H, W, C] or [N, H, W, C]. Raises ConfigError for anything else."""
    try:
        array = np.asarray(image.cpu() if isinstance(image, Tensor) else image)
    except (TypeError, ValueError, RuntimeError):
        raise ConfigError(f"not an image, images={printable(image, 80)}. {_FORM}") from None
    if array.dtype != np.uint8 or array.ndim not in (2, 3, 4) or 0 in array.shape[-3:]:
        shown = f"shape={list(array.shape)} dtype={array.dtype}"
        raise ConfigError(f"not an image, {shown}. {_FORM}")
    return np.require(array, requirements=("C", "W"))  # tensors are writable


_FORM = "Use uint8 [H, W, C], [H, W] or [N, H, W, C], or a list of such images."
