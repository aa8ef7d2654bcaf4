"""Threads and precision that are left open follow from the networks and the machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Answer, small_run, track

from gan_runner.config.schema import Config, read
from gan_runner.system.machine import multiplies_bf16, share_threads
from gan_runner.training.build import SLOW_BF16, build
from gan_runner.training.fit_to_machine import choose_precision, choose_threads

Here = Callable[..., Answer]
WIDE = ("model=dcgan", "model.generator.width=64", "model.discriminator.width=64")
NARROW = ("model=dcgan", "model.generator.width=8", "model.discriminator.width=8")
MLP = ("model=mlp", "model.generator.hidden=[2048,2048]", "model.discriminator.hidden=[2048,2048]")


@pytest.fixture
def choose(configured: Callable[..., Config], tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Threads of eight and the precision on a device that multiplies bfloat16, or doesn't."""

    def chosen(*settings: str, bf16: bool = True) -> tuple[int, str]:
        np.save(
            tmp_path / "images.npy", np.arange(300 * 32 * 32, dtype=np.uint8).reshape(300, 32, 32)
        )
        source = ("dataset=array", f"dataset.path={tmp_path / 'images.npy'}")
        experiment = build(configured(*source, *settings))
        data = experiment.dataset.training(tmp_path, track)
        return (
            choose_threads(experiment, data, available=8),
            choose_precision(experiment, data, multiplies_bf16=bf16),
        )

    return chosen


AUTO = ("threads=auto", "precision=auto")


def test_wide_convolutions_get_all_threads_and_bf16(choose: Callable[..., tuple[int, str]]) -> None:
    assert choose(*WIDE, *AUTO) == (8, "bf16")


def test_bf16_is_for_devices_that_multiply_it(choose: Callable[..., tuple[int, str]]) -> None:
    assert choose(*WIDE, *AUTO, bf16=False) == (8, "fp32")


def test_little_work_gets_one_thread_and_fp32(choose: Callable[..., tuple[int, str]]) -> None:
    assert choose(*NARROW, *AUTO) == (1, "fp32")


def test_much_work_without_convolutions_gets_fp32(choose: Callable[..., tuple[int, str]]) -> None:
    assert choose(*MLP, "train.batch_size=256", *AUTO) == (8, "fp32")


def test_what_is_asked_for_is_kept(choose: Callable[..., tuple[int, str]]) -> None:
    assert choose(*WIDE, "threads=3", "precision=fp32") == (3, "fp32")
    assert choose(*NARROW, "threads=3", "precision=bf16", bf16=False) == (3, "bf16")
    assert choose(*NARROW, "threads=null", "precision=fp32") == (8, "fp32")


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_cpu_with_one_of_these_multiplies_bf16(
    monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, flag: False})
    assert not multiplies_bf16(cpu)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, flag: True})
    assert multiplies_bf16(cpu)


def test_a_gpu_multiplies_bf16_from_ampere_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for capability, expected in (((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        assert multiplies_bf16(torch.device("cuda")) == expected


def test_the_choice_is_recorded_and_kept_on_resume(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gan_runner.system.machine.multiplies_bf16", lambda device: True)
    monkeypatch.setattr("gan_runner.training.fit_to_machine._MUCH", 1.0)
    monkeypatch.setattr("gan_runner.training.fit_to_machine._WIDE", 8)
    words = small_run(tmp_path / "run", "train.steps=1", "train.sample_every=0")
    assert here("gan-train", *[w for w in words if "threads" not in w], *AUTO).code == 0
    assert warnings(tmp_path / "run") == []
    saved = read(tmp_path / "run" / "config.yaml")
    assert (saved.precision, type(saved.threads)) == ("bf16", int)
    monkeypatch.setattr("gan_runner.system.machine.multiplies_bf16", lambda device: False)
    assert here("gan-train", "resume=run", "train.steps=2", *AUTO).code == 0
    assert read(tmp_path / "run" / "config.yaml").precision == "bf16"
    assert warnings(tmp_path / "run") == [SLOW_BF16]
    assert json.loads((tmp_path / "run" / "status.json").read_text())["threads"] == saved.threads


def warnings(run: Path) -> list[str]:
    found: list[str] = json.loads((run / "status.json").read_text())["warnings"]
    return [text for text in found if "bfloat16" in text]


def test_a_job_chooses_from_its_share_of_the_threads() -> None:
    before = torch.get_num_threads()
    with share_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with share_threads(None):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before
