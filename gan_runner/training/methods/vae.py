"""Variational autoencoders: encoder and decoder (the generator) maximize one lower bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component, build_component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.models import Autoencoder, GenerativeModel, Translator
from gan_runner.models.autoencoder import as_decoder
from gan_runner.objectives.elbo import Posterior, VariationalObjective
from gan_runner.sampling.sampler import Sampler, Weights
from gan_runner.system import ranks
from gan_runner.training.methods.base import (
    Method,
    UpdateSettings,
    check_generator,
    is_of_family,
)
from gan_runner.training.state import TrainState


@dataclass(frozen=True)
class VAE(Method):
    """One update of encoder and decoder a step. Kingma & Welling 2014, algorithm 1."""

    accumulates: ClassVar[bool] = True

    objective: VariationalObjective

    @classmethod
    def build(
        cls,
        config: Config,
        *,
        settings: Component,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> VAE:
        check_autoencoder(config, model, augmentations, remedy="model=vae or model=conv_vae")
        if "discriminator" in model.norms:
            raise ConfigError(
                f"a variational autoencoder has no discriminator, {config.choice('model')} with "
                f"{config.choice('method')}. Use method=vae_gan or model=conv_vae"
            )
        if not is_of_family(config.loss, VariationalObjective):
            raise ConfigError(
                f"a variational autoencoder has no discriminator, {config.choice('model')} with "
                f"{config.choice('loss')}. Use loss=elbo or model=vae_gan method=vae_gan"
            )
        return cls(model, updates, build_component(config.loss, VariationalObjective, where="loss"))

    @classmethod
    def default_norms(cls, config: Config) -> Mapping[str, str]:
        return {"generator": "batch", "encoder": "batch"}

    @property
    def batches_per_step(self) -> int:
        return 1

    def step(self, state: TrainState, batches: Iterator[Batch]) -> None:
        learn, couples = partial(self._learn, state), self.objective.couples_examples
        terms = self.accumulate(state, learn, next(batches), couples=couples)
        for part in ("generator", "encoder"):
            terms[f"grad_norm/{part}"] = self.optimize(part, state)
        state.sums.add(terms)
        self.finish_step(state)

    def _learn(self, state: TrainState, batch: Batch) -> dict[str, Tensor]:
        """The terms of the bound, which gives both networks a gradient."""
        real = batch.examples
        with self.updates.autocast(real.device):
            posterior = encode(state, real)
            latents = sample_posterior(state, posterior)
            outputs = as_decoder(state.generator).unbounded_outputs(latents).float()
        check_generator(self.model, outputs, real)
        reconstruction = -ranks.gather(self.objective.log_likelihood(real, outputs)).mean()
        divergence = ranks.gather(posterior.divergence()).mean()
        loss = self.objective.loss(reconstruction, divergence)
        self.add_gradients(loss, state, "generator", "encoder")
        return {
            "elbo": -(reconstruction + divergence),
            "elbo/reconstruction": reconstruction,
            "elbo/divergence": divergence,
        }

    def sampler(
        self,
        networks: Mapping[str, nn.Module],
        space: Space,
        class_names: Sequence[str],
        *,
        weights: Weights,
    ) -> Sampler:
        return Sampler(
            networks["generator"],
            space,
            self.model.latent_dims,
            encoder=networks["encoder"],
            elbo=self.objective,
            weights=weights,
        )

    def check(self, config: Config) -> None:
        """Nothing more than `build` has checked."""

    def check_space(self, space: Space) -> None:
        refuse_tables(space)
        if space.kind != "images" and not self.objective.of_vectors:
            raise ConfigError(
                f"values of {space.kind} aren't probabilities, loss.likelihood=bernoulli. "
                "Use loss.likelihood=gaussian and set loss.scale to what counts as near."
            )

    def warnings(self) -> list[str]:
        return []

    def derived_numbers(self, row: Mapping[str, float]) -> dict[str, float]:
        return {}


def check_autoencoder(
    config: Config,
    model: GenerativeModel,
    augmentations: Mapping[str, Augmentation],
    *,
    remedy: str,
) -> None:
    """Raise ConfigError unless the model has an encoder, and examples as they are. `remedy`: the
    models that the method trains."""
    if not isinstance(model, Autoencoder):
        needs_loss = is_of_family(config.loss, VariationalObjective)
        fitting = "paired" if isinstance(model, Translator) else "adversarial"
        of_a_gan = f"method={fitting}" + (" loss=hinge" if needs_loss else "")
        raise ConfigError(
            f"a GAN has no encoder, {config.choice('model')} with {config.choice('method')}. "
            f"Use {remedy} or {of_a_gan}"
        )
    if augmentations:
        raise ConfigError(
            f"an autoencoder compares examples as they are, augment={next(iter(augmentations))} "
            f"with {config.choice('model')}. Remove the augmentation."
        )


def refuse_tables(space: Space) -> None:
    """Raise ConfigError for the rows of a table, whose categories have no likelihood here."""
    if space.kind == "table":
        raise ConfigError(
            "an autoencoder has no likelihood for the rows of a table, dataset=table. Use model=mlp"
        )


def encode(state: TrainState, real: Tensor) -> Posterior:
    """q(z|x) of encoded examples [N, *shape], in float32."""
    mean, log_variance = state.encoder(real)
    return Posterior(mean.float(), log_variance.float())


def sample_posterior(state: TrainState, posterior: Posterior) -> Tensor:
    """A point of each posterior, [N, latent_size]."""
    return posterior.sample(normal_like(posterior.mean, state))


def normal_like(latents: Tensor, state: TrainState) -> Tensor:
    """Standard normal points of the same shape, from the stream of latent points."""
    rng = state.rng.latent
    return ranks.draw(torch.randn, latents.shape, generator=rng, device=rng.device)
