"""The base classes of translators: generators that make an example of an input, not of a latent
point, as image-to-image translation and super-resolution do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.errors import ConfigError, printable
from gan_runner.models.base import GenerativeModel, Network, Width
from gan_runner.models.checks import ImageShape, refuse_batch_of_one, sides
from gan_runner.models.codes import Code
from gan_runner.models.discriminator import ChannelPart
from gan_runner.models.labels import ClassConditional
from gan_runner.models.patch import TranslatorDiscriminator


class TranslatorNetwork(Network):
    """`width`: channels of the maps at the input's size, or at half of it."""

    width: Width


class EncoderNetwork(nn.Module):
    """A translator that encodes its inputs in smaller and smaller maps before it decodes them."""

    @abstractmethod
    def encode(self, inputs: Tensor, last: int) -> list[Tensor]:
        """The maps of the encoder's layers, from layer 0, the inputs [N, C, H, W] themselves, to
        the `last` one."""


class TranslatorGenerator(ClassConditional):
    """Inputs [N, C, H, W] -> outputs [N, *, factor * H, factor * W], in evaluation within [-1, 1].

    It is convolutional: sides may be any from `smallest` px on that are divisible by `multiple`.
    """

    def __init__(
        self, network: nn.Module, *, smallest: int, multiple: int = 1, factor: int = 1
    ) -> None:
        super().__init__()
        self.network = network
        self.smallest = smallest
        self.multiple = multiple
        self.factor = factor

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Labels are ignored."""
        outputs: Tensor = self.network(x)
        # in training what lies outside must have a gradient, which leads it back
        return outputs if self.training else outputs.clamp(-1.0, 1.0)

    def features(self, inputs: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The maps [N, c, h, w] of these layers of the encoder, which that of an EncoderTranslator
        has."""
        assert isinstance(self.network, EncoderNetwork), "of an EncoderTranslator"
        maps = self.network.encode(inputs, max(layers))
        return [maps[layer] for layer in layers]


class Translator(GenerativeModel):
    """Makes a generator of inputs, and a discriminator of its outputs.

    Inputs and targets are images of any channels, as label maps have one for each class.
    """

    generator: TranslatorNetwork
    discriminator: TranslatorDiscriminator

    @property
    @final
    def conditional(self) -> bool:
        return False

    @property
    @final
    def latent_dims(self) -> int:
        return 0

    @property
    @final
    def latent_code(self) -> Code | None:
        return None

    @final
    def generator_input(self, space: Space) -> tuple[int, ...]:
        return input_space(space).shape

    @final
    def check_settings(self, *, batch_size: int) -> None:
        refuse_batch_of_one(self, batch_size)

    @final
    def check(self, space: Space) -> None:
        inputs, outputs = self._shapes(space)
        self.check_shapes(inputs, outputs)
        self.discriminator.check(outputs[1:])

    @final
    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        return self.build_pair(space, conditional=False)

    @final
    def build_pair(self, space: Space, *, conditional: bool) -> dict[str, nn.Module]:
        """The networks `generator` and `discriminator`, as GenerativeModel says.

        `conditional`: D sees the input beside the output, along the channels, input first and at
        the output's size. Raises ConfigError like `check`.
        """
        self.check(space)
        inputs, (channels, *size) = self._shapes(space)
        seen = inputs[0] + channels if conditional else channels
        generator = self.build_generator(inputs, sides(space.shape))
        discriminator = self.discriminator.build((seen, size[0], size[1]))
        spaces = (input_space(space), space) if conditional else (space,)
        parts = (ChannelPart(each.shape[0], bool(each.label_names)) for each in spaces)
        discriminator.parts = tuple(parts)
        return {"generator": generator, "discriminator": discriminator}

    def _shapes(self, space: Space) -> tuple[ImageShape, ImageShape]:
        """Of inputs and outputs. Raises ConfigError for what isn't an image."""
        inputs = input_space(space)
        for kind in {inputs.kind, space.kind} - {"images"}:
            raise ConfigError(
                f"{self.option} translates images, model={self.option} with {kind}. "
                "Use a data set of images, as dataset=pairs"
            )
        return sides(inputs.shape), sides(space.shape)

    @property
    @abstractmethod
    def option(self) -> str:
        """The name of its file under `conf/model/`."""

    @abstractmethod
    def check_shapes(self, inputs: ImageShape, outputs: ImageShape) -> None:
        """Raise ConfigError, with the remedy, if G can't make such outputs of such inputs."""

    @abstractmethod
    def build_generator(self, inputs: ImageShape, outputs: ImageShape) -> TranslatorGenerator:
        """A fresh generator, of inputs [N, *inputs] outputs [N, *outputs]."""


class EncoderTranslator(Translator):
    """A translator that encodes its inputs, whose layers are known: 0 is the inputs themselves."""

    @abstractmethod
    def encoder_shapes(self, inputs: ImageShape) -> tuple[ImageShape, ...]:
        """The shape of the maps of each layer, of inputs [N, *inputs]."""

    @abstractmethod
    def compared_layers(self, inputs: ImageShape) -> tuple[int, ...]:
        """The layers whose patches are compared where nothing else is asked for."""


def input_space(space: Space) -> Space:
    """The space of a translator's inputs. Raises ConfigError for data that have none."""
    if space.inputs is None:
        raise ConfigError(
            f"a translator needs inputs, and these data have none, space.shape={list(space.shape)}."
            " Use dataset=pairs or dataset=domains or dataset=degraded for data with inputs, or "
            "model=dcgan"
        )
    return space.inputs


def refuse_other_sizes(option: str, inputs: ImageShape, outputs: ImageShape) -> None:
    """Raise ConfigError where outputs don't have their input's size."""
    if inputs[1:] != outputs[1:]:
        raise ConfigError(
            f"{option} makes outputs of their input's size, model={option} with inputs of "
            f"{_size(inputs)} and targets of {_size(outputs)} pixels. "
            "Use model=srresnet method=super_resolution for super-resolution"
        )


def refuse_small_inputs(option: str, inputs: ImageShape, *, smallest: int) -> None:
    """Raise ConfigError for inputs with a side under `smallest`."""
    if min(inputs[1:]) < smallest:
        raise ConfigError(
            f"{option} can't translate inputs of {_size(inputs)} pixels, model={option}. "
            f"Use inputs of at least {smallest}x{smallest} pixels"
        )


def upscaling(
    option: str, inputs: ImageShape, outputs: ImageShape, *, factors: tuple[int, ...]
) -> int:
    """By what outputs are larger than their inputs. Raises ConfigError for another factor."""
    factor = outputs[1] // inputs[1]
    if outputs[1:] != (factor * inputs[1], factor * inputs[2]) or factor not in factors:
        known = ", ".join(f"x{factor}" for factor in factors)
        raise ConfigError(
            f"{option} upscales by {known}, model={option} with inputs of {_size(inputs)} and "
            f"targets of {_size(outputs)} pixels. Use inputs of a fitting size"
        )
    return factor


def _size(image: ImageShape) -> str:
    return printable(f"{image[1]}x{image[2]}")
