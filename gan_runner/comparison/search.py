"""What a search that stops early has found, read from `halving.json` in its sweep's folder: how
well early ranks foretell later ones, and how much each setting matters.

The file may come from a stranger: what isn't a search's is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_runner.errors import plural
from gan_runner.system.files import open_regular
from gan_runner.system.units import four_digits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

RECORD = "halving.json"
"""The name of the file."""

FEWEST_RANKED = 4
"""Jobs at two rungs, below which a correlation says nothing."""
FEWEST_EXPLAINED = 8
"""Jobs, below which the importance of settings isn't estimated."""

_WEAK_CORRELATION = 0.3  # below which ranks foretell little
_LARGEST_FILE_BYTES = 1 << 24
_TREES = 100
_POINTS = 128  # combinations of settings over which the forest's predictions are averaged


class SearchedJob(NamedTuple):
    """A job: what was drawn for it, its first rung, how far it came, and its best value up to each
    rung."""

    name: str
    settings: Mapping[str, Any]
    bracket: int
    state: str
    step: int
    ill_from: int | None
    values: tuple[float | None, ...]


class SearchRecord(NamedTuple):
    """A search. `rungs` are steps, `winner` the name of its best job, `repeats` the values of its
    settings with new seeds."""

    metric: str
    direction: str
    rungs: tuple[int, ...]
    winner: str | None
    repeats: tuple[float | None, ...]
    jobs: tuple[SearchedJob, ...]

    @property
    def share(self) -> float:
        """The steps that were trained over those of all jobs at their full length."""
        whole = len(self.jobs) * self.rungs[-1]
        return sum(job.step for job in self.jobs) / whole if whole else 0.0


class RungCorrelation(NamedTuple):
    """Spearman's rank correlation of the values at two rungs, over the jobs that reached both."""

    earlier: int
    later: int
    rho: float
    jobs: int


class Importances(NamedTuple):
    """The share of the variance of ranks that each setting explains alone, the largest first, at a
    rung; `r2` is the forest's out-of-bag score, at or below 0 where it has learned nothing."""

    step: int
    jobs: int
    shares: tuple[tuple[str, float], ...]
    r2: float


def search_record(folder: Path) -> SearchRecord | None:
    """The record of the search in a sweep's folder; None if there is none that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        with open_regular(folder / RECORD) as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            return None
        plain = json.loads(content)
        rungs = tuple(_count(rung) for rung in plain["rungs"])
        if plain["format"] != 1 or not rungs or rungs[-1] < 1:
            return None
        return SearchRecord(
            metric=_text(plain["metric"]),
            direction=_text(plain["direction"]),
            rungs=rungs,
            winner=None if plain["winner"] is None else _text(plain["winner"]),
            repeats=tuple(_number_or_none(value) for value in plain["repeats"]),
            jobs=tuple(_job(job, rungs) for job in plain["jobs"]),
        )
    return None


def rung_correlations(record: SearchRecord) -> list[RungCorrelation]:
    """The rank correlation of each two rungs that enough jobs reached."""
    from scipy.stats import spearmanr

    found = []
    for earlier, later in combinations(range(len(record.rungs)), 2):
        pairs = [
            (job.values[earlier], job.values[later])
            for job in record.jobs
            if len(job.values) > later
            and job.values[earlier] is not None
            and job.values[later] is not None
        ]
        if len(pairs) < FEWEST_RANKED or any(
            len(set(values)) < 2 for values in zip(*pairs, strict=True)
        ):
            continue
        rho = float(spearmanr([a for a, _ in pairs], [b for _, b in pairs]).statistic)
        found.append(RungCorrelation(record.rungs[earlier], record.rungs[later], rho, len(pairs)))
    return found


def importances(record: SearchRecord) -> Importances | None:
    """How much each setting matters at the first rung, which every job reaches: the main effects
    of a random forest on the ranks of the values, as in functional ANOVA (Hutter et al. 2014,
    proceedings.mlr.press/v32/hutter14). None where too few jobs have a value."""
    jobs = [job for job in record.jobs if job.values and job.values[0] is not None]
    keys = [key for key in _keys(jobs) if len({str(job.settings.get(key)) for job in jobs}) > 1]
    if len(jobs) < FEWEST_EXPLAINED or not keys:
        return None
    import numpy as np
    from scipy.stats import rankdata
    from sklearn.ensemble import RandomForestRegressor

    columns = [_column([job.settings.get(key) for job in jobs]) for key in keys]
    inputs = np.stack(columns, axis=1)
    ranks = rankdata([job.values[0] for job in jobs])
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, oob_score=True, random_state=0)
    forest.fit(inputs, ranks)
    shares = _main_effects(lambda x: np.asarray(forest.predict(x)), inputs)
    ordered = sorted(zip(keys, shares, strict=True), key=lambda pair: -pair[1])
    return Importances(record.rungs[0], len(jobs), tuple(ordered), float(forest.oob_score_))


def headline(record: SearchRecord) -> str:
    """Which job is the best, and what finding it took."""
    steps, whole = sum(job.step for job in record.jobs), len(record.jobs) * record.rungs[-1]
    cost = f"{steps:,} of {whole:,} steps ({record.share:.0%})"
    ended = sum(len(job.values) == len(record.rungs) for job in record.jobs)
    jobs = f"{plural(len(record.jobs), 'job')}, {ended} to the end"
    value = next((job.values[-1] for job in record.jobs if job.name == record.winner), None)
    if record.winner is None or value is None:
        return f"no job has come to the end with a value; {jobs}, {cost}"
    return f"{record.winner} is the best, {record.metric} {four_digits(value)}; {jobs}, {cost}"


def rung_lines(record: SearchRecord) -> list[str]:
    """The rank correlations, a line for each."""
    return [
        f"ranks at step {each.earlier:,} and {each.later:,}: Spearman's correlation {each.rho:.2f} "
        f"over {plural(each.jobs, 'job')}"
        for each in rung_correlations(record)
    ]


def importance_lines(found: Importances | None) -> list[str]:
    """The importance of the settings, in a line; none where that isn't known."""
    if found is None:
        return []
    shares = ", ".join(f"{key} {share:.0%}" for key, share in found.shares)
    return [f"importance at step {found.step:,}, over {plural(found.jobs, 'job')}: {shares}"]


def doubts(record: SearchRecord, found: Importances | None) -> list[str]:
    """Why what a search found may not hold, and what to try."""
    notes = [_passed_over(record), _foretells_little(record)]
    valued = sum(bool(job.values) and job.values[0] is not None for job in record.jobs)
    if found is None and valued < FEWEST_EXPLAINED:
        notes.append(
            f"{plural(valued, 'job')} with a value: the importance of settings is estimated from "
            f"{FEWEST_EXPLAINED} on."
        )
    if found is not None and found.r2 <= 0:
        notes.append(
            "the importance is a guess: out of its bag, the forest predicts no better than a mean."
        )
    return [note for note in notes if note]


def _passed_over(record: SearchRecord) -> str:
    """That an ill job has a better value than the winner."""
    sign = 1 if record.direction == "min" else -1
    ended = {job.name: job for job in record.jobs if len(job.values) == len(record.rungs)}
    values = {name: sign * v for name, job in ended.items() if (v := job.values[-1]) is not None}
    if record.winner not in values:
        return ""
    best = min(values, key=values.__getitem__)
    ill_from = ended[best].ill_from
    if values[best] >= values[record.winner] or ill_from is None:
        return ""
    return (
        f"{best} has a better value, {four_digits(sign * values[best])}, but was found collapsed "
        f"or diverging at step {ill_from:,}: it gave its place away."
    )


def _foretells_little(record: SearchRecord) -> str:
    """That the order at a rung isn't that at the next one."""
    steps = list(zip(record.rungs, record.rungs[1:], strict=False))
    weak = [
        each
        for each in rung_correlations(record)
        if (each.earlier, each.later) in steps
        and each.rho < _WEAK_CORRELATION
        and each.jobs >= FEWEST_EXPLAINED
    ]
    if not weak:
        return ""
    first = weak[0]
    return (
        f"the order at step {first.earlier:,} says little of that at {first.later:,}: stop later, "
        f"with hydra.sweeper.rungs={max(2, len(record.rungs) - 1)} or more train.steps."
    )


def _main_effects(predict: Any, inputs: Numbers) -> list[float]:
    """The share of the variance of predictions that each column explains alone, where the columns
    [jobs, settings] vary by themselves."""
    import numpy as np

    random = np.random.default_rng(0)
    middles = (np.arange(_POINTS) + 0.5) / _POINTS
    # as often as jobs have them, the same for the whole as for each: one setting alone is all of it
    values = np.quantile(inputs, middles, axis=0, method="inverted_cdf")
    points = np.stack([random.permutation(column) for column in values.T], axis=1)
    whole = float(np.var(predict(points)))
    shares = []
    for place in range(inputs.shape[1]):
        asked = np.tile(points, (_POINTS, 1))
        asked[:, place] = np.repeat(values[:, place], _POINTS)
        means = predict(asked).reshape(_POINTS, -1).mean(axis=1)
        # an estimate, which for a setting that is nearly all can lie a little above the whole
        shares.append(min(1.0, float(np.var(means)) / whole) if whole > 0 else 0.0)
    return shares


def _keys(jobs: Sequence[SearchedJob]) -> list[str]:
    return sorted({key for job in jobs for key in job.settings})


def _column(values: Sequence[Any]) -> Numbers:
    """Numbers as they are, anything else by its place among the different values."""
    import numpy as np

    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64)
    places = {text: place for place, text in enumerate(sorted({str(value) for value in values}))}
    return np.array([places[str(value)] for value in values], dtype=np.float64)


def _job(plain: Mapping[str, Any], rungs: Sequence[int]) -> SearchedJob:
    """Raises KeyError, TypeError or ValueError for what isn't a job's."""
    ill, step = plain["ill_from"], plain["step"]
    return SearchedJob(
        name=_text(plain["name"]),
        settings={str(key): value for key, value in dict(plain["settings"]).items()},
        bracket=_count(plain["bracket"]),
        state=str(plain["state"] or "waiting"),
        step=0 if step is None else _count(step),
        ill_from=None if ill is None else _count(ill),
        values=tuple(_number_or_none(value) for value in plain["values"])[: len(rungs)],
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise TypeError(value)
    return value


def _number_or_none(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise TypeError(value)
    return float(value)
