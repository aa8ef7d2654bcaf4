"""How networks are to see the numbers of a table's column, by those of the training rows."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.encodings import Mode, NumberEncoding

Kind = Literal["plain", "quantile", "modes"]
Bounds = Literal["observed", "none"]
Ends = tuple[float, float]

SPIKE_SHARE = 0.05
"""The share of the numbers that a number must have to be a choice of its own."""

_MOST_SPIKES = 12
_LEAST_OFTEN = 30  # rows: fewer are too few to learn a share from
_STANDS_OUT = 5.0  # times the rows that a number has on average: others are mere roundings
_MOST_ORDINAL, _LEAST_ORDINAL = (
    24,
    10,
)  # different numbers, rows of each on average: all are choices
MOST_KNOTS = 257
"""Of a column: the numbers between two of them lie on a line."""

_MOST_MODES, _LEAST_WEIGHT = 10, 0.005  # Xu et al. 2019, section 4.2
_FITTED = 20_000  # numbers that a mixture is fitted to: more cost time and change little
_REACH = 4.0  # deviations from the mean of a mode to its ends

Numbers = NDArray[np.float64]


class AskedEncoding(NamedTuple):
    """What a column's own settings say; None for what those of the table say."""

    kind: Kind | None = None
    bounds: Bounds | Ends | None = None
    spikes: tuple[float, ...] | None = None


class Encoder(NamedTuple):
    """Fits encodings. `bounds` may be numbers themselves. `spikes`: numbers that many rows have are
    choices of their own, or those that are given; `knots`: the most of a column."""

    kind: Kind
    bounds: Bounds | Ends
    spikes: bool | tuple[float, ...]
    seed: int
    knots: int = MOST_KNOTS

    def asked(self, asked: AskedEncoding, origin: float) -> Encoder:
        """The encoder of a column with settings of its own, whose examples are less an origin."""
        given = {key: value for key, value in asked._asdict().items() if value is not None}
        encoder = self._replace(**given)
        if isinstance(encoder.bounds, tuple):
            low, high = (float(np.float32(end - origin)) for end in encoder.bounds)
            encoder = encoder._replace(bounds=(low, high))
        if isinstance(encoder.spikes, tuple):
            spikes = sorted(float(np.float32(spike - origin)) for spike in encoder.spikes)
            encoder = encoder._replace(spikes=tuple(spikes))
        return encoder

    def fit(self, values: NDArray[Any], *, missing: bool) -> NumberEncoding | None:
        """The encoding of a column with these numbers [N], of training rows, in the units of
        examples; None for standardized ones."""
        spikes = self._spikes(values)
        rest = values[~np.isin(values, spikes)].astype(np.float64)
        if not len(rest) and spikes:
            return NumberEncoding((), spikes, missing)
        if self.bounds == "none" and self.kind == "plain" and not spikes and not missing:
            return None
        modes = self._modes(rest) if len(rest) else (Mode((0.0, 0.0)),)
        return NumberEncoding(modes, spikes, missing, bounded=self.bounds != "none")

    def _spikes(self, values: NDArray[Any]) -> tuple[float, ...]:
        if isinstance(self.spikes, tuple):
            return tuple(spike for spike in self.spikes if (values == spike).any())
        return find_spikes(values) if self.spikes else ()

    def _modes(self, values: Numbers) -> tuple[Mode, ...]:
        if self.bounds == "none":
            mean, deviation = float(values.mean()), float(values.std()) or 1.0
            return (Mode((mean - deviation, mean + deviation)),)
        low, high = float(values.min()), float(values.max())
        if isinstance(self.bounds, tuple):
            low, high = self.bounds
        if self.kind == "quantile":
            knots = _quantiles(values, self.knots)
            return (Mode((min(low, knots[0]), *knots[1:-1], max(high, knots[-1]))),)
        ends = Mode((low, high))
        return (ends,) if self.kind == "plain" else _mixture(values, ends, seed=self.seed)


def find_spikes(values: NDArray[Any]) -> tuple[float, ...]:
    """The numbers that are choices of their own: all where they are few, as grades, else those that
    stand out and have a twentieth of the rows without the more frequent ones."""
    different, counts = np.unique(values, return_counts=True)
    if 1 < len(different) <= _MOST_ORDINAL and counts.mean() >= _LEAST_ORDINAL:
        return tuple(different.tolist())
    found: list[float] = []
    rest, least = len(values), max(_LEAST_OFTEN, _STANDS_OUT * counts.mean())
    for place in np.argsort(-counts, kind="stable")[:_MOST_SPIKES].tolist():
        if counts[place] < max(least, SPIKE_SHARE * rest) or len(different) == 1:
            break
        found.append(float(different[place]))
        rest -= int(counts[place])
    return tuple(sorted(found))


def _quantiles(values: Numbers, most: int) -> tuple[float, ...]:
    count = int(np.clip(len(values), 2, most))
    # numbers of the data, so that the ends are, too
    knots = np.quantile(values, np.linspace(0, 1, count), method="nearest")
    return tuple(knots.tolist())


def _mixture(values: Numbers, ends: Mode, *, seed: int) -> tuple[Mode, ...]:
    """The components of a Gaussian mixture, each as far as the numbers go."""
    from sklearn.mixture import BayesianGaussianMixture  # a second that few tables need

    low, high = ends.knots
    different = len(np.unique(values))
    if different < _MOST_MODES or low == high:
        return (ends,)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(values, min(len(values), _FITTED), replace=False)
    middle, unit = chosen.mean(), chosen.std()
    mixture = BayesianGaussianMixture(
        n_components=_MOST_MODES,
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=0.001,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what hasn't converged yet is good enough
        mixture.fit(((chosen - middle) / unit)[:, None])
    modes = []
    for k in np.flatnonzero(mixture.weights_ > _LEAST_WEIGHT).tolist():
        mean = float(mixture.means_[k, 0] * unit + middle)
        deviation = float(np.sqrt(mixture.covariances_[k, 0, 0]) * unit)
        stretch = max(low, mean - _REACH * deviation), min(high, mean + _REACH * deviation)
        if stretch[0] < stretch[1]:
            modes.append(Mode(stretch, float(mixture.weights_[k]), mean, deviation))
    return _covering(modes, ends)


def _covering(modes: list[Mode], ends: Mode) -> tuple[Mode, ...]:
    """The modes, one more where some numbers are in none of them."""
    reached, (low, high) = -np.inf, ends.knots
    for begin, end in sorted(mode.knots for mode in modes):
        if begin > max(reached, low):
            break
        reached = max(reached, end)
    if reached >= high:
        return tuple(modes)
    wide = Mode(ends.knots, 1e-6, (low + high) / 2, (high - low) / 2)
    return (*modes, wide)
