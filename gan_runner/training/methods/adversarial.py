"""Adversarial training: D is updated `d_steps` times by its loss and penalties, then G once.

One update, from a batch of reals to the optimizer, is read here from top to bottom; the loss and
the penalties that it names are in `objectives/losses.py` and `objectives/penalties.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch, join
from gan_runner.data.shapes import check_shape
from gan_runner.errors import ConfigError
from gan_runner.models import GenerativeModel, Model, Translator
from gan_runner.models.discriminator import (
    Discriminator,
    DiscriminatorOutput,
    logit_statistics,
)
from gan_runner.objectives.elbo import VariationalObjective
from gan_runner.objectives.objective import Objective
from gan_runner.objectives.penalties import Critic
from gan_runner.sampling.sampler import Sampler, Weights
from gan_runner.system import ranks
from gan_runner.training.dp_sgd import PerExample, PrivateGradient, split_pairs
from gan_runner.training.methods.base import (
    DiscriminatorInput,
    Method,
    UpdateSettings,
    check_generator,
    is_of_family,
)
from gan_runner.training.privacy import Privacy
from gan_runner.training.state import TrainState


class DiscriminatorUpdate(NamedTuple):
    """D's outputs on reals and fakes, and the named terms that add up to its loss."""

    real: DiscriminatorOutput
    fake: DiscriminatorOutput
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class WithDiscriminator(Method):
    """The base class of methods with a discriminator: its update, and the terms of the game.

    `discriminates_together`: reals and fakes may go through D as one batch, since it treats each
    example alone (it has no batch norm, nor a minibatch layer). `logit_maps`: an example may have
    any number of logits.
    """

    logit_maps: ClassVar[bool] = False

    objective: Objective
    discriminator_input: DiscriminatorInput
    discriminates_together: bool

    def update_discriminator(
        self, state: TrainState, real: Batch, fake: Batch, *, update: int
    ) -> None:
        """The update of D with this number, on as many fakes as reals. Raises PluginError for
        networks and terms that return another shape than they must."""
        if self.updates.privacy is not None:
            self._update_privately(state, real, fake, self.updates.privacy, update=update)
            return
        check_generator(self.model, fake.examples, real.examples)
        learn = partial(self._learn_to_discriminate, state, update=update)
        couples = self.objective.couples_in_discriminator
        made = self.accumulate(state, learn, real, fake, couples=couples)
        self.finish_discriminator_update(state, *made)

    def _learn_to_discriminate(
        self, state: TrainState, real: Batch, fake: Batch, *, update: int
    ) -> DiscriminatorUpdate:
        """The terms of D's update give it a gradient."""
        made = self._compare(state, real, fake, update=update)
        self.differentiate("discriminator", made.terms, state)
        return made

    def _compare(
        self, state: TrainState, real: Batch, fake: Batch, *, update: int
    ) -> DiscriminatorUpdate:
        """D's outputs on reals and fakes, and the terms of them in this update."""
        real = self.discriminator_input(real, state)
        fake = self.discriminator_input(fake._replace(examples=fake.examples.detach()), state)
        on_real, on_fake = self._discriminate_both(state, real, fake, update=update)
        critic = _critic(state, real.labels)
        terms = self.discriminator_terms(critic, on_real, on_fake, state, update=update)
        return DiscriminatorUpdate(on_real, on_fake, terms)

    def _update_privately(
        self, state: TrainState, real: Batch, fake: Batch, privacy: Privacy, *, update: int
    ) -> None:
        """The same by DP-SGD: the gradient of each pair of a real and a fake is clipped, their sum
        is given noise. Xie et al. 2018, algorithm 1.

        Any number of reals is drawn, but always as many fakes: G is updated by these, and mustn't
        know of that number. So each real is beside any one of them, drawn for it.
        """
        rng, network = privacy.rng(update), state.discriminator
        drawn = rng.integers(len(fake.examples), size=len(real.examples))
        fake = fake.rows(torch.from_numpy(drawn).to(fake.examples.device))
        check_generator(self.model, fake.examples, real.examples)
        gradient, made = PrivateGradient(network, max_norm=privacy.max_grad_norm), []
        for reals, fakes in split_pairs(real, fake, network):
            copies = PerExample(network, len(reals.examples))
            of_copies = replace(state, networks={**state.networks, "discriminator": copies})
            made.append(self._compare(of_copies, reals, fakes, update=update))
            mean_loss = reduce(add, made[-1].terms.values())
            gradient.add(len(reals.examples) * mean_loss, copies)
        gradient.finish(rng, noise_multiplier=privacy.noise_multiplier, size=privacy.batch_size)
        of_weights = self.weight_terms("discriminator", state)
        if of_weights:  # which aren't of the data
            self.add_gradients(reduce(add, of_weights.values()), state, "discriminator")
        if made:
            on_real, on_fake, terms = _join_updates(made)
            self.finish_discriminator_update(state, on_real, on_fake, terms | of_weights)
        else:
            self._step_discriminator(state)  # nothing to log: a rare batch without a real

    def finish_discriminator_update(
        self,
        state: TrainState,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        terms: dict[str, Tensor],
    ) -> None:
        """What follows the gradient of D's terms: the step of its optimizer, the clipping of its
        weights, the strengths of adaptive augmentations, and what is logged."""
        grad_norm = self._step_discriminator(state)
        logged = {**logit_statistics(real, fake), "grad_norm/discriminator": grad_norm}
        strengths = self.discriminator_input.adapt(real, fake, state)
        state.sums.add({**terms, **logged, **strengths})

    def _step_discriminator(self, state: TrainState) -> Tensor:
        """Update D along its gradient, whose norm is returned, and clip its weights."""
        grad_norm = self.optimize("discriminator", state)
        if self.objective.clip_value is not None:
            _clip_weights(state.trained_parameters("discriminator"), self.objective.clip_value)
        return grad_norm

    def needs_grad(self, update: int) -> set[str]:
        """Which of `real` and `fake` the penalties of this update differentiate D's logits by."""
        due = [p for p in self.objective.penalties.values() if p.is_due(update)]
        return {name for penalty in due for name in penalty.differentiates}

    def needs_exact(self, update: int) -> bool:
        """Whether a penalty of this update needs D's passes in float32."""
        return any(p.exact and p.is_due(update) for p in self.objective.penalties.values())

    def discriminator_terms(
        self,
        critic: Critic,
        real: DiscriminatorOutput,
        fake: DiscriminatorOutput,
        state: TrainState,
        *,
        update: int,
    ) -> dict[str, Tensor]:
        """The named terms of D's update with this number: scalars that add up to D's loss."""
        objective, rng = self.objective, state.rng.penalty
        loss = objective.loss.discriminator(real.logits, fake.logits)
        terms = {"loss/discriminator": loss.mean()}
        for name, penalty in objective.penalties.items():
            kind = "term" if penalty.signed else "penalty"
            if penalty.is_due(update):
                memory = state.memory(f"penalty.{name}")
                values = penalty(critic, real, fake, rng, memory)
                terms[f"{kind}/{name}"] = penalty.weight * penalty.every * values.mean()
            else:  # 0, so that the mean over all updates is what the penalty adds
                terms[f"{kind}/{name}"] = real.logits.new_zeros(())
        for name in fake.auxiliary:
            losses = [of.auxiliary[name].mean() for of in (real, fake) if name in of.auxiliary]
            terms[f"{name}/discriminator"] = torch.stack(losses).sum()
        return terms

    def generator_terms(
        self, fake: DiscriminatorOutput, real: DiscriminatorOutput | None
    ) -> dict[str, Tensor]:
        """The named terms of G's update: scalars that add up to G's loss. `real` is needed where
        the objective compares."""
        objective, logits = self.objective, None if real is None else real.logits
        terms = {"loss/generator": objective.loss.generator(fake.logits, logits).mean()}
        for name, matching in objective.matching.items():
            assert real is not None, "matching compares"
            both = (_with_all_features(output) for output in (real, fake))
            terms[f"penalty/{name}"] = matching.weight * matching(*both)
        return terms | {f"{name}/generator": loss.mean() for name, loss in fake.auxiliary.items()}

    def weight_terms(self, name: str, state: TrainState) -> dict[str, Tensor]:
        """The named terms of the weights of a network."""
        return {
            f"penalty/{term}/{name}": regularizer.weight
            * regularizer(state.trained_parameters(name), state.memory(f"penalty.{term}.{name}"))
            for term, regularizer in self.objective.weight_terms.items()
        }

    def differentiate(
        self, name: str, terms: dict[str, Tensor], state: TrainState, *, again: bool = False
    ) -> None:
        """Give a network the gradient of the sum of the terms, to which those of its weights are
        added; `again`: what led to them is differentiated once more, for another network."""
        of_weights = self.weight_terms(name, state)
        # the gradients of all shares of a batch are added up, and each has the same of these terms
        shares = [term / ranks.shares() for term in of_weights.values()]
        total = reduce(add, [*terms.values(), *shares])
        terms |= of_weights
        self.add_gradients(total, state, name, again=again)

    def discriminate(
        self, state: TrainState, batch: Batch, *, grad: bool = False, exact: bool = False
    ) -> DiscriminatorOutput:
        """D's output; `grad`: the logits can be differentiated by the examples; `exact`: as
        precisely as the critic of a penalty computes them."""
        if grad:
            batch.examples.requires_grad_()
        with self.updates.autocast(batch.examples.device, exact=exact or grad):
            output = state.discriminator(batch.examples, batch.labels)
            return self._with_auxiliary(state.discriminator, batch, output)

    def _discriminate_both(
        self, state: TrainState, real: Batch, fake: Batch, *, update: int
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """D's outputs on reals and fakes, ready for the penalties of this update."""
        grad, exact = self.needs_grad(update), self.needs_exact(update)
        if grad or not self.discriminates_together:
            return (
                self.discriminate(state, real, grad="real" in grad, exact=exact),
                self.discriminate(state, fake, grad="fake" in grad, exact=exact),
            )
        discriminator = state.discriminator
        with self.updates.autocast(real.examples.device, exact=exact):
            both = torch.cat((real.examples, fake.examples))
            with ranks.in_parts(2):
                output = discriminator(both, _join((real.labels, fake.labels)))
            logits, features = output.logits.chunk(2), output.features.chunk(2)
            on_real = DiscriminatorOutput(real.examples, logits[0], features[0])
            on_fake = DiscriminatorOutput(fake.examples, logits[1], features[1])
            return (
                self._with_auxiliary(discriminator, real, on_real),
                self._with_auxiliary(discriminator, fake, on_fake),
            )

    def _with_auxiliary(
        self, discriminator: Discriminator, batch: Batch, output: DiscriminatorOutput
    ) -> DiscriminatorOutput:
        source = f"{type(self.model).__name__}.plain_discriminator"
        of_each = output.logits.shape[1:] if self.logit_maps else ()
        expected = [len(batch.examples), *of_each]
        check_shape(output.logits, expected, source=source, meaning="a logit each")
        assert output.features is not None, "a discriminator's own output has them"
        auxiliary = discriminator.auxiliary_losses(
            output.features, labels=batch.labels, codes=batch.codes
        )
        return output._replace(
            logits=ranks.gather(output.logits.float()),
            auxiliary={name: ranks.gather(losses) for name, losses in auxiliary.items()},
        )

    def derived_numbers(self, row: Mapping[str, float]) -> dict[str, float]:
        return self.objective.derived_numbers(row)

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
            class_names=tuple(class_names),
            code=self.model.latent_code,
            encoder=networks.get("encoder"),
            weights=weights,
        )

    def check(self, config: Config) -> None:
        self.objective.check(
            discriminator_norm=self.model.norms["discriminator"], loss_name=config.loss["name"]
        )
        if config.compile:
            self.objective.check_compiled()

    def check_space(self, space: Space) -> None:
        self.discriminator_input.check_space(space)
        self.objective.check_space(space)

    def warnings(self) -> list[str]:
        return self.objective.warnings(
            discriminator_norm=self.model.norms["discriminator"],
            momentum_setting=self.updates.optimizers.discriminator.momentum_setting,
        )

    @classmethod
    def default_norms(cls, config: Config) -> Mapping[str, str]:
        constrained = build_objective(config).is_constrained
        return {"generator": "batch", "encoder": "batch"} | {
            "discriminator": "layer" if constrained or config.privacy.is_on else "batch"
        }


@dataclass(frozen=True)
class Adversarial(WithDiscriminator):
    """Two networks, each with an optimizer of its own. Goodfellow et al. 2014, algorithm 1.

    `generates_together`: all fakes of a step may go through G as one batch, since it treats each
    latent point alone (it has no batch norm).
    """

    updates_simultaneously: ClassVar[bool] = True
    accumulates: ClassVar[bool] = True
    trains_privately: ClassVar[bool] = True
    augments: ClassVar[bool] = True

    generates_together: bool

    @classmethod
    def build(
        cls,
        config: Config,
        *,
        settings: Component,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> Adversarial:
        if isinstance(model, Translator):
            raise ConfigError(
                f"this generator makes examples of inputs, {config.choice('model')} with "
                f"{config.choice('method')}. Use method=paired or method=unpaired"
            )
        if not isinstance(model, Model):
            fit = "method=vae_gan" if "discriminator" in model.norms else "method=vae loss=elbo"
            raise ConfigError(
                f"an autoencoder can't be trained like this, {config.choice('model')} with "
                f"{config.choice('method')}. Use {fit}"
            )
        return cls(
            model,
            updates,
            build_objective(config),
            DiscriminatorInput(augmentations, model.packing),
            discriminates_together=not model.couples_examples,
            generates_together=model.norms["generator"] != "batch",
        )

    @property
    def batches_per_step(self) -> int:
        return self.objective.d_steps

    def step(self, state: TrainState, batches: Iterator[Batch]) -> None:
        """All updates of D, then the one of G, or it with the last of D (`train.updates`). It
        shares the last batch of fakes, which saves a pass of G. Fakes have the classes of the reals
        that they are compared with."""
        d_steps = self.objective.d_steps
        reals = [next(batches) for _ in range(d_steps)]
        fakes = self._generate_all(state, reals)
        for k, (real, fake) in enumerate(zip(reals, fakes, strict=True)):
            update = state.step * d_steps + k
            if self.updates.simultaneous and k == d_steps - 1:
                self._update_both(state, real, fake, update=update)
            else:
                self.update_discriminator(state, real, fake, update=update)
        if not self.updates.simultaneous:
            self._update_generator(state, reals[-1], fakes[-1])
        self.finish_step(state)

    def _generate_all(self, state: TrainState, reals: list[Batch]) -> list[Batch]:
        """A batch of fakes for each update of D. The last can be differentiated, unless G learns by
        micro-batches, which make theirs again."""
        *earlier, last = reals
        with torch.no_grad():
            fakes = self._generate_parts(state, earlier)
        if self.updates.accumulate == 1:
            return [*fakes, self._generate(state, last.labels)]
        with torch.no_grad(), state.rewound():
            return [*fakes, *self._generate_parts(state, [last])]

    def _generate_parts(self, state: TrainState, reals: list[Batch]) -> list[Batch]:
        """A batch of fakes for each one of reals, made a micro-batch at a time."""
        if not reals:
            return []
        generate = partial(self._generate_each, state)
        parts = list(self.micro_batches(state, generate, *reals))
        return [join(of_batch) for of_batch in zip(*parts, strict=True)]

    def _generate_each(self, state: TrainState, *reals: Batch) -> list[Batch]:
        labels, count = [real.labels for real in reals], len(reals)
        if not self.generates_together:
            return [self._generate(state, of) for of in labels]
        together = self._generate(state, _join(labels), batches=count)
        parts = [[None] * count if of is None else of.chunk(count) for of in together]
        return [Batch(*part) for part in zip(*parts, strict=True)]

    def _generate(self, state: TrainState, labels: Tensor | None, *, batches: int = 1) -> Batch:
        rng, dims, code = state.rng.latent, self.model.latent_dims, self.model.latent_code
        own = (batches, self.updates.batch_size // ranks.shares(), dims)
        drawn = ranks.draw(torch.randn, own, dim=1, generator=rng, device=rng.device)
        latents = drawn.flatten(0, 1)
        codes = None if code is None else latents[:, dims - code.size :]
        with self.updates.autocast(rng.device):
            return Batch(state.generator(latents, labels).float(), labels, codes)

    def _again(self, state: TrainState, fake: Batch) -> Batch:
        """These fakes, so that they can be differentiated."""
        return fake if self.updates.accumulate == 1 else self._generate(state, fake.labels)

    def _update_generator(self, state: TrainState, real: Batch, fake: Batch) -> None:
        learn = partial(self._learn_to_generate, state)
        couples = self.objective.couples_in_generator
        terms = self.accumulate(state, learn, real, fake, couples=couples)
        state.sums.add({**terms, "grad_norm/generator": self.optimize("generator", state)})

    def _learn_to_generate(self, state: TrainState, real: Batch, fake: Batch) -> dict[str, Tensor]:
        fake = self._again(state, fake)
        on_fake = self.discriminate(state, self.discriminator_input(fake, state))
        on_real = None
        if self.objective.compares:
            with torch.no_grad():
                on_real = self.discriminate(state, self.discriminator_input(real, state))
        terms = self.generator_terms(on_fake, on_real)
        self.differentiate("generator", terms, state)
        return terms

    def _update_both(self, state: TrainState, real: Batch, fake: Batch, *, update: int) -> None:
        """The update of D with this number and that of G from the same weights of both. Nowozin et
        al. 2016, arXiv:1606.00709, algorithm 1."""
        check_generator(self.model, fake.examples, real.examples)
        learn = partial(self._learn_both, state, update=update)
        objective = self.objective
        couples = objective.couples_in_discriminator or objective.couples_in_generator
        made, of_generator = self.accumulate(state, learn, real, fake, couples=couples)
        self.finish_discriminator_update(state, *made)
        grad_norm = self.optimize("generator", state)
        state.sums.add({**of_generator, "grad_norm/generator": grad_norm})

    def _learn_both(
        self, state: TrainState, real: Batch, fake: Batch, *, update: int
    ) -> tuple[DiscriminatorUpdate, dict[str, Tensor]]:
        """One pass of D over the fakes is enough for both."""
        fake = self._again(state, fake)
        real, fake = (self.discriminator_input(batch, state) for batch in (real, fake))
        grad, exact = self.needs_grad(update), self.needs_exact(update)
        # not as one batch: only the fakes are differentiated for G
        on_real = self.discriminate(state, real, grad="real" in grad, exact=exact)
        on_fake = self.discriminate(state, fake, grad="fake" in grad, exact=exact)
        critic = _critic(state, real.labels)
        terms = self.discriminator_terms(critic, on_real, on_fake, state, update=update)
        compared = on_real if self.objective.compares else None
        of_generator = self.generator_terms(on_fake, compared)
        self.differentiate("discriminator", terms, state, again=True)
        self.differentiate("generator", of_generator, state)
        return DiscriminatorUpdate(on_real, on_fake, terms), of_generator


def build_objective(config: Config) -> Objective:
    """The objective of an adversarial game. Raises ConfigError if the loss is of another kind."""
    if is_of_family(config.loss, VariationalObjective):
        raise ConfigError(
            f"{config.choice('loss')} is for variational autoencoders, {config.choice('model')} "
            f"with {config.choice('method')}. Use an adversarial loss, as loss=hinge or "
            "model=vae method=vae"
        )
    return Objective.build(config.loss)


def _join(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None


def _join_updates(parts: Sequence[DiscriminatorUpdate]) -> DiscriminatorUpdate:
    """That of the parts of a batch: the logits of all, and the means of their terms."""
    sizes = torch.tensor([len(part.real.logits) for part in parts], dtype=torch.float32)
    shares = (sizes / sizes.sum()).to(parts[0].real.logits.device)
    terms = {
        name: shares @ torch.stack([part.terms[name].detach() for part in parts])
        for name in parts[0].terms
    }
    real, fake = (
        DiscriminatorOutput(
            examples=torch.cat([of.examples for of in outputs]),
            logits=torch.cat([of.logits.detach() for of in outputs]),
        )
        for outputs in ([part.real for part in parts], [part.fake for part in parts])
    )
    return DiscriminatorUpdate(real, fake, terms)


def _critic(state: TrainState, labels: Tensor | None) -> Critic:
    """D's logits on what penalties show it, which has the labels of the reals."""
    return lambda x: ranks.gather(state.discriminator(x, labels).logits)


def _with_all_features(output: DiscriminatorOutput) -> DiscriminatorOutput:
    assert output.features is not None, "a discriminator's own output has them"
    return output._replace(features=ranks.gather(output.features))


@torch.no_grad()
def _clip_weights(parameters: Iterable[nn.Parameter], value: float) -> None:
    weights: list[Tensor] = list(parameters)
    torch._foreach_clamp_min_(weights, -value)
    torch._foreach_clamp_max_(weights, value)
