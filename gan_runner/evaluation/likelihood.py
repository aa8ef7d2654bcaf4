"""The likelihood of examples under an autoencoder: bounds, estimated from streams of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from gan_runner.system import shared_work

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
    (Burda et al. 2016, arXiv:1509.00519, eq. 8). The networks are left as they were. The ranks of a
    run compute them together.
    """
    encoder, rng = sampler.encoder, torch.Generator().manual_seed(derive(seed, "posterior"))
    assert encoder is not None, "an autoencoder has an encoder"

    def bounds(own: Sequence[slice]) -> Iterator[Likelihood]:
        for begin, chunk in zip(
            range(0, len(examples), _CHUNK), examples.split(_CHUNK), strict=True
        ):
            if slice(begin, begin + len(chunk)) not in own:
                for _ in range(samples):  # the next ones' noise comes after that of these
                    torch.randn(len(chunk), sampler.latent_dims, generator=rng)
                continue
            encoded = sampler.space.encode(chunk.to(sampler.device))
            posterior = Posterior(*encoder(encoded))
            yield _bounds(sampler, elbo, encoded, posterior, samples=samples, rng=rng)

    with torch.no_grad(), evaluating(encoder), evaluating(sampler.generator):
        return Likelihood(*shared_work.rows(bounds, len(examples), block=_CHUNK))


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
