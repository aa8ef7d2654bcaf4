"""The thresholds of each verdict, how long it must last, and what follows. conf/health gives the
reasons."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from gan_runner.config.component import Component
from gan_runner.errors import ConfigError

Response = Literal["off", "warn", "stop", "rollback"]
Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(gt=1)]


class Action(Component):
    """The action of each verdict."""

    mode_collapse: Response
    discriminator_saturated: Response
    discriminator_useless: Response
    oscillation: Response
    divergence: Response
    memorization: Response
    past_the_best: Response
    ignores_input: Response
    identity: Response
    checkerboards: Response
    impossible_rows: Response


class Rollback(Component):
    """Learning rates times `factor` at each return to the best checkpoint; training ends where
    one more than `times` would be needed."""

    factor: Annotated[float, Field(gt=0, le=1)]
    times: PositiveInt


class Convergence(Component):
    """Both losses stay within `tolerance` for `span` steps; null: training never ends by it."""

    tolerance: PositiveFloat | None
    span: PositiveInt


class Samples(Component):
    """Every so many steps, so many samples are compared with as many real examples."""

    every: PositiveInt
    count: Annotated[int, Field(ge=8, le=4096)]
    neighbors: PositiveInt


class Collapse(Component):
    diversity: Share
    duplicates: Share
    coverage: Share
    precision: Share
    rising: Factor
    lost: Share
    class_found: Share
    class_lost: Share
    span: PositiveInt
    few_span: PositiveInt


class Saturated(Component):
    accuracy: Share
    gradient: Share
    span: PositiveInt


class Useless(Component):
    accuracy: Share
    margin: Share
    coverage: Share
    span: PositiveInt


class Oscillation(Component):
    factor: Factor
    swings: PositiveInt
    span: PositiveInt


class Divergence(Component):
    growth: Factor
    least: PositiveFloat
    logits: PositiveFloat
    spread: Factor
    span: PositiveInt


class Memorization(Component):
    ratio: Share


class ImpossibleRows(Component):
    """Of tables."""

    share: Share


class PastTheBest(Component):
    worse: NonNegativeFloat
    gain: Share
    span: PositiveInt


class TranslationLimits(Component):
    """Of translators."""

    effect: Share
    change: Share
    checkerboards: Factor
    span: PositiveInt


class Health(Component):
    """Thresholds of all verdicts, spans in steps, and when training ends by itself."""

    action: Action
    rollback: Rollback
    patience: PositiveInt | None
    convergence: Convergence
    samples: Samples
    recovery: PositiveInt
    mode_collapse: Collapse
    discriminator_saturated: Saturated
    discriminator_useless: Useless
    oscillation: Oscillation
    divergence: Divergence
    memorization: Memorization
    past_the_best: PastTheBest
    translation: TranslationLimits
    impossible_rows: ImpossibleRows

    def check(self, *, evaluated: bool) -> None:
        """Raise ConfigError for a rollback in a run that is never evaluated."""
        rollbacks = [name for name, action in self.action if action == "rollback"]
        if rollbacks and not evaluated:
            raise ConfigError(
                "a rollback needs evaluations, which find the best checkpoint, "
                f"health.action.{rollbacks[0]}=rollback with train.eval_every=0. "
                "Use train.eval_every=500 or so."
            )

    @property
    def longest_span(self) -> int:
        """The number of steps that the longest span covers."""
        groups = [group for group in self.model_dump().values() if isinstance(group, dict)]
        return max(int(span) for group in groups for key, span in group.items() if "span" in key)
