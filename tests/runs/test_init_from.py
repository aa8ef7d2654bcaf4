"""A run that can't begin with another's weights says in which settings its networks differ."""

from __future__ import annotations

from pathlib import Path

import pytest

import gan_runner
from gan_runner.errors import CheckpointError, printable

SMALL = {
    **{"dataset": "ring", "model.generator.hidden": [8], "model.discriminator.hidden": [8]},
    **{"train.steps": 0, "train.sample_every": 0, "train.samples": 4, "train.batch_size": 8},
    **{"device": "cpu", "threads": 1},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("first") / "run"
    gan_runner.fit({**SMALL, "hydra.run.dir": path}, quiet=True)
    return path


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"model.latent_size": 17}, ["model.latent_size: 64 -> 17"]),
        (
            {"model.generator.hidden": [9, 9], "model.discriminator.norm": "layer"},
            ["model.discriminator.norm: none -> layer", "model.generator.hidden: [8] -> [9, 9]"],
        ),
        ({"loss": "wgan_gp", "model.discriminator.norm": "spectral"}, ["norm: none -> spectral"]),
        ({"dataset": "digits"}, ["examples: [2] -> [1, 8, 8]"]),
        ({"dataset": "iris", "model.conditioning": "concat"}, ["classes: 0 -> 3"]),
    ],
)
def test_the_settings_that_make_the_networks_differ_are_named(
    run: Path, tmp_path: Path, changes: dict[str, object], lines: list[str]
) -> None:
    settings = {**SMALL, "model": "mlp", "init_from": run, "hydra.run.dir": tmp_path / "next"}
    with pytest.raises(CheckpointError) as caught:
        gan_runner.fit({**settings, **changes}, quiet=True)
    text = str(caught.value)
    assert text.startswith(f"the networks differ, init_from={printable(run)}:\n  ")
    assert [line for line in lines if line not in text] == []
    assert "state_dict" not in text and len(text.splitlines()) <= 12
    assert not (tmp_path / "next").exists()


def test_a_run_begins_with_the_weights_of_one_with_the_same_networks(
    run: Path, tmp_path: Path
) -> None:
    settings = {**SMALL, "init_from": run, "seed": 5, "hydra.run.dir": tmp_path / "next"}
    assert gan_runner.fit(settings, quiet=True).step == 0
