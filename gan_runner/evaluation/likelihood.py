"""How likely an autoencoder thinks examples are: bounds, estimated from streams of their own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan_runner.data.data import Space
from gan_runner.models.autoencoder import Decoder, as_decoder
from gan_runner.objectives.elbo import Bound, Posterior, importance_weighted, prior_log_density
from gan_runner.sampling.sampling import evaluating
from gan_runner.seeds import derive

_CHUNK = 500


class Coder(NamedTuple):
    """An encoder with its decoder, which is a generator."""

    encoder: nn.Module
    decoder: Decoder

    @classmethod
    def of(cls, encoder: nn.Module, generator: nn.Module) -> Coder:
        """The two by the type of the second."""
        return cls(encoder, as_decoder(generator))


class Likelihood(NamedTuple):
    """Bounds of log p(x) in nats, [N] each, for N examples."""

    elbo: Tensor
    log_likelihood: Tensor


def likelihood(
    coder: Coder, elbo: Bound, examples: Tensor, space: Space, *, samples: int, seed: int
) -> Likelihood:
    """Bounds for examples as stored, from `samples` points of each posterior; on the CPU.

    `elbo` has its divergence in closed form; `log_likelihood` weighs the points by importance
    (Burda et al. 2016, arXiv:1509.00519, eq. 8). The networks are left as they were.
    """
    rng = torch.Generator().manual_seed(derive(seed, "posterior"))
    parts = []
    with torch.no_grad(), evaluating(coder.encoder), evaluating(coder.decoder):
        for chunk in examples.split(_CHUNK):
            parts.append(_bounds(coder, elbo, space, chunk, samples=samples, rng=rng))
    return Likelihood(*(torch.cat(values) for values in zip(*parts, strict=True)))


def reconstruct(coder: Coder, examples: Tensor, space: Space) -> Tensor:
    """Examples as stored, decoded from the means of their posteriors, as stored; on the CPU."""
    device = next(coder.decoder.parameters()).device
    with torch.no_grad(), evaluating(coder.encoder), evaluating(coder.decoder):
        mean, _ = coder.encoder(space.encode(examples.to(device)))
        return space.decode(coder.decoder(mean)).cpu()


def _bounds(
    coder: Coder,
    elbo: Bound,
    space: Space,
    examples: Tensor,
    *,
    samples: int,
    rng: torch.Generator,
) -> Likelihood:
    device = next(coder.decoder.parameters()).device
    encoded = space.encode(examples.to(device))
    posterior = Posterior(*coder.encoder(encoded))
    reconstructions, weights = [], []
    for _ in range(samples):
        # drawn on the CPU, so that every device measures with the same points
        noise = torch.randn(posterior.mean.shape, generator=rng).to(device)
        latent = posterior.sample(noise)
        found = elbo.log_likelihood(encoded, coder.decoder.unbounded(latent))
        reconstructions.append(found)
        weights.append(found + prior_log_density(latent) - posterior.log_density(latent))
    return Likelihood(
        (torch.stack(reconstructions).mean(0) - posterior.divergence()).cpu(),
        importance_weighted(torch.stack(weights)).cpu(),
    )
