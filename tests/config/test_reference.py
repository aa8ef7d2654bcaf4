"""The reference of settings: what the files say, what the classes allow, and the page of both."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
import reference
from pydantic import Field, NonNegativeFloat, PositiveInt

from gan_runner.cli.reference import typed_option
from gan_runner.config.component import Component
from gan_runner.config.groups import GROUPS, conf_folder
from gan_runner.config.reference import TYPES, Option, Setting, read_option, type_texts

CONF = conf_folder()
OPTIONS = [
    (group, path.stem)
    for group in (*GROUPS, "hydra/sweeper", "hydra/launcher", "")
    if group != "experiment"  # whose settings are those of other groups
    for path in sorted((CONF / group).glob("*.yaml"))
]
UNTYPED = ("hydra.", "name", "resume", "dry_run", "sweep")
"""Settings that no class of ours checks: Hydra's own, and those that are read by hand."""

every_option = pytest.mark.parametrize(("group", "name"), OPTIONS)


def write_option(folder: Path, group: str, name: str, text: str) -> Option:
    path = folder / group / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return read_option(group, name, folder)


# ---------------------------------------------------------------- what a file says


def test_a_setting_is_read_with_its_comment(tmp_path: Path) -> None:
    option = write_option(
        tmp_path, "loss", "x", "# What it is. A. Uthor 2020.\nmargin: 1.0  # a bound\n"
    )
    assert option.header == "What it is. A. Uthor 2020."
    assert option.settings == (Setting("loss.margin", "1.0", "a bound"),)


def test_a_comment_goes_on_below_where_it_is_indented_further(tmp_path: Path) -> None:
    text = "a: '#'   # the first\n         # of two\n# not of it\nb:\n  c: 2\n    # below\n"
    first, second = write_option(tmp_path, "loss", "x", text).settings
    assert first == Setting("loss.a", "'#'", "the first of two")
    assert second == Setting("loss.b.c", "2", "below")


def test_a_value_is_shown_as_it_is_written(tmp_path: Path) -> None:
    text = "a: [1.0, 2.5]  # x\nb: {}\nc: ${d}  # y\n"
    values = [setting.value for setting in write_option(tmp_path, "loss", "x", text).settings]
    assert values == ["[1.0, 2.5]", "{}", "${d}"]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("", "loss.penalty.a"),
        ("# @package _global_\n", "a"),
        ("# @package loss.penalty.r1\n", "loss.penalty.r1.a"),
    ],
)
def test_a_key_is_the_one_that_the_command_line_sets(tmp_path: Path, line: str, key: str) -> None:
    option = write_option(tmp_path, "loss/penalty", "r1", f"{line}# Header.\na: 1\n")
    assert option.settings[0].key == key
    assert option.header == "Header."


def test_the_settings_of_a_file_that_is_taken_in_are_there_unless_set_again(tmp_path: Path) -> None:
    write_option(tmp_path, "model", "shared", "a: 1  # of all\nb: 2  # of all\n")
    text = "defaults:\n  - shared\n  - _self_\n  - override /loss: elbo\nb: 3  # of this\n"
    option = write_option(tmp_path, "model", "x", text)
    assert option.settings == (
        Setting("model.b", "3", "of this"),
        Setting("model.a", "1", "of all"),
    )
    assert option.brings == ("loss=elbo",)


def test_classes_are_found_by_the_key_of_their_node() -> None:
    assert read_option("loss", "wgan_gp").classes == {
        "loss": "Wasserstein",
        "loss.penalty.gradient": "GradientPenalty",
    }


# ---------------------------------------------------------------- what a class allows


class Inner(Component):
    share: Annotated[float, Field(ge=0, le=1)]


class Kind(Component):
    count: PositiveInt
    most: Annotated[int, Field(ge=2, le=4096)] | None
    decay: Annotated[float, Field(ge=0, lt=1)]
    weight: NonNegativeFloat
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    norm: Literal["batch", "layer", "none"]
    only: Literal["he"]
    on: bool
    betas: tuple[NonNegativeFloat, NonNegativeFloat]
    names: tuple[str, ...] | None
    inner: Inner


def test_types_are_said_in_words() -> None:
    assert type_texts(Kind) == {
        "count": "integer at least 1",
        "most": "integer from 2 to 4,096 or null",
        "decay": "number at least 0, below 1",
        "weight": "number at least 0",
        "seed": "integer at least 0",
        "norm": "batch, layer or none",
        "only": "he",
        "on": "true or false",
        "betas": "list of 2: number at least 0",
        "names": "list of: text; or null",
        "inner.share": "number from 0 to 1",
    }


def test_an_option_knows_the_types_of_its_own_settings_and_of_others_that_it_sets() -> None:
    types = {setting.key: setting.type for setting in typed_option("dataset", "table").settings}
    assert types["dataset.missing"] == "state, error or drop"
    assert types["model.latent_size"] == "integer from 1 to 65,536"
    assert types["threads"] == "integer at least 1 or auto or null"


# ---------------------------------------------------------------- all that there is


@every_option
def test_every_setting_says_what_it_means(group: str, name: str) -> None:
    option = read_option(group, name)
    assert [setting.key for setting in option.settings if len(setting.meaning) < 3] == []


@every_option
def test_every_setting_has_a_type(group: str, name: str) -> None:
    settings = typed_option(group, name).settings
    assert [s.key for s in settings if not s.type and not s.key.startswith(UNTYPED)] == []


def test_the_page_is_what_files_and_classes_say() -> None:
    current = reference.PAGE.read_text(encoding="utf-8") == reference.text()
    assert current, "write it anew: python docs/reference.py"


def test_the_recorded_types_are_those_of_the_classes() -> None:
    current = TYPES.read_text(encoding="utf-8") == reference.recorded_types()
    assert current, "write them anew: python docs/reference.py"
