"""VAE/GAN: an autoencoder whose likeness is measured by the features of a discriminator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.models import GenerativeModel
from gan_runner.objectives.elbo import Posterior, VariationalObjective, feature_reconstruction
from gan_runner.system import ranks
from gan_runner.training.methods.adversarial import WithDiscriminator, build_objective
from gan_runner.training.methods.base import DiscriminatorInput, UpdateSettings, is_of_family
from gan_runner.training.methods.vae import (
    check_autoencoder,
    encode,
    normal_like,
    refuse_tables,
    sample_posterior,
)
from gan_runner.training.state import TrainState


class VAEGANSettings(Component):
    """`scale` is the standard deviation of the likelihood of D's features, and `gamma` weighs it
    against the adversarial loss, in the decoder's loss alone."""

    gamma: NonNegativeFloat
    scale: PositiveFloat


@dataclass(frozen=True)
class VAEGAN(WithDiscriminator):
    """One update of encoder and decoder with all those of D. Larsen et al. 2016, algorithm 1.

    Fakes are decoded from the prior, and from where the reals are encoded; each real stands
    against one of either kind, so that any adversarial loss, of pairs as well, can be played.
    """

    Settings: ClassVar[type[Component]] = VAEGANSettings

    settings: VAEGANSettings

    @classmethod
    def build(
        cls,
        config: Config,
        *,
        settings: Component,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> VAEGAN:
        check_autoencoder(config, model, augmentations, remedy="model=vae_gan")
        if "discriminator" not in model.norms:
            raise ConfigError(
                "the likeness of a VAE/GAN is measured by its discriminator, "
                f"{config.choice('model')} with {config.choice('method')}. "
                "Use model=vae_gan or method=vae"
            )
        assert isinstance(settings, VAEGANSettings), "which this class asks for"
        return cls(
            model,
            updates,
            build_objective(config),
            DiscriminatorInput(),
            discriminates_together=not model.couples_examples,
            settings=settings,
        )

    @classmethod
    def default_norms(cls, config: Config) -> Mapping[str, str]:
        if is_of_family(config.loss, VariationalObjective):
            raise ConfigError(
                f"a VAE/GAN needs an adversarial loss, {config.choice('model')} with "
                f"{config.choice('loss')}. Use model=vae_gan loss=non_saturating or "
                "model=conv_vae method=vae"
            )
        return super().default_norms(config)

    @property
    def batches_per_step(self) -> int:
        return self.objective.d_steps

    def step(self, state: TrainState, batches: Iterator[Batch]) -> None:
        d_steps = self.objective.d_steps
        for k in range(d_steps):
            real = next(batches)
            differentiable, device = k == d_steps - 1, real.examples.device
            with torch.set_grad_enabled(differentiable), self.updates.autocast(device):
                posterior = encode(state, real.examples)
                latents = sample_posterior(state, posterior)
                prior = normal_like(latents, state)
                fakes = state.generator(torch.cat((prior, latents))).float()
            reals = Batch(torch.cat((real.examples, real.examples)))
            with ranks.in_parts(2):
                self.update_discriminator(
                    state, reals, Batch(fakes), update=state.step * d_steps + k
                )
        self._update_autoencoder(state, real, posterior, fakes)
        self.finish_step(state)

    def _update_autoencoder(
        self, state: TrainState, real: Batch, posterior: Posterior, fakes: Tensor
    ) -> None:
        """`fakes` [2N, *shape]: the second half are reconstructions of `real`."""
        with self.updates.autocast(fakes.device):
            with ranks.in_parts(2):
                on_fake = state.discriminator(fakes)
            with torch.no_grad():
                on_real = state.discriminator(real.examples)
        reconstruction = feature_reconstruction(
            on_real.features.float(),
            on_fake.features[len(on_real.features) :].float(),
            scale=self.settings.scale,
        )
        reconstruction = ranks.gather(reconstruction).mean()
        divergence = ranks.gather(posterior.divergence()).mean()
        # each real stands against a fake of either kind
        twice = torch.cat((on_real.logits, on_real.logits)).float()
        terms = self.generator_terms(
            on_fake._replace(logits=ranks.gather(on_fake.logits.float())),
            on_real._replace(logits=ranks.gather(twice)),
        )
        of_weights = self.weight_terms("generator", state)
        (reconstruction + divergence).backward(
            inputs=state.trained_parameters("encoder"), retain_graph=True
        )
        shares = [term / ranks.count() for term in of_weights.values()]  # the same on each rank
        decoder_loss = self.settings.gamma * reconstruction + sum([*terms.values(), *shares])
        terms |= of_weights
        decoder_loss.backward(inputs=state.trained_parameters("generator"))
        terms |= {"elbo/reconstruction": reconstruction, "elbo/divergence": divergence}
        for part in ("generator", "encoder"):
            terms[f"grad_norm/{part}"] = self.optimize(part, state)
        state.sums.add(terms)

    def check_space(self, space: Space) -> None:
        refuse_tables(space)
        super().check_space(space)
