"""The run's own settings, their digest, and a config.yaml from a stranger."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.dotted import flatten
from gan_runner.config.plain_yaml import LARGEST_FILE_BYTES
from gan_runner.config.schema import FREE, Config, differences, is_free, parse, read, text
from gan_runner.errors import CheckpointError, ConfigError


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return parse_config(compose([])).plain()


@pytest.fixture
def plain(whole: dict[str, Any]) -> dict[str, Any]:
    """A whole configuration as plain data, to be changed at will."""
    return copy.deepcopy(whole)


def with_setting(plain: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The same data with one dotted key set."""
    first, _, rest = key.partition(".")
    return {**plain, first: with_setting(plain[first], rest, value) if rest else value}


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
        ("train.accumulate", 0),
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
        parse(with_setting(plain, key, value))
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
    made = parse(with_setting(plain, key, value))
    assert flatten(made.plain())[key] == value


def test_every_setting_must_be_given(plain: dict[str, Any]) -> None:
    for key in plain:
        with pytest.raises(ConfigError, match=f"^missing setting, {key}\\. "):
            parse({k: v for k, v in plain.items() if k != key})
    for key in plain["train"]:
        train = {k: v for k, v in plain["train"].items() if k != key}
        with pytest.raises(ConfigError, match=f"^missing setting, train\\.{key}\\. "):
            parse({**plain, "train": train})


def test_a_misspelled_setting_is_answered_with_the_nearest(plain: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"train\.step=5\. Did you mean 'train.steps'\?"):
        parse({**plain, "train": {**plain["train"], "step": 5}})


# ---------------------------------------------------------------- digest

OTHER = {
    "seed": 1,
    "device": "cuda",
    "precision": "bf16",
    "deterministic": True,
    "threads": 7,
    "reuse_memory": False,
    "devices": 2,
    "compile": True,
    "quick": True,
    "cache": "/elsewhere",
    "init_from": "/runs/old",
    "augment": {"ada": {"name": "ADA"}},
    "train.steps": 1,
    "train.epochs": 1,
    "train.updates": "simultaneous",
    "train.batch_size": 1,
    "train.accumulate": 2,
    "train.log_every": 1,
    "train.sample_every": 1,
    "train.save_every": 1,
    "train.eval_every": 1,
    "train.keep": 1,
    "train.samples": 1,
    "train.ema": 0.1,
    "train.ema_warmup": 1.5,
    "privacy.epsilon": 3.0,
    "privacy.noise_multiplier": 1.0,
    "privacy.max_grad_norm": 0.5,
    "privacy.delta": 1e-6,
    "terminal.preview": "never",
    "plugins": [{"name": "mine.py", "version": None, "sha256": "0"}],
}


def test_the_digest_ignores_what_a_resumed_run_may_change_and_nothing_else(
    plain: dict[str, Any],
) -> None:
    plain["dataset"] |= {"root": "data", "path": None, "download": True}
    before = parse(plain).digest()
    for key in flatten(plain):
        value = OTHER[key] if key.split(".")[0] in Config.model_fields and _is_own(key) else "other"
        after = parse(with_setting(plain, key, value))
        assert after.plain() != plain
        assert (after.digest() == before) == (key in ("plugins", "quick") or is_free(key)), key


def _is_own(key: str) -> bool:
    groups = (
        "method",
        "model",
        "loss",
        "dataset",
        "optimizer",
        "evaluation",
        "health",
        "choices",
        "logger",
    )
    return key.split(".", maxsplit=1)[0] not in groups


def test_what_a_resumed_run_may_change_is_what_the_contract_says() -> None:
    assert set(FREE) == {
        "train.steps",
        "train.epochs",
        "train.log_every",
        "train.sample_every",
        "train.save_every",
        "train.eval_every",
        "train.keep",
        "terminal.preview",
        "device",
        "devices",
        "threads",
        "reuse_memory",
        "cache",
        "dataset.root",
        "dataset.path",
        "dataset.inputs",
        "dataset.targets",
        "dataset.source.root",
        "dataset.source.path",
        "dataset.download",
        "dataset.source.download",
        "optimizer.generator.schedule.steps",
        "optimizer.discriminator.schedule.steps",
    }


def test_a_run_of_before_some_settings_is_read_with_its_digest(
    tmp_path: Path, plain: dict[str, Any]
) -> None:
    made = parse(plain)
    earlier = deepcopy(made.plain())
    del earlier["terminal"], earlier["reuse_memory"], earlier["train"]["updates"]
    private = [f"privacy.{name}" for name in earlier.pop("privacy")]
    del earlier["compile"], earlier["devices"], earlier["train"]["accumulate"]
    del earlier["model"]["discriminator"]["dropout"], earlier["evaluation"]["target"]
    actions = ("ignores_input", "identity", "checkerboards", "impossible_rows")
    limits = [f"health.translation.{name}" for name in earlier["health"].pop("translation")]
    limits += [
        f"health.impossible_rows.{name}" for name in earlier["health"].pop("impossible_rows")
    ]
    for action in actions:
        del earlier["health"]["action"][action]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(earlier))
    found = read(tmp_path / "config.yaml")
    assert found.terminal.preview == "never"
    assert found.train.updates == "alternating"
    assert found.model["discriminator"]["dropout"] == 0.0
    assert (
        found.digest()
        == made.digest()
        == digest_without(
            (
                *("train.updates", "train.accumulate", "compile", *limits, *private),
                *("model.discriminator.dropout", "evaluation.target"),
                *(f"health.action.{action}" for action in actions),
            ),
            made,
        )
    )


def test_a_table_of_before_its_lines_could_be_skipped_is_read_with_its_digest(
    tmp_path: Path,
) -> None:
    made = parse_config(compose(["dataset=table", "dataset.path=rows.csv"]))
    earlier = made.plain()
    del earlier["dataset"]["names"], earlier["dataset"]["skip_lines"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(earlier))
    found = read(tmp_path / "config.yaml")
    assert (found.dataset["names"], found.dataset["skip_lines"]) == ([], [])
    assert found.digest() == made.digest()
    skipping = parse_config(compose(["dataset=table", "dataset.skip_lines=[2]"]))
    assert skipping.digest() != made.digest()


def digest_without(keys: tuple[str, ...], config: Config) -> str:
    """The digest as the versions took it that had no such settings."""
    leaves = flatten(config.plain())
    fixed = {k: v for k, v in leaves.items() if not is_free(k)}
    kept = {k: v for k, v in fixed.items() if k not in ("plugins", "quick", *keys)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def test_an_added_or_a_lost_setting_changes_the_digest(plain: dict[str, Any]) -> None:
    before = parse(plain).digest()
    added = {**plain["loss"], "penalty": {**plain["loss"]["penalty"], "r2": {"name": "R2"}}}
    assert parse({**plain, "loss": added}).digest() != before
    assert parse({**plain, "loss": {**plain["loss"], "penalty": {}}}).digest() != before


def test_the_order_of_settings_does_not_change_the_digest(plain: dict[str, Any]) -> None:
    turned = {key: plain[key] for key in reversed(plain)}
    turned["train"] = {key: plain["train"][key] for key in reversed(plain["train"])}
    assert parse(turned).digest() == parse(plain).digest()


# ---------------------------------------------------------------- config.yaml


@pytest.fixture
def read_text(tmp_path: Path) -> Callable[[str | bytes], Config]:
    """Reads a config.yaml with this content."""

    def get(content: str | bytes) -> Config:
        path = tmp_path / "config.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read(path)

    return get


def test_a_configuration_is_read_as_it_was_written(
    plain: dict[str, Any], read_text: Callable[[str | bytes], Config]
) -> None:
    plain["cache"] = "/größe/データ: [1, 2] #no comment\n\\ 'quoted' \"twice\""
    plain["init_from"] = "null"
    plain["dataset"]["root"] = "/data"
    plain["choices"]["dataset"] = "2026-01-01"
    plain["optimizer"]["generator"]["eps"] = 1e-08
    made = parse(plain)
    assert read_text(text(made)) == made


def test_an_interpolation_stays_text(
    plain: dict[str, Any], read_text: Callable[[str | bytes], Config]
) -> None:
    plain["init_from"] = "${oc.env:HOME}"
    plain["dataset"]["root"] = "${init_from}"
    found = read_text(yaml.safe_dump(plain))
    assert found.init_from == "${oc.env:HOME}"
    assert found.dataset["root"] == "${init_from}"


def test_a_target_is_an_unknown_setting(
    plain: dict[str, Any], read_text: Callable[[str | bytes], Config]
) -> None:
    for content in (
        {**plain, "_target_": "os.system"},
        {**plain, "train": {**plain["train"], "_target_": "os.system"}},
    ):
        with pytest.raises(CheckpointError, match=r"unknown setting, .*_target_="):
            read_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    "tag",
    [
        '!!python/object/apply:os.mkdir ["{}"]',
        '!!python/object/new:os.mkdir ["{}"]',
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/tuple [1, 2]",
    ],
)
def test_a_tag_that_would_make_objects_is_refused_and_makes_none(
    tag: str, read_text: Callable[[str | bytes], Config], tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="unreadable configuration"):
        read_text("seed: " + tag.replace("{}", str(tmp_path / "made")))
    assert not (tmp_path / "made").exists()


HOSTILE = {
    "empty": b"",
    "null bytes": b"\0" * 100,
    "binary": bytes(range(256)),
    "half a character": "seed: ö".encode()[:-1],
    "a list": b"- seed: 0\n",
    "a text": b"seed",
    "a number": b"5",
    "two documents": b"seed: 0\n---\nseed: 1\n",
    "no YAML": b"seed: [0\ntrain: }",
    "a tab": b"train:\n\tsteps: 5\n",
    "a date for a number": b"seed: 2026-01-01",
    "no such date": b"seed: 2026-13-41",
    "more digits than Python takes": b"seed: " + b"9" * 10_000,
    "a list for a key": b"? [1, 2]\n: 3\n",
    "a set": b"seed: !!set {a, b}",
    "bytes": b"seed: !!binary aGFsbG8=",
    "half of a surrogate pair": b'cache: "\\ud800"',
    "deep lists": b"seed: " + b"[" * 60_000,
    "deep mappings": b"seed: " + b"{a: " * 5000 + b"1" + b"}" * 5000,
    "half-deep lists": b"seed: " + b"[" * 500 + b"]" * 500,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_does_not_hold_a_configuration_is_refused(
    content: bytes, read_text: Callable[[str | bytes], Config]
) -> None:
    with pytest.raises(CheckpointError, match=r"config\.yaml"):
        read_text(content)


def test_an_alias_is_refused_before_it_unfolds(read_text: Callable[[str | bytes], Config]) -> None:
    names = "abcdefghijklmn"
    lines = ["a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"]
    for inner, outer in pairwise(names):
        lines.append(f"{outer}: &{outer} [{', '.join([f'*{inner}'] * 10)}]")
    begun = time.monotonic()
    with pytest.raises(CheckpointError, match="alias"):
        read_text("\n".join(lines))  # 10^14 numbers
    merged = ["a: &a {x: 0, y: 0}"]
    for inner, outer in pairwise(names):
        merged.append(f"{outer}: &{outer} {{<<: [{', '.join([f'*{inner}'] * 10)}]}}")
    with pytest.raises(CheckpointError, match="alias"):
        read_text("\n".join(merged))
    with pytest.raises(CheckpointError, match="alias"):
        read_text("seed: &a [*a]")
    assert time.monotonic() - begun < 10


def test_a_huge_file_is_refused_unread(read_text: Callable[[str | bytes], Config]) -> None:
    with pytest.raises(CheckpointError, match="too large"):
        read_text(b"seed: 0\n" + b"#" * LARGEST_FILE_BYTES)


def test_the_largest_file_is_read_in_a_moment(
    plain: dict[str, Any], read_text: Callable[[str | bytes], Config]
) -> None:
    content = yaml.safe_dump(plain) + "x: ["
    name = "ENSG00000139618, "
    content += name * ((LARGEST_FILE_BYTES - len(content)) // len(name) - 1) + "]"
    begun = time.process_time()
    with pytest.raises(CheckpointError, match="unknown setting, x="):
        read_text(content)
    assert time.process_time() - begun < 10


def test_a_folder_without_a_configuration_is_refused_as_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^not a run folder, .* It has no config\.yaml\.$"):
        read(tmp_path / "config.yaml")


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(CheckpointError, match="unreadable configuration"):
        read(tmp_path / "config.yaml")


# ---------------------------------------------------------------- dotted keys


def test_leaves_are_named_by_dotted_keys_and_an_empty_group_is_a_leaf() -> None:
    tree = {"a": {"b": 1, "c": {"d": [1, {"e": 2}]}}, "f": {}}
    assert flatten(tree) == {"a.b": 1, "a.c.d": [1, {"e": 2}], "f": {}}


def test_differences_name_what_changed_what_came_and_what_went() -> None:
    ours, theirs = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 5}, "e": 4}
    assert differences(ours, theirs) == {"a.c": (2, 5), "d": (3, None), "e": (None, 4)}
    assert differences(ours, ours) == {}


def test_the_configuration_of_an_earlier_version_is_called_that(
    tmp_path: Path, plain: dict[str, Any]
) -> None:
    del plain["method"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(CheckpointError, match=r"^the run was made by an earlier version .*, /"):
        read(tmp_path / "config.yaml")
