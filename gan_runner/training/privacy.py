"""The accounts of differential privacy: how much noise a budget needs, and what is spent of it."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.schema import Config, PrivacySettings
from gan_runner.errors import ConfigError
from gan_runner.seeds import derive

_ORDERS = [*(1 + x / 10 for x in range(1, 100)), *range(11, 64), 128, 256, 512, 1024]
"""Of Renyi divergences: those that Opacus takes, and larger ones, which little spending needs."""


@cache
def _divergences(noise_multiplier: float, rate: float) -> NDArray[np.float64]:
    """The Renyi divergences of these orders that one update has: it takes tenths of a second."""
    found: NDArray[np.float64] = _accountants().analysis.rdp.compute_rdp(
        q=rate, noise_multiplier=noise_multiplier, steps=1, orders=_ORDERS
    )
    return found


@dataclass(frozen=True)
class Privacy:
    """The mechanism of a run. A row is in a batch of D with the probability `batch_size` / `rows`,
    what it adds to D's gradient has a norm of at most `max_grad_norm`, and the noise in the sum has
    `noise_multiplier` times that as its deviation."""

    noise_multiplier: float
    max_grad_norm: float
    delta: float
    batch_size: int
    rows: int
    seed: int

    def rng(self, update: int) -> np.random.Generator:
        """The random numbers of D's update with this number: the same after a resume."""
        # numpy's: a torch.Generator on a CPU takes 32 bits of a seed, with which noise would recur
        return np.random.default_rng(derive(self.seed, "privacy", update))

    def epsilon(self, updates: int) -> float:
        """What so many updates of D spend, for `delta`, by Renyi differential privacy of the
        Gaussian mechanism on Poisson samples: Mironov et al. 2019, arXiv:1908.10530."""
        if updates == 0:
            return 0.0
        spent = updates * _divergences(self.noise_multiplier, self.batch_size / self.rows)
        with _without_warnings():
            epsilon, _ = _accountants().analysis.rdp.get_privacy_spent(
                orders=_ORDERS, rdp=spent, delta=self.delta
            )
        return float(epsilon)

    def spent(self, updates: int) -> dict[str, float]:
        """The epsilon that so many updates of D spend, and its delta."""
        return {"epsilon": self.epsilon(updates), "delta": self.delta}


def privacy_of(config: Config, *, rows: int) -> Privacy | None:
    """The mechanism of a resolved configuration; None without one."""
    settings = config.privacy
    if settings.noise_multiplier is None or settings.delta is None:
        return None
    return Privacy(
        noise_multiplier=settings.noise_multiplier,
        max_grad_norm=settings.max_grad_norm,
        delta=settings.delta,
        batch_size=config.train.batch_size,
        rows=rows,
        seed=config.seed,
    )


def resolve_privacy(
    config: Config, *, rows: int, steps: int, updates_per_step: int
) -> PrivacySettings:
    """The settings with the noise that the budget needs and with a delta, which stay when the run
    goes on. Raises ConfigError for more steps than the budget has."""
    settings = config.privacy
    if not settings.is_on:
        return settings
    delta, rate = settings.delta or 0.1 / rows, config.train.batch_size / rows
    noise = settings.noise_multiplier or _noise_of(
        settings, delta=delta, rate=rate, updates=max(1, steps * updates_per_step)
    )
    resolved = settings.model_copy(update={"delta": delta, "noise_multiplier": noise})
    privacy = privacy_of(config.model_copy(update={"privacy": resolved}), rows=rows)
    assert privacy is not None, "its noise and delta are known"
    if settings.epsilon is not None and settings.noise_multiplier is not None:
        _check_budget(privacy, settings.epsilon, steps=steps, updates_per_step=updates_per_step)
    return resolved


def _noise_of(settings: PrivacySettings, *, delta: float, rate: float, updates: int) -> float:
    try:
        with _without_warnings():
            noise = _accountants().utils.get_noise_multiplier(
                target_epsilon=settings.epsilon,
                target_delta=delta,
                sample_rate=rate,
                steps=updates,
                accountant="rdp",
                epsilon_tolerance=0.01 * (settings.epsilon or 1.0),
                alphas=_ORDERS,
            )
        return float(noise)
    except ValueError:
        raise ConfigError(
            f"no noise is enough for so little, {settings.asked} for {updates:,} updates of D. "
            "Use privacy.epsilon=1 or so"
        ) from None


def _check_budget(privacy: Privacy, budget: float, *, steps: int, updates_per_step: int) -> None:
    spent = privacy.epsilon(steps * updates_per_step)
    if spent <= budget:
        return
    few = bisect_right(range(steps), budget, key=lambda s: privacy.epsilon(s * updates_per_step))
    raise ConfigError(
        f"the run would spend more than its budget, epsilon={spent:.3g} for train.steps={steps} "
        f"with privacy.epsilon={budget:g} and "
        f"privacy.noise_multiplier={privacy.noise_multiplier:.4g}. Use train.steps={few - 1}"
    )


def check_accountant(config: Config) -> None:
    """Raise ConfigError for a run with privacy where Opacus isn't installed."""
    if config.privacy.is_on:
        try:
            _accountants()
        except ImportError:
            raise ConfigError(
                f"opacus isn't installed, {config.privacy.asked}. "
                'Install it: pip install "gan-runner[privacy]".'
            ) from None


def privacy_rows(config: Config) -> list[tuple[str, str]]:
    """A row with its head, of the resolved settings; none without privacy."""
    settings = config.privacy
    if not settings.is_on:
        return []
    budget = "" if settings.epsilon is None else f"epsilon up to {settings.epsilon:g}, "
    text = (
        f"{budget}delta {settings.delta:.2g}, noise multiplier {settings.noise_multiplier:.4g}, "
        f"gradients clipped to {settings.max_grad_norm:g}"
    )
    return [("privacy", text)]


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Of orders beyond these, with which less were spent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _accountants() -> Any:
    import opacus.accountants.analysis.rdp
    import opacus.accountants.utils

    return opacus.accountants
