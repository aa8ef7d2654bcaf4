"""quick=true makes a run small, and its numbers stay apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_runs import made

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.comparison.compared import compare
from gan_runner.config.groups import options
from gan_runner.errors import ConfigError


def quick(*lines: str) -> dict[str, Any]:
    return parse_config(compose(["quick=true", *lines])).plain()


def test_a_quick_run_is_narrow_and_short() -> None:
    config = quick("model=dcgan", "loss=hinge", "dataset=cifar10")
    assert config["quick"] is True and "quick_limits" not in config
    assert config["train"]["steps"] == 600 and config["train"]["batch_size"] == 32
    assert config["model"]["generator"]["width"] == config["model"]["discriminator"]["width"] == 8


def test_blocks_are_narrow_inside() -> None:
    assert quick("model=r3gan")["model"]["discriminator"]["expansion"] == 1


def test_more_updates_of_d_are_fewer_of_g() -> None:
    assert quick("loss=wgan_gp")["train"]["steps"] == 200


@pytest.mark.parametrize("name", options("experiment"))
def test_every_recipe_can_be_made_quick(name: str) -> None:
    train = quick(f"experiment={name}")["train"]
    assert train["steps"] <= 600 and train["epochs"] is None


def test_what_the_command_line_sets_stays() -> None:
    config = quick("train.steps=5", "model.generator.width=64", "quick_limits.batch_size=16")
    assert config["train"]["steps"] == 5 and config["train"]["batch_size"] == 16
    assert config["model"]["generator"]["width"] == 64


def test_what_is_smaller_stays() -> None:
    config = quick("experiment=lucic2018")
    assert config["optimizer"]["generator"]["lr"] == 0.0001
    assert quick("model=mlp", "quick_limits.hidden=9999")["model"]["generator"]["hidden"] == [
        *(128, 128, 128)
    ]


def test_without_it_nothing_changes() -> None:
    assert parse_config(compose([])).plain()["train"]["steps"] == 5000
    assert quick()["train"]["steps"] == 600
    assert parse_config(compose([])).plain()["quick"] is False


def test_a_limit_that_can_not_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"quick_limits.width=0"):
        quick("quick_limits.width=0")


def test_a_quick_sweep_has_a_folder_of_its_own() -> None:
    config = compose(["quick=true", "sweep=x", "hydra/sweeper=tuned"])
    assert config.hydra.sweep.dir == "outputs/sweeps/x_quick"
    assert (config.hydra.sweeper.samples, config.hydra.sweeper.repeats) == (2, 1)


def test_quick_runs_stay_out_of_a_comparison_with_full_ones(tmp_path: Path) -> None:
    made(tmp_path / "full", 1.0)
    saved = made(tmp_path / "small", 2.0) / "config.yaml"
    saved.write_text(json.dumps({**json.loads(saved.read_text()), "quick": True}))
    found = compare([tmp_path])
    assert [record.name for record in found.records] == ["full"]
    assert found.grouping.notes[-1].startswith("1 quick run is left out, ")
    assert len(compare([tmp_path], with_quick=True).records) == 2
    alone = compare([tmp_path / "small"])
    assert len(alone.records) == 1 and not any("quick" in note for note in alone.grouping.notes)
