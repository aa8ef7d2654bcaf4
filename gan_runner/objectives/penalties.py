"""Every regularizer of the discriminator.

A penalty is computed from D's outputs, and may ask D (the `critic`) for more logits. It returns one
value per example, [N]; weight and laziness are applied in one place, the update of D.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import relu

from gan_runner.augmentations.base import Memory
from gan_runner.augmentations.transforms import add_noise, mirror, translate, uniform
from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.objectives.returns import check_returns
from gan_runner.objectives.terms import Term
from gan_runner.system import ranks

Critic = Callable[[Tensor], Tensor]
"""Examples [N, *shape] -> D's logits [N]."""


class Penalty(Term):
    """A term of D's update.

    With `every: k` it is computed at each k-th update of D and weighted k-fold (lazy
    regularization, Karras et al. 2020, appendix B).

    `signed` says that it may well be below 0, where it isn't a penalty in the strict sense.
    `penalizes_gradient` says that it constrains D's gradient by the examples, which batch norm in D
    makes ill-defined. `differentiates` names the outputs, `real` and `fake`, whose logits it
    differentiates by the examples, so that these must require gradients. `exact` says that it
    compares these logits with those of the critic, so that both must have the critic's precision.
    `couples_examples` says that the value of an example depends on the others of its batch, or on
    those of the batch that its memory is of, as far as is known: micro-batches then go through D
    twice.
    """

    every: PositiveInt
    penalizes_gradient: ClassVar[bool] = True
    signed: ClassVar[bool] = False
    differentiates: ClassVar[frozenset[str]] = frozenset()
    exact: ClassVar[bool] = False
    couples_examples: ClassVar[bool] = True

    def is_due(self, update: int) -> bool:
        """Whether D's update with this number computes it."""
        return update % self.every == 0

    @abstractmethod
    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        """The unweighted penalty of each example, [N]. Random points come from `rng`, and `memory`
        is what it left there the last time."""

    @classmethod
    def __pydantic_init_subclass__(cls, **settings: Any) -> None:
        shapes = {"__call__": lambda critic, real, *others: real.logits.shape}
        check_returns(cls, shapes, meaning="a value for each example")


class GradientPenalty(Penalty):
    """(|grad D| - target)^2 between reals and fakes. Gulrajani et al. 2017, eq. 3.

    `one_sided` spares smaller norms (Petzka et al. 2018); target 0 is the zero-centered form
    (Thanh-Tung et al. 2019).
    """

    target: NonNegativeFloat
    one_sided: bool
    couples_examples: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        points = interpolate(real.examples, fake.examples, rng)
        excess = gradient_norm_at(points, critic) - self.target
        return (relu(excess) if self.one_sided else excess).square()


class GradientNormPower(Penalty):
    """|grad D|^p between reals and fakes; the weight is the paper's k. Wu et al. 2018."""

    power: Annotated[float, Field(gt=1)]
    couples_examples: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        points = interpolate(real.examples, fake.examples, rng)
        return gradient_norm_at(points, critic) ** self.power


class R1(Penalty):
    """|grad D|^2 / 2 at reals; the weight is the paper's gamma. Mescheder et al. 2018, eq. 9."""

    differentiates: ClassVar[frozenset[str]] = frozenset({"real"})
    couples_examples: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        return gradient_norm(real.examples, real.logits).square() / 2


class R2(Penalty):
    """|grad D|^2 / 2 at fakes; the weight is the paper's gamma. Mescheder et al. 2018, eq. 10."""

    differentiates: ClassVar[frozenset[str]] = frozenset({"fake"})
    couples_examples: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        return gradient_norm(fake.examples, fake.logits).square() / 2


class DRAGAN(Penalty):
    """(|grad D| - target)^2 near reals, as in the authors' code. Kodali et al. 2017.

    Points lie between x and x + d, with d = perturbation * std(batch) * U(0, 1) per element.
    """

    perturbation: NonNegativeFloat
    target: NonNegativeFloat

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        x = real.examples
        d = self.perturbation * ranks.deviation(x) * uniform(x.shape, rng, like=x)
        points = interpolate(x, x + d, rng)
        return (gradient_norm_at(points, critic) - self.target).square()


class Drift(Penalty):
    """r^2, which keeps real logits near 0. Karras et al. 2018, appendix A."""

    penalizes_gradient: ClassVar[bool] = False
    couples_examples: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        return real.logits.square()


class LabelSmoothing(Penalty):
    """r, which lowers the label of real examples from 1 to 1 - weight (one-sided label smoothing).

    So it is for losses with a sigmoid: softplus(-r) + w r is the cross-entropy of r with the label
    1 - w. For least squares it lowers the target of reals by w. Salimans et al. 2016, section 3.4.
    """

    weight: Annotated[float, Field(ge=0, lt=1)]
    penalizes_gradient: ClassVar[bool] = False
    signed: ClassVar[bool] = True
    couples_examples: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        return real.logits


class LeCam(Penalty):
    """(r - m_f)^2 + (f - m_r)^2, with moving averages m of both logits. Tseng et al. 2021, eq. 5.

    `decay`: of the averages, which begin with the first batch.
    """

    decay: Annotated[float, Field(ge=0, lt=1)]
    penalizes_gradient: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        now = {"real": real.logits.detach().mean(), "fake": fake.logits.detach().mean()}
        before = {name: memory.get(name, mean) for name, mean in now.items()}
        memory |= {name: torch.lerp(now[name], before[name], self.decay) for name in now}
        return (real.logits - before["fake"]).square() + (fake.logits - before["real"]).square()


class Consistency(Penalty):
    """(D(x) - D(T(x)))^2 at reals, and if `balanced` at fakes too.

    T mirrors half of the images (`flip`), shifts them by up to a share of their sides (`shift`) and
    adds normal noise to any example (`noise`). Zhang et al. 2020, arXiv:1910.12027, eq. 3;
    balanced: Zhao et al. 2020, arXiv:2002.04724.
    """

    balanced: bool
    flip: bool
    shift: Annotated[float, Field(ge=0, le=0.5)]
    noise: NonNegativeFloat
    penalizes_gradient: ClassVar[bool] = False
    exact: ClassVar[bool] = True
    couples_examples: ClassVar[bool] = False

    def __call__(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        rng: torch.Generator,
        memory: Memory,
    ) -> Tensor:
        changed = self._squared_change(critic, real, rng)
        return changed + self._squared_change(critic, fake, rng) if self.balanced else changed

    def _squared_change(
        self, critic: Critic, output: DiscriminatorOutput, rng: torch.Generator
    ) -> Tensor:
        examples = output.examples.detach()
        if examples.ndim == 4:
            examples = mirror(examples, rng) if self.flip else examples
            examples = translate(examples, self.shift, rng, fill="edge")
        examples = add_noise(examples, self.noise, rng)
        return (output.logits - critic(examples)).square()


def interpolate(a: Tensor, b: Tensor, rng: torch.Generator) -> Tensor:
    """A point on the line from each of `a` to its partner in `b`, uniform: one draw an example."""
    epsilon = uniform((len(a), *[1] * (a.ndim - 1)), rng, like=a)
    return torch.lerp(b, a, epsilon)


def gradient_norm_at(points: Tensor, critic: Critic) -> Tensor:
    """The norm of D's gradient at points [N, *shape], which don't lead back to the examples: [N],
    itself differentiable."""
    points = points.detach().requires_grad_()
    return gradient_norm(points, critic(points))


def gradient_norm(examples: Tensor, logits: Tensor) -> Tensor:
    """The norm of the gradient of D's logits by the examples that they are of: [N], itself
    differentiable; on several devices of the examples of all, as the logits are."""
    # the logits' sum has each example's own gradient, as D treats examples independently (but for
    # models/minibatch.py, which says what is meant there)
    (gradient,) = torch.autograd.grad(logits.sum(), examples, create_graph=True)
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return ranks.gather(norms)
