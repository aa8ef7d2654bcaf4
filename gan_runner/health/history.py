"""The monitor's memory of the rows: series of three kinds, and the best evaluation so far."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

Row = Mapping[str, float]

# D's gradient is not among them, which under spectral norm grows thirtyfold in healthy runs,
# nor the loss of the generator: the zero of a critic drifts, and the loss with it
LEVELS = ("loss/discriminator", "logits/gap", "grad_norm/generator")
"""Whose sizes are watched. The gap is the distance between both mean logits."""

SHARE = "eval/share/"
"""The prefix of the names of the shares of classes."""

_FEWEST_ROWS = 16  # that are remembered, however many steps they span


class EvaluationNames(NamedTuple):
    """The names in rows of the numbers of evaluations that are watched: the one whose best is kept,
    with the direction in which it is better, that of memorization, and that of rows of a table
    that can't exist, whose shares in each column follow behind a slash."""

    best: str
    direction: Literal["min", "max"]
    memorization: str
    impossible: str


class Series:
    """The latest rows of one kind, oldest first: those of `longest` steps at least."""

    def __init__(self, longest: int) -> None:
        self._rows: list[Row] = []
        self._longest = longest

    def add(self, row: Row) -> None:
        self._rows.append(row)
        half = len(self._rows) // 2
        # half at once, so that a row costs the same however many there are
        if half >= _FEWEST_ROWS and _step(self._rows[half]) <= self.last_step - self._longest:
            del self._rows[:half]

    @property
    def last_step(self) -> int:
        return _step(self._rows[-1]) if self._rows else 0

    def rows_over(self, span: int) -> list[Row]:
        """The rows that together span at least so many steps up to the last; none if they don't.

        Two rows at least: what one row shows may be chance.
        """
        begin = self.last_step - span
        index = bisect_right(self._rows, begin, key=_step) - 1
        return self._rows[min(index, len(self._rows) - 2) :] if index >= 0 else []

    def values_over(self, name: str, span: int) -> list[float]:
        """A number through the span; nothing if a row of the span lacks it."""
        try:
            return [row[name] for row in self.rows_over(span)]
        except KeyError:
            return []

    def means_over(self, name: str, span: int, *, parts: int) -> list[float]:
        """The means of a number in equal parts of the span, of those that have rows; the row at
        its beginning is a part by itself. Nothing if a row of the span lacks it."""
        values, last = self.values_over(name, span), self.last_step
        if not values:
            return []
        rows = self.rows_over(span)
        ends = [last * parts - part * span for part in range(parts, -1, -1)]
        cuts = [bisect_right(rows, end, key=lambda row: _step(row) * parts) for end in ends]
        return [
            sum(values[begin:end]) / (end - begin)
            for begin, end in pairwise([0, *cuts])
            if end > begin
        ]

    def span_of(self, intervals: int) -> int:
        """The steps between the last row and the one so many rows before it; 0 if there is none."""
        return (
            self.last_step - _step(self._rows[-intervals - 1]) if len(self._rows) > intervals else 0
        )


def _step(row: Row) -> int:
    return int(row["step"])


class BestSoFar(NamedTuple):
    """The best evaluation so far, and the value of the first one."""

    step: int
    value: float
    first: float


class History:
    """The rows, sorted by kind, and the little that must be known of all of them."""

    def __init__(
        self,
        names: EvaluationNames,
        *,
        sample_span: int,
        longest_span: int,
    ) -> None:
        self.step = 0
        self.training = Series(longest_span)
        self.samples = Series(longest_span)
        self.evaluations = Series(longest_span)
        self.largest_shares: dict[str, float] = {}
        """The largest share of each class in all evaluations but the last two."""
        self.best: BestSoFar | None = None
        self.names = names
        self.sign = 1.0 if names.direction == "min" else -1.0
        self.lasting_coverage = 0.0
        """The highest coverage that lasted for the sample span."""
        self.largest_gradient = 0.0
        """The largest norm of the gradient of the generator."""
        self.of_vae = False
        self.of_domains = False
        """Whether two domains are translated into each other."""
        self.of_patches = False
        """Whether one is translated into another by contrasting patches."""
        self._sample_span = sample_span
        self._sizes: dict[str, list[float]] = {name: [] for name in LEVELS}

    def add(self, row: Row) -> None:
        """Add a row. One may be of several kinds."""
        self.step = int(row["step"])
        if "loss/discriminator" in row:
            self._train(row)
        self.of_vae = self.of_vae or "elbo" in row
        self.of_domains = self.of_domains or "cycle/inputs" in row
        self.of_patches = self.of_patches or "contrast/inputs" in row
        if any(name.startswith("health/") for name in row):
            self.samples.add(row)
            lasted = self.samples.values_over("health/coverage", self._sample_span)
            self.lasting_coverage = max(self.lasting_coverage, min(lasted, default=0.0))
        if any(name.startswith("eval/") for name in row):
            self._evaluate(row)

    def usual_size(self, name: str) -> float:
        """The lowest decile of a level over all rows: what it was before a growth began."""
        sizes = self._sizes[name]
        return sizes[len(sizes) // 10] if sizes else 0.0

    def learning_rate(self, network: str) -> float | None:
        """The learning rate in the last training row, if it was logged."""
        rows = self.training.rows_over(0)
        return rows[-1].get(f"learning_rate/{network}") if rows else None

    def _train(self, row: Row) -> None:
        gap = row["logits/real"] - row["logits/fake"]
        row = {**row, "logits/gap": gap}
        self.training.add(row)
        self.largest_gradient = max(self.largest_gradient, row["grad_norm/generator"])
        for name in LEVELS:
            insort(self._sizes[name], abs(row[name]))

    def _evaluate(self, row: Row) -> None:
        """Add the row to the evaluations, the number whose best is kept as `best`."""
        value = row.get(self.names.best)
        before = self.evaluations.rows_over(0)
        for share in (name for name in (before[0] if before else ()) if name.startswith(SHARE)):
            self.largest_shares[share] = max(self.largest_shares.get(share, 0.0), before[0][share])
        self.evaluations.add(row if value is None else {**row, "best": value})
        if value is None:
            return
        best = self.best
        if best is None:
            self.best = BestSoFar(self.step, value, first=value)
        elif self.sign * value < self.sign * best.value:
            self.best = BestSoFar(self.step, value, best.first)
