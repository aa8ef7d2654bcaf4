"""Epsilon is what the accountant says, a resumed run has the same, and what it can't cover is
refused."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Answer, left_behind

import gan_runner
from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.schema import Config
from gan_runner.errors import ConfigError
from gan_runner.storage.run_folder import RunFolder
from gan_runner.training import privacy
from gan_runner.training.build import build
from gan_runner.training.privacy import Privacy, check_accountant, privacy_rows, resolve_privacy
from gan_runner.training.privacy_rules import privacy_warnings

Here = Callable[..., Answer]
Finished = Callable[..., Path]
IRIS = ("dataset=iris", "model=mlp", "train.batch_size=5", "model.latent_size=80")
SMALL = (
    *("model.generator.hidden=[8]", "model.discriminator.hidden=[8]", "train.samples=9"),
    *("train.eval_every=0", "train.log_every=3", "train.save_every=4", "train.sample_every=0"),
)


def configuration(*settings: str) -> Config:
    return parse_config(compose([*IRIS, *settings]))


def mechanism(noise: float, *, rate: float, delta: float) -> Privacy:
    rows = 10_000
    return Privacy(
        noise_multiplier=noise,
        max_grad_norm=1.0,
        delta=delta,
        batch_size=round(rate * rows),
        rows=rows,
        seed=0,
    )


@pytest.mark.parametrize(
    ("noise", "rate", "updates", "delta", "expected"),
    [
        # as in section 3.2 of Abadi et al. 2016, whose moments accountant came to 1.26
        (4.0, 0.01, 10_000, 1e-5, 1.0355),
        (1.0, 0.01, 1_000, 1e-5, 2.1014),
        (0.7, 0.01, 1_000, 1e-5, 5.4214),
        (1.0, 1.0, 1, 1e-5, 4.7285),  # no sampling: the Gaussian mechanism itself
    ],
)
def test_epsilon_is_that_of_the_accountant(
    noise: float, rate: float, updates: int, delta: float, expected: float
) -> None:
    from opacus.accountants import RDPAccountant

    found = mechanism(noise, rate=rate, delta=delta).epsilon(updates)
    assert found == pytest.approx(expected, abs=5e-4)
    accountant = RDPAccountant()
    accountant.history = [(noise, rate, updates)]
    assert found == pytest.approx(accountant.get_epsilon(delta), rel=1e-6)


def test_epsilon_grows_with_updates_and_falls_with_noise_and_delta() -> None:
    usual = mechanism(1.0, rate=0.01, delta=1e-5)
    assert usual.epsilon(0) == 0
    assert 0 < usual.epsilon(1) < usual.epsilon(10) < usual.epsilon(1000)
    assert mechanism(2.0, rate=0.01, delta=1e-5).epsilon(10) < usual.epsilon(10)
    assert mechanism(1.0, rate=0.01, delta=1e-3).epsilon(10) < usual.epsilon(10)
    assert usual.spent(10) == {"epsilon": usual.epsilon(10), "delta": 1e-5}


def test_without_sampling_it_is_not_below_what_the_gaussian_mechanism_spends() -> None:
    """Balle & Wang 2018: deviation 1 has delta 0.1269 at epsilon 1, and 2.4e-6 at 4.72 or so."""
    from statistics import NormalDist

    normal = NormalDist().cdf
    found = mechanism(1.0, rate=1.0, delta=1e-5).epsilon(1)
    delta = normal(0.5 - found) - 2.718281828459045**found * normal(-0.5 - found)
    assert 1e-7 < delta <= 1e-5


@pytest.mark.parametrize("steps", [1, 30, 400])
def test_the_noise_spends_the_budget_and_hardly_less(steps: int) -> None:
    settings = resolve_privacy(
        configuration("privacy.epsilon=3"), rows=105, steps=steps, updates_per_step=2
    )
    assert settings.delta == pytest.approx(0.1 / 105)
    assert settings.noise_multiplier is not None
    made = Privacy(settings.noise_multiplier, 1.0, 0.1 / 105, 5, 105, 0)
    assert 2.95 < made.epsilon(2 * steps) <= 3.0


def test_a_run_that_is_not_private_is_left_alone() -> None:
    config = configuration()
    assert resolve_privacy(config, rows=105, steps=5, updates_per_step=1) == config.privacy
    assert privacy_rows(config) == []
    assert privacy_warnings(config) == ()
    assert build(config).spent_privacy(5) == {}


def test_more_steps_than_the_budget_has_are_refused_with_those_that_it_has() -> None:
    resolve = {"rows": 105, "updates_per_step": 1}
    config = configuration("privacy.epsilon=3", "privacy.noise_multiplier=2")
    with pytest.raises(ConfigError, match="more than its budget") as refused:
        resolve_privacy(config, steps=5000, **resolve)
    found = re.search(r"Use train\.steps=(\d+)", str(refused.value))
    assert found is not None
    few = int(found[1])
    assert resolve_privacy(config, steps=few, **resolve).noise_multiplier == 2
    with pytest.raises(ConfigError):
        resolve_privacy(config, steps=few + 1, **resolve)


def test_a_budget_that_no_noise_keeps_is_refused() -> None:
    config = configuration("privacy.epsilon=1e-3", "privacy.delta=1e-12")
    with pytest.raises(ConfigError, match=r"no noise is enough .* Use privacy.epsilon=1"):
        resolve_privacy(config, rows=105, steps=1000, updates_per_step=1)


REFUSED: dict[str, tuple[Sequence[str], str]] = {
    "another method": (("model=vae_gan",), "Use method=adversarial"),
    "simultaneous": (("train.updates=simultaneous",), "Use train.updates=alternating"),
    "micro-batches": (("train.accumulate=5",), "Use train.accumulate=1"),
    "devices": (("devices=5",), "Use devices=1"),
    "compiled": (("compile=true", "loss=hinge"), "Use compile=false"),
    "batch norm": (("loss=hinge", "model.discriminator.norm=batch"), "norm=layer or none"),
    "spectral norm": (("model.discriminator.norm=spectral",), "norm=layer or none"),
    "minibatch": (("model.discriminator.minibatch=stddev",), "minibatch=none"),
    "dropout": (("model.discriminator.dropout=0.1",), "dropout=0"),
    "packing": (("model.packing=5",), "Use model.packing=1"),
    "classes": (("model.conditioning=concat",), "Use model.conditioning=none"),
    "codes": (("model.code.continuous=2",), "Use a model without codes"),
    "G compares": (("loss=rsgan",), "Use loss=hinge or wgan_gp"),
    "means": (("loss=ralsgan",), "Use loss=hinge or wgan_gp"),
    "features": (("loss/penalty=feature_matching",), "Use a loss without it"),
    "deviation of the batch": (("loss=dragan",), "Use loss=hinge or wgan_gp"),
    "means of batches": (("loss/penalty=lecam",), "Use loss=hinge or wgan_gp"),
    "training by sampling": (
        ("dataset.conditional_vector=[species]",),
        "Use dataset.conditional_vector=[]",
    ),
    "chosen by class": (("dataset.per_class=5",), "Use dataset.per_class=null"),
    "adaptive": (
        ("dataset=digits", "model=dcgan", "augment=ada"),
        "Use augment=diffaugment or instance_noise",
    ),
    "stop": (("health.action.divergence=stop",), "Use health.action.divergence=warn"),
    "patience": (("health.patience=500", "train.eval_every=100"), "Use health.patience=null"),
    "convergence": (
        ("health.convergence.tolerance=0.1",),
        "Use health.convergence.tolerance=null",
    ),
    "rollback": (
        ("health.action.divergence=rollback", "train.eval_every=100"),
        "Use health.action.divergence=warn",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_epsilon_does_not_cover_is_refused_with_the_remedy(name: str) -> None:
    settings, remedy = REFUSED[name]
    build(parse_config(compose([*IRIS, *settings])))  # a valid run without privacy
    with pytest.raises(ConfigError, match=re.escape("privacy.epsilon=3 with ")) as refused:
        build(parse_config(compose([*IRIS, *settings, "privacy.epsilon=3"])))
    assert str(refused.value).endswith(remedy)


def test_ds_norm_is_one_of_single_rows() -> None:
    images = ("dataset=digits", "model=dcgan", "loss=hinge")
    for settings, norm in ((), "batch"), (("privacy.epsilon=3",), "layer"):
        norms = build(parse_config(compose([*images, *settings]))).model.norms
        assert norms == {"generator": "batch", "discriminator": norm}


@pytest.mark.parametrize(
    "settings",
    [
        ("loss=hinge",),
        ("loss=wgan_gp", "loss.d_steps=2"),
        ("loss=softplus_r1", "train.ema=0"),
        ("loss=wgan",),
        ("dataset=digits", "model=dcgan", "loss=lsgan", "augment=diffaugment"),
        ("dataset=digits", "model=simple_conv", "loss=hinge", "precision=bf16"),
    ],
)
def test_it_goes_with_losses_penalties_images_and_augmentations(
    finished: Finished, settings: tuple[str, ...]
) -> None:
    width = ("model.generator.width=4", "model.discriminator.width=4")
    kind = width if "dataset=digits" in settings else SMALL[:2]
    words = (*IRIS, *settings, *kind, *SMALL[2:], "privacy.noise_multiplier=1", "train.steps=3")
    run = finished(*[w for w in words if "latent" not in w])
    (row,) = gan_runner.open(run).metrics()
    assert row["privacy/epsilon"] > 0
    assert all(map(math.isfinite, row.values()))


def test_a_layer_without_gradients_of_single_rows_is_refused(here: Here) -> None:
    answer = here("gan-train", "dataset=sines", "model=rnn", "privacy.epsilon=3", "train.steps=2")
    assert answer.code == 2
    assert "can't be taken row by row, privacy.epsilon=3 with model=rnn" in answer.err
    assert "Use model=mlp" in answer.err


def test_a_run_says_what_it_spends(here: Here, tmp_path: Path) -> None:
    asked = ("privacy.epsilon=3", "train.steps=9", "loss=hinge", "logger=[csv]")
    answer = here("gan-train", *IRIS, *SMALL, *asked, "seed=7", "hydra.run.dir=run")
    assert answer.code == 0, answer.err
    assert re.search(r"privacy   epsilon up to 3, delta 0\.00095, noise multiplier \d", answer.out)
    assert re.search(r"step 9/9 .* epsilon 2\.9\d+ ", answer.out)
    assert re.search(r"  privacy   epsilon 2\.9\d+ for delta 0\.00095\n", answer.out)
    assert "train.steps=18" not in answer.out  # its budget is spent
    dry = here("gan-train", *IRIS, *SMALL, *asked, "dry_run=true")
    assert re.search(r"privacy +epsilon up to 3, delta 0.00095", dry.out)
    warned = [line for line in answer.out.splitlines() if "epsilon is of one" in line]
    assert len(warned) == 1
    assert "seed=7 is easily guessed" in warned[0]

    run = gan_runner.open("run")
    assert [row["step"] for row in run.metrics()] == [3, 6, 9]
    spent = [row["privacy/epsilon"] for row in run.metrics()]
    assert 0 < spent[0] < spent[1] < spent[2] == run.privacy["epsilon"] <= 3
    assert run.privacy == RunFolder(tmp_path / "run").status().privacy
    assert gan_runner.open("run", checkpoint=4).privacy["epsilon"] < spent[1]
    assert "privacy/epsilon" in (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    (listed,) = json.loads(here("gan-runs", ".", "--json").out)
    assert listed["privacy"] == run.privacy
    assert here("gan-report", "run", "--html", "run.html").code == 0
    page = (tmp_path / "run.html").read_text()
    assert re.search(r"epsilon 2\.9\d+ for delta 0\.00095", page)


def test_a_killed_run_goes_on_bit_for_bit_and_has_spent_the_same(
    here: Here, tmp_path: Path
) -> None:
    words = ("loss=wgan_gp", "loss.d_steps=2", "privacy.noise_multiplier=1.5")
    for name, steps in (("whole", 8), ("parts", 4)):
        line = (*IRIS, *SMALL, *words, f"train.steps={steps}", f"hydra.run.dir={name}")
        assert here("gan-train", *line).code == 0
    assert here("gan-train", "resume=parts", "train.steps=8").code == 0
    whole, parts = (left_behind(tmp_path / name) for name in ("whole", "parts"))
    assert whole["tensors"] == parts["tensors"]
    assert whole["facts"] == parts["facts"]
    ends = [gan_runner.open(name).metrics()[-1] for name in ("whole", "parts")]
    assert ends[0]["privacy/epsilon"] == ends[1]["privacy/epsilon"] > 0
    assert gan_runner.open("whole").privacy == gan_runner.open("parts").privacy


def test_a_resumed_run_keeps_its_noise_and_its_budget(here: Here) -> None:
    line = (*IRIS, *SMALL, "privacy.epsilon=3", "train.steps=4", "hydra.run.dir=run")
    assert here("gan-train", *line).code == 0
    noise = gan_runner.open("run").config["privacy"]["noise_multiplier"]
    answer = here("gan-train", "resume=run", "train.steps=40")
    assert answer.code == 2
    assert "more than its budget" in answer.err and "Use train.steps=4" in answer.err
    answer = here("gan-train", "resume=run", "train.steps=40", "privacy.epsilon=9")
    assert answer.code == 6
    assert "privacy.epsilon: 3.0 -> 9" in answer.err
    assert here("gan-train", "resume=run", "privacy.epsilon=3").code == 0  # complete
    assert gan_runner.open("run").config["privacy"]["noise_multiplier"] == noise


def test_without_the_extra_it_is_said_how_to_get_it(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [each for each in sys.modules if each.split(".")[0] == "opacus"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opacus", None)
    check_accountant(configuration())
    answer = here("gan-train", *IRIS, "privacy.noise_multiplier=1", "hydra.run.dir=run")
    assert answer.code == 2
    assert "opacus isn't installed, privacy.noise_multiplier=1" in answer.err
    assert 'pip install "gan-runner[privacy]"' in answer.err
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_settings_of_before_there_was_privacy_mean_none() -> None:
    settings: dict[str, Any] = configuration().privacy.model_dump()
    assert settings == {
        "epsilon": None,
        "noise_multiplier": None,
        "max_grad_norm": 1.0,
        "delta": None,
    }
    assert not configuration().privacy.is_on
    assert configuration("privacy.delta=1e-5").privacy.is_on is False
    assert privacy.privacy_of(configuration(), rows=5) is None
