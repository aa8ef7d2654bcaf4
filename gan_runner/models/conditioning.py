"""Class-conditional GANs: how labels enter networks that know nothing of labels.

Every kind of conditioning wraps the plain networks of a model, so that each model has all of them:

- `concat`: one-hot labels beside the latent point, and beside the example (as constant maps of an
  image, at every step of a sequence: Esteban et al. 2017). Mirza & Osindero 2014, arXiv:1411.1784.
- `embedding`: the same with a learned vector beside the latent point and a learned map, or vector,
  beside the example.
- `projection`: norms of G whose scale and shift belong to the class (de Vries et al. 2017,
  arXiv:1707.00683), and in D the inner product of its last features with a vector of the class.
  Miyato & Koyama 2018, arXiv:1802.05637, eq. 3.
- `auxiliary`: one-hot labels in G; D predicts the class as well, a term of both losses.
  Odena et al. 2017, arXiv:1610.09585, eqs. 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torch.nn.utils.parametrizations import spectral_norm

from gan_runner.models.discriminator import (
    Discriminator,
    DiscriminatorOutput,
    PlainDiscriminator,
)
from gan_runner.models.labels import ClassConditional, require_labels

Conditioning = Literal["none", "concat", "embedding", "projection", "auxiliary"]

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)


class ConditioningSettings(NamedTuple):
    """The settings of conditioning beside the plain networks.

    `label_size`: of the learned vector of a class. `auxiliary_weight`: of the loss of predicting
    it. `spectral`: whether D is under spectral norm.
    """

    classes: int
    label_size: int
    auxiliary_weight: float
    latent_size: int
    shape: tuple[int, ...]
    spectral: bool


def build_conditional(
    conditioning: Conditioning,
    generator: Callable[[int], ClassConditional],
    discriminator: Callable[[tuple[int, ...]], nn.Sequential],
    settings: ConditioningSettings,
) -> tuple[ClassConditional, Discriminator]:
    """Fresh conditional networks. `generator` makes a plain one for a latent size, `discriminator`
    one for a shape of examples."""
    classes, latent_size, shape = settings.classes, settings.latent_size, settings.shape
    if conditioning == "projection":
        return (
            ConditionalNormGenerator(generator(latent_size), classes),
            ProjectionDiscriminator(discriminator(shape), classes, spectral=settings.spectral),
        )
    if conditioning == "embedding":
        label_size = settings.label_size
        of_latents = nn.Embedding(classes, label_size)
        # of an image one map, as in the usual code for conditional GANs
        image = len(shape) == 3
        of_examples = nn.Embedding(classes, math.prod(shape[1:]) if image else label_size)
        labeled = LabelConcatGenerator(generator(latent_size + label_size), of_latents)
        wide = _add_channels(shape, 1 if image else label_size)
        return labeled, LabelConcatDiscriminator(discriminator(wide), of_examples)
    labeled = LabelConcatGenerator(generator(latent_size + classes), OneHot(classes))
    if conditioning == "auxiliary":
        weight = settings.auxiliary_weight
        return labeled, AuxiliaryDiscriminator(discriminator(shape), classes, weight=weight)
    wide = _add_channels(shape, classes)
    return labeled, LabelConcatDiscriminator(discriminator(wide), OneHot(classes))


def _add_channels(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The shape of an example with more maps, or with more numbers in a vector or in a step."""
    if len(shape) == 3:
        return (shape[0] + count, *shape[1:])
    return (*shape[:-1], shape[-1] + count)


class OneHot(nn.Module):
    """Labels [N] -> [N, classes], of zeros and a one."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, labels: Tensor) -> Tensor:
        code: Tensor = one_hot(labels, self.classes).float()
        return code


class LabelConcatGenerator(ClassConditional):
    """A generator that sees a code of the class, made by `code`, beside the latent point."""

    def __init__(self, network: nn.Module, code: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.code = code

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent_size] and labels [N] -> [N, *shape]."""
        code = self.code(require_labels(labels))
        examples: Tensor = self.network(torch.cat((latents, code), dim=1))
        return examples


class LabelConcatDiscriminator(PlainDiscriminator):
    """A discriminator that sees a code of the class, made by `code`, beside the example.

    For images [N, C, H, W] a one-hot code becomes a constant map for each class, a learned one is a
    map of its own. Each step of a sequence [N, T, D] has the code beside it.
    """

    def __init__(self, network: nn.Sequential, code: nn.Module) -> None:
        super().__init__(network)
        self.code = code

    def forward(self, examples: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        code: Tensor = self.code(require_labels(labels))
        if examples.ndim == 4:
            height, width = examples.shape[2:]
            if isinstance(self.code, OneHot):
                code = code[:, :, None, None].expand(-1, -1, height, width)
            else:
                code = code.view(-1, 1, height, width)
        if examples.ndim == 3:
            code = code[:, None].expand(-1, examples.shape[1], -1)
        # maps are the first axis of an image, numbers the last one of a step or a vector
        axis = 1 if examples.ndim == 4 else -1
        output = super().forward(torch.cat((examples, code), dim=axis))
        return output._replace(examples=examples)


class ConditionalNorm(ClassConditional):
    """A norm whose scale and shift belong to the class."""

    def __init__(self, norm: nn.Module, classes: int) -> None:
        super().__init__()
        weight = norm.get_parameter("weight")
        self.scale = nn.Embedding(classes, len(weight))
        self.shift = nn.Embedding(classes, len(weight))
        self.scale.weight.data.copy_(weight.data.expand(classes, -1))
        nn.init.zeros_(self.shift.weight)
        norm.register_parameter("weight", None)
        norm.register_parameter("bias", None)
        self.norm = norm

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        labels = require_labels(labels)
        per_channel = (-1, x.shape[1], *(1,) * (x.ndim - 2))
        scale, shift = self.scale(labels).view(per_channel), self.shift(labels).view(per_channel)
        scaled: Tensor = self.norm(x) * scale + shift
        return scaled


class ConditionalNormGenerator(ClassConditional):
    """A generator all of whose norms are conditional."""

    def __init__(self, network: ClassConditional, classes: int) -> None:
        super().__init__()
        self.network = network
        for module in list(network.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, NORMS):
                    setattr(module, name, ConditionalNorm(child, classes))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent_size] and labels [N] -> [N, *shape]."""
        examples: Tensor = self.network(latents, require_labels(labels))
        return examples


class ProjectionDiscriminator(PlainDiscriminator):
    """D's logit plus the inner product of its last features with a vector of the class."""

    def __init__(self, network: nn.Sequential, classes: int, *, spectral: bool) -> None:
        super().__init__(network)
        self.vectors = nn.Embedding(classes, self.feature_size)
        nn.init.normal_(self.vectors.weight, std=1 / math.sqrt(self.vectors.embedding_dim))
        if spectral:
            spectral_norm(self.vectors)

    def forward(self, examples: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        output = super().forward(examples)
        assert output.features is not None
        vectors = self.vectors(require_labels(labels))
        projected = (vectors * output.features.flatten(1)).sum(1)
        return output._replace(logits=output.logits + projected)


class AuxiliaryDiscriminator(PlainDiscriminator):
    """D that predicts the class of an example beside whether it is real."""

    def __init__(self, network: nn.Sequential, classes: int, *, weight: float) -> None:
        super().__init__(network)
        self.classifier = nn.Linear(self.feature_size, classes)
        self.weight = weight

    def auxiliary_losses(
        self, features: Tensor, *, labels: Tensor | None, codes: Tensor | None
    ) -> dict[str, Tensor]:
        scores = self.classifier(features.flatten(1)).float()
        losses = cross_entropy(scores, require_labels(labels), reduction="none")
        return {"auxiliary": self.weight * losses}
