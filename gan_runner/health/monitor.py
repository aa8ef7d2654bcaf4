"""The monitor: rows of metrics.jsonl in, verdicts out. Its state follows from the rows alone."""

from __future__ import annotations

from collections.abc import Mapping

from gan_runner.health.advice import advice
from gan_runner.health.detectors import DETECTORS
from gan_runner.health.history import EvaluationNames, History
from gan_runner.health.settings import Health
from gan_runner.storage.status import Verdict


class Monitor:
    """Notices sick training in the rows as they are logged.

    The same rows give the same verdicts at the same steps: a resumed run feeds it the rows that
    metrics.jsonl has, and goes on.
    """

    def __init__(self, settings: Health, names: EvaluationNames) -> None:
        self._settings = settings
        self._names = names
        self._watched = [n for n, what in settings.action.model_dump().items() if what != "off"]
        self._well_since: dict[str, int] = {}
        self._ill: set[str] = set()
        self._history = self._empty()

    def observe(self, row: Mapping[str, float]) -> list[Verdict]:
        """Verdicts on a row. Each is given once, and again only when it was gone for a while."""
        self._history.add(row)
        verdicts = []
        for name in self._watched:
            evidence = DETECTORS[name](self._history, self._settings)
            if evidence is None:
                self._recover(name)
                continue
            if name not in self._ill:
                remedy = advice(name, self._history)
                verdicts.append(Verdict(name, self._history.step, evidence, remedy))
            self._ill.add(name)
            self._well_since.pop(name, None)
        return verdicts

    def restart(self) -> None:
        """Forget all rows: those to come are of other weights, which may fall ill anew."""
        self._well_since.clear()
        self._ill.clear()
        self._history = self._empty()

    def reason_to_stop(self) -> str | None:
        """The reason to end training now by `patience` or `convergence`, or None."""
        history, settings = self._history, self._settings
        best, patience = history.best, settings.patience
        if patience is not None and best is not None:
            waited = history.evaluations.last_step - best.step
            if waited >= patience:
                return (
                    f"no better {self._names.best} for {waited} steps, health.patience={patience}"
                )
        span, tolerance = settings.convergence.span, settings.convergence.tolerance
        if tolerance is None:
            return None
        names = ("loss/discriminator", "loss/generator")
        swings = [_range(history.training.values_over(name, span)) for name in names]
        if all(s is not None and s <= tolerance for s in swings):
            return (
                f"both losses stayed within {tolerance:g} for {span} steps, "
                f"health.convergence.tolerance={tolerance:g}"
            )
        return None

    def _recover(self, name: str) -> None:
        """Note a row without the illness; after enough steps of them it may be reported again."""
        step = self._history.step
        if step - self._well_since.setdefault(name, step) >= self._settings.recovery:
            self._ill.discard(name)

    def _empty(self) -> History:
        return History(
            self._names,
            sample_span=self._settings.mode_collapse.span,
            longest_span=self._settings.longest_span,
        )


def _range(values: list[float]) -> float | None:
    return max(values) - min(values) if values else None
