"""The penalties on critics whose gradient norms are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from gan_runner.config.component import build_component, find_classes
from gan_runner.errors import ConfigError
from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.objectives.penalties import Consistency, Critic, Penalty

CONF = Path(__file__).parents[2] / "conf" / "loss"
OPTIONS = sorted(
    path
    for path in (CONF / "penalty").glob("*.yaml")
    if yaml.safe_load(path.read_text())["name"] in find_classes(Penalty)
)

every_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda path: path.stem)


def penalty(name: str, **settings: Any) -> Penalty:
    return build_component(
        {"name": name, "weight": 1.0, "every": 1, **settings}, Penalty, where="penalty"
    )


def gradient(*, target: float = 1.0, one_sided: bool = False) -> Penalty:
    return penalty("GradientPenalty", target=target, one_sided=one_sided)


def dragan(*, perturbation: float = 0.5, target: float = 1.0) -> Penalty:
    return penalty("DRAGAN", perturbation=perturbation, target=target)


def default(option: Path) -> Penalty:
    return build_component(yaml.safe_load(option.read_text()), Penalty, where="penalty")


def examples(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(norm: float) -> Critic:
    """D(x) = w . x with |w| = norm."""
    return lambda x: norm * x.flatten(1).sum(1) / x[0].numel() ** 0.5


def quadratic(x: Tensor) -> Tensor:
    """D(x) = |x|^2 / 2, with gradient x."""
    return x.flatten(1).square().sum(1) / 2


def uncalled(points: Tensor) -> Tensor:
    raise AssertionError("the critic was asked")


def apply(of: Penalty, critic: Critic, real: Tensor, fake: Tensor, *, seed: int = 0) -> Tensor:
    """The penalty, its examples scored with gradients where it says that it needs them."""
    scored = {}
    for side, plain in (("real", real), ("fake", fake)):
        x = plain.detach().requires_grad_(side in of.differentiates)
        scored[side] = DiscriminatorOutput(x, critic(x))
    memory = {"real": real.new_tensor(0.3), "fake": real.new_tensor(-0.2)}
    noise = torch.Generator().manual_seed(seed)
    return of(critic, scored["real"], scored["fake"], noise, memory)


def at_gradient_norm(of: Penalty, norm: float) -> Tensor:
    """The penalty of a linear critic, for images and for vectors."""
    of_vectors = apply(of, linear(norm), examples(6, 5), examples(6, 5, seed=1))
    of_images = apply(of, linear(norm), examples(6, 3, 4, 4), examples(6, 3, 4, 4, seed=1))
    torch.testing.assert_close(of_images, of_vectors)
    return of_images


def all_equal(value: float) -> Tensor:
    return torch.full((6,), value, dtype=torch.float64)


def points_of(of: Penalty, real: Tensor, fake: Tensor, *, seed: int = 0) -> Tensor:
    """The points at which the penalty asked for D's gradient."""
    asked: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        asked.append(x.detach())
        return quadratic(x)

    nothing = torch.zeros(len(real), dtype=real.dtype)
    noise = torch.Generator().manual_seed(seed)
    of(critic, DiscriminatorOutput(real, nothing), DiscriminatorOutput(fake, nothing), noise, {})
    assert len(asked) == 1
    return asked[0]


# closed forms


def test_gradient_penalty_of_a_critic_with_gradient_norm_1_is_zero() -> None:
    torch.testing.assert_close(at_gradient_norm(gradient(), 1), all_equal(0))


def test_gradient_penalty_of_a_doubled_gradient_norm_is_one() -> None:
    torch.testing.assert_close(at_gradient_norm(gradient(), 2), all_equal(1))


def test_gradient_penalty_counts_a_smaller_gradient_norm_too() -> None:
    torch.testing.assert_close(at_gradient_norm(gradient(), 0.5), all_equal(0.25))


def test_one_sided_gradient_penalty_spares_a_smaller_gradient_norm() -> None:
    torch.testing.assert_close(at_gradient_norm(gradient(one_sided=True), 0.5), all_equal(0))
    torch.testing.assert_close(at_gradient_norm(gradient(one_sided=True), 3), all_equal(4))


def test_zero_centered_gradient_penalty_is_the_squared_gradient_norm() -> None:
    torch.testing.assert_close(at_gradient_norm(gradient(target=0), 3), all_equal(9))


@pytest.mark.parametrize("power", [2.0, 6.0])
def test_gradient_norm_power_is_the_norm_to_that_power(power: float) -> None:
    of = penalty("GradientNormPower", power=power)
    torch.testing.assert_close(at_gradient_norm(of, 1.5), all_equal(1.5**power))


def test_dragan_is_the_squared_distance_of_the_gradient_norm_from_its_target() -> None:
    torch.testing.assert_close(at_gradient_norm(dragan(), 1), all_equal(0))
    torch.testing.assert_close(at_gradient_norm(dragan(target=0.5), 2), all_equal(2.25))


def test_r1_is_half_the_squared_gradient_norm_at_reals() -> None:
    real, fake = examples(6, 5), examples(6, 5, seed=1)
    found = apply(penalty("R1"), quadratic, real, fake)
    torch.testing.assert_close(found, real.square().sum(1) / 2)


def test_r2_is_half_the_squared_gradient_norm_at_fakes() -> None:
    real, fake = examples(6, 5), examples(6, 5, seed=1)
    found = apply(penalty("R2"), quadratic, real, fake)
    torch.testing.assert_close(found, fake.square().sum(1) / 2)


def test_drift_is_the_squared_real_logit() -> None:
    found = apply(penalty("Drift"), linear(2), examples(6, 5), examples(6, 5, seed=1))
    torch.testing.assert_close(found, linear(2)(examples(6, 5)).square())


@pytest.mark.parametrize("name", ["R1", "R2", "Drift"])
def test_penalty_at_scored_examples_scores_nothing_again(name: str) -> None:
    x = examples(6, 5).requires_grad_()
    scored = DiscriminatorOutput(x, quadratic(x))
    penalty(name)(uncalled, scored, scored, torch.Generator(), {})


# where the gradient is taken


@pytest.mark.parametrize(
    "of", [gradient(), penalty("GradientNormPower", power=6.0)], ids=["gp", "div"]
)
def test_points_lie_between_a_real_and_its_fake_with_one_draw_an_example(of: Penalty) -> None:
    real, fake = examples(2000, 2, 3), examples(2000, 2, 3, seed=1)
    along = ((points_of(of, real, fake) - fake) / (real - fake)).flatten(1)
    assert (along.amax(1) - along.amin(1)).max() < 1e-6
    assert along.min() > -1e-6
    assert along.max() < 1 + 1e-6
    assert along[:, 0].mean() == pytest.approx(0.5, abs=0.03)
    assert along[:, 0].var() == pytest.approx(1 / 12, abs=0.01)


def test_dragan_points_lie_within_the_perturbation_above_the_reals() -> None:
    real = 3 * examples(500, 2, 3) + 1
    reach = 0.5 * ((real - real.mean()) ** 2).mean().sqrt()
    moved = (points_of(dragan(), real, real) - real) / reach
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert moved.max() > 0.9
    assert moved.mean() == pytest.approx(1 / 4, abs=0.03)
    assert moved.flatten(1).std(1).min() > 0


def test_dragan_measures_the_perturbation_by_the_spread_of_the_batch_itself() -> None:
    pair = torch.tensor([[-1.0], [1.0]])  # of standard deviation 1, as numpy and the authors count
    moved = torch.cat([points_of(dragan(), pair, pair, seed=seed) - pair for seed in range(200)])
    assert 0.45 < moved.max() <= 0.5


def test_dragan_without_perturbation_is_at_the_reals() -> None:
    real = examples(6, 5)
    torch.testing.assert_close(points_of(dragan(perturbation=0), real, real), real)


def test_dragan_does_not_see_the_fakes() -> None:
    real = examples(6, 5)
    one = apply(dragan(), quadratic, real, examples(6, 5, seed=1))
    torch.testing.assert_close(one, apply(dragan(), quadratic, real, examples(6, 5, seed=2)))


@pytest.mark.parametrize("of", [gradient(), dragan()], ids=["gp", "dragan"])
def test_points_do_not_lead_back_to_the_examples(of: Penalty) -> None:
    x = examples(6, 5).requires_grad_()
    scored = DiscriminatorOutput(x, quadratic(x))
    found = of(quadratic, scored, scored, torch.Generator(), {})
    (by_examples,) = torch.autograd.grad(found.sum(), x, allow_unused=True)
    assert by_examples is None


# promises of every penalty


@every_option
def test_penalty_is_per_example_and_keeps_the_dtype(option: Path) -> None:
    found = apply(default(option), quadratic, examples(6, 5).float(), examples(6, 5).float())
    assert found.shape == (6,)
    assert found.dtype == torch.float32


@every_option
def test_same_generator_makes_the_same_penalty_and_no_other_is_used(option: Path) -> None:
    before = torch.random.get_rng_state()
    real, fake = examples(6, 5), examples(6, 5, seed=1)
    first = apply(default(option), quadratic, real, fake, seed=3)
    assert torch.equal(apply(default(option), quadratic, real, fake, seed=3), first)
    assert torch.equal(torch.random.get_rng_state(), before)


@every_option
def test_penalty_is_unweighted(option: Path) -> None:
    node = yaml.safe_load(option.read_text())
    heavy = build_component({**node, "weight": 0.7, "every": 4}, Penalty, where="penalty")
    real, fake = examples(6, 5), examples(6, 5, seed=1)
    assert torch.equal(
        apply(heavy, quadratic, real, fake), apply(default(option), quadratic, real, fake)
    )


@every_option
def test_derivative_of_the_penalty_by_the_critic_is_the_numeric_one(option: Path) -> None:
    real, fake = examples(4, 3), examples(4, 3, seed=1)

    def by_weights(inner: Tensor, outer: Tensor) -> Tensor:
        return apply(default(option), lambda x: (x @ inner).tanh() @ outer, real, fake)

    inner = examples(3, 5, seed=2).requires_grad_()
    outer = examples(5, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(by_weights, (inner, outer))


@every_option
@pytest.mark.parametrize("zero", ["inner", "outer"])
def test_second_backward_is_finite_where_the_gradient_is_zero(option: Path, zero: str) -> None:
    weights = {"inner": torch.ones(3, 5), "outer": torch.ones(5)}
    weights[zero].zero_()
    inner, outer = (w.requires_grad_() for w in weights.values())
    found = apply(
        default(option),
        lambda x: (x @ inner).tanh() @ outer,
        examples(4, 3).float(),
        examples(4, 3, seed=1).float(),
    )
    by_weights = torch.autograd.grad(found.mean(), (inner, outer), allow_unused=True)
    assert found.isfinite().all()
    assert all(g is None or g.isfinite().all() for g in by_weights)


@every_option
def test_only_what_compares_logits_of_one_update_ignores_a_shift_of_them(option: Path) -> None:
    of, real, fake = default(option), examples(6, 5), examples(6, 5, seed=1)
    shifted = apply(of, lambda x: quadratic(x) + 3, real, fake)
    assert torch.equal(shifted, apply(of, quadratic, real, fake)) == (
        of.penalizes_gradient or isinstance(of, Consistency)
    )


# the classes and their options


def test_every_penalty_is_abstract_or_final() -> None:
    assert not [kind for kind in find_classes(Penalty).values() if kind.__subclasses__()]


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "GradientNormPower", "power": 1.0},
        {"name": "GradientPenalty", "target": -1.0, "one_sided": False},
        {"name": "GradientPenalty", "target": 1.0, "one_sided": 1},
        {"name": "DRAGAN", "perturbation": -0.5, "target": 1.0},
        {"name": "R1", "weight": -1.0},
        {"name": "R1", "every": 0},
    ],
    ids=str,
)
def test_settings_that_make_no_penalty_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="invalid setting"):
        penalty(**settings)


@every_option
def test_option_spells_every_setting_and_names_its_place_and_paper(option: Path) -> None:
    text = option.read_text()
    node = yaml.safe_load(text)
    assert node.keys() == {"name"} | type(default(option)).model_fields.keys()
    assert text.startswith(f"# @package loss.penalty.{option.stem}\n# ")
    assert "arXiv:" in text


@pytest.mark.parametrize("loss", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_penalties_of_a_loss_bear_the_names_of_the_options(loss: Path) -> None:
    kinds = {option.stem: yaml.safe_load(option.read_text())["name"] for option in OPTIONS}
    for key, node in yaml.safe_load(loss.read_text()).get("penalty", {}).items():
        assert kinds[key] == node["name"]


def test_every_penalty_is_an_option() -> None:
    assert {type(default(option)) for option in OPTIONS} == set(find_classes(Penalty).values())
