"""Combinations that can't work are answered with remedies that lead to one that can."""

from __future__ import annotations

import re
from functools import cache

import pytest

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.errors import ConfigError
from gan_runner.training.build import build

Choices = frozenset[tuple[str, str]]
STEPS = 3  # remedies at most, one after the other


@cache
def remedies(choices: Choices) -> tuple[Choices, ...]:
    """The choices as each remedy of a refusal changes them; none if they can be built."""
    try:
        build(parse_config(compose([f"{key}={value}" for key, value in sorted(choices)])))
    except ConfigError as error:
        text = str(error)
    else:
        return ()
    ways = re.split(r",? or ", text[text.index("Use ") :])
    changes = [dict(re.findall(r"(\w+)=(\w+)", way)) for way in ways]
    assert all(changes), text
    return tuple(frozenset({**dict(choices), **each}.items()) for each in changes)


def check_remedies(choices: Choices, before: tuple[Choices, ...] = ()) -> None:
    """Follow each remedy until something can be built."""
    assert choices not in before, f"in a circle: {before}"
    assert len(before) <= STEPS, f"no end: {before}"
    for changed in remedies(choices):
        check_remedies(changed, (*before, choices))


@pytest.mark.parametrize("dataset", ["digits", "degraded"])
@pytest.mark.parametrize(
    ("method", "model"),
    [
        *(("paired", model) for model in ("dcgan", "unet", "srresnet")),
        *(("unpaired", model) for model in ("dcgan", "unet")),
        *(("cut", model) for model in ("dcgan", "unet", "srresnet")),
        *((method, "unet") for method in ("adversarial", "vae", "vae_gan")),
        ("adversarial", "dcgan"),
    ],
)
def test_every_remedy_for_a_translator_leads_to_a_run(
    dataset: str, method: str, model: str
) -> None:
    check_remedies(frozenset({"dataset": dataset, "method": method, "model": model}.items()))


@pytest.mark.parametrize("method", ["adversarial", "vae", "vae_gan"])
@pytest.mark.parametrize("model", ["dcgan", "conv_vae", "vae_gan"])
@pytest.mark.parametrize("loss", [None, "elbo", "hinge"])
def test_every_remedy_for_a_method_and_a_model_leads_to_a_run(
    method: str, model: str, loss: str | None
) -> None:
    chosen = {"method": method, "model": model, **({} if loss is None else {"loss": loss})}
    check_remedies(frozenset(chosen.items()))
