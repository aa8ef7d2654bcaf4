"""A setting by the name that it had before is answered with the one that it has."""

from __future__ import annotations

import pytest

from gan_runner.cli.hydra.composer import Composer, compose
from gan_runner.config.renames import RENAMED
from gan_runner.errors import ConfigError

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
    assert str(caught.value) == f"unknown setting, {old}. Did you mean '{new}'?"


@pytest.mark.parametrize("new", RENAMED.values())
def test_the_new_name_is_that_of_a_setting(new: str) -> None:
    assert new in Composer().known_settings(choices(new))
