"""Numbers of translators that are known to be sick, and of healthy ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_runner.config.component import parse_settings
from gan_runner.config.groups import conf_folder
from gan_runner.data import Data, Space
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.health.probe import HealthProbe
from gan_runner.health.translations import ProbedImages, TranslationProbe, pattern_strength
from gan_runner.sampling.sampler import Sampler
from gan_runner.sampling.translation import Translation


def photographs(count: int, side: int = 32, *, seed: int = 0) -> Tensor:
    """Smooth pictures with a little noise, uint8 [N, 1, side, side]."""
    rng = torch.Generator().manual_seed(seed)
    rough = torch.rand(count, 1, 6, 6, generator=rng)
    smooth = interpolate(rough, size=(side, side), mode="bicubic")
    noise = 0.02 * torch.randn(smooth.shape, generator=rng)
    return ((smooth + noise) * 255).clamp(0, 255).to(torch.uint8)


TARGETS = photographs(24)
SPACE = Space("images", (1, 32, 32), inputs=Space("images", (1, 32, 32)))
NEGATIVES = Data(TARGETS, SPACE, inputs=255 - TARGETS)


class Translator(nn.Module):
    """Negatives back into pictures, and what it is to add, in [-1, 1]."""

    def __init__(self, added: float = 0.0) -> None:
        super().__init__()
        self.added = nn.Parameter(torch.tensor(added))

    def forward(self, inputs: Tensor) -> Tensor:
        return -inputs + self.added


class Identity(Translator):
    """Inputs as they are."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


class Noise(Translator):
    """Another picture for each place in a batch, whatever the input."""

    def forward(self, inputs: Tensor) -> Tensor:
        return SPACE.encode(photographs(len(inputs), seed=1))


class SameOfEverything(Translator):
    """The same picture of each input."""

    def forward(self, inputs: Tensor) -> Tensor:
        return SPACE.encode(TARGETS[:1]).expand_as(inputs)


class Checkerboards(Translator):
    """Good pictures under a pattern of a period of `period` pixels."""

    def __init__(self, levels: float, period: int) -> None:
        super().__init__()
        places = torch.arange(32) // (period // 2)
        signs = 1 - 2 * ((places[:, None] + places) % 2)
        self.pattern = signs * levels / 127.5

    def forward(self, inputs: Tensor) -> Tensor:
        return (-inputs + self.pattern).clamp(-1, 1)


def numbers(network: nn.Module, data: Data = NEGATIVES) -> dict[str, float]:
    probe = TranslationProbe(ProbedImages.of(data, count=24))
    return probe.compare(Translation(network, data.space))


def test_a_translator_that_is_right_is_healthy() -> None:
    found = numbers(Translator())
    assert found["health/input_effect"] == pytest.approx(1, abs=0.01)
    assert found["health/change"] == pytest.approx(1, abs=0.01)
    assert found["health/checkerboards"] < 2


@pytest.mark.parametrize("network", [SameOfEverything(), Noise()])
def test_outputs_that_ignore_their_input_have_no_effect_of_it(network: nn.Module) -> None:
    assert numbers(network)["health/input_effect"] < 0.05


def test_an_identity_changes_nothing() -> None:
    found = numbers(Identity())
    assert found["health/change"] == 0
    assert found["health/input_effect"] > 0.5


def test_bicubic_upscaling_is_the_identity_of_super_resolution() -> None:
    small = avg_pool2d(TARGETS.float(), 4).round().to(torch.uint8)
    space = Space("images", (1, 32, 32), inputs=Space("images", (1, 8, 8)))
    data = Data(TARGETS, space, inputs=small)

    class Bicubic(Translator):
        def forward(self, inputs: Tensor) -> Tensor:
            return interpolate(inputs, scale_factor=4, mode="bicubic", antialias=True)

    probe = TranslationProbe(ProbedImages.of(data, count=24))
    found = probe.compare(Translation(Bicubic(), space, factor=4))
    assert found["health/change"] < 0.1


def test_an_identity_of_domains_changes_nothing() -> None:
    data = Data(TARGETS, SPACE, inputs=photographs(20, seed=3), paired=False)
    assert numbers(Identity(), data)["health/change"] == 0
    assert numbers(Translator(), data)["health/change"] > 0.5


@pytest.mark.parametrize("period", [2, 4])
def test_checkerboards_stand_out_from_a_few_gray_levels_on(period: int) -> None:
    strengths = [
        numbers(Checkerboards(levels, period))["health/checkerboards"]
        for levels in (0.3, 5.0, 12.0)
    ]
    assert strengths[0] < 10 < strengths[1] < strengths[2]


def test_blur_and_noise_are_no_checkerboards() -> None:
    rng = torch.Generator().manual_seed(5)
    noisy = TARGETS.float() + 20 * torch.randn(TARGETS.shape, generator=rng)
    blurred = avg_pool2d(TARGETS.float(), 3, stride=1, padding=1)
    usual = pattern_strength(TARGETS)
    assert usual is not None
    for images in (noisy, blurred):
        strength = pattern_strength(images.clamp(0, 255).round().to(torch.uint8))
        assert strength is not None
        assert strength < 3 * max(1.0, usual)


def test_small_images_have_no_strength_of_patterns() -> None:
    assert pattern_strength(photographs(4, 12)) is None


def test_a_probe_takes_as_many_images_as_cost_little_and_as_large_as_training_sees() -> None:
    large = photographs(40, 256)
    space = Space("images", (1, 128, 128), inputs=Space("images", (1, 64, 64)))
    data = Data(large, space, inputs=large[:, :, ::2, ::2])
    probed = ProbedImages.of(data, count=24)
    assert probed.targets.shape == (8, 1, 128, 128)
    assert probed.inputs.shape == (8, 1, 64, 64)
    assert torch.equal(probed.inputs, probed.targets[:, :, ::2, ::2])


def test_inputs_without_colors_have_no_change() -> None:
    channels = TARGETS.expand(-1, 7, -1, -1)
    space = Space("images", (1, 32, 32), inputs=Space("images", (7, 32, 32)))

    class First(Translator):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs[:, :1]

    assert "health/change" not in numbers(First(), Data(TARGETS, space, inputs=channels))


def test_a_run_of_a_translator_logs_these_numbers_and_no_others(tmp_path: Path) -> None:
    plain = yaml.safe_load((conf_folder() / "health" / "standard.yaml").read_text())
    evaluation = yaml.safe_load((conf_folder() / "evaluation" / "standard.yaml").read_text())
    probe = HealthProbe(
        parse_settings(plain, Health, where="health"),
        parse_settings(evaluation, Evaluation, where="evaluation"),
        NEGATIVES,
        metrics=tmp_path / "metrics.jsonl",
        rollbacks=[],
    )
    translator = Identity()
    sampler = Sampler(translator, SPACE, 0, translation=Translation(translator, SPACE))
    found = probe.compare_samples(sampler)
    assert set(found) == {"health/input_effect", "health/change", "health/checkerboards"}
    assert found == probe.compare_samples(sampler)
    (verdict,) = (
        v for step in range(100, 600, 100) for v in probe.observe({"step": step, **found})
    )
    assert verdict.name == "identity"
    assert translator.training  # as it was
