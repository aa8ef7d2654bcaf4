"""The run's own settings, their digest, and a config.yaml from a stranger."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from gan_runner.cli.hydra import composed, parsed
from gan_runner.config import schema as config
from gan_runner.config.schema import FREE, Config, differences, flat, parse, read, text
from gan_runner.errors import CheckpointError, ConfigError


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return parsed(composed([]), {"loss": "softplus_r1"}).plain()


@pytest.fixture
def plain(whole: dict[str, Any]) -> dict[str, Any]:
    """A whole configuration as plain data, to be changed at will."""
    return copy.deepcopy(whole)


def changed(plain: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The same data with one dotted key set."""
    first, _, rest = key.partition(".")
    return {**plain, first: changed(plain[first], rest, value) if rest else value}


# ---------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 0.5),
        ("device", "gpu"),
        ("device", "cuda:"),
        ("device", "cuda:-1"),
        ("device", "cpu\n"),
        ("precision", "fp16"),
        ("deterministic", "yes"),
        ("threads", 0),
        ("cache", None),
        ("train.steps", -1),
        ("train.steps", 10.5),
        ("train.epochs", 0),
        ("train.batch_size", 0),
        ("train.log_every", -1),
        ("train.sample_every", -1),
        ("train.save_every", -1),
        ("train.keep", -1),
        ("train.samples", 0),
        ("train.samples", 1025),
        ("train.ema", -0.1),
        ("train.ema", 1.0),
        ("train.ema", float("nan")),
        ("train.ema_warmup", 0.9),
        ("train.ema_warmup", float("inf")),
        ("model", None),
        ("loss", []),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(
    plain: dict[str, Any], key: str, value: Any
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed(plain, key, value))
    assert str(caught.value).startswith(f"invalid setting, {key}=")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 2**63 - 1),
        ("device", "cuda:12"),
        ("precision", "bf16"),
        ("threads", None),
        ("train.steps", 0),
        ("train.epochs", 1),
        ("train.log_every", 0),
        ("train.keep", 0),
        ("train.samples", 1024),
        ("train.ema", 0),
        ("train.ema_warmup", 1),
        ("init_from", "/runs/old"),
    ],
)
def test_a_setting_at_the_edge_of_its_range_is_taken(
    plain: dict[str, Any], key: str, value: Any
) -> None:
    made = parse(changed(plain, key, value))
    assert flat(made.plain())[key] == value


def test_every_setting_must_be_given(plain: dict[str, Any]) -> None:
    for key in plain:
        with pytest.raises(ConfigError, match=f"^missing setting, {key}\\. "):
            parse({k: v for k, v in plain.items() if k != key})
    for key in plain["train"]:
        train = {k: v for k, v in plain["train"].items() if k != key}
        with pytest.raises(ConfigError, match=f"^missing setting, train\\.{key}\\. "):
            parse({**plain, "train": train})


def test_a_misspelt_setting_is_answered_with_the_nearest(plain: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"train\.step=5\. Did you mean 'steps'\?"):
        parse({**plain, "train": {**plain["train"], "step": 5}})


# ---------------------------------------------------------------- digest

OTHER = {
    "seed": 1,
    "device": "cuda",
    "precision": "bf16",
    "deterministic": True,
    "threads": 7,
    "cache": "/elsewhere",
    "init_from": "/runs/old",
    "augment": {"ada": {"name": "ADA"}},
    "train.steps": 1,
    "train.epochs": 1,
    "train.batch_size": 1,
    "train.log_every": 1,
    "train.sample_every": 1,
    "train.save_every": 1,
    "train.eval_every": 1,
    "train.keep": 1,
    "train.samples": 1,
    "train.ema": 0.1,
    "train.ema_warmup": 1.5,
}


def test_the_digest_ignores_what_a_resumed_run_may_change_and_nothing_else(
    plain: dict[str, Any],
) -> None:
    plain["dataset"] |= {"root": "data", "path": None, "download": True}
    before = parse(plain).digest()
    for key in flat(plain):
        value = OTHER[key] if key.split(".")[0] in Config.model_fields and _is_own(key) else "other"
        after = parse(changed(plain, key, value))
        assert after.plain() != plain
        assert (after.digest() == before) == (key in FREE), key


def _is_own(key: str) -> bool:
    groups = ("method", "model", "loss", "dataset", "optimizer", "evaluation", "health", "choices")
    return key.split(".")[0] not in groups
