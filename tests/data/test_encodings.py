"""How networks see numbers: what is encoded comes back, and nothing lies outside of the bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gan_runner.data import Column, Columns, Space
from gan_runner.data.encodings import Mode, NumberEncoding
from gan_runner.datasets.number_encodings import Encoder, Kind, find_spikes
from gan_runner.models.categories import TableGenerator
from gan_runner.models.labels import Sequential

KINDS: tuple[Kind, ...] = ("plain", "quantile", "modes")


def two_hills(count: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(0)
    hills = np.concatenate((rng.normal(-20, 1, count // 2), rng.normal(60, 5, count // 2)))
    return hills.astype(np.float32)


def encoding_of(values: np.ndarray, kind: Kind, *, missing: bool = False) -> NumberEncoding:
    found = Encoder(kind, "observed", True, 0).fit(values, missing=missing)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_encoded_comes_back(kind: Kind) -> None:
    values = two_hills()
    encoding = encoding_of(values, kind)
    encoded = encoding.encode(torch.from_numpy(values), None)
    assert encoded[:, 0].abs().max() <= 1
    back, missing = encoding.decode(encoded)
    assert not missing.any()
    away = (back - torch.from_numpy(values)).abs()
    assert away.max() < 1e-3 if kind != "modes" else away.quantile(0.99) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_no_place_is_outside_of_the_numbers_of_the_data(kind: Kind) -> None:
    values = two_hills()
    encoding = encoding_of(values, kind, missing=True)
    rng = torch.Generator().manual_seed(0)
    outputs = torch.randn(5000, encoding.width, generator=rng) * 3
    outputs[:, 0] = outputs[:, 0].tanh()
    made, missing = encoding.decode(outputs)
    present = made[~missing]
    assert 0.05 < missing.float().mean() < 0.95
    assert values.min() <= present.min() and present.max() <= values.max()
    # and no heap lies on the edges
    at_edges = (present == present.min()) | (present == present.max())
    assert at_edges.float().mean() < 0.01


def test_hills_are_modes_of_their_own() -> None:
    modes = encoding_of(two_hills(), "modes").modes
    heavy = sorted(mode.mean for mode in modes if mode.weight > 0.3)
    assert heavy == [pytest.approx(-20, abs=1), pytest.approx(60, abs=2)]


def test_quantiles_give_all_parts_of_a_column_as_much_room() -> None:
    encoded = encoding_of(two_hills(), "quantile").encode(torch.from_numpy(two_hills()), None)
    counts = torch.histc(encoded[:, 0], 10, -1, 1)
    assert counts.min() > 150 and counts.max() < 250


def test_numbers_of_many_rows_are_choices_of_their_own() -> None:
    rng = np.random.default_rng(0)
    gains = np.concatenate((np.zeros(900), np.full(20, 99999.0), rng.normal(5000, 900, 80).round()))
    assert find_spikes(gains) == (0.0,)
    assert find_spikes(np.concatenate((gains, np.full(100, 99999.0)))) == (0.0, 99999.0)
    assert find_spikes(np.repeat(np.arange(1.0, 17.0), 40)) == tuple(np.arange(1.0, 17.0))
    assert find_spikes(np.repeat(rng.normal(0, 1, 30).round(1), 3)) == ()


def test_spikes_and_missing_values_come_back_exactly() -> None:
    values = np.concatenate((np.zeros(500), two_hills(500))).astype(np.float32)
    encoding = encoding_of(values, "quantile", missing=True)
    assert encoding.spikes == (0.0,) and encoding.width == 1 + 3
    given = torch.tensor([0.0, 60.0, -20.0, 5.0])
    missing = torch.tensor([False, False, False, True])
    encoded = encoding.encode(given, missing)
    assert encoded[:, 1:].tolist() == [[0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert encoded[[0, 3], 0].tolist() == [0, 0]
    back, found = encoding.decode(encoded)
    assert back[0] == 0 and found.tolist() == missing.tolist()


def test_a_constant_stays_what_it_is() -> None:
    for kind in KINDS:
        encoding = encoding_of(np.full(50, 7.0, np.float32), kind)
        back, _ = encoding.decode(encoding.encode(torch.full((3,), 7.0), None))
        assert back.tolist() == [7, 7, 7]


def test_a_table_with_missing_numbers_is_written_with_empty_cells() -> None:
    encoding = NumberEncoding((Mode((0.0, 10.0)),), missing=True)
    columns = Columns(
        (Column("age", decimals=0, encoding=encoding), Column("color", ("a", ""))), 1, True
    )
    assert (columns.width, columns.encoded_width, columns.choices) == (4, 5, 4)
    space = Space("table", (4,), (0.0,) * 4, (1.0,) * 4, columns)
    examples = torch.tensor([[3.0, 0.0, 1.0, 0.0], [5.0, 1.0, 0.0, 1.0]])
    decoded = space.decode(space.encode(examples))
    assert list(columns.rows(decoded, None)) == [["age", "color"], ["3", "a"], ["", ""]]
    (_, ages), _ = columns.values(decoded, None)
    assert ages[0] == 3 and np.isnan(ages[1])


def test_a_generator_makes_the_place_of_a_number_only_as_far_as_it_is_one() -> None:
    encoding = NumberEncoding((Mode((0.0, 10.0)),), spikes=(5.0,))
    columns = Columns((Column("age", encoding=encoding), Column("height")), 0.1, True)
    network = Sequential(torch.nn.Linear(3, columns.encoded_width))
    torch.nn.init.constant_(network[0].weight, 2.0)
    made = TableGenerator(network, columns)(torch.randn(500, 2 + 3))
    is_number = made[:, 1]
    assert made[:, 0].abs().max() <= 1 < made[:, 3].abs().max()
    assert made[:, 0][is_number < 0.5].abs().max() < 1e-5
    assert set(is_number.round().tolist()) == {0.0, 1.0}
