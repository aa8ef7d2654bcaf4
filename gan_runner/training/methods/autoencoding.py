"""The steps of variational autoencoders: alone, and with an adversary.

Nothing here reads a number back from the device, as in the step of a GAN.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gan_runner.data.batches import Batch
from gan_runner.models.autoencoder import as_decoder
from gan_runner.objectives.elbo import Bound, Posterior, feature_reconstruction
from gan_runner.objectives.terms import Scored
from gan_runner.training.methods.adversarial import (
    Recipe,
    Training,
    follow,
    update_average,
    update_discriminator,
)
from gan_runner.training.state import TrainState


def elbo_step(state: TrainState, reals: Iterator[Batch], training: Training, bound: Bound) -> None:
    """One update of encoder and decoder, up the bound. Kingma & Welling 2014, algorithm 1."""
    real = next(reals).examples
    with training.autocast(real.device):
        posterior = _encoded(state, real)
        outputs = as_decoder(state.generator).unbounded(_drawn(state, posterior)).float()
    reconstruction = -bound.log_likelihood(real, outputs).mean()
    divergence = posterior.divergence().mean()
    parts = ("generator", "encoder")
    parameters = [p for part in parts for p in state.networks[part].parameters()]
    bound.minimised(reconstruction, divergence).backward(inputs=parameters)
    terms = {
        "elbo": -(reconstruction + divergence),
        "elbo/reconstruction": reconstruction,
        "elbo/divergence": divergence,
    }
    _update(state, training, terms)


def vae_gan_step(
    state: TrainState,
    reals: Iterator[Batch],
    recipe: Recipe,
    *,
    gamma: float,
    scale: float,
) -> None:
    """One update of encoder and decoder with all those of D. Larsen et al. 2016, algorithm 1.

    `scale` is the standard deviation of the likelihood of features, and `gamma` weighs it against
    the adversarial loss, in the decoder's loss alone.

    Fakes are decoded from the prior, and from where the reals are encoded; each real stands
    against one of either kind, so that any adversarial loss, of pairs as well, can be played.
    """
    d_steps = recipe.objective.d_steps
    for update in range(d_steps):
        real = next(reals)
        with torch.set_grad_enabled(update == d_steps - 1), recipe.autocast(real.examples.device):
            posterior = _encoded(state, real.examples)
            latent = _drawn(state, posterior)
            prior = torch.randn(
                latent.shape, generator=state.latent_noise, device=state.latent_noise.device
            )
            fakes = state.generator(torch.cat((prior, latent))).float()
        number = state.step * d_steps + update
        update_discriminator(state, _twice(real), Batch(fakes), number, recipe)
    _update_autoencoder(state, real, posterior, fakes, recipe, gamma=gamma, scale=scale)


def _update_autoencoder(
    state: TrainState,
    real: Batch,
    posterior: Posterior,
    fakes: Tensor,
    recipe: Recipe,
    *,
    gamma: float,
    scale: float,
) -> None:
    """`fakes` [2N, *shape]: the second half are reconstructions of `real`."""
    with recipe.autocast(fakes.device):
        logits, features = state.discriminator.judge(fakes)
        with torch.no_grad():
            real_logits, of_real = state.discriminator.judge(real.examples)
    made = features[len(of_real) :].float()
    reconstruction = feature_reconstruction(of_real.float(), made, scale=scale).mean()
    divergence = posterior.divergence().mean()
    # each real stands against a fake of either kind
    reals = Scored(real.examples, torch.cat((real_logits, real_logits)).float(), of_real)
    adversarial = recipe.objective.generator(Scored(fakes, logits.float(), features), reals)
    decoders = list(state.generator.parameters())
    adversarial |= recipe.objective.of_weights("generator", decoders, state.memory)
    encoders = list(state.encoder.parameters())
    (reconstruction + divergence).backward(inputs=encoders, retain_graph=True)
    decoded = gamma * reconstruction + sum(adversarial.values())
    decoded.backward(inputs=decoders)
    terms = {
        **adversarial,
        "elbo/reconstruction": reconstruction,
        "elbo/divergence": divergence,
    }
    _update(state, recipe, terms)


def _encoded(state: TrainState, real: Tensor) -> Posterior:
    mean, log_variance = state.encoder(real)
    return Posterior(mean.float(), log_variance.float())


def _drawn(state: TrainState, posterior: Posterior) -> Tensor:
    """A point of each posterior, [N, latent_size]."""
    noise = torch.randn(
        posterior.mean.shape, generator=state.latent_noise, device=state.latent_noise.device
    )
    return posterior.sample(noise)


def _twice(real: Batch) -> Batch:
    return Batch(torch.cat((real.examples, real.examples)))


def _update(state: TrainState, training: Training, terms: dict[str, Tensor]) -> None:
    """Follow the gradients of encoder and decoder, which are there; the average; the step."""
    for part in ("generator", "encoder"):
        terms[f"grad_norm/{part}"] = follow(part, state, training)
    state.sums.add(terms)
    if state.average is not None:
        update_average(state.average, state.generator, training.decay(state.step))
    state.step += 1
