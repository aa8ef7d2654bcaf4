"""Optimizers and their schedules. A file under `conf/optimizer/` names a class for each network."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from torch import nn

from gan_runner.config.component import Component
from gan_runner.system import eager_optimizers

Decay = Annotated[float, Field(ge=0, lt=1)]


class Schedule(Component):
    """The factor of the learning rate at each step: a pure function, so it has no state.

    After `warmup` steps of linear growth it is 1 (`constant`) or goes to `final` by step `steps`.
    `steps: null` gets its value when the run is made, so that a longer run doesn't bend the curve.
    """

    shape: Literal["constant", "linear", "cosine"]
    warmup: NonNegativeInt
    steps: PositiveInt | None
    final: Annotated[float, Field(ge=0, le=1)]

    def factor(self, step: int) -> float:
        """The factor for the update that follows `step` finished ones."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.shape == "constant":
            return 1.0
        assert self.steps is not None, "a schedule's length is known when the run is made"
        passed = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        left = 1.0 - passed if self.shape == "linear" else (1.0 + math.cos(math.pi * passed)) / 2
        return self.final + (1.0 - self.final) * left


class Optimizer(Component):
    """Settings that every optimizer has. `clip_norm` bounds the norm of all gradients together."""

    lr: PositiveFloat
    weight_decay: NonNegativeFloat
    clip_norm: PositiveFloat | None
    schedule: Schedule

    def rate(self, step: int) -> float:
        """The learning rate of the update that follows `step` finished ones."""
        return self.lr * self.schedule.factor(step)

    def with_schedule_steps(self, steps: int) -> Optimizer:
        """The same settings, with a schedule of so many steps if its length isn't given."""
        schedule = self.schedule.model_copy(update={"steps": self.schedule.steps or steps})
        return self.model_copy(update={"schedule": schedule})

    @property
    @abstractmethod
    def momentum_setting(self) -> str | None:
        """The setting that gives this optimizer a momentum, or None if it has none."""

    @abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer of these parameters, one fused update where torch has it."""


class WithBetas(Optimizer):
    """The family of Adam: decaying means of the gradient and of its square."""

    betas: tuple[Decay, Decay]
    eps: PositiveFloat

    @property
    def momentum_setting(self) -> str | None:
        return "betas" if self.betas[0] > 0 else None


class WithMomentum(Optimizer):
    """Optimizers whose momentum is a setting of its own."""

    momentum: Decay

    @property
    def momentum_setting(self) -> str | None:
        return "momentum" if self.momentum > 0 else None


class Adam(WithBetas):
    """Kingma & Ba 2015, arXiv:1412.6980."""

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return eager_optimizers.Adam(
            parameters, self.lr, self.betas, self.eps, self.weight_decay, fused=True
        )


class AdamW(WithBetas):
    """Adam with decoupled weight decay: Loshchilov & Hutter 2019, arXiv:1711.05101."""

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return eager_optimizers.AdamW(
            parameters, self.lr, self.betas, self.eps, self.weight_decay, fused=True
        )


class RMSprop(WithMomentum):
    """Tieleman & Hinton 2012, lecture 6.5 of "Neural Networks for Machine Learning"."""

    alpha: Decay
    eps: PositiveFloat

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return eager_optimizers.RMSprop(
            parameters, self.lr, self.alpha, self.eps, self.weight_decay, self.momentum
        )


class SGD(WithMomentum):
    """Stochastic gradient descent, with momentum if it is above 0 (Sutskever et al. 2013)."""

    nesterov: bool

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGD:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=true needs a momentum above 0")
        return self

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return eager_optimizers.SGD(
            parameters,
            self.lr,
            self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
            fused=True,
        )


class Optimizers(NamedTuple):
    """The settings of both optimizers: they change nothing and are not saved."""

    generator: Optimizer
    discriminator: Optimizer

    def of(self, part: str) -> Optimizer:
        """The settings for a network by its name; an encoder is trained as its decoder is, and
        those of the way back as those of the way there."""
        return self.discriminator if part.endswith("discriminator") else self.generator
