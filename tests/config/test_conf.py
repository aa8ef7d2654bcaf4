"""Every file under conf/ composes, builds and names its source; overrides do what they say."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import fields
from omegaconf import OmegaConf

from gan_runner.augmentations import Augmentation
from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.component import Component, find_classes
from gan_runner.config.groups import GROUPS, conf_folder, options
from gan_runner.config.schema import Config, QuickLimits, Train, flatten
from gan_runner.data import Degradation, Space
from gan_runner.datasets import Dataset
from gan_runner.errors import ConfigError
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.logs.loggers import Logger
from gan_runner.models import GenerativeModel, Model, Translator
from gan_runner.objectives.elbo import VariationalObjective
from gan_runner.objectives.losses import Loss
from gan_runner.objectives.objective import GameSettings
from gan_runner.objectives.penalties import R1, Drift
from gan_runner.objectives.terms import Term
from gan_runner.sweeps.settings import (
    ClusterSettings,
    HalvingSettings,
    SweepSettings,
    TuningSettings,
)
from gan_runner.training.build import build
from gan_runner.training.experiment import Experiment
from gan_runner.training.methods import Method
from gan_runner.training.optimizers import Optimizer, Optimizers

CONF = conf_folder()
OTHERS = {CONF / "hydra", CONF / "shared"}
FILES = sorted(path for path in CONF.rglob("*/*.yaml") if not OTHERS & {*path.parents})
NEEDED = {
    "dataset/degrade/gray": ["dataset/source=cifar10"],
    "loss/elbo": ["model=vae"],
    "method/vae": ["model=vae"],
    "method/vae_gan": ["model=vae_gan"],
    "method/paired": ["model=unet", "dataset=degraded", "dataset/degrade=noise"],
    "method/super_resolution": ["model=srresnet", "dataset=degraded"],
    "method/cut": ["model=resnet_translator", "dataset=domains"],
    "method/unpaired": ["model=resnet_translator", "dataset=domains"],
    "model/resnet_translator": ["dataset=degraded", "dataset/degrade=noise"],
    "model/rrdb": ["dataset=degraded"],
    "model/srresnet": ["dataset=degraded"],
    "model/unet": ["dataset=degraded", "dataset/degrade=noise"],
    "model/rnn": ["dataset=sines"],
}
"""The parts that every option has."""
DEGRADED = ("dataset/source", "dataset/degrade")
"""The groups of dataset=degraded."""
FAMILIES: dict[str, type[Any]] = {
    "method": Method,
    "model": GenerativeModel,
    "loss": Loss,
    "loss/penalty": Term,
    "augment": Augmentation,
    "dataset": Dataset,
    "dataset/source": Dataset,
    "dataset/degrade": Degradation,
    "optimizer": Optimizer,
    "logger": Logger,
}

every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CONF)))
every_option = pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.parent.name != "experiment"],  # a recipe sets what it wants to
    ids=lambda p: str(p.relative_to(CONF)),
)


def group(path: Path) -> str:
    return path.parent.relative_to(CONF).as_posix()


def configuration(*overrides: str) -> Config:
    return parse_config(compose(list(overrides)))


def experiment(*overrides: str) -> Experiment:
    return build(configuration(*overrides))


def content(path: Path) -> dict[str, Any]:
    """The settings of a file in its group, with the shared settings that it takes in."""
    plain = yaml.safe_load(path.read_text())
    entries = plain.pop("defaults", [])
    own = plain
    for part in group(path).split("/"):
        own = own.get(part, own)
    for entry in (str(entry) for entry in entries if group(path) == "dataset/source"):
        own = content(CONF / f"{entry.removeprefix('/').partition('@')[0]}.yaml")
    for entry in (entry for entry in entries if str(entry).startswith("/shared/")):
        common = shared_settings(entry)
        assert not flatten(own).keys() & flatten(common).keys(), (
            "a shared setting is spelled out once"
        )
        own = OmegaConf.to_container(OmegaConf.merge(own, common))
    return own


def shared_settings(entry: str) -> dict[str, Any]:
    """The settings that an entry of a defaults list takes in."""
    path, _, _ = entry.removeprefix("/").partition("@")
    plain = yaml.safe_load((CONF / f"{path}.yaml").read_text())
    if plain.pop("defaults", None):
        return {**plain, "discriminator": shared_settings("/shared/minibatch")}
    return {"discriminator": plain} if entry.endswith("discriminator") else plain


def header(path: Path) -> str:
    """The comment before the first setting."""
    lines = path.read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.strip("# ") for line in lines[:end] if "@package" not in line)


def names(settings: Any) -> Any:
    """The keys of a file, nested."""
    return {k: names(v) for k, v in settings.items()} if isinstance(settings, dict) else None


def named_fields(family: type[Component], settings: dict[str, Any]) -> dict[str, Any]:
    return {"name": None, **fields(find_classes(family)[settings["name"]])}


# ---------------------------------------------------------------- every file


def test_every_group_has_its_folder_and_every_folder_its_group() -> None:
    assert {group(path) for path in FILES} == set(GROUPS)
    assert set(GROUPS) == {*FAMILIES, "evaluation", "health", "experiment"}


def test_shared_settings_are_not_a_group_and_every_model_of_a_game_takes_them_in() -> None:
    assert "shared" not in {name.partition("/")[0] for name in GROUPS}
    games = {path.stem for path in FILES if "/shared/model@_here_" in path.read_text()}
    models = {content(path)["name"]: path.stem for path in FILES if group(path) == "model"}
    assert games == {models[name] for name in find_classes(Model)}


@every_file
def test_every_file_composes_builds_and_makes_networks(path: Path) -> None:
    needed = NEEDED.get(f"{group(path)}/{path.stem}", [])
    needed = [*needed, *["dataset=degraded"] * (group(path) in DEGRADED)]
    made = experiment(f"{group(path)}={path.stem}", *needed)
    of_sequences = made.config.dataset["name"] == "Sines"
    shape = Space("sequences", (24, 2)) if of_sequences else Space("images", (3, 64, 64))
    space = made.dataset.space() or shape
    if isinstance(made.model, Translator):
        space = replace(shape, inputs=Space("images", (3, 64, 64)))
    networks = made.model.build_networks(space)
    assert networks.keys() == made.model.norms.keys()
    assert all(any(True for _ in network.parameters()) for network in networks.values())


@every_file
def test_every_file_names_its_source_in_its_header(path: Path) -> None:
    source = r"https?://|arXiv:\d{4}\.\d{4,5}|[A-Z]\w+( et al\.)?,? (\d{4})\b|of your own"
    assert re.search(source, header(path)), header(path)


@every_file
def test_the_help_shows_what_every_file_is_for(path: Path) -> None:
    headline = options(group(path))[path.stem]
    assert len(headline) > 20
    assert headline.rstrip(" .") in header(path)


@every_option
def test_every_option_spells_out_exactly_the_settings_of_its_class(path: Path) -> None:
    settings = content(path)
    match group(path):
        case "optimizer":
            expected = {k: named_fields(Optimizer, settings[k]) for k in Optimizers._fields}
        case "loss" if settings["name"] in find_classes(VariationalObjective):
            expected = named_fields(VariationalObjective, settings)
        case "loss":
            prescribed = dict.fromkeys(GameSettings.model_fields)
            penalties = {k: named_fields(Term, v) for k, v in settings["penalty"].items()}
            own = named_fields(Loss, settings)
            assert not own.keys() & prescribed.keys()
            expected = {**own, **prescribed, "penalty": penalties}
        case "evaluation":
            expected = fields(Evaluation)
        case "health":
            expected = fields(Health)
        case "dataset" | "dataset/source":
            own = named_fields(Dataset, settings)
            # the images of degraded ones have options of their own
            apart = {*Dataset.model_fields, "source", "degrade"}
            expected = {k: v for k, v in own.items() if k not in apart}
            if "columns" in expected:  # users fill it
                expected["columns"] = {}
        case "method":
            expected = {"name": None, **fields(find_classes(Method)[settings["name"]].Settings)}
        case other:
            expected = named_fields(FAMILIES[other], settings)
    assert names(settings) == expected


def test_config_yaml_spells_out_exactly_the_runs_own_settings() -> None:
    settings = yaml.safe_load((CONF / "config.yaml").read_text())
    groups = {"method", "model", "loss", "dataset", "optimizer", "evaluation", "health", "choices"}
    groups |= {"plugins", "quick"}  # recorded, not set; in quick.yaml
    added = {"defaults", "name", "resume", "dry_run", "hydra", "dataset"}
    assert set(settings) == (set(Config.model_fields) - groups) | added
    assert set(settings["train"]) == set(Train.model_fields)
    assert set(settings["dataset"]) == set(Dataset.model_fields)


def test_quick_yaml_spells_out_exactly_the_limits() -> None:
    settings = yaml.safe_load((CONF / "quick.yaml").read_text())
    assert set(settings) == {"quick", "quick_limits"}
    assert set(settings["quick_limits"]) == set(QuickLimits.model_fields)


def test_sweeps_yaml_spells_out_exactly_the_settings_of_sweeps() -> None:
    settings = yaml.safe_load((CONF / "sweeps.yaml").read_text())
    assert set(settings) == {"defaults", "sweep", "sweeping", "hydra"}
    assert set(settings["sweeping"]) == set(SweepSettings.model_fields)
    tuned = yaml.safe_load((CONF / "hydra" / "sweeper" / "tuned.yaml").read_text())
    assert set(tuned) == set(TuningSettings.model_fields) | {"_target_"}
    halving = yaml.safe_load((CONF / "hydra" / "sweeper" / "halving.yaml").read_text())
    assert set(halving) == set(HalvingSettings.model_fields) | {"_target_"}


def test_the_launcher_for_slurm_spells_out_exactly_its_settings() -> None:
    settings = yaml.safe_load((CONF / "hydra" / "launcher" / "slurm.yaml").read_text())
    assert set(settings) == set(ClusterSettings.model_fields) | {"_target_"}


@pytest.mark.parametrize("launcher", ["processes", "slurm"])
@pytest.mark.parametrize("sweeper", ["grid", "tuned", "halving", "search"])
def test_every_sweeper_composes_with_every_launcher(sweeper: str, launcher: str) -> None:
    if sweeper == "search" and find_spec("hydra_plugins.hydra_optuna_sweeper") is None:
        pytest.skip("hydra-optuna-sweeper isn't installed")
    lines = [f"hydra/sweeper={sweeper}", f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=3"]
    config = compose(lines)
    found = {
        name: OmegaConf.to_container(config.hydra[name], resolve=True, throw_on_missing=True)
        for name in ("sweeper", "launcher")
    }
    assert found["sweeper"].get("n_jobs", 3) == found["launcher"]["n_jobs"] == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_every_class_is_offered_by_a_file(family: str) -> None:
    nodes = [content(path) for path in FILES if group(path) == family]
    if family == "optimizer":
        nodes = [node[part] for node in nodes for part in Optimizers._fields]
    others = find_classes(VariationalObjective) if family == "loss" else {}
    classes = {*find_classes(FAMILIES[family]), *others}
    named = {node["name"] for node in nodes}
    # of tables and the like there are no images
    assert named <= classes if family == "dataset/source" else named == classes


def test_a_penalty_is_called_in_every_loss_as_its_own_file_is() -> None:
    own = {content(path)["name"]: path.stem for path in FILES if group(path) == "loss/penalty"}
    for path in FILES:
        for name, penalty in content(path).get("penalty", {}).items():
            assert own[penalty["name"]] == name, path


def test_no_file_has_an_interpolation_but_hydras_own_and_a_search_of_one_rate_for_both() -> None:
    found = {path.stem: path.read_text().count("${") for path in FILES}
    assert {name: count for name, count in found.items() if count} == {"lucic2018_paper": 2}


# ---------------------------------------------------------------- penalties from the command line


def test_a_penalty_is_added_to_a_loss_without_one() -> None:
    objective = experiment("loss=hinge", "loss/penalty=r1").method.objective
    assert objective.penalties == {"r1": R1(weight=10.0, every=1)}


def test_several_penalties_are_added_at_once() -> None:
    objective = experiment("loss=hinge", "loss/penalty=[r1,drift]").method.objective
    assert objective.penalties == {
        "r1": R1(weight=10.0, every=1),
        "drift": Drift(weight=0.001, every=1),
    }


def test_an_added_penalty_can_be_set() -> None:
    objective = experiment(
        "loss=hinge", "loss/penalty=r1", "loss.penalty.r1.weight=2"
    ).method.objective
    assert objective.penalties == {"r1": R1(weight=2.0, every=1)}


def test_a_penalty_of_the_loss_can_be_set() -> None:
    objective = experiment("loss.penalty.r1.weight=2", "loss.penalty.r1.every=16").method.objective
    assert objective.penalties == {"r1": R1(weight=2.0, every=16)}


def test_a_penalty_is_added_beside_those_of_the_loss() -> None:
    objective = experiment("loss=wgan_gp", "loss/penalty=drift").method.objective
    assert list(objective.penalties) == ["gradient", "drift"]


def test_a_penalty_of_the_loss_can_be_taken_away() -> None:
    assert list(experiment().method.objective.penalties) == ["r1"]
    assert experiment("~loss.penalty.r1").method.objective.penalties == {}


def test_a_penalty_is_added_with_and_without_a_plus() -> None:
    shown = {path for path in FILES if "with loss/penalty=r1" in path.read_text()}
    assert CONF / "loss" / "hinge.yaml" in shown
    assert list(experiment("loss=hinge", "loss/penalty=r1").method.objective.penalties) == ["r1"]
    assert list(experiment("loss=hinge", "+loss/penalty=r1").method.objective.penalties) == ["r1"]


# ---------------------------------------------------------------- data sets that choose a model


@pytest.mark.parametrize("dataset", ["ring", "grid"])
def test_points_in_the_plane_bring_a_model_for_vectors(dataset: str) -> None:
    assert configuration(f"dataset={dataset}").model["name"] == "MLP"


@pytest.mark.parametrize(
    "overrides", [("dataset=ring", "model=dcgan"), ("model=dcgan", "dataset=ring")]
)
def test_the_model_that_the_user_names_wins_in_any_order(overrides: tuple[str, ...]) -> None:
    assert configuration(*overrides).model["name"] == "DCGAN"
    with pytest.raises(ConfigError, match=r"dcgan can't build examples of shape \[2\].*model=mlp"):
        experiment(*overrides)


def test_settings_of_the_brought_model_can_be_set() -> None:
    overrides = ("dataset=ring", "model.generator.hidden=[7]", "dataset.modes=3")
    assert configuration(*overrides).model["generator"]["hidden"] == [7]
    assert configuration(*overrides).dataset["modes"] == 3


# ---------------------------------------------------------------- what auto means


@pytest.mark.parametrize(
    ("overrides", "norm"),
    [
        (["loss=non_saturating"], "batch"),
        (["loss=hinge", "loss/penalty=drift"], "batch"),
        (["loss=hinge", "loss/penalty=r1"], "layer"),
        (["loss=softplus_r1"], "layer"),
        (["loss=softplus_r1", "~loss.penalty.r1"], "batch"),
        (["loss=wgan"], "layer"),
        (["loss=wgan", "loss.clip=null"], "batch"),
        (["loss=wgan_gp"], "layer"),
        (["loss=wgan_div"], "layer"),
        (["loss=dragan"], "layer"),
        (["loss=r3gan"], "layer"),
    ],
)
def test_auto_is_layer_norm_where_ds_gradient_is_penalized_and_batch_norm_elsewhere(
    overrides: list[str], norm: str
) -> None:
    auto = ["model.generator.norm=auto", "model.discriminator.norm=auto"]
    made = experiment(*overrides, *auto)
    assert made.model.discriminator.norm == norm
    assert made.model.generator.norm == "batch"
    assert made.config.model["discriminator"]["norm"] == norm


def test_a_norm_that_the_user_names_stays() -> None:
    made = experiment("loss=wgan_gp", "model.discriminator.norm=instance")
    assert made.model.discriminator.norm == "instance"


# ---------------------------------------------------------------- combinations


@pytest.mark.parametrize("penalty", ["r1", "r2", "gradient", "divergence", "dragan"])
def test_batch_norm_in_d_is_refused_with_a_gradient_penalty(penalty: str) -> None:
    norm = "model.discriminator.norm=batch"
    with pytest.raises(ConfigError, match=rf"{norm} with loss\.penalty\.{penalty}\."):
        experiment("loss=hinge", f"loss/penalty={penalty}", norm)


def test_batch_norm_is_refused_for_a_batch_of_one() -> None:
    with pytest.raises(ConfigError, match=r"train\.batch_size=1 with model\.generator\.norm=batch"):
        experiment("train.batch_size=1")
    experiment("train.batch_size=1", "model.generator.norm=layer")


@pytest.mark.parametrize(
    ("overrides", "warned"),
    [
        (["loss=wgan", "optimizer=rmsprop"], False),
        (["loss=wgan"], False),
        (["loss=wgan", "optimizer.discriminator.betas=[0.5,0.9]"], True),
        (["loss=wgan", "loss.clip=null"], True),
        (["loss=wgan", "loss.clip=null", "model.discriminator.norm=spectral"], False),
        (["loss=wgan_gp", "~loss.penalty.gradient"], True),
        (["loss=wgan_gp", "optimizer.discriminator.betas=[0.5,0.9]"], False),
        (["loss=hinge"], False),
    ],
)
def test_a_doubtful_combination_is_warned_of(overrides: list[str], warned: bool) -> None:
    assert bool(experiment(*overrides).warnings) == warned


@pytest.mark.parametrize(
    "override",
    [
        "loss.name=[a]",
        "loss.penalty.r1=5",
        "loss.penalty=null",
        "~loss.d_steps",
        "optimizer.generator=5",
        "~optimizer.generator",
        "optimizer.generator.schedule=null",
        "+optimizer.average={name: SGD}",
        "model.generator=5",
        "~model.name",
        "~model",
        "~dataset",
        "dataset.name=5",
        "+loss._target_=os.system",
        "+model.generator._target_=os.system",
        "+dataset._target_=os.system",
        "+optimizer.generator._target_=os.system",
        "+optimizer._target_=os.system",
        "+_target_=os.system",
    ],
)
def test_a_group_bent_out_of_shape_is_a_fault_of_the_configuration(override: str) -> None:
    with pytest.raises(ConfigError):
        experiment(override)
