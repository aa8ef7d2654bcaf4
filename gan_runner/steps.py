"""What happens in a step: updates of the discriminator, one of the generator, the average.

Nothing here reads a number back from the device: terms are added up where they are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from gan_runner.objective import Objective
from gan_runner.optimizers import Optimizer, Optimizers
from gan_runner.penalties import Scored
from gan_runner.state import TrainState


def train_step(
    state: TrainState,
    reals: Iterator[Tensor],
    objective: Objective,
    optimizers: Optimizers,
    *,
    latent_size: int,
    decay: float,
    bf16: bool,
) -> None:
    """One generator update with all its discriminator updates.

    The last update of D and the update of G share one batch of fakes, which saves a pass of G.
    """
    for update in range(objective.d_steps):
        real = next(reals)
        latent = torch.randn(
            len(real), latent_size, generator=state.latent_noise, device=real.device
        )
        shared = update == objective.d_steps - 1
        with torch.set_grad_enabled(shared), autocast(real.device, bf16):
            fake = state.generator(latent).float()
        number = state.step * objective.d_steps + update
        _update_discriminator(
            state, objective, optimizers.discriminator, real, fake.detach(), number, bf16
        )
    _update_generator(state, objective, optimizers.generator, real, fake, bf16)
    if state.average is not None:
        _update_average(state.average, state.generator, decay)
    state.step += 1


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """Forward passes in bfloat16 where wished; weights and losses stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def _update_discriminator(
    state: TrainState,
    objective: Objective,
    optimizer: Optimizer,
    real: Tensor,
    fake: Tensor,
    number: int,
    bf16: bool,
) -> None:
    discriminator = state.discriminator
    differentiated = objective.differentiates(number)
    scored_real = _score(discriminator, real, "real" in differentiated, bf16)
    scored_fake = _score(discriminator, fake, "fake" in differentiated, bf16)
    terms = objective.discriminator(
        discriminator, scored_real, scored_fake, update=number, noise=state.penalty_noise
    )
    _total(terms).backward()
    norm = _descend(state.discriminator_optimizer, optimizer, discriminator, state.step)
    if objective.clip is not None:
        _clip_weights(discriminator.parameters(), objective.clip)
    seen = _seen(scored_real.logits, scored_fake.logits)
    state.sums.add({**terms, **seen, "grad_norm/discriminator": norm})


def _score(discriminator: nn.Module, examples: Tensor, differentiated: bool, bf16: bool) -> Scored:
    """Examples and their logits. Those that a penalty differentiates are scored in float32."""
    examples = examples.requires_grad_(differentiated)
    with autocast(examples.device, bf16 and not differentiated):
        return Scored(examples, discriminator(examples).float())


def _total(terms: Mapping[str, Tensor]) -> Tensor:
    return reduce(add, terms.values())


@torch.no_grad()
def _seen(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What D's logits say. Accuracy is the share on the right side of the middle between both
    means: one measure for all losses, which put D's undecided point at different logits."""
    mean_real, mean_fake = real.mean(), fake.mean()
    middle = (mean_real + mean_fake) / 2
    right = torch.cat((real > middle, fake <= middle))
    return {
        "logits/real": mean_real,
        "logits/fake": mean_fake,
        "accuracy/discriminator": right.float().mean(),
    }


def _update_generator(
    state: TrainState,
    objective: Objective,
    optimizer: Optimizer,
    real: Tensor,
    fake: Tensor,
    bf16: bool,
) -> None:
    discriminator = state.discriminator
    discriminator.requires_grad_(False)  # no gradient of a weight that isn't updated here
    with autocast(real.device, bf16):
        fake_logits = discriminator(fake).float()
        real_logits = discriminator(real.detach()).float() if objective.loss.paired else None
    terms = objective.generator(fake_logits, real_logits)
    _total(terms).backward()
    discriminator.requires_grad_(True)
    norm = _descend(state.generator_optimizer, optimizer, state.generator, state.step)
    state.sums.add({**terms, "grad_norm/generator": norm})


def _descend(
    stepper: torch.optim.Optimizer, settings: Optimizer, network: nn.Module, step: int
) -> Tensor:
    """Apply the gradients with the learning rate of this step; the norm that they had."""
    parameters = list(network.parameters())
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if settings.clip_norm is not None:
        nn.utils.clip_grads_with_norm_(parameters, settings.clip_norm, norm)
    for group in stepper.param_groups:
        group["lr"] = settings.rate(step)
    stepper.step()
    stepper.zero_grad(set_to_none=True)
    return norm


@torch.no_grad()
def _clip_weights(parameters: Iterable[nn.Parameter], bound: float) -> None:
    weights: list[Tensor] = list(parameters)
    torch._foreach_clamp_min_(weights, -bound)
    torch._foreach_clamp_max_(weights, bound)


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
