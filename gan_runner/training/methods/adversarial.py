"""What happens in a step: updates of the discriminator, one of the generator, the average.

Nothing here reads a number back from the device: terms are added up where they are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from gan_runner.data.batches import Batch
from gan_runner.models.conditioning import bound
from gan_runner.models.discriminator import Discriminator, Judgement
from gan_runner.objectives.objective import Objective
from gan_runner.objectives.terms import Scored
from gan_runner.training.methods.view import View
from gan_runner.training.optimizers import Optimizers
from gan_runner.training.state import TrainState


@dataclass(frozen=True)
class Training:
    """What all steps of a run have in common, whatever it optimises.

    `bf16`: forward passes in bfloat16; weights, losses and penalties stay float32.
    """

    optimizers: Optimizers
    average: float
    average_ramp: float
    bf16: bool

    def decay(self, step: int) -> float:
        """The decay of the weight average after `step` finished steps, which forgets the start.

        The ramp is that of TensorFlow's ExponentialMovingAverage with `num_updates`.
        """
        return min(self.average, (1 + step) / (self.average_ramp + step))

    def autocast(self, device: torch.device, *, exact: bool = False) -> torch.autocast:
        """The precision of a forward pass; `exact` for what penalties look at closely."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bf16 and not exact)


@dataclass(frozen=True)
class Recipe(Training):
    """What all steps with an adversary have in common.

    The last `codes` columns of a latent point are codes that D should tell.
    `generates_together`, `scores_together`: batches may go through G, or D, as one, since it looks
    at each example alone (it has no batch norm, nor a minibatch layer).
    """

    objective: Objective
    batch_size: int
    latent_size: int
    codes: int
    generates_together: bool
    scores_together: bool
    view: View


def train_step(state: TrainState, reals: Iterator[Batch], recipe: Recipe) -> None:
    """One generator update with all its discriminator updates.

    The last update of D and the update of G share one batch of fakes, which saves a pass of G.
    Fakes are of the classes of the reals that they are held against.
    """
    d_steps = recipe.objective.d_steps
    batches = [next(reals) for _ in range(d_steps)]
    fakes = _fakes(state, [batch.labels for batch in batches], recipe)
    for update, (real, fake) in enumerate(zip(batches, fakes, strict=True)):
        update_discriminator(state, real, fake, state.step * d_steps + update, recipe)
    _update_generator(state, batches[-1], fakes[-1], recipe)
    if state.average is not None:
        update_average(state.average, state.generator, recipe.decay(state.step))
    state.step += 1


def _fakes(state: TrainState, labels: list[Tensor | None], recipe: Recipe) -> list[Batch]:
    """A batch of fakes for each update of D; only the last can be differentiated."""
    size, (*earlier, last) = recipe.batch_size, labels
    with torch.no_grad():
        if recipe.generates_together and earlier:
            together = _generate(state, len(earlier) * size, _joined(earlier), recipe)
            parts = [[None] * len(earlier) if of is None else of.split(size) for of in together]
            fakes = [Batch(*part) for part in zip(*parts, strict=True)]
        else:
            fakes = [_generate(state, size, of, recipe) for of in earlier]
    return [*fakes, _generate(state, size, last, recipe)]


def _generate(state: TrainState, count: int, labels: Tensor | None, recipe: Recipe) -> Batch:
    device = state.latent_noise.device
    latent = torch.randn(count, recipe.latent_size, generator=state.latent_noise, device=device)
    codes = latent[:, recipe.latent_size - recipe.codes :] if recipe.codes else None
    with recipe.autocast(device):
        return Batch(bound(state.generator, labels)(latent).float(), labels, codes)


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None


def update_discriminator(
    state: TrainState, real: Batch, fake: Batch, number: int, recipe: Recipe
) -> None:
    """The update of D with this number, on as many fakes as reals."""
    objective, discriminator = recipe.objective, state.discriminator
    real = recipe.view(real, state)
    fake = recipe.view(fake._replace(examples=fake.examples.detach()), state)
    scored = _score(discriminator, real, fake, number, recipe)
    terms = objective.discriminator(
        bound(discriminator, real.labels),
        *scored,
        update=number,
        noise=state.penalty_noise,
        memory=state.memory,
    )
    norm = _descend(terms, "discriminator", state, recipe)
    if objective.clip is not None:
        _clip_weights(discriminator.parameters(), objective.clip)
    seen = _seen(*scored) | recipe.view.learn(*scored, state)
    state.sums.add({**terms, **seen, "grad_norm/discriminator": norm})


def _score(
    discriminator: Discriminator,
    real: Batch,
    fake: Batch,
    number: int,
    recipe: Recipe,
) -> tuple[Scored, Scored]:
    """Real and fake examples as D judges them, ready for the penalties of this update."""
    differentiated, exact = recipe.objective.differentiates(number), recipe.objective.exact(number)
    if differentiated or not recipe.scores_together:
        return (
            _judged(discriminator, real, recipe, slopes="real" in differentiated, exact=exact),
            _judged(discriminator, fake, recipe, slopes="fake" in differentiated, exact=exact),
        )
    with recipe.autocast(real.examples.device, exact=exact):
        both = torch.cat((real.examples, fake.examples))
        judgement = discriminator.judge(both, _joined((real.labels, fake.labels)))
        reals, fakes = zip(*(of.chunk(2) for of in judgement), strict=True)
        return (
            _told(discriminator, real, Judgement(*reals)),
            _told(discriminator, fake, Judgement(*fakes)),
        )


def _judged(
    discriminator: Discriminator,
    batch: Batch,
    recipe: Recipe,
    *,
    slopes: bool = False,
    exact: bool = False,
) -> Scored:
    if slopes:
        batch.examples.requires_grad_()
    with recipe.autocast(batch.examples.device, exact=exact or slopes):
        judgement = discriminator.judge(batch.examples, batch.labels)
        return _told(discriminator, batch, judgement)


def _told(discriminator: Discriminator, batch: Batch, judgement: Judgement) -> Scored:
    logits, features = judgement
    told = discriminator.tell(features, labels=batch.labels, codes=batch.codes)
    return Scored(batch.examples, logits.float(), features, told)


def _descend(terms: dict[str, Tensor], name: str, state: TrainState, recipe: Recipe) -> Tensor:
    """Take one step down the sum of the terms, joined by those of the weights; the norm of its
    gradient."""
    parameters = list(state.networks[name].parameters())
    terms |= recipe.objective.of_weights(name, parameters, state.memory)
    # nothing else gets a gradient: not the other network, nor the examples of a penalty
    reduce(add, terms.values()).backward(inputs=parameters)
    return follow(name, state, recipe)


def follow(name: str, state: TrainState, training: Training) -> Tensor:
    """Take one step of a network along the gradient that is there, which is used up; its norm."""
    parameters = list(state.networks[name].parameters())
    stepper, settings = state.optimizers[name], training.optimizers.of(name)
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if settings.clip_norm is not None:
        nn.utils.clip_grads_with_norm_(parameters, settings.clip_norm, norm)
    for group in stepper.param_groups:
        group["lr"] = settings.rate(state.step) * state.rate_factor
    stepper.step()
    stepper.zero_grad(set_to_none=True)
    return norm


@torch.no_grad()
def _clip_weights(parameters: Iterable[nn.Parameter], bound: float) -> None:
    weights: list[Tensor] = list(parameters)
    torch._foreach_clamp_min_(weights, -bound)
    torch._foreach_clamp_max_(weights, bound)


@torch.no_grad()
def _seen(real: Scored, fake: Scored) -> dict[str, Tensor]:
    """What D's logits say. Accuracy is the share on the right side of the middle between both
    means: one measure for all losses, which put D's undecided point at different logits."""
    mean_real, mean_fake = real.logits.mean(), fake.logits.mean()
    middle = (mean_real + mean_fake) / 2
    right = torch.cat((real.logits > middle, fake.logits <= middle))
    return {
        "logits/real": mean_real,
        "logits/fake": mean_fake,
        "accuracy/discriminator": right.float().mean(),
    }


def _update_generator(state: TrainState, real: Batch, fake: Batch, recipe: Recipe) -> None:
    scored = _judged(state.discriminator, recipe.view(fake, state), recipe)
    reals = None
    if recipe.objective.compares:
        with torch.no_grad():
            reals = _judged(state.discriminator, recipe.view(real, state), recipe)
    terms = recipe.objective.generator(scored, reals)
    norm = _descend(terms, "generator", state, recipe)
    state.sums.add({**terms, "grad_norm/generator": norm})


@torch.no_grad()
def update_average(average: nn.Module, generator: nn.Module, decay: float) -> None:
    """Move the average towards the generator; the statistics of batch norm are averaged too."""
    torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1.0 - decay)
    current = dict(generator.named_buffers())
    for name, kept in average.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            kept.lerp_(current[name], 1.0 - decay)
        else:  # counters, and the unit vectors of spectral norm, whose mean is no unit vector
            kept.copy_(current[name])
