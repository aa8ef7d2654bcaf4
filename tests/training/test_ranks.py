"""Ranks do together what one process does with the whole batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Answer, small_run
from golden.trajectories import CASES
from safetensors.torch import load_file
from torch import nn
from trajectories_of_ranks import normalized, states

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.errors import ConfigError
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import create
from gan_runner.training.build import build

Here = Callable[..., Answer]
SCRIPT = Path(__file__).with_name("trajectories_of_ranks.py")
QUICK = (
    *("lsgan_matching", "wgan_lp_drift", "codes", "diffaugment_noise", "ada_lecam_consistency"),
    *("vae", "vae_gan_stddev", "rahinge_packed:2", "paired"),
)
SPREAD = (
    *QUICK,
    *("ralsgan", "rahinge_packed", "embedding_stddev", "double_evaluated_table", "ralsgan:2"),
    *("unpaired", "cut", "super_resolution"),
)
LEFT_OUT = ("bf16", "table_conditional")  # rounded by design; read as float32 in any case
EVERY = tuple(name for name in CASES if name not in LEFT_OUT)


def differences(
    folder: Path, names: tuple[str, ...], *, count: int, steps: int
) -> dict[str, float]:
    """For each run the most that a number of one process's state and of the ranks' differ. What
    both measure is the same."""
    command = [sys.executable, str(SCRIPT)]
    processes = [
        subprocess.Popen([*command, str(rank), str(count), str(folder), str(steps), *names])
        for rank in range(count)
    ]
    try:
        whole = [name.partition(":")[0] for name in names]
        those = states(folder, whole, steps=steps, measures=True)
        alone = list(zip(names, those, strict=True))
    finally:
        assert [process.wait() for process in processes] == [0] * count
    found = {}
    for name, (_, tensors, report) in alone:
        assert json.loads((folder / f"{name}.0.json").read_text()) == report, name
        first, *others = (load_file(folder / f"{name}.{rank}") for rank in range(count))
        assert first.keys() == tensors.keys()
        for other in others:
            assert all(first[key].equal(other[key]) for key in first), name
        found[name] = max(
            float((value - first[key]).abs().max() / max(1.0, float(value.abs().max())))
            for key, value in tensors.items()
            if value.numel()
        )
    return found


def test_two_ranks_end_where_one_process_ends(tmp_path: Path) -> None:
    found = differences(tmp_path, QUICK, count=2, steps=5)
    assert max(found.values()) < 1e-8, found
    assert (tmp_path / "fault.0").read_text() == "NumbersError a sample is NaN"
    assert (tmp_path / "fault.1").read_text() == "SharedFaultError "
    assert_batch_norm_is_of_the_whole_batch(tmp_path)


def assert_batch_norm_is_of_the_whole_batch(folder: Path) -> None:
    """In results, in gradients, and in gradients of these."""
    for affine in (True, False):
        ranks = [load_file(folder / f"batch_norm {affine}.{rank}") for rank in range(2)]
        for name, whole in normalized(nn.BatchNorm2d(3, affine=affine), slice(8)).items():
            parts = [rank[name] for rank in ranks]
            if name in ("result", "gradient", "penalty"):
                torch.testing.assert_close(torch.cat(parts), whole)
            elif name.startswith("gradient of"):
                torch.testing.assert_close(parts[0] + parts[1], whole)
            else:
                assert all(part.allclose(whole) for part in parts), name


def test_a_run_on_two_devices_goes_on_on_one(here: Here, tmp_path: Path) -> None:
    words = small_run(tmp_path / "run", "loss=hinge", "train.steps=3", "train.sample_every=0")
    command = [sys.executable, "-m", "gan_runner.train", *words, "devices=2"]
    done = subprocess.run(  # a real launcher
        command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.count("completed 3 steps") == 1
    assert read_status(tmp_path / "run")["devices"] == 2
    answer = here("gan-train", "resume=run", "devices=1", "train.steps=4")
    assert answer.code == 0
    assert "will not be bit-identical here: devices 2 -> 1" in answer.out
    assert read_status(tmp_path / "run")["devices"] == 1


def read_status(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "status.json").read_text()))


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("devices=2", "train.batch_size=63"), "Use train.batch_size=64"),
        (("devices=3", "train.batch_size=64", "model.packing=2"), "Use train.batch_size=66"),
    ],
)
def test_a_batch_that_ranks_cant_share_is_refused(words: tuple[str, ...], remedy: str) -> None:
    with pytest.raises(ConfigError, match="can't be shared alike") as refused:
        build(parse_config(compose(["loss=hinge", *words])))
    assert remedy in str(refused.value)


def test_one_process_takes_no_run_of_several_devices(tmp_path: Path) -> None:
    config = parse_config(compose(["dataset=ring", "devices=2"]))
    with pytest.raises(ConfigError, match="in one process, on one device, devices=2"):
        create(config, tmp_path, Terminal(quiet=True))


@pytest.mark.calibration
@pytest.mark.parametrize(
    ("count", "names"), [(2, tuple(dict.fromkeys(EVERY + SPREAD))), (4, SPREAD)]
)
def test_ranks_of_every_run_end_where_one_process_ends(
    tmp_path: Path, count: int, names: tuple[str, ...]
) -> None:
    found = differences(tmp_path, names, count=count, steps=20)
    assert max(found.values()) < 1e-8, found
