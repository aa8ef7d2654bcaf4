"""Class-conditional GANs: how labels enter networks that know nothing of labels.

Every way wraps the plain networks of a model, so that each model has all of them:

- `concat`: one-hot labels beside the latent point, and beside the example (as constant maps of an
  image, at every step of a sequence: Esteban et al. 2017). Mirza & Osindero 2014, arXiv:1411.1784.
- `embedding`: the same with a learnt vector beside the latent point and a learnt map, or vector,
  beside the example.
- `projection`: norms of G whose scale and shift belong to the class (de Vries et al. 2017,
  arXiv:1707.00683), and in D the inner product of its last features with a vector of the class.
  Miyato & Koyama 2018, arXiv:1802.05637, eq. 3.
- `auxiliary`: one-hot labels in G; D tells the class as well, a term of both losses.
  Odena et al. 2017, arXiv:1610.09585, eqs. 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torch.nn.utils.parametrizations import spectral_norm

from gan_runner.models.discriminator import Discriminator, Judgement

Conditioning = Literal["none", "concat", "embedding", "projection", "auxiliary"]

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)

_labels: ContextVar[Tensor] = ContextVar("labels")


def bound(network: nn.Module, labels: Tensor | None) -> Callable[[Tensor], Tensor]:
    """A network with the labels [N] of what it will be given; without labels, itself."""
    return network if labels is None else partial(network, labels=labels)


class Labels(NamedTuple):
    """What a way of conditioning needs to know beside the plain networks.

    `code`: the size of a learnt vector of a class. `weight`: of the auxiliary loss.
    """

    classes: int
    code: int
    weight: float
    latent_size: int
    shape: tuple[int, ...]
    spectral: bool


def conditional(
    way: Conditioning,
    generator: Callable[[int], nn.Module],
    discriminator: Callable[[tuple[int, ...]], nn.Sequential],
    of: Labels,
) -> tuple[nn.Module, Discriminator]:
    """Fresh conditional networks. `generator` makes a plain one for a latent size, `discriminator`
    one for a shape of examples."""
    classes, latent_size, shape = of.classes, of.latent_size, of.shape
    if way == "projection":
        return (
            ConditionallyNormed(generator(latent_size), classes),
            Projection(discriminator(shape), classes, spectral=of.spectral),
        )
    if way == "embedding":
        in_latent: nn.Module = nn.Embedding(classes, of.code)
        # of an image one map, as in the usual code for conditional GANs
        image = len(shape) == 3
        beside = nn.Embedding(classes, math.prod(shape[1:]) if image else of.code)
        labelled = LabelledLatent(generator(latent_size + of.code), in_latent)
        more = 1 if image else of.code
        return labelled, LabelledExamples(discriminator(_wider(shape, more)), beside)
    labelled = LabelledLatent(generator(latent_size + classes), OneHot(classes))
    if way == "auxiliary":
        return labelled, Auxiliary(discriminator(shape), classes, weight=of.weight)
    return labelled, LabelledExamples(discriminator(_wider(shape, classes)), OneHot(classes))


def _wider(shape: tuple[int, ...], more: int) -> tuple[int, ...]:
    """The shape of an example with more maps, or with more numbers in a vector or in a step."""
    if len(shape) == 3:
        return (shape[0] + more, *shape[1:])
    return (*shape[:-1], shape[-1] + more)


class OneHot(nn.Module):
    """Labels [N] -> [N, classes], of zeros and a one."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, labels: Tensor) -> Tensor:
        code: Tensor = one_hot(labels, self.classes).float()
        return code


class LabelledLatent(nn.Module):
    """A generator that sees a code of the class beside the latent point."""

    def __init__(self, network: nn.Module, code: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.code = code

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        """[N, latent_size] and [N] -> [N, *shape]."""
        made: Tensor = self.network(torch.cat((latent, self.code(labels)), dim=1))
        return made


class LabelledExamples(Discriminator):
    """A discriminator that sees a code of the class beside the example.

    For images [N, C, H, W] a one-hot code becomes a constant map for each class, a learnt one is a
    map of its own. Each step of a sequence [N, T, D] has the code beside it.
    """

    def __init__(self, network: nn.Sequential, code: nn.Module) -> None:
        super().__init__(network)
        self.code = code

    def judge(self, examples: Tensor, labels: Tensor | None = None) -> Judgement:
        code: Tensor = self.code(labels)
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
        return super().judge(torch.cat((examples, code), dim=axis))


class ConditionalNorm(nn.Module):
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

    def forward(self, x: Tensor) -> Tensor:
        labels = _labels.get()
        shape = (len(x), -1, *(1,) * (x.ndim - 2))
        made: Tensor = self.norm(x) * self.scale(labels).view(shape) + self.shift(labels).view(
            shape
        )
        return made


class ConditionallyNormed(nn.Module):
    """A generator with conditional norms, all of which are told the labels."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        for module in list(network.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, NORMS):
                    setattr(module, name, ConditionalNorm(child, classes))

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        """[N, latent_size] and [N] -> [N, *shape]."""
        before = _labels.set(labels)
        try:
            made: Tensor = self.network(latent)
        finally:
            _labels.reset(before)
        return made


class Projection(Discriminator):
    """D's logit plus the inner product of its last features with a vector of the class."""

    def __init__(self, network: nn.Sequential, classes: int, *, spectral: bool) -> None:
        super().__init__(network)
        self.vectors = nn.Embedding(classes, self.head.in_features)
        nn.init.normal_(self.vectors.weight, std=1 / math.sqrt(self.vectors.embedding_dim))
        if spectral:
            spectral_norm(self.vectors)

    def judge(self, examples: Tensor, labels: Tensor | None = None) -> Judgement:
        logits, features = super().judge(examples)
        projected = (self.vectors(labels) * features.flatten(1)).sum(1)
        return Judgement(logits + projected, features)


class Auxiliary(Discriminator):
    """D that tells the class of an example beside whether it is real."""

    def __init__(self, network: nn.Sequential, classes: int, *, weight: float) -> None:
        super().__init__(network)
        self.classifier = nn.Linear(self.head.in_features, classes)
        self.weight = weight

    def tell(
        self, features: Tensor, *, labels: Tensor | None, codes: Tensor | None
    ) -> dict[str, Tensor]:
        assert labels is not None, "an auxiliary classifier is conditional"
        scores = self.classifier(features.flatten(1)).float()
        return {"auxiliary": self.weight * cross_entropy(scores, labels, reduction="none")}
