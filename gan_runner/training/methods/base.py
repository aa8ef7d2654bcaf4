"""The base class of training methods, and what several share: the step of an optimizer, the EMA,
the input of a discriminator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from gan_runner.augmentations import Adaptive, Augmentation, Moment
from gan_runner.config.component import Component, find_classes
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.data.shapes import check_shape
from gan_runner.errors import ConfigError
from gan_runner.evaluation.features.spaces import NetworkSpace
from gan_runner.models import GenerativeModel
from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.sampling.sampler import Sampler, Weights
from gan_runner.system import micro_batches, ranks
from gan_runner.system.micro_batches import MicroBatches
from gan_runner.training.optimizers import Optimizers
from gan_runner.training.privacy import Privacy
from gan_runner.training.state import TrainState

M = TypeVar("M", bound="Method")
R = TypeVar("R")


class NoSettings(Component):
    """Of a method that has none."""


@dataclass(frozen=True)
class UpdateSettings:
    """The settings that all updates of a run share, whatever they optimize.

    `accumulate`: the micro-batches of a batch, whose gradients are added up.
    `ema` is the decay of the generator's exponential moving average, 0 for none, which forgets its
    start over about `ema_warmup` steps. `bf16`: forward passes in bfloat16; weights, losses and
    penalties stay float32. `simultaneous`: a generator's update begins from the same weights as the
    discriminator's last one (`train.updates`). `privacy`: that of a discriminator's updates, None
    where they have none, or the data isn't known yet.
    """

    optimizers: Optimizers
    batch_size: int
    accumulate: int
    ema: float
    ema_warmup: float
    bf16: bool
    simultaneous: bool
    privacy: Privacy | None = None

    def ema_decay(self, step: int) -> float:
        """The decay after `step` finished steps. The warm-up is that of TensorFlow's
        ExponentialMovingAverage with `num_updates`."""
        return min(self.ema, (1 + step) / (self.ema_warmup + step))

    def autocast(
        self, device: torch.device, *, exact: bool = False
    ) -> AbstractContextManager[object]:
        """The precision of a forward pass; `exact` where a penalty needs float32."""
        if exact or not self.bf16:
            return nullcontext()  # not a disabled one, which takes 4 % of a small network's step
        return torch.autocast(device.type, torch.bfloat16)


@dataclass(frozen=True)
class Method(ABC):
    """A way to train a set of networks. The loop knows nothing more of it than `step`.

    A method has no state: what changes is in TrainState. `conf/method/` names a subclass.
    """

    Settings: ClassVar[type[Component]] = NoSettings
    """The class of the settings of a file under `conf/method/`, beside the name."""

    updates_simultaneously: ClassVar[bool] = False
    """Whether it knows `train.updates=simultaneous`."""

    accumulates: ClassVar[bool] = False
    """Whether its updates are made by `micro_batches`, so that it knows `train.accumulate`."""

    trains_privately: ClassVar[bool] = False
    """Whether it knows `privacy`."""

    augments: ClassVar[bool] = False
    """Whether it has a discriminator whose input can be augmented (`augment=`)."""

    translates: ClassVar[bool] = False
    """Whether its generator makes examples of inputs, not of latent points."""

    needs_pairs: ClassVar[bool] = False
    """Whether these inputs must belong to the examples."""

    model: GenerativeModel
    updates: UpdateSettings

    @classmethod
    @abstractmethod
    def build(
        cls,
        config: Config,
        *,
        settings: Component,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> Method:
        """The method with these settings, of its class `Settings`, and the objective in
        `config.loss`.

        Raises ConfigError, with the remedy, for a model or a loss that it can't train.
        """

    @classmethod
    @abstractmethod
    def default_norms(cls, config: Config) -> Mapping[str, str]:
        """The meaning of `norm: auto` for each network that this method trains. Raises ConfigError
        for a loss that it can't use."""

    @property
    @abstractmethod
    def batches_per_step(self) -> int:
        """The number of batches of real examples that a step takes."""

    @abstractmethod
    def step(self, state: TrainState, batches: Iterator[Batch]) -> None:
        """Update every network once, or as often as the method does in a step.

        Nothing is read back from the device: what is logged is added up in `state.sums`.
        """

    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        """The networks that it trains, by name, as `GenerativeModel.build_networks` says: those of
        the model, unless its networks depend on the method."""
        return self.model.build_networks(space, classes)

    @property
    def perceptual_space(self) -> str | None:
        """The space of features in which it compares outputs with targets, None where it doesn't.
        The loop gives it one by `with_perceptual_space` before the first step."""
        return None

    def with_perceptual_space(self: M, space: NetworkSpace) -> M:
        """The same method with the space that it asks for."""
        raise AssertionError("asked of a method that has a `perceptual_space`")

    def network_inputs(self, space: Space) -> dict[str, tuple[int, ...]]:
        """The shape of what each network is given of an example, but for networks that aren't given
        one tensor, which must treat each example alone."""
        first, *rest = space.network_shape
        packing = getattr(self.model, "packing", 1)
        return {
            "generator": self.model.generator_input(space),
            "discriminator": (packing * first, *rest),
            "encoder": space.network_shape,
        }

    @abstractmethod
    def sampler(
        self,
        networks: Mapping[str, nn.Module],
        space: Space,
        class_names: Sequence[str],
        *,
        weights: Weights,
    ) -> Sampler:
        """The sampler of trained networks. `networks` has the generator that is
        sampled, and an encoder where there is one; `class_names` are those of the classes that a
        conditional model is given."""

    @abstractmethod
    def check(self, config: Config) -> None:
        """Raise ConfigError, with the remedy, for settings that can't be combined in it."""

    @abstractmethod
    def check_space(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, if it can't learn examples of `space`."""

    @abstractmethod
    def warnings(self) -> list[str]:
        """Combinations that work, but not as their authors meant."""

    @abstractmethod
    def derived_numbers(self, row: Mapping[str, float]) -> dict[str, float]:
        """The numbers that follow from those of a logged row."""

    def with_updates(self: M, **changes: Any) -> M:
        """The same method with other settings of its updates."""
        return replace(self, updates=replace(self.updates, **changes))

    def accumulate(
        self,
        state: TrainState,
        work: Callable[..., R],
        *batches: Batch,
        couples: bool,
    ) -> R:
        """Work on a batch of an update, a micro-batch at a time, that leaves gradients; the result
        of the last, whose terms are those of the whole batch."""
        results = self.micro_batches(state, work, *batches, couples=couples)
        for _ in range(self.updates.accumulate - 1):
            next(results)  # not kept: what is left of its graph would take memory
        return next(results)

    def micro_batches(
        self,
        state: TrainState,
        work: Callable[..., R],
        *batches: Batch,
        couples: bool = False,
    ) -> Iterator[R]:
        """The results of work on each micro-batch of these batches, which begins with the state
        that the whole batch would: only the last changes it.

        `couples`: the terms of an example may depend on others, so that all are gone through
        before, for what they show each other.
        """
        count = self.updates.accumulate
        if count == 1:
            yield work(*batches)
            return
        parts = MicroBatches(count)
        for rehearses in (True, False) if couples else (False,):
            for index in range(count):
                is_last = index == count - 1 and not rehearses
                with (
                    nullcontext() if is_last else state.rewound(),
                    parts.turn(index, state.rng, rehearses=rehearses),
                ):
                    result = work(*(batch.part(index, count) for batch in batches))
                if not rehearses:
                    yield result
                del result

    def add_gradients(
        self, loss: Tensor, state: TrainState, *names: str, again: bool = False
    ) -> None:
        """Add the gradient of a loss to those of networks; `again`: what led to it is
        differentiated once more."""
        parts = micro_batches.at_work()
        if parts is not None and parts.rehearses:
            return
        # nothing else gets a gradient: not another network, nor the examples of a penalty
        parameters = [p for name in names for p in state.trained_parameters(name)]
        loss.backward(inputs=parameters, retain_graph=again)

    def optimize(self, name: str, state: TrainState) -> Tensor:
        """Take one step of a network along the gradient in its parameters, and clear it; the norm
        of the gradient, before it is clipped."""
        parameters = state.trained_parameters(name)
        ranks.add_gradients(parameters)
        optimizer, settings = state.optimizers[name], self.updates.optimizers.of(name)
        # nn.utils.get_total_norm without its sorting by devices and types
        norms = torch._foreach_norm([p.grad for p in parameters if p.grad is not None])
        grad_norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
        if settings.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(parameters, settings.clip_norm, grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = settings.rate(state.step) * state.rate_factor
        optimizer.step()
        for parameter in parameters:
            parameter.grad = None
        return grad_norm

    def finish_step(self, state: TrainState) -> None:
        """Update the EMA of generators, and count the step."""
        if state.ema is not None:
            update_ema(state.ema, state.generator, self.updates.ema_decay(state.step))
        if state.back_ema is not None:
            update_ema(state.back_ema, state.back_generator, self.updates.ema_decay(state.step))
        state.step += 1


@dataclass(frozen=True)
class DiscriminatorInput:
    """The augmentations by name, one after the other, and how many examples make a pack.

    Reals and fakes are changed alike, each time anew. All changes are differentiable, so that G
    learns through them; penalties are computed on D's input.
    """

    augmentations: Mapping[str, Augmentation] = field(default_factory=dict)
    packing: int = 1

    def __call__(self, batch: Batch, state: TrainState) -> Batch:
        """[N, C, ...] -> [N / packing, packing * C, ...]: a pack lies along the channels."""
        examples = batch.examples
        for name, augmentation in self.augmentations.items():
            changed = augmentation(examples, _moment(name, state))
            source = type(augmentation).__name__
            check_shape(changed, examples.shape, source=source, meaning="examples as they were")
            examples = changed
        if self.packing > 1:
            packs, (first, *rest) = len(examples) // self.packing, examples.shape[1:]
            examples = examples.reshape(packs, self.packing * first, *rest)
        return batch._replace(examples=examples)

    def adapt(
        self, real: DiscriminatorOutput, fake: DiscriminatorOutput, state: TrainState
    ) -> dict[str, Tensor]:
        """Adapt to D's output on a batch; the strengths, to be logged."""
        strengths: dict[str, Tensor] = {}
        images = len(real.logits) * self.packing
        for name, augmentation in self.augmentations.items():
            if isinstance(augmentation, Adaptive):
                memory = _moment(name, state).memory
                found = augmentation.adapt(real, fake, memory, images=images)
                strengths |= {f"augment/{name}/{key}": value for key, value in found.items()}
        return strengths

    def check_space(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, for augmentations that examples can't have."""
        for name, augmentation in self.augmentations.items():
            if augmentation.images_only and space.kind != "images":
                raise ConfigError(
                    f"{name} changes images, augment={name} with {space.kind}. "
                    "Use augment=instance_noise"
                )


def _moment(name: str, state: TrainState) -> Moment:
    memory, parts = state.memory(f"augment.{name}"), state.discriminator.parts
    return Moment(state.step, state.rng.augment, memory, parts)


def check_generator(model: GenerativeModel, outputs: Tensor, examples: Tensor) -> None:
    """Raise PluginError unless a generator's outputs have the shape of examples [N, *shape]."""
    source = f"the generator of {type(model).__name__}"
    check_shape(outputs, examples.shape, source=source, meaning="an example each")


def is_of_family(node: Mapping[str, Any], family: type) -> bool:
    """Whether a node of the configuration names a class of a family."""
    name = node.get("name")
    return isinstance(name, str) and name in find_classes(family)


@torch.no_grad()
def update_ema(ema: nn.Module, generator: nn.Module, decay: float) -> None:
    """Move the EMA toward the generator; the statistics of batch norm are averaged too."""
    torch._foreach_lerp_(list(ema.parameters()), list(generator.parameters()), 1.0 - decay)
    current = dict(generator.named_buffers())
    for name, averaged in ema.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            averaged.lerp_(current[name], 1.0 - decay)
        else:  # counters, and the unit vectors of spectral norm, whose mean isn't a unit vector
            averaged.copy_(current[name])
