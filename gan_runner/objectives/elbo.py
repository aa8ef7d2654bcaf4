"""The evidence lower bound of variational autoencoders, per example and in nats.

An encoder gives q(z|x), a decoder p(x|z), and the prior p(z) is standard normal:

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || p(z))       Kingma & Welling 2014, eq. 3

"Outputs" are those of a decoder before its last activation, [N, *shape]: see `likelihood_mean`.
"""

from __future__ import annotations

from abc import abstractmethod
from math import log, pi
from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from gan_runner.config.component import Component
from gan_runner.models.activations import likelihood_mean


class Posterior(NamedTuple):
    """q(z|x): a normal distribution with a diagonal covariance, both tensors [N, latent_size]."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Points of it from standard normal noise [N, latent_size], differentiable by both
        tensors: the reparameterization. Kingma & Welling 2014, section 2.4."""
        return self.mean + (self.log_variance / 2).exp() * noise

    def divergence(self) -> Tensor:
        """KL(q(z|x) || p(z)), [N]. The same, appendix B."""
        return (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance).sum(1) / 2

    def log_density(self, latent: Tensor) -> Tensor:
        """log q(z|x) of points [N, latent_size]: [N]."""
        return _normal(latent, self.mean, self.log_variance)


def prior_log_density(latent: Tensor) -> Tensor:
    """log p(z) of points [N, latent_size]: [N]."""
    zeros = torch.zeros_like(latent)
    return _normal(latent, zeros, zeros)


def importance_weighted(log_weights: Tensor) -> Tensor:
    """A bound of log p(x) that grows with the number of samples K. Burda et al. 2016, eq. 8.

    `log_weights`, [K, N]: log p(x|z) + log p(z) - log q(z|x) of K points of q each. Returns [N].
    """
    return log_weights.logsumexp(0) - log(len(log_weights))


def feature_reconstruction(real: Tensor, made: Tensor, *, scale: float) -> Tensor:
    """-log p(D(x)|z), but for its constant, of a normal likelihood with this standard deviation in
    D's features [N, F]: L_like, [N]. Larsen et al. 2016, eqs. 7 and 8, where it is 1."""
    return ((real - made) / scale).square().flatten(1).sum(1) / 2


class VariationalObjective(Component):
    """The bound that an autoencoder maximizes. A file under `conf/loss/` may name one.

    `couples_examples` says that its loss isn't linear in the two means, as far as is known.
    """

    couples_examples: ClassVar[bool] = True

    @abstractmethod
    def log_likelihood(self, examples: Tensor, outputs: Tensor) -> Tensor:
        """log p(x|z) of encoded examples [N, *shape] for a decoder's outputs: [N]."""

    @abstractmethod
    def loss(self, reconstruction: Tensor, divergence: Tensor) -> Tensor:
        """The loss of encoder and decoder; `reconstruction` is -log p(x|z)."""

    @property
    @abstractmethod
    def of_vectors(self) -> bool:
        """Whether the likelihood is one of vectors, too, and not of pixels alone."""


class ELBO(VariationalObjective):
    """The bound for a likelihood of pixels or numbers. `beta` weighs the divergence in training
    (Higgins et al. 2017, beta-VAE); what is called the ELBO has it 1.

    `bernoulli`: images in [-1, 1] become probabilities, whose cross-entropy counts (Kingma &
    Welling 2014, appendix C.1). `gaussian`: with the standard deviation `scale`, in the units that
    networks see.
    """

    couples_examples: ClassVar[bool] = False
    likelihood: Literal["bernoulli", "gaussian"]
    scale: PositiveFloat
    beta: NonNegativeFloat

    def log_likelihood(self, examples: Tensor, outputs: Tensor) -> Tensor:
        if self.likelihood == "bernoulli":
            cross = binary_cross_entropy_with_logits(outputs, (examples + 1) / 2, reduction="none")
            return -cross.flatten(1).sum(1)
        mean = likelihood_mean(outputs).flatten(1)
        log_variance = torch.full_like(mean, 2 * log(self.scale))
        return _normal(examples.flatten(1), mean, log_variance)

    def loss(self, reconstruction: Tensor, divergence: Tensor) -> Tensor:
        return reconstruction + self.beta * divergence

    @property
    def of_vectors(self) -> bool:
        return self.likelihood == "gaussian"


def _normal(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """The log density of independent normals [N, D], summed: [N]."""
    squares = (x - mean).square() * (-log_variance).exp()
    return -(squares + log_variance + log(2 * pi)).sum(1) / 2
