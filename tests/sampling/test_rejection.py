"""Rows in which a condition holds: those that a seed gives anyway, without the others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_runner.data import Column, Columns, Space
from gan_runner.data.expressions import Condition
from gan_runner.errors import ConfigError
from gan_runner.sampling import rejection
from gan_runner.sampling.latents import LatentStream, draw_latents
from gan_runner.sampling.rejection import AcceptedRows, parse_where, sample_where
from gan_runner.sampling.sampler import Sampler

AGE = Column("age", decimals=0)
COLOR = Column("color", ("blue", "green", "red"))
ILL = Column("ill", ("no", "yes"), label=True, condition=True)


class FromLatents(nn.Module):
    """An age of 50 and 10 for each unit of the first coordinate, 20 more for the second class; the
    color whose coordinate is largest. It counts the rows that it made."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.made = 0

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        self.made += len(latents)
        age = 50 + self.scale * latents[:, :1]
        if labels is not None:
            age = age + 20 * labels[:, None]
        return torch.cat((age, latents[:, 1:]), dim=1)


def sampler(*, conditional: bool = False, latent_dims: int = 4) -> Sampler:
    held = (AGE, COLOR, ILL) if conditional else (AGE, COLOR)
    columns = Columns(held, temperature=0.5, straight_through=True)
    space = Space("table", (4,), (0.0,) * 4, (1.0,) * 4, columns)
    classes = (ILL.categories, (300, 100)) if conditional else ((), ())
    return Sampler(FromLatents(), space, latent_dims, classes[0], class_counts=classes[1])


def where(text: str, of: Sampler) -> Condition:
    return parse_where(text, of.space, setting="--where")


def rows(text: str, count: int, of: Sampler, **options: int | float) -> AcceptedRows:
    return sample_where(of, where(text, of), count, **{"seed": 3, **options})  # type: ignore[arg-type]


def held(text: str, of: Sampler, examples: Tensor, labels: Tensor | None) -> Tensor:
    columns = of.space.columns
    assert columns is not None
    values = {column.name: each for column, each in columns.values(examples, labels)}
    return torch.from_numpy(where(text, of).holds(values))


@pytest.mark.parametrize("truncation", [None, 1.5])
@pytest.mark.parametrize("conditional", [False, True])
def test_rows_are_those_of_the_seed_in_which_the_condition_holds(
    conditional: bool, truncation: float | None
) -> None:
    of, text = sampler(conditional=conditional), "age >= 60 and color in ('red', 'blue')"
    latents = of.latents(20_000, seed=3, truncation=truncation)
    labels = of.draw_labels(20_000, seed=3)
    examples = of.decode(latents, labels)
    holds = held(text, of, examples, labels)
    found = sample_where(of, where(text, of), 300, seed=3, truncation=truncation)
    assert torch.equal(found.examples, examples[holds][:300])
    assert torch.equal(found.latents, latents[holds][:300])
    assert (found.labels is None) == (labels is None)
    if found.labels is not None and labels is not None:
        assert torch.equal(found.labels, labels[holds][:300])
    assert found.found == int(holds[: found.drawn].sum()) >= 300
    assert found.rate == found.found / found.drawn


@pytest.mark.parametrize("sizes", [(64, 64), (64, 6400), (3200, 3200)])
def test_rows_do_not_depend_on_how_many_are_drawn_at_once(
    sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = sampler(conditional=True, latent_dims=5)
    of = Sampler(Four(), of.space, 5, of.class_names, class_counts=of.class_counts)
    expected = rows("age > 70", 100, of)
    monkeypatch.setattr(rejection, "_FIRST_BATCH", sizes[0])
    monkeypatch.setattr(rejection, "_LARGEST_BATCH", sizes[1])
    found = rows("age > 70", 100, of)
    assert torch.equal(found.examples, expected.examples)
    assert torch.equal(rows("age > 70", 7, of).examples, expected.examples[:7])
    assert not torch.equal(rows("age > 70", 100, of, seed=4).examples, expected.examples)


class Four(FromLatents):
    """The same of the first four coordinates."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(latents[:, :4], labels)


def test_a_class_that_the_condition_fixes_is_handed_to_the_generator() -> None:
    of = sampler(conditional=True)
    found = rows("ill = 'yes'", 200, of)
    assert (found.found, found.rate) == (found.drawn, 1.0)
    assert found.labels is not None and found.labels.tolist() == [1] * 200
    assert torch.equal(found.examples, of.sample(200, labels=1, seed=3))
    both = rows("ill = 'yes' and age > 80", 200, of)
    of_class = of.sample(5000, labels=1, seed=3)
    assert torch.equal(both.examples, of_class[of_class[:, 0] > 80][:200])


def test_a_class_that_is_one_of_several_is_drawn_by_the_shares_of_the_data() -> None:
    found = rows("ill = 'yes' or age > 0", 1000, sampler(conditional=True))
    assert found.labels is not None and 200 < int(found.labels.sum()) < 300


def test_a_class_that_is_a_column_is_found_by_rejection() -> None:
    found = rows("color = 'red'", 500, sampler())
    assert 0.3 < found.rate < 0.37 and found.labels is None


def test_a_condition_that_is_too_rare_ends_with_how_rare_it_is() -> None:
    of = sampler()
    with pytest.raises(ConfigError) as caught:
        rows("age > 85", 500, of, max_draws=5000)
    found = int((of.sample(5000, seed=3)[:, 0] > 85).sum())
    assert 0 < found < 10
    assert str(caught.value) == (
        f"{found} of 500 rows found in 5,000 draws, max_draws=5000: age > 85 holds in "
        f"{found / 50:.2g} % of the samples. Ask for fewer rows, widen the condition, or allow "
        "more draws."
    )
    assert "--max-draws=5000" in caught.value.command_text


def test_no_more_rows_than_the_limit_are_drawn() -> None:
    of = sampler()
    assert isinstance(of.generator, FromLatents)
    with pytest.raises(ConfigError, match="draws, max_draws=1111:"):
        rows("age > 300", 10, of, max_draws=1111)
    assert of.generator.made == 1152  # in whole chunks
    assert rows("age > 0", 10, of, max_draws=10).drawn == 10


def test_a_condition_that_never_holds_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejection, "LEAST_DRAWS", 3000)
    with pytest.raises(ConfigError, match=r"0 of 500 rows found in 3,000 draws.*1 of 1,000 sampl"):
        rows("color = 'red' and color = 'blue'", 500, sampler())


def test_a_rare_condition_has_a_thousand_draws_for_each_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejection, "LEAST_DRAWS", 2000)
    monkeypatch.setattr(rejection, "_FIRST_BATCH", 1984)  # so that the limit cuts a batch
    of = sampler()
    found = rows("age >= 78", 20, of)
    assert 2000 < found.drawn <= 20_000
    assert torch.equal(found.examples, (made := of.sample(20_000, seed=3))[made[:, 0] >= 78][:20])


def test_no_rows_are_asked_for_and_come() -> None:
    found = rows("age > 60", 0, sampler(conditional=True))
    assert found.examples.shape == (0, 4)
    assert found.labels is not None and found.labels.shape == (0,)


@pytest.mark.parametrize("kind", ["images", "vectors"])
def test_data_without_columns_has_no_conditions(kind: str) -> None:
    spaces = {
        "images": Space("images", (1, 8, 8)),
        "vectors": Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0)),
    }
    with pytest.raises(ConfigError, match=f"--where=a > 3 needs table data.*has {kind}. Remove it"):
        parse_where("a > 3", spaces[kind], setting="--where")


@pytest.mark.parametrize("truncation", [None, 0.7])
@pytest.mark.parametrize("dims", [1, 3, 16, 50])
def test_latent_points_part_by_part_are_those_of_one_draw(
    dims: int, truncation: float | None
) -> None:
    stream = LatentStream(dims, seed=5, truncation=truncation)
    parts = [stream.take(size) for size in (16, 64, 1024, 32, 7)]
    whole = draw_latents(1143, dims, seed=5, truncation=truncation)
    assert torch.equal(torch.cat(parts), whole)
