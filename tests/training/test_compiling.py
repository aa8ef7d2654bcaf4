"""Compiled networks learn what others learn, and what torch can't compile is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Answer, left_behind, small_run
from torch import nn

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.runs.finish import as_fault
from gan_runner.training.build import build
from gan_runner.training.compiling import compile_networks

Here = Callable[..., Answer]
DIGITS = ("loss=hinge", "train.steps=3", "train.log_every=2", "train.save_every=0")


@pytest.fixture
def same_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced by torch's compiler as always, but with the kernels of other runs."""
    monkeypatch.setattr("gan_runner.training.compiling.BACKEND", "aot_eager")


@pytest.mark.calibration  # torch's compiler takes half a minute of a busy machine
@pytest.mark.usefixtures("same_kernels")
def test_a_compiled_run_ends_where_others_end_and_resumes_exactly(
    here: Here, tmp_path: Path
) -> None:
    for name, words in (("eager", ()), ("compiled", ("compile=true",))):
        assert here("gan-train", *small_run(tmp_path / name, *DIGITS, *words)).code == 0
    halves = small_run(tmp_path / "halves", *DIGITS, "compile=true", "train.steps=1")
    assert here("gan-train", *halves).code == 0
    assert here("gan-train", "resume=halves", "train.steps=3").code == 0
    eager, compiled, resumed = (left_behind(tmp_path / n) for n in ("eager", "compiled", "halves"))
    assert compiled["tensors"] == eager["tensors"]
    assert resumed["tensors"] == compiled["tensors"]
    assert resumed["facts"] == compiled["facts"] != eager["facts"]


@pytest.mark.calibration
@pytest.mark.parametrize(
    "words",
    [
        ("model=dcgan", "model.conditioning=projection", "model.discriminator.norm=spectral"),
        ("model=resnet",),
        ("model=mlp",),
    ],
)
def test_compiled_kernels_give_the_same_gradients(words: tuple[str, ...]) -> None:
    config = parse_config(compose(["dataset=digits", "loss=hinge", "quick=true", *words]))
    model = build(config).model
    torch.manual_seed(0)
    networks = model.build_networks(Space("images", (1, 8, 8)), 3 if model.conditional else 0)
    compiled = copy.deepcopy(networks)
    compile_networks(compiled.values())
    labels = torch.arange(6) % 3 if model.conditional else None
    latents = torch.randn(6, model.latent_dims)
    found, expected = (_gradients(each, latents, labels) for each in (compiled, networks))
    most = max(float(each.abs().max()) for each in expected)
    assert most > 1e-3
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6 * most)


def _gradients(
    networks: dict[str, nn.Module], latents: torch.Tensor, labels: torch.Tensor | None
) -> list[torch.Tensor]:
    fakes = networks["generator"](latents, labels)
    loss = networks["discriminator"](fakes, labels).logits.square().mean()
    parameters = [p for network in networks.values() for p in network.parameters()]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [each for each in found if each is not None]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("loss=softplus_r1",), "loss.penalty.r1"),
        (("loss=wgan_gp", "model.discriminator.norm=none"), "loss.penalty.gradient"),
        (("loss=hinge", "loss/penalty=[r2]"), "loss.penalty.r2"),
    ],
)
def test_what_must_be_differentiated_twice_is_refused(words: tuple[str, ...], names: str) -> None:
    with pytest.raises(ConfigError, match="compile=false or a loss without one") as refused:
        build(parse_config(compose([*words, "compile=true"])))
    assert f"compile=true with {names}" in str(refused.value)


def test_recurrent_networks_are_refused(here: Here) -> None:
    answer = here("gan-train", "dataset=sines", "loss=hinge", "compile=true")
    assert answer.code == 2
    assert "compile=true with model=rnn. Use compile=false" in answer.err


@pytest.mark.calibration
@pytest.mark.parametrize(
    "act",
    [
        lambda: torch.compile(_prints, fullgraph=True, backend="aot_eager")(torch.ones(2)),
        lambda: _differentiate_twice(torch.compile(torch.sin, backend="aot_eager")),
    ],
    ids=["a network that can't be traced", "a penalty that says nothing of its gradients"],
)
def test_what_the_compiler_refuses_later_names_the_setting(act: Callable[[], object]) -> None:
    with pytest.raises(Exception) as raised:
        act()
    fault = as_fault(raised.value)
    assert str(fault).startswith("torch.compile failed, compile=true: ")
    assert "Use compile=false in a new run" in str(fault)
    assert "\n" not in str(fault)


def _prints(x: torch.Tensor) -> torch.Tensor:
    print("a side effect")
    torch._dynamo.graph_break()
    return x + 1


def _differentiate_twice(sine: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x = torch.ones(2, requires_grad=True)
    (gradient,) = torch.autograd.grad(sine(x).sum(), x, create_graph=True)
    gradient.sum().backward()
