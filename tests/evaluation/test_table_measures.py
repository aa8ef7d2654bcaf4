"""The metrics of rows as the table has them: what they give of samples, and when they doubt it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from metric_inputs import inputs
from torch import Tensor

from gan_runner.data import Data, Space
from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.evaluation.metrics.efficacy import EfficacyTask
from gan_runner.evaluation.metrics.inputs import Measurement, MetricInputs
from gan_runner.evaluation.metrics.measures import measure
from gan_runner.evaluation.metrics.real_rows import RealRows
from gan_runner.evaluation.metrics.rows import Rows

COLUMNS = Columns(
    (
        Column("age", decimals=0),
        Column("pay", decimals=1),
        Column("ill", ("no", "yes"), label=True),
    ),
    1.0,
    True,
)
SPACE = Space("table", (4,), (0.0,) * 4, (1.0,) * 4, COLUMNS, (1000.0, 0.0, 0.0, 0.0))


def examples(count: int, *, seed: int) -> Tensor:
    """Rows whose ill are older and earn less; ages are held less an origin of 1000."""
    rng = torch.Generator().manual_seed(seed)
    ill = torch.rand(count, generator=rng) < 0.3
    age = (torch.randn(count, generator=rng) * 5 + 20 * ill).round()
    pay = (torch.randn(count, generator=rng) * 10 - 30 * ill).round(decimals=1)
    return torch.stack([age, pay, (~ill).float(), ill.float()], dim=1)


TRAIN, HELD_OUT, FRESH = (examples(count, seed=count) for count in (300, 200, 299))


def measured(
    metric: str, fake: Tensor, *, held_out: Tensor = HELD_OUT, constraints: Any = ()
) -> dict[str, Measurement]:
    table = RealRows(Data(TRAIN, SPACE), TRAIN, None, constraints)
    others = table.decode(held_out, None)
    given = inputs(
        TRAIN,
        fake,
        table=table,
        held_out_rows=others,
        efficacy=EfficacyTask(table.in_use, others, "ill", seed=0),
    )
    return {found.name_in(given.space): found for found in measure(metric, given)}


def test_rows_have_the_units_of_the_table() -> None:
    table = RealRows(Data(TRAIN, SPACE), TRAIN[:5], None)
    (age, ages), (_, pays), (_, ill) = table.in_use
    assert age.name == "age"
    assert ages.tolist() == [1000 + int(value) for value in TRAIN[:5, 0]]
    assert pays.tolist() == pytest.approx(TRAIN[:5, 1].tolist())
    assert ill.tolist() == TRAIN[:5, 3].int().tolist()
    assert len(table.train[0][1]) == 300
    assert table.possible["age"].high == 1000 + int(TRAIN[:, 0].max())


def test_training_rows_are_possible_and_like_themselves() -> None:
    assert {m.value for m in measured("impossible", TRAIN).values()} == {0}
    assert {m.value for m in measured("column_shapes", TRAIN).values()} == {1}
    assert {m.value for m in measured("spikes", TRAIN).values()} == {0}
    assert measured("pair_trends", TRAIN)["pair_trends"].value == pytest.approx(1)


def test_the_share_of_impossible_rows_is_given_in_all_and_in_each_column() -> None:
    fake = TRAIN.clone()
    fake[:30, 0], fake[:60, 1] = 999.0, -999.0
    values = {name: m.value for name, m in measured("impossible", fake).items()}
    assert values == pytest.approx(
        {
            "impossible_share": 0.2,
            "impossible_share/age": 0.1,
            "impossible_share/pay": 0.2,
            "impossible_share/ill": 0.0,
        }
    )


@dataclass
class NobodyIsIll:
    text: str = "ill = no"

    def violations(self, columns: Rows) -> Any:
        return next(values for column, values in columns if column.name == "ill") == 1


def test_a_constraint_is_given_by_its_text() -> None:
    found = measured("impossible", TRAIN, constraints=(NobodyIsIll(),))
    share = float(TRAIN[:, 3].mean())
    assert found["impossible_share"].value == pytest.approx(share)
    assert found["impossible_share/ill = no"].value == pytest.approx(share)
    assert found["impossible_share"].parameters["constraints"] == 1


def test_efficacy_is_given_as_a_mean_beside_that_of_real_rows_and_for_each_model() -> None:
    found = measured("efficacy", FRESH)
    each = [m.value for name, m in found.items() if name.startswith("efficacy_f1/")]
    assert len(each) == 4
    assert found["efficacy_f1"].value == pytest.approx(np.mean(each))
    assert found["efficacy_f1"].value == pytest.approx(found["efficacy_f1_real"].value, abs=0.05)
    assert found["efficacy_f1"].parameters["n_test"] == 200
    assert found["efficacy_f1"].doubt is None


def test_samples_of_one_class_are_a_doubt_of_efficacy() -> None:
    healthy = FRESH.clone()
    healthy[:, 2], healthy[:, 3] = 1, 0
    found = measured("efficacy", healthy)["efficacy_f1"]
    assert found.value == 0
    assert found.doubt is not None and "one class alone" in found.doubt


def test_copies_give_members_away_and_fresh_rows_do_not() -> None:
    fresh, copied = (measured("membership", each)["membership_auc"] for each in (FRESH, TRAIN))
    assert abs(fresh.value - 0.5) < 3 * (fresh.error or 0)
    assert copied.value > 0.8
    assert measured("copies", TRAIN)["exact_copies"].value == 1
    assert measured("copies", FRESH)["exact_copies"].value < 0.2
    shares = measured("singling_out", TRAIN)
    assert shares["singling_out_share"].value > shares["singling_out_share_held_out"].value


def test_of_held_out_rows_that_are_copies_membership_is_not_given() -> None:
    found = measured("membership", FRESH, held_out=TRAIN[:100])["membership_auc"]
    assert math.isnan(found.value)
    assert found.error is None
    assert found.doubt is not None and "100% of the held-out rows are exact copies" in found.doubt


def test_a_label_that_samples_lack_can_not_be_learned_from_them() -> None:
    label = Column("ill", ("no", "yes"), label=True, condition=True)
    columns = Columns((*COLUMNS.columns[:2], label), 1.0, True)
    space = Space("table", (2,), (0.0,) * 2, (1.0,) * 2, columns)
    labels = TRAIN[:, 3].long()
    table = RealRows(Data(TRAIN[:, :2], space, labels), TRAIN[:, :2], labels)
    task = EfficacyTask(table.in_use, table.in_use, "ill", seed=0)
    given: dict[str, Any] = {"table": table, "efficacy": task, "held_out_rows": table.in_use}

    def of(labels: Tensor | None) -> MetricInputs:
        return inputs(TRAIN[:, :2], FRESH[:, :2], labels=labels, **given)

    assert measure("efficacy", of(None)) == []
    assert len(measure("column_shapes", of(None))) == 3
    assert measure("efficacy", of(FRESH[:, 3].long()))[0].value > 0.8
