"""A tuned comparison: equal searches, exact draws, results on seeds that no search has seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import log
from pathlib import Path

import pytest
from conftest import Answer
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig
from sweep_runs import TINY, marks

from gan_runner.cli.hydra.composer import Composer
from gan_runner.cli.hydra.sweep_settings import (
    number_of_jobs,
    overrides_for_composition,
    shared_keys,
)
from gan_runner.cli.hydra.tuning import contenders
from gan_runner.errors import ConfigError
from gan_runner.sweeps.tuning import Contender, tune

pytestmark = pytest.mark.usefixtures("blank_pictures")

Here = Callable[..., Answer]
TUNED = ("hydra/sweeper=tuned", "train.eval_every=1000", "evaluation.metrics=[frechet]")
LR = "optimizer.generator.lr"
LOSSES = ["minimax", "non_saturating", "lsgan", "wgan", "wgan_gp", "dragan", "vae"]


def compose_sweep(*overrides: str) -> DictConfig:
    """The settings that a sweeper gets for these arguments of gan-train -m."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return Composer().compose(overrides_for_composition(parsed), multirun=True)


def contenders_of(*overrides: str) -> list[Contender]:
    return contenders(compose_sweep("hydra/sweeper=tuned", *overrides))


def drawn_values(found: Contender, key: str) -> list[str]:
    """The values of a key in the samples that have it."""
    lines = [text.partition("=") for sample in found.samples for text in sample]
    return [value for name, _, value in lines if name == key]


# ---------------------------------------------------------------- what is tried


def test_every_combination_tries_the_settings_as_they_stand_and_the_same_draws() -> None:
    first, second = contenders_of(
        "loss=hinge,lsgan", f"{LR}=tag(log,interval(1e-5,1e-2))", "hydra.sweeper.samples=3"
    )
    assert [first.name, second.name] == ["loss=hinge", "loss=lsgan"]
    assert first.samples == second.samples and first.samples[0] == ()
    assert first.overrides == ("loss=hinge",) and len(first.samples) == 3


def test_more_samples_go_on_with_the_draws_of_fewer() -> None:
    space = f"{LR}=interval(0.0,1.0)"
    (few,) = contenders_of(space, "hydra.sweeper.samples=3")
    (many,) = contenders_of(space, "hydra.sweeper.samples=9")
    (others,) = contenders_of(space, "hydra.sweeper.samples=3", "hydra.sweeper.seed=1")
    assert many.samples[:3] == few.samples != others.samples
    assert len(set(many.samples)) == 9


def test_draws_are_spread_over_the_interval_as_its_scale_says() -> None:
    (found,) = contenders_of(f"{LR}=tag(log,interval(1e-5,1e-1))", "hydra.sweeper.samples=401")
    values = [float(value) for value in drawn_values(found, LR)]
    assert min(values) >= 1e-5 and max(values) <= 1e-1
    # uniform in the logarithm, half of them below its middle, give or take 4 deviations
    assert sum(log(value) < log(1e-3) for value in values) == pytest.approx(200, abs=40)
    (whole,) = contenders_of("train.batch_size=int(interval(1,3))", "hydra.sweeper.samples=4")
    assert set(drawn_values(whole, "train.batch_size")) == {"1", "2", "3"}


def test_a_space_with_few_values_is_tried_once_each() -> None:
    (found,) = contenders_of(
        "+hydra.sweeper.params={model.discriminator.norm: 'choice(batch,none)'}",
        "hydra.sweeper.samples=10",
    )
    assert sorted(found.samples) == [
        (),
        ("model.discriminator.norm=batch",),
        ("model.discriminator.norm=none",),
    ]


def test_the_recipe_of_lucic_has_the_methods_of_the_paper_and_its_authors_settings_first() -> None:
    config = compose_sweep("experiment=lucic2018_paper", "dataset=mnist,fashion_mnist")
    found = contenders(config)
    assert [cell.name.split()[0] for cell in found[::2]] == LOSSES
    assert number_of_jobs(config) == 7 * 2 * (100 + 50)
    assert all(len(cell.samples) == 100 for cell in found)
    wgan = next(cell for cell in found if cell.name == "wgan dataset=mnist")
    norm = "model.discriminator.norm=batch"
    assert wgan.samples[0] == (f"{LR}=5e-05", "loss.d_steps=5", norm)
    assert {text.partition("=")[0] for text in wgan.samples[1]} == {
        *(LR, "optimizer.generator.betas.0", "loss.d_steps", "loss.clip"),
        "model.discriminator.norm",
    }
    assert set(drawn_values(wgan, "loss.d_steps")) == {"1", "5"}


def test_a_sweep_over_recipes_takes_settings_of_the_sweep_itself() -> None:
    config = compose_sweep(
        "experiment=ring_hinge,digits_hinge", "hydra.sweep.dir=here", "hydra.launcher.n_jobs=2"
    )
    assert (config.hydra.sweep.dir, config.hydra.launcher.n_jobs) == ("here", 2)


def test_the_small_recipe_narrows_networks_and_space() -> None:
    config = compose_sweep("experiment=lucic2018")
    found = contenders(config)
    assert [cell.name for cell in found] == LOSSES
    assert all("model.generator.width=16" in cell.overrides for cell in found)
    assert not any(drawn_values(cell, "optimizer.generator.betas.0")[1:] for cell in found)
    assert all(1e-4 <= float(v) <= 1e-3 for cell in found for v in drawn_values(cell, LR)[1:])
    assert "model.generator.width" in shared_keys(config) and "loss" not in shared_keys(config)


def test_what_the_command_line_sets_no_method_sets_again() -> None:
    lsgan = next(
        cell
        for cell in contenders_of("experiment=lucic2018", "model=dcgan", f"{LR}=1e-3")
        if cell.name == "lsgan"
    )
    assert lsgan.overrides == ("experiment=lucic2018", "model=dcgan", f"{LR}=0.001", "loss=lsgan")
    assert drawn_values(lsgan, LR) == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=0,1"], "Use seed=N for the search's and hydra.sweeper.repeats=K"),
        (["experiment=lucic2018", "loss=hinge"], "methods.non_saturating=null"),
        (["+hydra.sweeper.params={seed2: '3'}"], "not a search space, seed2=3"),
        (["+hydra.sweeper.params={a: 'interval('}"], "not a search space"),
        ([f"{LR}=tag(log,interval(0,1))"], "above 0 for log"),
        (["hydra.sweeper.samples=0"], "hydra.sweeper.samples=0"),
        (["+hydra.sweeper.sample=3"], "hydra.sweeper.sample"),
        (["+hydra.sweeper.methods={a: {setting: {}}}"], "hydra.sweeper.methods.a.setting"),
    ],
)
def test_a_comparison_that_cant_be_meant_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        contenders_of(*overrides)
    assert message in str(refused.value)


# ---------------------------------------------------------------- what is found


def test_the_best_of_each_runs_again_with_seeds_that_the_search_never_saw() -> None:
    a = Contender("a", ("loss=a",), ((), ("lr=1",), ("lr=2",)))
    b = Contender("b", ("loss=b",), ((), ("lr=1",)))
    launched: list[list[list[str]]] = []

    def launch(jobs: list[list[str]]) -> list[float | None]:
        launched.append(jobs)
        return [[5.0, None, 3.0, None, None], [4.0, None]][len(launched) - 1]

    found, failed = tune([a, b], launch, seed=7, repeats=2, direction="min")
    assert launched[0][:2] == [["loss=a", "seed=7"], ["loss=a", "lr=1", "seed=7"]]
    assert launched[1] == [["loss=a", "lr=2", "seed=8"], ["loss=a", "lr=2", "seed=9"]]
    assert (found.best, found.repeats, failed.best, failed.repeats) == (2, (4.0, None), None, ())
    assert found.row == ("a", "lr=2", "2 of 3", "3", "1 of 2", "4", "4 to 4")
    assert failed.row[:3] == ("b", "no run has a value", "0 of 2")


def test_the_highest_value_is_the_best_where_more_is_better() -> None:
    cell = Contender("a", (), ((), ("lr=1",)))
    (found,) = tune([cell], lambda jobs: [0.0, 1.0], seed=0, repeats=0, direction="max")
    assert (found.best, found.repeats) == (1, ())


# ---------------------------------------------------------------- the whole command

COMPARISON = (
    *(*TINY, "-m", *TUNED, "loss=hinge,lsgan", f"{LR}=interval(1e-4,1e-3)", "sweep=s"),
    *("hydra.sweeper.samples=2", "hydra.sweeper.repeats=1", "evaluation.num=32"),
)


def test_a_comparison_tells_its_result_and_the_same_command_runs_nothing_twice(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    answer = here("gan-train", *COMPARISON)
    assert (answer.code, len(carried)) == (0, 6), answer.err
    folder = tmp_path / "outputs/sweeps/s"
    saved = json.loads((folder / "tuned.json").read_text())
    assert saved["metric"] == "frechet"
    for method, name in zip(saved["methods"], ("loss=hinge", "loss=lsgan"), strict=True):
        values = [sample["value"] for sample in method["samples"]]
        assert method["name"] == name and method["best"] == values.index(min(values))
        (again,) = method["repeats"]
        assert again not in values  # of seed 1, where the search had 0
        rows = [path.read_text() for path in folder.glob(f"{name}*seed=1/evaluations.jsonl")]
        assert [json.loads(row)["best"] for row in rows] == [again]
    assert "frechet, the best of each run, on new seeds of the best settings" in answer.out
    before = marks(folder)
    answer = here("gan-train", *COMPARISON)
    assert (answer.code, len(carried)) == (0, 6)
    assert answer.out.count("already complete: ") == 6
    after = marks(folder)
    assert {k: v for k, v in before.items() if "loss=" in k} == {
        k: v for k, v in after.items() if "loss=" in k
    }


def test_every_run_is_checked_before_the_first_one_starts(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    answer = here("gan-train", *COMPARISON, "train.batch_size=0")
    assert (answer.code, carried) == (2, [])
    assert "4 of 4 jobs are invalid; none was started" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_without_evaluations_is_refused(here: Here) -> None:
    answer = here("gan-train", *TINY, "-m", "hydra/sweeper=tuned", "loss=hinge,lsgan")
    assert answer.code == 2 and "train.eval_every=0" in answer.err
