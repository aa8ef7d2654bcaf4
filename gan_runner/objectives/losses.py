"""Every adversarial loss, on logits, side by side.

Logits are unbounded: r = D(x) of real examples, f = D(G(z)) of fakes, both [N]. A loss is per
example, [N]; both networks minimize theirs. With s = softplus, -log sigmoid(t) = s(-t).
"""

from __future__ import annotations

from abc import abstractmethod
from math import log
from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat
from torch import Tensor, exp
from torch.nn.functional import relu, softplus

from gan_runner.config.component import Component
from gan_runner.objectives.returns import check_returns


class Loss(Component):
    """The losses of the two networks. It knows logits and its own settings, nothing else.

    `paired` says that the generator's loss compares fakes with reals, and so needs real logits.
    `estimates_value` says that D's loss is -V(D, G), the value of the original game.
    `needs_lipschitz` says that D's loss has no bound unless something bounds D's gradient.
    `labels` says that D learns labels, of which that of reals can be lowered.
    `couples_examples` says that the loss of an example, or of a pair of a real and a fake, depends
    on the others of its batch, as far as is known: micro-batches then go through D twice.
    """

    paired: ClassVar[bool] = False
    estimates_value: ClassVar[bool] = False
    needs_lipschitz: ClassVar[bool] = False
    labels: ClassVar[bool] = False
    couples_examples: ClassVar[bool] = True

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """D's loss for real logits [N] and fake logits [N]: [N]."""

    @abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """G's loss for fake logits [N]: [N]. `real` [N] is given if the loss is paired."""

    @classmethod
    def __pydantic_init_subclass__(cls, **settings: Any) -> None:
        shapes = {
            "discriminator": lambda real, fake: real.shape,
            "generator": lambda fake, real: fake.shape,
        }
        check_returns(cls, shapes, meaning="a value for each example")


class Minimax(Loss):
    """The zero-sum game: G maximizes what D minimizes. Goodfellow et al. 2014, eq. 1."""

    couples_examples: ClassVar[bool] = False
    estimates_value: ClassVar[bool] = True
    labels: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real) + softplus(fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -softplus(fake)


class NonSaturating(Loss):
    """G's gradient lives where D is sure of a fake. Goodfellow et al. 2014, section 3."""

    couples_examples: ClassVar[bool] = False
    estimates_value: ClassVar[bool] = True
    labels: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real) + softplus(fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return softplus(-fake)


class LeastSquares(Loss):
    """Targets a, b and c for fakes, reals and the generator. Mao et al. 2017, eq. 2."""

    couples_examples: ClassVar[bool] = False
    labels: ClassVar[bool] = True
    fake_target: float
    real_target: float
    generator_target: float

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return ((real - self.real_target).square() + (fake - self.fake_target).square()) / 2

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return (fake - self.generator_target).square() / 2


class Wasserstein(Loss):
    """The dual form of the distance, for a Lipschitz D. Arjovsky et al. 2017, eq. 2."""

    couples_examples: ClassVar[bool] = False
    needs_lipschitz: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake - real

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake


class Hinge(Loss):
    """D is satisfied beyond the margin. Lim & Ye 2017; Miyato et al. 2018."""

    couples_examples: ClassVar[bool] = False
    margin: PositiveFloat

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(self.margin - real) + relu(self.margin + fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake


class Relativistic(Loss):
    """D compares the two sides; G's loss is D's, exchanged. Jolicoeur-Martineau 2018."""

    paired: ClassVar[bool] = True

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        assert real is not None
        return self.discriminator(real=fake, fake=real)


class RelativisticPaired(Relativistic):
    """Each real against one fake: RSGAN, and R3GAN's RpGAN (Huang et al. 2024)."""

    couples_examples: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real)


class RelativisticAverage(Relativistic):
    """Each example against the average of the other side: RaSGAN."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        real, fake = subtract_means(real, fake)
        return softplus(-real) + softplus(fake)


class RelativisticAverageLeastSquares(Relativistic):
    """Each example against the average of the other side: RaLSGAN."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        real, fake = subtract_means(real, fake)
        return (real - 1).square() + (fake + 1).square()


class RelativisticAverageHinge(Relativistic):
    """Each example against the average of the other side: RaHingeGAN."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        real, fake = subtract_means(real, fake)
        return relu(1 - real) + relu(1 + fake)


def subtract_means(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Both sides, each less the average of the other."""
    return real - fake.mean(), fake - real.mean()


class FDivergence(Loss):
    """A variational bound of E_Q[f(p/q)], P the data and Q the fakes. Nowozin et al. 2016, eq. 6.

    `exact`: G minimizes the bound itself. `heuristic`: G maximizes g(f) (section 3.2), which is
    to the bound what the non-saturating loss is to minimax.
    """

    couples_examples: ClassVar[bool] = False
    generator_loss: Literal["heuristic", "exact"]

    @abstractmethod
    def activation(self, v: Tensor) -> Tensor:
        """g: any logit, to where the convex conjugate F of f is finite."""

    @abstractmethod
    def conjugate(self, v: Tensor) -> Tensor:
        """F(g(v)), with F(t) = sup_u (u t - f(u))."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -self.activation(real) + self.conjugate(fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -self.conjugate(fake) if self.generator_loss == "exact" else -self.activation(fake)


def capped_exp(v: Tensor) -> Tensor:
    """exp(v), above e^10 as its tangent: one example must not drown a batch, or overflow."""
    inside = v.clamp(max=10.0)
    return exp(inside) * (1 + v - inside)


class KullbackLeibler(FDivergence):
    """KL(P, Q): f(u) = u log u, F(t) = exp(t - 1)."""

    def activation(self, v: Tensor) -> Tensor:
        return v

    def conjugate(self, v: Tensor) -> Tensor:
        return capped_exp(v - 1)


class ReverseKullbackLeibler(FDivergence):
    """KL(Q, P): f(u) = -log u, F(t) = -1 - log(-t)."""

    def activation(self, v: Tensor) -> Tensor:
        return -capped_exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return v - 1


class Pearson(FDivergence):
    """Pearson's chi squared: f(u) = (u - 1)^2 for all real u, F(t) = t^2 / 4 + t."""

    def activation(self, v: Tensor) -> Tensor:
        return v

    def conjugate(self, v: Tensor) -> Tensor:
        return v.square() / 4 + v


class SquaredHellinger(FDivergence):
    """Hellinger's distance squared: f(u) = (sqrt u - 1)^2, F(t) = t / (1 - t)."""

    def activation(self, v: Tensor) -> Tensor:
        return 1 - capped_exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return capped_exp(v) - 1


class JensenShannon(FDivergence):
    """Twice JS(P, Q): f(u) = u log u - (u + 1) log((u + 1) / 2), F(t) = -log(2 - exp t)."""

    def activation(self, v: Tensor) -> Tensor:
        return log(2) - softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return softplus(v) - log(2)
