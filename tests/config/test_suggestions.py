"""A setting that there isn't is answered with those that it was likely meant to be."""

from __future__ import annotations

import pytest

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.cli.hydra.composer import Composer
from gan_runner.config.suggestions import suggest_settings
from gan_runner.errors import ConfigError, plural

BOTH = "'optimizer.generator.{0}' or 'optimizer.discriminator.{0}'"
MEANT = {
    # elsewhere, by the same name
    "steps": "'train.steps'",
    "batch_size": "'train.batch_size'",
    "epochs": "'train.epochs'",
    "ema": "'train.ema'",
    "log_every": "'train.log_every'",
    "metrics": "'evaluation.metrics'",
    "latent_size": "'model.latent_size'",
    "generator.lr": "'optimizer.generator.lr'",
    "penalty.r1.weight": "'loss.penalty.r1.weight'",
    "lr": BOTH.format("lr"),
    "optimizer.lr": BOTH.format("lr"),
    "train.lr": BOTH.format("lr"),
    "learning_rate": BOTH.format("lr"),
    "optimizer.betas": BOTH.format("betas"),
    "optimizer.schedule.steps": BOTH.format("schedule.steps"),
    # misspelt
    "lozz": "'loss'",
    "losss": "'loss'",
    "optimiser": "'optimizer'",
    "optimiser.generator.lr": "'optimizer.generator.lr'",
    "penalty": "'loss/penalty'",
    "loss/penalti": "'loss/penalty'",
    "model.generator.widht": "'model.generator.width'",
    "train.step": "'train.steps'",
    "trian.steps": "'train.steps'",
    "train.stpes": "'train.steps'",
    "train.save": "'train.save_every'",
    "model.latent": "'model.latent_size'",
    "dry-run": "'dry_run'",
    "batchsize": "'train.batch_size'",
    "hydra.run.dirr": "'hydra.run.dir'",
    # written in another way
    "TRAIN.steps": "'train.steps'",
    "train/steps": "'train.steps'",
    # of an option that isn't chosen
    "augment.ada.target": "'augment=ada'",
    "loss.penalty.r2.weight": "'loss/penalty=r2'",
    # by its old name
    "train.average": "'train.ema'",
    "average": "'train.ema'",
}


@pytest.fixture(scope="module")
def settings() -> list[str]:
    return Composer().known_settings([])


@pytest.mark.parametrize(("key", "meant"), MEANT.items())
def test_a_slip_is_answered_with_the_settings_in_full(
    settings: list[str], key: str, meant: str
) -> None:
    assert suggest_settings(key, settings) == f"Did you mean {meant}?"


def test_a_setting_unlike_those_of_its_group_is_answered_with_all_of_them(
    settings: list[str],
) -> None:
    listed = "dataset.per_class, dataset.per_class_seed, dataset.name, dataset.flip"
    assert suggest_settings("dataset.root", settings) == f"There are {listed}."


def test_a_setting_of_the_chosen_option_is_found() -> None:
    known = Composer().known_settings(["dataset=image_folder"])
    assert suggest_settings("dataset.rot", known) == "Did you mean 'dataset.root'?"


@pytest.mark.parametrize("key", ["foo", "foo.bar", "title", "gpu", "outdir", ""])
def test_nothing_is_suggested_for_what_is_like_nothing(settings: list[str], key: str) -> None:
    assert suggest_settings(key, settings) == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps 100", "--steps. Settings have no dashes. Did you mean 'train.steps'?"),
        ("--batch-size=8", "--batch-size=8. Settings have no dashes. Did you mean 'train.batch_s"),
        ("--seed 3", "--seed. Settings have no dashes: seed=3"),
        ("--device=cpu", "--device=cpu. Settings have no dashes: device=cpu"),
        ("--loss hinge", "--loss. Settings have no dashes: loss=hinge"),
        ("--helpp", "--helpp. Did you mean '--help'?"),
        ("--multirn seed=0,1", "--multirn. Did you mean '--multirun'?"),
        ("--xyz", "--xyz. gan-train --help shows what there is."),
        ("train.steps 100", "train.steps. Write train.steps=100"),
        ("seed loss=hinge", "seed. Write seed=VALUE"),
        ("hinge", "hinge. Did you mean 'loss=hinge'?"),
        ("digits_hinge", "digits_hinge. Did you mean 'experiment=digits_hinge'?"),
        ("resume=a sweep=b", "resume=a can't be combined with sweep=b. Remove one of them."),
        ("resume=a hydra.run.dir=b", "resume=a can't be combined with hydra.run.dir=b. Remove"),
    ],
)
def test_words_that_hydra_does_not_take_are_answered_with_those_that_it_does(
    words: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_command_line(words.split())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(0, "run", "0 runs"), (1, "run", "1 run"), (2, "class", "2 classes"), (1, "loss", "1 loss")],
)
def test_a_count_has_its_noun(count: int, noun: str, text: str) -> None:
    assert plural(count, noun) == text
