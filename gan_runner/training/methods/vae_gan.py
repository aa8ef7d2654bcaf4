"""VAE/GAN: an autoencoder whose likeness is measured by the features of a discriminator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch, join
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


class Autoencoded(NamedTuple):
    """Of reals [N, *shape]: where they are encoded; fakes [2N, *shape], decoded from the prior and
    then from there; and the reals twice, one against each fake."""

    posterior: Posterior
    fakes: Batch
    reals: Batch


@dataclass(frozen=True)
class VAEGAN(WithDiscriminator):
    """One update of encoder and decoder with all those of D. Larsen et al. 2016, algorithm 1.

    Fakes are decoded from the prior, and from where the reals are encoded; each real stands
    against one of either kind, so that any adversarial loss, of pairs as well, can be played.
    """

    Settings: ClassVar[type[Component]] = VAEGANSettings
    accumulates: ClassVar[bool] = True

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
            parts = self._autoencode_parts(state, real, is_last=k == d_steps - 1)
            reals, fakes = (join(of) for of in ([p.reals for p in parts], [p.fakes for p in parts]))
            with ranks.in_parts(2):
                self.update_discriminator(state, reals, fakes, update=state.step * d_steps + k)
        self._update_autoencoder(state, real, parts[-1])
        self.finish_step(state)

    def _autoencode_parts(
        self, state: TrainState, real: Batch, *, is_last: bool
    ) -> list[Autoencoded]:
        """For an update of D. The last can be differentiated, unless the autoencoder learns by
        micro-batches, which encode theirs again."""
        is_whole = self.updates.accumulate == 1
        is_again = is_last and not is_whole
        with (
            torch.set_grad_enabled(is_last and is_whole),
            state.rewound() if is_again else nullcontext(),
        ):
            return list(self.micro_batches(state, partial(self._autoencode, state), real))

    def _autoencode(self, state: TrainState, real: Batch) -> Autoencoded:
        with self.updates.autocast(real.examples.device):
            posterior = encode(state, real.examples)
            latents = sample_posterior(state, posterior)
            prior = normal_like(latents, state)
            fakes = state.generator(torch.cat((prior, latents))).float()
        twice = torch.cat((real.examples, real.examples))
        return Autoencoded(posterior, Batch(fakes), Batch(twice))

    def _update_autoencoder(self, state: TrainState, real: Batch, made: Autoencoded) -> None:
        learn = partial(self._learn, state, made)
        couples = self.objective.couples_in_generator
        terms = self.accumulate(state, learn, real, couples=couples)
        for part in ("generator", "encoder"):
            terms[f"grad_norm/{part}"] = self.optimize(part, state)
        state.sums.add(terms)

    def _learn(self, state: TrainState, made: Autoencoded, real: Batch) -> dict[str, Tensor]:
        """The terms of the autoencoder, which give its networks gradients. `made` of the whole
        batch; a micro-batch encodes its own."""
        if self.updates.accumulate > 1:
            made = self._autoencode(state, real)
        with self.updates.autocast(real.examples.device):
            with ranks.in_parts(2):
                on_fake = state.discriminator(made.fakes.examples)
            with torch.no_grad():
                on_real = state.discriminator(real.examples)
        reconstruction = feature_reconstruction(
            on_real.features.float(),
            on_fake.features[len(on_real.features) :].float(),
            scale=self.settings.scale,
        )
        reconstruction = ranks.gather(reconstruction).mean()
        divergence = ranks.gather(made.posterior.divergence()).mean()
        # each real stands against a fake of either kind
        twice = torch.cat((on_real.logits, on_real.logits)).float()
        terms = self.generator_terms(
            on_fake._replace(logits=ranks.gather(on_fake.logits.float())),
            on_real._replace(logits=ranks.gather(twice)),
        )
        of_weights = self.weight_terms("generator", state)
        self.add_gradients(reconstruction + divergence, state, "encoder", again=True)
        shares = [term / ranks.shares() for term in of_weights.values()]  # the same on each
        decoder_loss = self.settings.gamma * reconstruction + sum([*terms.values(), *shares])
        self.add_gradients(decoder_loss, state, "generator")
        return {
            **terms,
            **of_weights,
            "elbo/reconstruction": reconstruction,
            "elbo/divergence": divergence,
        }

    def check_space(self, space: Space) -> None:
        refuse_tables(space)
        super().check_space(space)
