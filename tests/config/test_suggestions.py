"""A setting that there isn't is answered with those that it was likely meant to be."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.cli.hydra.composer import Composer, parse_config
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


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("dataset.sep", "tab", "Did you mean: dataset.delimiter=tab"),
        ("sep", '"|"', "Did you mean: 'dataset.delimiter=\"|\"'"),
        ("dataset.discrete_columns", "[a]", "Did you mean: 'dataset.categorical=[a]'"),
        ("dataset.skiprows", "2", "Here it is dataset.skip_lines: lines of the file"),
        ("dataset.usecols", "[a]", "Here it is dataset.ignore: columns to leave out"),
        ("dataset.nrows", "10", "dataset has per_class, "),
    ],
)
def test_another_programs_name_is_answered_with_ours_and_what_it_takes(
    key: str, value: str, remedy: str
) -> None:
    known = Composer().known_settings(["dataset=table"])
    assert suggest_settings(key, known, value).startswith(remedy)


def test_another_programs_name_of_a_setting_of_an_option_that_is_not_chosen(
    settings: list[str],
) -> None:
    remedy = suggest_settings("dataset.skiprows", settings, "2")
    assert remedy.startswith("Here it is dataset=table with dataset.skip_lines: lines of the file")


@pytest.mark.parametrize("key", ["foo", "foo.bar", "title", "gpu", "outdir", ""])
def test_nothing_is_suggested_for_what_is_like_nothing(settings: list[str], key: str) -> None:
    assert suggest_settings(key, settings) == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps 100", "--steps. Settings have no dashes. Did you mean: train.steps=100"),
        (
            "--batch-size=8",
            "--batch-size=8. Settings have no dashes. Did you mean: train.batch_size",
        ),
        ("--seed 3", "--seed. Settings have no dashes: seed=3"),
        ("--device=cpu", "--device=cpu. Settings have no dashes: device=cpu"),
        ("--loss hinge", "--loss. Settings have no dashes: loss=hinge"),
        ("--experiment ring_hinge", "Settings have no dashes: experiment=ring_hinge"),
        ("--dry-run", "--dry-run. Settings have no dashes: dry_run=true"),
        ("--gpu", "--gpu. Settings have no dashes. Did you mean: device=cuda"),
        ("--lr 0.1", "optimizer.generator.lr=0.1 optimizer.discriminator.lr=0.1"),
        ("--helpp", "--helpp. Did you mean '--help'?"),
        ("--multirn seed=0,1", "--multirn. Did you mean '--multirun'?"),
        ("--xyz", "--xyz. gan-train --help shows what there is."),
        ("train.steps 100", "train.steps. Write train.steps=100"),
        ("seed = 3", "seed. Write seed=3"),
        ("seed loss=hinge", "seed. Write seed=VALUE"),
        ("help", "help. Type gan-train --help"),
        ("./photos", "./photos. To train on it: dataset=image_folder 'dataset.root=\"./photos\"'"),
        ("dataset=x.csv", "dataset=x.csv. Type dataset=table dataset.path=x.csv"),
        ("loss=WGAN-GP", "loss=WGAN-GP. Did you mean 'wgan_gp'?"),
        ("loss=bce", "loss=bce. Did you mean 'non_saturating'?"),
        ("loss=[hinge,lsgan]", "To train a run with each: gan-train -m loss=hinge,lsgan"),
        ("experiment=ring", "experiment=ring. Choose one of: ring_hinge, ring_lsgan"),
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


WRITTEN = {
    "lr=1e-4": "optimizer.generator.lr=1e-4 optimizer.discriminator.lr=1e-4",
    "lr=": "optimizer.generator.lr=VALUE optimizer.discriminator.lr=VALUE",
    "steps=100": "train.steps=100",
    "optimizer.betas=[0.5,0.9]": "'optimizer.generator.betas=[0.5,0.9]' "
    "'optimizer.discriminator.betas=[0.5,0.9]'",
    "dataset.root=photos": "dataset=image_folder dataset.root=photos",
    "dataset.path=x.csv": "dataset=table dataset.path=x.csv",
    "data=x.npy": "dataset=array dataset.path=x.npy",
    "loss.margin=2": "loss=hinge loss.margin=2",
    "loss.penalty.r2.weight=1": "loss/penalty=r2 loss.penalty.r2.weight=1",
    "gpu=1": "device=cuda:1",
    "n_critic=5": "loss.d_steps=5",
    "gradient_accumulation_steps=4": "train.accumulate=4",
    "lambda_gp=1": "loss=wgan_gp loss.penalty.gradient.weight=1",
    "z_dim=8": "model.latent_size=8",
    "train.seed=3": "seed=3 or evaluation.seed=3",
    "train.average=0.9": "train.ema=0.9",
    "outdir=x": "hydra.run.dir=x",
    "fp16=true": "precision=bf16",
    "batch=32": "train.batch_size=32",
    "config=ring_r3gan": "experiment=ring_r3gan",
    "wandb=true": "'logger=[tensorboard,wandb]'",
}


@pytest.mark.parametrize(("line", "meant"), WRITTEN.items())
def test_a_slip_with_a_value_is_answered_with_what_to_type(line: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Composer().compose([line])
    assert str(caught.value) == f"unknown setting, {line}. Did you mean: {meant}"


@pytest.mark.parametrize(
    "word", ["logger=[csv,tensorboard]", "augment=[ada]", "loss/penalty=[r1,drift]", "augment=[]"]
)
def test_a_group_of_several_takes_a_list(word: str) -> None:
    read_command_line([word])


@pytest.mark.parametrize("meant", [line for line in WRITTEN.values() if "VALUE" not in line])
def test_what_to_type_is_taken(meant: str) -> None:
    Composer().compose(read_command_line(shlex.split(meant.partition(" or ")[0])).lines)


def test_a_setting_of_many_options_names_them() -> None:
    with pytest.raises(ConfigError, match=r"image_size=32 needs dataset=cifar10, .* or stacked_"):
        Composer().compose(["image_size=32"])


def test_commas_in_a_number_are_seen() -> None:
    with pytest.raises(ConfigError, match=r"commas in a number.* Type train.steps=10000$"):
        Composer().compose(["train.steps=10,000"])


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("device=gpu", "Did you mean: device=cuda"),
        ("device=1", "Did you mean: device=cuda:1"),
        ("device=CPU", "Did you mean: device=cpu"),
        ("precision=fp16", "Did you mean: precision=bf16"),
        ("train.steps=10k", "Did you mean: train.steps=10000"),
        ("train.steps==10", "Write one equals sign: train.steps=10"),
        ("train.steps=", "It has no value: train.steps=VALUE"),
        ("quick=yes", "Did you mean: quick=true"),
        ("train.eval_every=never", "Did you mean: train.eval_every=0"),
        ("~loss.penalty.r2", "nothing to remove, ~loss.penalty.r2. Leave it out."),
        ("loss/penalty=r1,drift", "Or write 'loss/penalty=[r1,drift]' for all in one run."),
    ],
)
def test_a_slip_in_a_value_is_answered_with_what_to_type(line: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(Composer().compose(read_command_line([line]).lines))
    assert str(caught.value).endswith(meant)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("loss:hinge", "Write loss=hinge"),
        ("-m seed=0 1 2", "Without spaces: seed=0,1,2"),
        ("-m loss=hinge, lsgan", "Without spaces: loss=hinge,lsgan"),
        ("a.betas=[0.5, 0.9] seed=1", "Without spaces: 'a.betas=[0.5,0.9]'"),
        ("-resume=RUN", "Settings have no dashes: resume=RUN"),
        ("quick", "Write quick=true"),
        ("--resume", "Settings have no dashes: resume=RUN"),
        ("my_ideas.py", "A plugin has a flag: --plugin my_ideas.py"),
        ("logger=none", "For none: 'logger=[]'"),
        ("loss/penalty=gp", "Did you mean 'gradient'?"),
    ],
)
def test_a_slip_in_the_form_of_a_setting_is_answered_with_what_to_type(
    line: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_command_line(line.split())
    assert str(caught.value).endswith(f". {remedy}")


def test_a_file_of_settings_is_answered_with_the_line_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("loss: hinge\ntrain: {steps: 7}\n")
    with pytest.raises(ConfigError, match=r"gan-train loss=hinge train.steps=7$"):
        read_command_line(["--config", str(tmp_path / "x.yaml")])


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(0, "run", "0 runs"), (1, "run", "1 run"), (2, "class", "2 classes"), (1, "loss", "1 loss")],
)
def test_a_count_has_its_noun(count: int, noun: str, text: str) -> None:
    assert plural(count, noun) == text
