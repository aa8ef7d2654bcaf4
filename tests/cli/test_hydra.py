"""Hydra composes, and nothing more: nothing of it is global, and what it leaves is for people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
import pytest
import yaml
from conftest import Answer, small_run
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.groups import conf_folder
from gan_runner.errors import ConfigError

Here = Callable[..., Answer]


def test_a_program_of_hydra_can_compose_a_run_within_its_own() -> None:
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        ours = GlobalHydra.instance().hydra
        assert parse_config(compose(["loss=hinge"])).choices["loss"] == "hinge"
        assert GlobalHydra.instance().hydra is ours
    assert not GlobalHydra.instance().is_initialized()


def test_a_run_leaves_the_globals_of_hydra_and_the_arguments_alone(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "of=its", "own"])
    before = HydraConfig.instance().cfg
    assert here("gan-train", *small_run(Path("run"), "train.steps=0")).code == 0
    assert sys.argv == ["program", "of=its", "own"]
    assert not GlobalHydra.instance().is_initialized()
    assert HydraConfig.instance().cfg is before


def test_the_plugins_cost_other_programs_of_hydra_nothing() -> None:
    code = (
        "import sys, hydra; from hydra.plugins import launcher, sweeper; before = set(sys.modules);"
        "import hydra_plugins.gan_runner_sweeps; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package = [
        "gan_runner",
        *(f"gan_runner.cli{part}" for part in ("", ".hydra", ".hydra.plugins")),
    ]
    assert done.stdout.split() == [*package, "hydra_plugins", "hydra_plugins.gan_runner_sweeps"]


def test_what_hydra_records_is_left_for_people(here: Here) -> None:
    assert here("gan-train", *small_run(Path("run"), "train.steps=0", "loss=hinge")).code == 0
    config, own, overrides = (
        yaml.safe_load(Path(f"run/.hydra/{name}.yaml").read_text())
        for name in ("config", "hydra", "overrides")
    )
    assert (config["loss"]["name"], "hydra" in config) == ("Hinge", False)
    assert own["hydra"]["runtime"]["output_dir"] == str(Path("run").absolute())
    assert (own["hydra"]["mode"], own["hydra"]["job"]["name"]) == ("RUN", "train")
    assert "loss=hinge" in overrides and "hydra.run.dir=run" not in overrides


def test_the_records_can_be_left_out(here: Here) -> None:
    asked = small_run(Path("run"), "train.steps=0", "hydra.output_subdir=null")
    assert here("gan-train", *asked).code == 0
    assert not Path("run/.hydra").exists()


@pytest.fixture
def own() -> tuple[str, str]:
    """A folder with a loss of one's own, and a file that the others are composed into."""
    Path("own/loss").mkdir(parents=True)
    hinge = (conf_folder() / "loss" / "hinge.yaml").read_text()
    Path("own/loss/mine.yaml").write_text(hinge)
    Path("own/short.yaml").write_text("defaults: [config, _self_]\ntrain: {steps: 1}\n")
    return ("--config-dir", "own")


def test_options_of_ones_own_serve_a_run_a_dry_run_and_a_resume(
    here: Here, own: tuple[str, str]
) -> None:
    asked = [*own, *small_run(Path("run"), "train.steps=1", "loss=mine")]
    assert here("gan-train", *asked, "dry_run=true").code == 0
    assert here("gan-train", *asked).code == 0
    assert here("gan-train", *own, "resume=run", "train.steps=2", "loss=mine").code == 0
    answer = here("gan-train", "resume=run", "train.steps=3", "loss=mine")
    assert (answer.code, "unknown loss, loss=mine." in answer.err) == (2, True)


def test_another_file_may_be_what_all_is_composed_into(here: Here, own: tuple[str, str]) -> None:
    answer = here("gan-train", *own, "--config-name", "short", "--cfg", "job")
    assert (answer.code, "  steps: 1\n" in answer.out) == (0, True), answer.err


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["init_from=~/a=b"], ['init_from="~/a=b"']),
        (["loss=hinge", "-m", "seed=0,1"], ["loss=hinge", "seed=0,1"]),
        (["cache=it's", "--cfg", "job"], ['cache="it\'s"']),
    ],
)
def test_values_that_hydra_cant_read_are_quoted(arguments: list[str], lines: list[str]) -> None:
    command = read_command_line(arguments)
    assert command.lines == lines
    assert command.words == [*lines, *(a for a in arguments if a.startswith("-") or a == "job")]


def test_hydras_mode_says_that_it_is_a_sweep_as_the_flag_does() -> None:
    assert read_command_line(["hydra.mode=MULTIRUN"]).multirun
    assert read_command_line(["-m"]).multirun
    assert not read_command_line(["hydra.mode=RUN"]).multirun


def test_what_hydra_raises_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting, trian\.steps"):
        compose(["trian.steps=1"])
    with pytest.raises(ConfigError) as caught:
        compose(["loss/penalty=nothing"])
    assert not isinstance(caught.value, HydraException)
