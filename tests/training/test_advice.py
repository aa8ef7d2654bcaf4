"""A new run proposes augmentation for few images of one's own, and conditioning for a table with a
label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Answer, small_run
from PIL import Image

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Data, Space
from gan_runner.training.advice import FEW_IMAGES, advice
from gan_runner.training.build import build

PHOTOS = ["dataset=image_folder", "dataset.root=photos", "dataset.image_size=8"]


def proposal(*words: str, images: int = 300) -> str | None:
    """The advice on so many RGB images."""
    pixels = torch.zeros(1, 3, 8, 8, dtype=torch.uint8).expand(images, -1, -1, -1)
    experiment = build(parse_config(compose(words)))
    return advice(experiment, Data(pixels, Space("images", (3, 8, 8))))


def test_few_photos_are_told_to_augment() -> None:
    assert proposal(*PHOTOS) == (
        "D soon knows 300 images by heart. Augment what it sees: augment=ada"
    )


def test_the_proposal_composes_and_is_heeded() -> None:
    assert proposal(*PHOTOS, "augment=ada") is None
    assert proposal(*PHOTOS, "augment=diffaugment") is None


@pytest.mark.parametrize(("images", "proposed"), [(FEW_IMAGES - 1, True), (FEW_IMAGES, False)])
def test_many_photos_need_none(images: int, proposed: bool) -> None:
    assert (proposal(*PHOTOS, images=images) is not None) == proposed


def test_sets_that_come_along_and_models_without_d_need_none() -> None:
    assert proposal("dataset=digits") is None
    assert proposal(*PHOTOS, "model=vae") is None


def test_a_method_that_refuses_augmentation_is_not_advised_to_augment() -> None:
    assert proposal(*PHOTOS, "model=vae_gan", "dataset.image_size=32") is None


def test_a_run_says_it_once(here: Callable[..., Answer]) -> None:
    Path("photos").mkdir()
    for index in range(8):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(f"photos/{index}.png")
    steps = ["train.batch_size=4", "train.sample_every=0", "train.steps=1"]
    run = small_run(Path("run"), *PHOTOS, *steps)
    assert here("gan-train", *run).out.count("advice: D soon knows 8 images by heart") == 1
    assert "advice:" not in here("gan-train", "resume=run", "train.steps=2").out


def test_a_table_with_classes_is_advised_to_be_conditioned_on_them(
    here: Callable[..., Answer],
) -> None:
    rows = "".join(f"{20 + k % 17}.5,{'yes' if k % 3 else 'no'}\n" for k in range(40))
    Path("rows.csv").write_text("age,ill\n" + rows)
    steps = ["train.batch_size=4", "train.sample_every=0", "train.steps=1", "model.latent_size=16"]
    table = ["dataset=table", "dataset.path=rows.csv", "device=cpu", "train.eval_every=0"]

    def said(name: str, *more: str) -> str | None:
        answer = here("gan-train", f"hydra.run.dir={name}", *table, *steps, *more)
        assert answer.code == 0, answer.err
        lines = [line for line in answer.out.splitlines() if line.startswith("advice: ")]
        return lines[0].removeprefix("advice: ") if lines else None

    advised = said("plain", "dataset.label=ill")
    assert advised is not None and advised.startswith("samples teach classifiers of ill more")
    heeded = advised.partition("too: ")[2].split()
    assert said("heeded", "dataset.label=ill", *heeded) is None
    assert said("vector", "dataset.label=ill", "dataset.conditional_vector=[ill]") is None
    assert said("none", "dataset.label=null") is None
