"""The columns of a table: examples become rows again, and generators end in categories."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
from network_pairs import build_pair
from pydantic import TypeAdapter, ValidationError

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Column, Columns, Space
from gan_runner.data.encodings import Mode, NumberEncoding
from gan_runner.errors import ConfigError
from gan_runner.models import Model
from gan_runner.models.categories import gumbel_noise, gumbel_softmax
from gan_runner.training.build import build

AGE = Column("age", decimals=0)
COLOR = Column("color", ("blue", "green", "red"))
HEIGHT = Column("height", decimals=1)
ILL = Column("ill", ("no", "yes"), label=True)
CONDITION = Column("ill", ("no", "yes"), label=True, condition=True)


def columns(*held: Column, temperature: float = 0.5, straight_through: bool = True) -> Columns:
    return Columns(held, temperature, straight_through)


def space(of: Columns) -> Space:
    return Space("table", (of.width,), (0.0,) * of.width, (1.0,) * of.width, of)


# ---------------------------------------------------------------- rows


def test_outputs_become_what_the_table_could_hold() -> None:
    of = space(columns(AGE, COLOR, HEIGHT))
    made = of.decode(torch.tensor([[41.6, 0.2, 0.7, 0.1, 1.26]]))
    assert made.tolist() == [pytest.approx([42.0, 0.0, 1.0, 0.0, 1.3])]


def test_numbers_come_in_their_own_units_and_categories_unscaled() -> None:
    held = columns(HEIGHT, COLOR)
    of = Space("table", (4,), (1.7, 0.0, 0.0, 0.0), (0.1, 1.0, 1.0, 1.0), held)
    rows = torch.tensor([[1.9, 0.0, 0.0, 1.0]])
    assert torch.allclose(of.encode(rows), torch.tensor([[2.0, 0.0, 0.0, 1.0]]), atol=1e-5)
    assert torch.allclose(of.decode(of.encode(rows)), rows)


def test_rows_have_names_units_and_categories_in_the_tables_own_order() -> None:
    of = columns(AGE, CONDITION, COLOR, HEIGHT)
    examples = torch.tensor([[42.0, 0.0, 1.0, 0.0, 1.3], [7.0, 1.0, 0.0, 0.0, 0.5]])
    assert list(of.rows(examples, torch.tensor([1, 0]))) == [
        ["age", "ill", "color", "height"],
        ["42", "yes", "green", "1.3"],
        ["7", "no", "blue", "0.5"],
    ]


def test_the_column_of_a_condition_is_left_out_without_labels() -> None:
    assert next(columns(AGE, CONDITION).rows(torch.zeros(1, 1), None)) == ["age"]


def test_a_number_of_unknown_decimals_has_the_digits_of_its_float() -> None:
    of = columns(Column("x"))
    assert list(of.rows(torch.tensor([[0.1], [1.5e-7]]), None))[1:] == [["0.1"], ["1.5e-07"]]


def test_rows_have_their_origin_and_the_digits_of_both() -> None:
    of = columns(AGE, COLOR, HEIGHT, Column("x"))
    examples = torch.tensor([[-3.0, 0.0, 1.0, 0.0, 0.3, 0.1]])
    origin = (20200309.0, 0.0, 0.0, 0.0, 1700000000.2, 2459000.5)
    assert list(of.rows(examples, None, origin))[1:] == [
        ["20200306", "green", "1700000000.5", "2459000.6"]
    ]


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        *((origin, "int64") for origin in (0, 2**62, -(2**62))),
        *((origin, "float64") for origin in (-(2**63) - 2048, 2**64, 10**300)),
        (2**63, "uint64"),
    ],
)
def test_whole_numbers_have_the_type_that_holds_them(origin: int, kind: str) -> None:
    of = columns(AGE)
    ((_, values),) = of.values(torch.tensor([[-3.0], [7.0]]), None, (float(origin),))
    assert values.dtype == kind
    exact = [int(float(origin)) - 3, int(float(origin)) + 7]
    assert values.tolist() == (exact if kind != "float64" else [float(x) for x in exact])


# ---------------------------------------------------------------- a space from a checkpoint


def test_a_space_survives_being_saved() -> None:
    of = space(columns(AGE, COLOR, ILL))
    assert TypeAdapter(Space).validate_python(asdict(of)) == of


@pytest.mark.parametrize(
    "change",
    [
        {"columns": None},
        {"shape": (7,)},
        {"shape": ()},
        {"scale": (1.0,)},
        {"kind": "vectors"},
    ],
)
def test_a_space_whose_columns_do_not_fit_is_refused(change: dict[str, object]) -> None:
    plain = {**asdict(space(columns(AGE, COLOR))), **change}
    with pytest.raises(ValidationError):
        TypeAdapter(Space).validate_python(plain)


@pytest.mark.parametrize(
    "held",
    [
        {"columns": []},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"columns": [{"name": "ill", "condition": True}, {"name": "age"}]},
    ],
)
def test_columns_that_can_not_be_are_refused(held: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Columns).validate_python({**asdict(columns(AGE)), **held})


# ---------------------------------------------------------------- the Gumbel-softmax


def test_categories_are_drawn_as_often_as_their_logits_say() -> None:
    shares = torch.tensor([0.5, 0.3, 0.2])
    noise = gumbel_noise(torch.randn(40_000, 3, generator=torch.Generator().manual_seed(0)))
    drawn = gumbel_softmax(shares.log() + noise, temperature=0.5, straight_through=True)
    assert torch.allclose(drawn.mean(0), shares, atol=0.01)


def test_the_noise_is_finite_far_out_in_both_tails() -> None:
    assert gumbel_noise(torch.tensor([-12.0, 0.0, 12.0])).isfinite().all()
    assert gumbel_noise(torch.tensor(0.0)).item() == pytest.approx(0.36651, abs=1e-5)  # the median


def test_straight_through_gives_corners_with_the_gradient_of_the_soft_draw() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    found = {}
    for through in True, False:
        at = logits.clone().requires_grad_()
        made = gumbel_softmax(at, temperature=0.7, straight_through=through)
        (made * torch.tensor([1.0, -2.0, 3.0])).sum().backward()
        found[through] = made.detach(), at.grad
    assert torch.allclose(found[True][0], torch.tensor([[0.0, 1.0, 0.0]]), atol=1e-6)
    assert torch.allclose(found[False][0], (logits / 0.7).softmax(1))
    assert found[True][1] is not None and found[True][1].abs().sum() > 0.1
    assert torch.equal(found[True][1], found[False][1])


def test_a_lower_temperature_comes_nearer_to_a_corner() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    warm, cold = (
        gumbel_softmax(logits, temperature=t, straight_through=False).max() for t in (1.0, 0.1)
    )
    assert cold > 0.99 > warm


# ---------------------------------------------------------------- generators of tables


def model(*overrides: str) -> Model:
    return build(parse_config(compose(["model=mlp", *overrides]))).model


@pytest.mark.parametrize("way", ["none", "concat", "embedding", "projection", "auxiliary"])
def test_a_generator_of_a_table_ends_in_numbers_and_whole_categories(way: str) -> None:
    norm = "layer" if way == "projection" else "none"
    made = model(f"model.conditioning={way}", f"model.generator.norm={norm}")
    held = columns(AGE, COLOR, HEIGHT, Column("b", ("x", "y")))
    generator, discriminator = build_pair(made, space(held), 3)
    labels = [] if way == "none" else [torch.arange(5) % 3]
    rows = generator(torch.randn(5, made.latent_size), *labels)
    assert discriminator(rows, *labels).logits.shape == (5,)
    assert torch.allclose(rows[:, [1, 2, 3]].sum(1), torch.ones(5))
    assert torch.allclose(rows[:, [5, 6]].amax(1), torch.ones(5))
    assert len(rows[:, 0].unique()) == len(rows[:, 4].unique()) == 5


def test_the_same_latent_point_gives_the_same_row() -> None:
    generator = build_pair(model(), space(columns(AGE, COLOR))).generator
    latent = torch.randn(6, 64)
    assert torch.equal(generator(latent), generator(latent))


def test_one_network_output_has_several_categories_by_its_noise() -> None:
    generator = build_pair(model(), space(columns(COLOR))).generator
    latent = torch.randn(1, 64).repeat(200, 1)
    latent[:, :3] = torch.randn(200, 3)
    assert len(generator(latent).round().unique(dim=0)) > 1


def test_a_latent_point_too_small_for_the_categories_is_refused_with_a_size_that_fits() -> None:
    with pytest.raises(
        ConfigError, match=r"3 choices, as of a category, .*latent_size=3\. Use .*latent_size=67"
    ):
        build_pair(model("model.latent_size=3"), space(columns(COLOR)))
    build_pair(model("model.latent_size=67"), space(columns(COLOR)))


@pytest.mark.parametrize("option", ["dcgan", "simple_conv", "resnet"])
def test_models_of_images_refuse_a_table(option: str) -> None:
    with pytest.raises(ConfigError, match="Use model=mlp"):
        build_pair(model(f"model={option}"), space(columns(AGE)))


@pytest.mark.parametrize("decimals", [1, None])
def test_numbers_beside_missing_ones_keep_their_digits(decimals: int | None) -> None:
    encoding = NumberEncoding((Mode((0.0, 50.0)),), missing=True)
    made = columns(Column("bmi", decimals=decimals, encoding=encoding))
    examples = torch.tensor([[21.2, 0.0], [0.0, 1.0], [0.1, 0.0]])
    ((_, values),) = made.values(examples, None)
    assert values.dtype == np.float64
    assert values[[0, 2]].tolist() == [21.2, 0.1] and np.isnan(values[1])
    assert list(made.rows(examples, None)) == [["bmi"], ["21.2"], [""], ["0.1"]]
