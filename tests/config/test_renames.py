"""A setting by the name that it had before is answered with the one that it has."""

from __future__ import annotations

import pytest

from gan_runner.cli.hydra.composer import Composer, compose
from gan_runner.config.component import find_class, find_classes
from gan_runner.config.renames import RENAMED, RENAMED_CLASSES
from gan_runner.errors import ConfigError
from gan_runner.models import GenerativeModel
from gan_runner.objectives.penalties import Penalty
from gan_runner.training.methods import VAE, Method

CHOSEN = {"augment.ada": "augment=ada", "augment.diffaugment": "augment=diffaugment"}


def choices(key: str) -> list[str]:
    """The options without which there is no such setting."""
    if key.startswith(("model.", "method.")):
        return ["model=vae_gan"]
    return [CHOSEN[key.rpartition(".")[0]]] if key.startswith("augment.") else []


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_answered_with_the_new_one(old: str, new: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose([*choices(old), f"{old}=1"])
    assert str(caught.value) == f"unknown setting, {old}=1. Did you mean: {new}=1"


@pytest.mark.parametrize("new", RENAMED.values())
def test_the_new_name_is_that_of_a_setting(new: str) -> None:
    assert new in Composer().known_settings(choices(new))


@pytest.mark.parametrize(
    ("family", "where", "old"),
    [
        (Penalty, "loss.penalty.divergence", "SlopePower"),
        (GenerativeModel, "model", "VAE"),
        (GenerativeModel, "model", "VAEGAN"),
    ],
)
def test_the_old_name_of_a_class_is_answered_with_the_new_one(
    family: type, where: str, old: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        find_class({"name": old}, family, where=where)
    assert str(caught.value).endswith(f"{where}.name={old}. Did you mean '{RENAMED_CLASSES[old]}'?")
    assert RENAMED_CLASSES[old] in find_classes(family)


def test_an_old_name_of_a_model_is_still_that_of_a_method() -> None:
    assert find_class({"name": "VAE"}, Method, where="method") is VAE
