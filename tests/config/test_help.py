"""gan-train --help explains everything by its name, from the files and the recorded types."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Answer

from gan_runner.config.groups import GROUPS, options
from gan_runner.config.help import OptionSource, help_text
from gan_runner.config.reference import read_option
from gan_runner.errors import ConfigError

SOURCE = OptionSource()
Here = Callable[..., Answer]


def test_the_overview_fits_on_a_screen_and_names_every_group() -> None:
    lines = help_text([], SOURCE).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("  gan-train") for line in lines) == 10
    assert all(any(line.split()[:1] == [group] for line in lines) for group in GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_explained_by_its_options(group: str) -> None:
    lines = help_text([group], SOURCE).splitlines()
    assert all(any(line.split()[:1] == [name] for line in lines) for name in options(group))
    assert max(map(len, lines)) <= 80


def test_an_option_is_explained_by_its_settings_with_types_and_its_source() -> None:
    text = help_text(["loss=hinge"], SOURCE)
    assert "Lim & Ye 2017, arXiv:1705.02894" in text
    assert "  loss.margin=1.0    number above 0\n      logits beyond it cost D nothing\n" in text


def test_every_setting_of_an_option_has_its_type() -> None:
    for group in GROUPS:
        for name in options(group) if group != "experiment" else ():
            found = read_option(group, name).with_recorded_types()
            assert [setting.key for setting in found.settings if not setting.type] == []


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("train", "  train.batch_size=64        integer at least 1\n      examples in a batch"),
        ("train.steps", "  train.steps=5000  integer at least 0\n      generator updates\n"),
        ("train.steps=7", "  train.steps=5000  integer at least 0\n"),
        ("lr", "of optimizer=adam, adamw:\n  optimizer.generator.lr=0.001 "),
        ("loss.margin", "of loss=hinge:\n  loss.margin=1.0"),
        ("hinge", "loss=hinge\n"),
        ("loss.penalty", "loss/penalty: penalties"),
        ("optimizer.generator.clip_norm", "of every optimizer:\n"),
        ("experiment=ring_hinge", "\n  Command: gan-train experiment=ring_hinge\n"),
        ("hydra/launcher", "  slurm      "),
        ("dataset", "  dataset.per_class=null "),
        ("health", "  health.patience=null "),
    ],
)
def test_a_topic_is_explained(topic: str, words: str) -> None:
    assert words in help_text([topic], SOURCE)


@pytest.mark.parametrize(
    ("topic", "answer"),
    [
        ("train.step", "--help train.step. Did you mean 'train.steps'?"),
        ("los", "--help los. Did you mean 'loss'?"),
        ("loss=hinged", "unknown loss, loss=hinged. Did you mean 'hinge'?"),
    ],
)
def test_a_topic_that_there_is_not_gets_the_nearest(topic: str, answer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        help_text([topic], SOURCE)
    assert str(caught.value).endswith(answer)


@pytest.mark.parametrize(
    "words", [("--help", "loss=hinge"), ("--help=loss=hinge",), ("loss=hinge", "-h")]
)
def test_the_topic_stands_anywhere(here: Here, words: tuple[str, ...]) -> None:
    assert here("gan-train", *words).out.startswith("loss=hinge\n  D: max(0, 1-r)")


@pytest.mark.parametrize("name", ["train", "sample", "runs", "compare", "report", "data"])
def test_every_command_says_our_version(here: Here, name: str) -> None:
    assert here(f"gan-{name}", "--version").out.startswith("gan-runner 0.")
