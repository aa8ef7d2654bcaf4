"""What happens in a step: updates of the discriminator, one of the generator, the average.

Nothing here reads a number back from the device: terms are added up where they are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from gan_runner.data import Batch
from gan_runner.models.conditioning import bound, judged
from gan_runner.objective import Objective
from gan_runner.optimizers import Optimizer, Optimizers
from gan_runner.penalties import Scored
from gan_runner.state import TrainState


@dataclass(frozen=True)
class Recipe:
    """What all steps of a run have in common.

    `generates_together`, `scores_together`: batches may go through G, or D, as one, since it looks
    at each example alone (it has no batch norm, nor a minibatch layer). `bf16`: forward passes in
    bfloat16; weights, losses and penalties stay float32.
    """

    objective: Objective
    optimizers: Optimizers
    batch_size: int
    latent_size: int
    average: float
    average_ramp: float
    generates_together: bool
    scores_together: bool
    bf16: bool

    def decay(self, step: int) -> float:
        """The decay of the weight average after `step` finished steps, which forgets the start.

        The ramp is that of TensorFlow's ExponentialMovingAverage with `num_updates`.
        """
        return min(self.average, (1 + step) / (self.average_ramp + step))

    def autocast(self, device: torch.device, *, exact: bool = False) -> torch.autocast:
        """The precision of a forward pass; `exact` for what is differentiated twice."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bf16 and not exact)


def train_step(state: TrainState, reals: Iterator[Batch], recipe: Recipe) -> None:
    """One generator update with all its discriminator updates.

    The last update of D and the update of G share one batch of fakes, which saves a pass of G.
    Fakes are of the classes of the reals that they are held against.
    """
    d_steps = recipe.objective.d_steps
    batches = [next(reals) for _ in range(d_steps)]
    fakes = _fakes(state, [batch.labels for batch in batches], recipe)
    for update, (real, fake) in enumerate(zip(batches, fakes, strict=True)):
        _update_discriminator(state, real, fake.detach(), state.step * d_steps + update, recipe)
    _update_generator(state, batches[-1], fakes[-1], recipe)
    if state.average is not None:
        _update_average(state.average, state.generator, recipe.decay(state.step))
    state.step += 1


def _fakes(state: TrainState, labels: list[Tensor | None], recipe: Recipe) -> list[Tensor]:
    """A batch of fakes [N, *shape] for each update of D; only the last can be differentiated."""
    size, (*earlier, last) = recipe.batch_size, labels
    with torch.no_grad():
        if recipe.generates_together and earlier:
            together = _generate(state, len(earlier) * size, _joined(*earlier), recipe)
            fakes = list(together.split(size))
        else:
            fakes = [_generate(state, size, of, recipe) for of in earlier]
    return [*fakes, _generate(state, size, last, recipe)]


def _generate(state: TrainState, count: int, labels: Tensor | None, recipe: Recipe) -> Tensor:
    device = state.latent_noise.device
    latent = torch.randn(count, recipe.latent_size, generator=state.latent_noise, device=device)
    with recipe.autocast(device):
        return bound(state.generator, labels)(latent).float()


def _joined(*labels: Tensor | None) -> Tensor | None:
    known = [of for of in labels if of is not None]
    return torch.cat(known) if known else None


def _update_discriminator(
    state: TrainState, real: Batch, fake: Tensor, number: int, recipe: Recipe
) -> None:
    objective, discriminator = recipe.objective, state.discriminator
    scored = _score(discriminator, real, fake, objective.differentiates(number), recipe)
    critic = bound(discriminator, real.labels)
    terms = objective.discriminator(critic, *scored, update=number, noise=state.penalty_noise)
    norm = _descend(
        terms,
        discriminator,
        state.discriminator_optimizer,
        recipe.optimizers.discriminator,
        state,
    )
    if objective.clip is not None:
        _clip_weights(discriminator.parameters(), objective.clip)
    state.sums.add({**terms, **_seen(*scored), "grad_norm/discriminator": norm})


def _score(
    discriminator: nn.Module,
    real: Batch,
    fake: Tensor,
    differentiated: frozenset[str],
    recipe: Recipe,
) -> tuple[Scored, Scored]:
    """Real and fake examples with their logits, ready for penalties that differentiate them."""
    if recipe.scores_together and not differentiated:
        labels = _joined(real.labels, real.labels)
        both = _score_alone(discriminator, torch.cat((real.examples, fake)), labels, False, recipe)
        reals, fakes = both.logits.chunk(2)
        told = (None, None) if both.auxiliary is None else both.auxiliary.chunk(2)
        return Scored(real.examples, reals, told[0]), Scored(fake, fakes, told[1])
    return (
        _score_alone(discriminator, *real, "real" in differentiated, recipe),
        _score_alone(discriminator, fake, real.labels, "fake" in differentiated, recipe),
    )


def _score_alone(
    discriminator: nn.Module,
    examples: Tensor,
    labels: Tensor | None,
    differentiated: bool,
    recipe: Recipe,
) -> Scored:
    examples.requires_grad_(differentiated)
    with recipe.autocast(examples.device, exact=differentiated):
        logits, auxiliary = judged(discriminator, examples, labels)
    return Scored(examples, logits.float(), auxiliary)


def _descend(
    terms: Mapping[str, Tensor],
    network: nn.Module,
    stepper: torch.optim.Optimizer,
    settings: Optimizer,
    state: TrainState,
) -> Tensor:
    """Take one step down the sum of the terms; the norm of its gradient."""
    parameters = list(network.parameters())
    # nothing else gets a gradient: not the other network, nor the examples of a penalty
    reduce(add, terms.values()).backward(inputs=parameters)
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


def _update_generator(state: TrainState, real: Batch, fake: Tensor, recipe: Recipe) -> None:
    with recipe.autocast(fake.device):
        logits, auxiliary = judged(state.discriminator, fake, real.labels)
        critic, paired = bound(state.discriminator, real.labels), recipe.objective.loss.paired
        real_logits = critic(real.examples.detach()).float() if paired else None
    terms = recipe.objective.generator(Scored(fake, logits.float(), auxiliary), real_logits)
    norm = _descend(
        terms, state.generator, state.generator_optimizer, recipe.optimizers.generator, state
    )
    state.sums.add({**terms, "grad_norm/generator": norm})


@torch.no_grad()
def _update_average(average: nn.Module, generator: nn.Module, decay: float) -> None:
    """Move the average towards the generator; the statistics of batch norm are averaged too."""
    torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1.0 - decay)
    current = dict(generator.named_buffers())
    for name, kept in average.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            kept.lerp_(current[name], 1.0 - decay)
        else:  # counters, and the unit vectors of spectral norm, whose mean is no unit vector
            kept.copy_(current[name])
