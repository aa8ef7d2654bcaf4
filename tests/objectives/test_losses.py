"""The losses against their closed forms, their derivatives and the way they must push."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from torch import Tensor, exp, sigmoid

from gan_runner.config.component import build_component, find_classes
from gan_runner.errors import ConfigError
from gan_runner.objectives.losses import FDivergence, Loss
from gan_runner.objectives.penalties import Penalty

FOLDER = Path(__file__).parents[2] / "conf" / "loss"
OPTIONS = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "elbo")
OF_THE_RUN = {"name", "d_steps", "clip", "penalty"}

Form = Callable[[Tensor, Tensor], Tensor]


def loss(name: str, **settings: Any) -> Loss:
    return build_component({"name": name, **settings}, Loss, where="loss")


def nll(t: Tensor) -> Tensor:
    """-log sigmoid(t), the naive way."""
    return -sigmoid(t).log()


def above(t: Tensor) -> Tensor:
    return (t + t.abs()) / 2


def across(r: Tensor, f: Tensor) -> Tensor:
    """r~ of the relativistic average; f~ with the arguments exchanged."""
    return r - f.sum() / len(f)


def exact(name: str) -> Loss:
    return loss(name, generator_loss="exact")


def heuristic(name: str) -> Loss:
    return loss(name, generator_loss="heuristic")


class Case(NamedTuple):
    loss: Loss
    discriminator: Form
    generator: Form


CASES = {
    "minimax": Case(
        loss("Minimax"),
        lambda r, f: -sigmoid(r).log() - (1 - sigmoid(f)).log(),
        lambda r, f: (1 - sigmoid(f)).log(),
    ),
    "non_saturating": Case(
        loss("NonSaturating"),
        lambda r, f: -sigmoid(r).log() - (1 - sigmoid(f)).log(),
        lambda r, f: -sigmoid(f).log(),
    ),
    "least_squares": Case(
        loss("LeastSquares", fake_target=0.0, real_target=1.0, generator_target=1.0),
        lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * f**2,
        lambda r, f: 0.5 * (f - 1) ** 2,
    ),
    "least_squares_of_pearson": Case(
        loss("LeastSquares", fake_target=-1.0, real_target=1.0, generator_target=0.0),
        lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * (f + 1) ** 2,
        lambda r, f: 0.5 * f**2,
    ),
    "wasserstein": Case(loss("Wasserstein"), lambda r, f: -(r - f), lambda r, f: -f),
    "hinge": Case(
        loss("Hinge", margin=1.0),
        lambda r, f: above(1 - r) + above(1 + f),
        lambda r, f: -f,
    ),
    "hinge_of_margin_2": Case(
        loss("Hinge", margin=2.0),
        lambda r, f: above(2 - r) + above(2 + f),
        lambda r, f: -f,
    ),
    "paired": Case(loss("RelativisticPaired"), lambda r, f: nll(r - f), lambda r, f: nll(f - r)),
    "average": Case(
        loss("RelativisticAverage"),
        lambda r, f: nll(across(r, f)) + nll(-across(f, r)),
        lambda r, f: nll(across(f, r)) + nll(-across(r, f)),
    ),
    "average_least_squares": Case(
        loss("RelativisticAverageLeastSquares"),
        lambda r, f: (across(r, f) - 1) ** 2 + (across(f, r) + 1) ** 2,
        lambda r, f: (across(f, r) - 1) ** 2 + (across(r, f) + 1) ** 2,
    ),
    "average_hinge": Case(
        loss("RelativisticAverageHinge"),
        lambda r, f: above(1 - across(r, f)) + above(1 + across(f, r)),
        lambda r, f: above(1 - across(f, r)) + above(1 + across(r, f)),
    ),
    "kl": Case(heuristic("KullbackLeibler"), lambda r, f: -r + exp(f - 1), lambda r, f: -f),
    "kl_exact": Case(
        exact("KullbackLeibler"), lambda r, f: -r + exp(f - 1), lambda r, f: -exp(f - 1)
    ),
    "reverse_kl": Case(
        heuristic("ReverseKullbackLeibler"), lambda r, f: exp(-r) + f - 1, lambda r, f: exp(-f)
    ),
    "reverse_kl_exact": Case(
        exact("ReverseKullbackLeibler"), lambda r, f: exp(-r) + f - 1, lambda r, f: 1 - f
    ),
    "pearson": Case(heuristic("Pearson"), lambda r, f: -r + f**2 / 4 + f, lambda r, f: -f),
    "pearson_exact": Case(
        exact("Pearson"), lambda r, f: -r + f**2 / 4 + f, lambda r, f: -(f**2 / 4 + f)
    ),
    "hellinger": Case(
        heuristic("SquaredHellinger"),
        lambda r, f: exp(-r) + exp(f) - 2,
        lambda r, f: exp(-f) - 1,
    ),
    "hellinger_exact": Case(
        exact("SquaredHellinger"), lambda r, f: exp(-r) + exp(f) - 2, lambda r, f: 1 - exp(f)
    ),
    "js": Case(
        heuristic("JensenShannon"),
        lambda r, f: nll(r) + nll(-f) - 2 * log(2),
        lambda r, f: nll(f) - log(2),
    ),
    "js_exact": Case(
        exact("JensenShannon"),
        lambda r, f: nll(r) + nll(-f) - 2 * log(2),
        lambda r, f: log(2) - nll(-f),
    ),
}
WITH_TARGETS = {
    "least_squares",
    "least_squares_of_pearson",
    "average_least_squares",
    "pearson",
    "pearson_exact",
}

every_loss = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda path: path.stem)


def logits(n: int, *, seed: int, scale: float = 2.0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, generator=rng, dtype=torch.float64)


def gradients(of: Loss, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The derivatives of D's mean loss by real and fake, and of G's by fake."""
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    by_real, by_fake = torch.autograd.grad(of.discriminator(real, fake).mean(), (real, fake))
    (of_generator,) = torch.autograd.grad(of.generator(fake, real).mean(), fake)
    return by_real, by_fake, of_generator


# closed forms and derivatives


def test_every_loss_has_a_case() -> None:
    assert {type(case.loss) for case in CASES.values()} == set(find_classes(Loss).values())


@every_loss
def test_loss_is_its_closed_form_at_random_logits(case: Case) -> None:
    real, fake = logits(50, seed=1), logits(50, seed=2)
    torch.testing.assert_close(case.loss.discriminator(real, fake), case.discriminator(real, fake))
    torch.testing.assert_close(case.loss.generator(fake, real), case.generator(real, fake))


@every_loss
def test_loss_is_its_closed_form_at_special_logits(case: Case) -> None:
    special = torch.tensor([-10, -2, -1, 0, 1, 2, 10], dtype=torch.float64)
    real, fake = special.repeat_interleave(7), special.repeat(7)
    torch.testing.assert_close(case.loss.discriminator(real, fake), case.discriminator(real, fake))
    torch.testing.assert_close(case.loss.generator(fake, real), case.generator(real, fake))


@every_loss
def test_derivatives_of_the_loss_are_the_numeric_ones(case: Case) -> None:
    real, fake = logits(6, seed=3).requires_grad_(), logits(6, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(case.loss.discriminator, (real, fake))
    assert torch.autograd.gradcheck(lambda f: case.loss.generator(f, real.detach()), (fake,))


@every_loss
@pytest.mark.parametrize("n", [1, 5])
def test_loss_is_per_example(case: Case, n: int) -> None:
    real, fake = logits(n, seed=5), logits(n, seed=6)
    assert case.loss.discriminator(real, fake).shape == (n,)
    assert case.loss.generator(fake, real).shape == (n,)


@every_loss
@pytest.mark.parametrize("real", [-80.0, 0.0, 80.0])
@pytest.mark.parametrize("fake", [-80.0, 0.0, 80.0])
def test_loss_and_its_derivatives_are_finite_in_float32_up_to_80(
    case: Case, real: float, fake: float
) -> None:
    reals, fakes = torch.full((3,), real), torch.full((3,), fake)
    assert case.loss.discriminator(reals, fakes).isfinite().all()
    assert case.loss.generator(fakes, reals).isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients(case.loss, reals, fakes))


# the way they push


@every_loss
def test_discriminator_parts_real_from_fake_and_generator_follows_the_real(case: Case) -> None:
    between_the_targets = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)
    real, fake = between_the_targets, between_the_targets.flip(0)
    by_real, by_fake, of_generator = gradients(case.loss, real, fake)
    assert by_real.mean() < 0
    assert by_fake.mean() > 0
    if case.loss != CASES["least_squares_of_pearson"].loss:
        assert of_generator.mean() < 0


@pytest.mark.parametrize("name", sorted(CASES.keys() - WITH_TARGETS))
def test_loss_without_targets_pushes_no_logit_the_wrong_way(name: str) -> None:
    by_real, by_fake, of_generator = gradients(
        CASES[name].loss, logits(50, seed=7, scale=6), logits(50, seed=8, scale=6)
    )
    assert (by_real <= 0).all()
    assert (by_fake >= 0).all()
    assert (of_generator <= 0).all()


def test_minimax_at_equilibrium_is_log_4() -> None:
    value = loss("Minimax").discriminator(torch.zeros(4), torch.zeros(4))
    torch.testing.assert_close(value, torch.full((4,), 2 * log(2)))


def test_loss_that_estimates_the_value_is_minus_the_value_of_the_original_game() -> None:
    real, fake = logits(9, seed=20), logits(9, seed=21)
    value = sigmoid(real).log() + (1 - sigmoid(fake)).log()
    estimating = {
        name
        for name, case in CASES.items()
        if torch.allclose(case.loss.discriminator(real, fake), -value)
    }
    assert estimating == {name for name, case in CASES.items() if case.loss.estimates_value}


def test_minimax_is_a_zero_sum_game() -> None:
    real, fake = logits(9, seed=9), logits(9, seed=10)
    _, of_discriminator, of_generator = gradients(loss("Minimax"), real, fake)
    torch.testing.assert_close(of_generator, -of_discriminator)


def test_non_saturating_generator_learns_where_minimax_does_not() -> None:
    sure_of_a_fake = torch.tensor([-30.0])
    _, _, minimax = gradients(loss("Minimax"), sure_of_a_fake, sure_of_a_fake)
    _, _, non_saturating = gradients(loss("NonSaturating"), sure_of_a_fake, sure_of_a_fake)
    assert minimax.abs() < 1e-12
    torch.testing.assert_close(non_saturating, torch.tensor([-1.0]))


def test_hinge_is_satisfied_beyond_the_margin() -> None:
    hinge = loss("Hinge", margin=2.0)
    assert hinge.discriminator(torch.tensor([2.0]), torch.tensor([-2.0])) == 0


def test_least_squares_is_zero_at_its_targets() -> None:
    form = loss("LeastSquares", fake_target=-1.0, real_target=0.5, generator_target=0.25)
    assert form.discriminator(torch.tensor([0.5]), torch.tensor([-1.0])) == 0
    assert form.generator(torch.tensor([0.25]), None) == 0


# relativistic losses


def test_only_the_relativistic_losses_are_paired() -> None:
    paired = {name for name, kind in find_classes(Loss).items() if kind.paired}
    assert paired == {name for name in find_classes(Loss) if name.startswith("Relativistic")}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.loss.paired])
def test_relativistic_loss_does_not_feel_a_shift_of_all_logits(name: str) -> None:
    of = CASES[name].loss
    real, fake = logits(8, seed=11), logits(8, seed=12)
    shifted = of.discriminator(real + 5, fake + 5), of.generator(fake + 5, real + 5)
    torch.testing.assert_close(shifted[0], of.discriminator(real, fake))
    torch.testing.assert_close(shifted[1], of.generator(fake, real))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.loss.paired])
def test_unpaired_generator_needs_no_real_logits(name: str) -> None:
    of, fake = CASES[name].loss, logits(8, seed=13)
    torch.testing.assert_close(of.generator(fake, None), of.generator(fake, logits(8, seed=14)))


# f-divergences


class Theory(NamedTuple):
    """f, where its conjugate is finite, the divergence, and the logit with g(v) = f'(p / q)."""

    f: Callable[[Tensor], Tensor]
    in_domain: Callable[[Tensor], Tensor]
    divergence: Form
    optimum: Callable[[Tensor], Tensor]


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p / q).log()).sum()


THEORY = {
    "KullbackLeibler": Theory(
        lambda u: u * u.log(), lambda t: t < torch.inf, kl, lambda u: 1 + u.log()
    ),
    "ReverseKullbackLeibler": Theory(
        lambda u: -u.log(), lambda t: t < 0, lambda p, q: kl(q, p), lambda u: u.log()
    ),
    "Pearson": Theory(
        lambda u: (u - 1) ** 2,
        lambda t: t < torch.inf,
        lambda p, q: ((p - q) ** 2 / q).sum(),
        lambda u: 2 * (u - 1),
    ),
    "SquaredHellinger": Theory(
        lambda u: (u.sqrt() - 1) ** 2,
        lambda t: t < 1,
        lambda p, q: ((p.sqrt() - q.sqrt()) ** 2).sum(),
        lambda u: u.log() / 2,
    ),
    "JensenShannon": Theory(
        lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
        lambda t: t < log(2),
        lambda p, q: kl(p, (p + q) / 2) + kl(q, (p + q) / 2),
        lambda u: u.log(),
    ),
}
P = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
Q = torch.tensor([0.4, 0.1, 0.2, 0.3], dtype=torch.float64)

every_divergence = pytest.mark.parametrize("name", THEORY)


def divergence(name: str) -> FDivergence:
    found = exact(name)
    assert isinstance(found, FDivergence)
    return found


def value_of(of: Loss, v: Tensor) -> Tensor:
    """-D's expected loss for reals of P and fakes of Q, with logit v[k] at the k-th outcome."""
    values = of.discriminator(v.repeat_interleave(4), v.repeat(4))
    return -(values * torch.outer(P, Q).flatten()).sum()


def test_every_divergence_has_its_theory() -> None:
    assert THEORY.keys() == find_classes(FDivergence).keys()


@every_divergence
def test_activation_stays_where_the_conjugate_is_finite(name: str) -> None:
    v = torch.linspace(-30, 30, 601, dtype=torch.float64)
    t = divergence(name).activation(v)
    assert THEORY[name].in_domain(t).all()
    assert (t.diff() > 0).all()


@every_divergence
def test_conjugate_is_the_supremum_that_defines_it(name: str) -> None:
    u = torch.linspace(-15, 15, 100_001, dtype=torch.float64).exp()
    v = torch.linspace(-1.9, 3, 30, dtype=torch.float64)
    t = divergence(name).activation(v)
    supremum = torch.stack([(u * s - THEORY[name].f(u)).max() for s in t])
    torch.testing.assert_close(divergence(name).conjugate(v), supremum, rtol=1e-5, atol=1e-5)


def test_pearson_conjugate_still_bounds_where_no_ratio_is_optimal() -> None:
    v = torch.linspace(-30, -2, 30, dtype=torch.float64)
    supremum_of_ratios_from_zero = torch.full_like(v, -1.0)
    assert (divergence("Pearson").conjugate(v) >= supremum_of_ratios_from_zero).all()


@every_divergence
def test_bound_is_the_divergence_at_the_optimal_discriminator(name: str) -> None:
    optimum = THEORY[name].optimum(P / Q)
    torch.testing.assert_close(value_of(divergence(name), optimum), THEORY[name].divergence(P, Q))


@every_divergence
def test_bound_is_below_the_divergence_at_any_other_discriminator(name: str) -> None:
    others = THEORY[name].optimum(P / Q) + logits(400, seed=15).reshape(100, 4)
    bounds = torch.stack([value_of(divergence(name), v) for v in others])
    assert (bounds < THEORY[name].divergence(P, Q)).all()


@every_divergence
def test_bound_of_equal_distributions_is_zero_at_its_optimum(name: str) -> None:
    equal = THEORY[name].optimum(torch.ones(1, dtype=torch.float64))
    assert divergence(name).discriminator(equal, equal).abs() < 1e-12


@every_divergence
def test_exact_generator_minimizes_what_the_discriminator_maximizes(name: str) -> None:
    real, fake = logits(9, seed=16), logits(9, seed=17)
    _, of_discriminator, of_generator = gradients(exact(name), real, fake)
    torch.testing.assert_close(of_generator, -of_discriminator)


def test_jensen_shannon_is_minimax_and_its_heuristic_is_non_saturating() -> None:
    real, fake = logits(9, seed=18), logits(9, seed=19)
    torch.testing.assert_close(
        exact("JensenShannon").discriminator(real, fake) + 2 * log(2),
        loss("Minimax").discriminator(real, fake),
    )
    torch.testing.assert_close(
        exact("JensenShannon").generator(fake, None) - log(2),
        loss("Minimax").generator(fake, None),
    )
    torch.testing.assert_close(
        heuristic("JensenShannon").generator(fake, None) + log(2),
        loss("NonSaturating").generator(fake, None),
    )


# the classes and their options


def test_every_loss_is_abstract_or_final() -> None:
    assert not [kind for kind in find_classes(Loss).values() if kind.__subclasses__()]


@pytest.mark.parametrize(
    "node",
    [
        {"name": "Hinge", "margin": 0.0},
        {"name": "Hinge", "margin": -1.0},
        {"name": "Hinge"},
        {"name": "KullbackLeibler", "generator_loss": "exactly"},
        {"name": "LeastSquares", "fake_target": "a", "real_target": 1, "generator_target": 1},
    ],
    ids=str,
)
def test_settings_that_make_no_loss_are_refused(node: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"loss\."):
        build_component(node, Loss, where="loss")


@every_option
def test_option_spells_every_setting_of_its_loss_and_its_penalties(option: Path) -> None:
    node = yaml.safe_load(option.read_text())
    assert node.keys() == OF_THE_RUN | find_classes(Loss)[node["name"]].model_fields.keys()
    for key, penalty in node["penalty"].items():
        made = build_component(penalty, Penalty, where=f"loss.penalty.{key}")
        assert penalty.keys() == {"name"} | type(made).model_fields.keys()


@every_option
def test_option_makes_its_loss(option: Path) -> None:
    node = yaml.safe_load(option.read_text())
    own = {key: value for key, value in node.items() if key not in OF_THE_RUN - {"name"}}
    assert type(build_component(own, Loss, where="loss")).__name__ == node["name"]
    assert node["d_steps"] >= 1
    assert node["clip"] is None or node["clip"] > 0


@every_option
def test_option_names_its_paper(option: Path) -> None:
    header = [line for line in option.read_text().splitlines() if line.startswith("#")]
    assert "arXiv:" in " ".join(header)


def test_every_loss_is_an_option() -> None:
    assert {yaml.safe_load(o.read_text())["name"] for o in OPTIONS} == find_classes(Loss).keys()


@pytest.mark.parametrize(
    "family", ["KullbackLeibler", "ReverseKullbackLeibler", "SquaredHellinger"]
)
def test_a_divergence_stays_finite_at_logits_where_exp_overflows(family: str) -> None:
    loss = build_component({"name": family, "generator_loss": "heuristic"}, Loss, where="loss")
    logits = torch.tensor([-500.0, 500.0], requires_grad=True)
    total = (loss.discriminator(logits, logits) + loss.generator(logits, None)).sum()
    total.backward()
    assert total.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
