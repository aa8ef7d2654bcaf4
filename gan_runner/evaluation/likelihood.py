"""The likelihood of examples under an autoencoder: bounds, estimated from streams of their own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.objectives.elbo import (
    Posterior,
    VariationalObjective,
    importance_weighted,
    prior_log_density,
)
from gan_runner.sampling.evaluating import evaluating
from gan_runner.sampling.sampler import Sampler
from gan_runner.seeds import derive

_CHUNK = 500


class Likelihood(NamedTuple):
    """Bounds of log p(x) in nats, [N] each, for N examples."""

    elbo: Tensor
    log_likelihood: Tensor


def likelihood(
    sampler: Sampler, elbo: VariationalObjective, examples: Tensor, *, samples: int, seed: int
) -> Likelihood:
    """Bounds for examples as stored, from `samples` points of each posterior; on the CPU.

    `elbo` has its divergence in closed form; `log_likelihood` weighs the points by importance
    (Burda et al. 2016, arXiv:1509.00519, eq. 8). The networks are left as they were.
    """
    encoder, rng = sampler.encoder, torch.Generator().manual_seed(derive(seed, "posterior"))
    assert encoder is not None, "an autoencoder has an encoder"
    parts = []
    with torch.no_grad(), evaluating(encoder), evaluating(sampler.generator):
        for chunk in examples.split(_CHUNK):
            encoded = sampler.space.encode(chunk.to(sampler.device))
            posterior = Posterior(*encoder(encoded))
            parts.append(_bounds(sampler, elbo, encoded, posterior, samples=samples, rng=rng))
    return Likelihood(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _bounds(
    sampler: Sampler,
    elbo: VariationalObjective,
    encoded: Tensor,
    posterior: Posterior,
    *,
    samples: int,
    rng: torch.Generator,
) -> Likelihood:
    reconstructions, weights = [], []
    for _ in range(samples):
        # drawn on the CPU, so that every device measures with the same points
        noise = torch.randn(posterior.mean.shape, generator=rng).to(encoded.device)
        latents = posterior.sample(noise)
        found = elbo.log_likelihood(encoded, sampler.decoder.unbounded_outputs(latents))
        reconstructions.append(found)
        weights.append(found + prior_log_density(latents) - posterior.log_density(latents))
    return Likelihood(
        (torch.stack(reconstructions).mean(0) - posterior.divergence()).cpu(),
        importance_weighted(torch.stack(weights)).cpu(),
    )
