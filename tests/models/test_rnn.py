"""Recurrent networks: what each step sees, what D reads, labels at every step, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import model_settings
from network_pairs import Networks, build_pair
from torch import Tensor, nn

from gan_runner.config.component import build_component
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models import Model
from gan_runner.models import rnn as rnn_module

WAYS = ("concat", "embedding", "auxiliary")
STEPS, SIZE = 6, 2
SEQUENCES = Space("sequences", (STEPS, SIZE), (0.0,) * SIZE, (1.0,) * SIZE)
IMAGES, VECTORS = Space("images", (1, 8, 8)), Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2)


def rnn(*, generator: Any = None, discriminator: Any = None, **changes: Any) -> Model:
    plain = model_settings("rnn")
    plain["generator"] |= {"hidden": 8, "latent": "per_step", **(generator or {})}
    plain["discriminator"] |= {"hidden": 8, **(discriminator or {})}
    return build_component({**plain, "latent_size": 18, **changes}, Model, where="model")


def networks(classes: int = 0, **changes: Any) -> Networks:
    torch.manual_seed(0)
    return build_pair(rnn(**changes), SEQUENCES, classes)


def moved_steps(network: nn.Module, before: Tensor, after: Tensor, *labels: Tensor) -> list[bool]:
    """At which steps what a generator makes of two latent points differs."""
    difference = (network(before, *labels) - network(after, *labels)).abs().amax((0, 2))
    return [bool(step > 1e-7) for step in difference]


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("latent", ["per_step", "whole"])
@pytest.mark.parametrize("reads", ["mean", "last"])
def test_sequences_are_made_and_scored(cell: str, layers: int, latent: str, reads: str) -> None:
    common = {"cell": cell, "layers": layers}
    made = networks(
        generator={**common, "latent": latent}, discriminator={**common, "reads": reads}
    )
    sequences = made.generator(torch.randn(5, 18))
    assert sequences.shape == (5, STEPS, SIZE)
    assert made.discriminator(sequences).logits.shape == (5,)
    assert made.discriminator(sequences[:1]).logits.shape == (1,)
    recurrent = [m for m in made.generator.modules() if isinstance(m, nn.RNNBase)]
    assert [type(m).__name__.lower() for m in recurrent] == [cell]
    assert recurrent[0].num_layers == layers


def test_sequences_are_unbounded() -> None:
    generator = networks(generator={"init": "normal"}).generator
    nn.init.constant_(list(generator.parameters())[-1], 7.0)
    assert generator(torch.randn(5, 18)).min() > 6


# ---------------------------------------------------------------- what a step sees


def test_a_step_sees_its_own_part_of_the_latent_point_and_what_went_before() -> None:
    generator = networks().generator
    before = torch.randn(1, 18)
    for step in range(STEPS):
        after = before.clone()
        after[:, 3 * step : 3 * step + 3] += 1
        assert moved_steps(generator, before, after) == [other >= step for other in range(STEPS)]


def test_every_step_sees_the_whole_latent_point_where_it_is_asked_for() -> None:
    generator = networks(latent_size=17, generator={"latent": "whole"}).generator
    before = torch.randn(1, 17)
    for coordinate in 0, 16:
        after = before.clone()
        after[:, coordinate] += 1
        assert moved_steps(generator, before, after) == [True] * STEPS


@pytest.mark.parametrize("latent", ["per_step", "whole"])
def test_every_step_sees_the_class(latent: str) -> None:
    made: Any = networks(3, conditioning="concat", generator={"latent": latent})
    spread = made.generator.network[0]
    seen = spread(torch.cat((torch.randn(2, 18), torch.eye(3)[:2]), dim=1))
    assert torch.equal(seen[..., -3:], torch.eye(3)[:2, None].expand(-1, STEPS, -1))
    beside: list[Tensor] = []
    made.discriminator.body.register_forward_pre_hook(lambda _, given: beside.append(given[0]))
    examples = torch.randn(2, STEPS, SIZE)
    made.discriminator(examples, torch.tensor([2, 0]))
    assert torch.equal(beside[0][..., :SIZE], examples)
    assert torch.equal(beside[0][..., SIZE:], torch.eye(3)[[2, 0], None].expand(-1, STEPS, -1))


# ---------------------------------------------------------------- what D reads


def recurrent_of(discriminator: Any) -> tuple[Any, nn.Module]:
    """The recurrent layers and the linear one of a plain discriminator."""
    return discriminator.body[0], discriminator.head


def test_the_logit_is_the_mean_of_those_of_all_steps() -> None:
    discriminator = networks().discriminator
    recurrent, head = recurrent_of(discriminator)
    sequences = torch.randn(4, STEPS, SIZE)
    of_steps = head(recurrent(sequences))[..., 0]
    assert of_steps.shape == (4, STEPS)
    assert torch.allclose(discriminator(sequences).logits, of_steps.mean(1), atol=1e-6)


def test_the_logit_is_that_of_the_last_step_where_it_is_asked_for() -> None:
    discriminator = networks(discriminator={"reads": "last"}).discriminator
    recurrent, head = recurrent_of(discriminator)
    sequences = torch.randn(4, STEPS, SIZE)
    assert torch.allclose(
        discriminator(sequences).logits, head(recurrent(sequences))[:, -1, 0], atol=1e-6
    )


def test_sequences_are_scored_each_for_itself() -> None:
    discriminator = networks().discriminator
    sequences = torch.randn(7, STEPS, SIZE)
    alone = torch.cat([discriminator(one[None]).logits for one in sequences])
    assert torch.allclose(discriminator(sequences).logits, alone, atol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_gradient_norm_of_d_can_be_learned_from(cell: str) -> None:
    """The gradient of a gradient penalty, against finite differences of the penalty."""
    discriminator = networks(discriminator={"cell": cell}).discriminator.double()
    weight = recurrent_of(discriminator)[0].layers.weight_hh_l0
    points = torch.randn(3, STEPS, SIZE, dtype=torch.float64)

    def penalty() -> Tensor:
        x = points.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(x).logits.sum(), x, create_graph=True)
        return gradient.square().sum()

    (found,) = torch.autograd.grad(penalty(), weight)
    for place in (0, 0), (5, 3), (-1, -1):
        around = []
        for change in 1e-5, -1e-5:
            weight.data[place] += change
            around.append(float(penalty().detach()))
            weight.data[place] -= change
        assert float(found[place]) == pytest.approx((around[0] - around[1]) / 2e-5, rel=1e-5)


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_recurrence_is_in_float32_where_a_cpu_lacks_bf16(
    monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    recurrent, _ = recurrent_of(networks(discriminator={"cell": cell}).discriminator)
    sequences = torch.randn(4, STEPS, SIZE)
    expected = recurrent(sequences)
    monkeypatch.setattr(rnn_module, "_lacks_bf16", lambda device: True)
    with torch.autocast("cpu", torch.bfloat16):
        for given in sequences, sequences.requires_grad_():
            assert torch.equal(recurrent(given), expected)
        assert recurrent(sequences.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_both_networks_are_differentiated_under_autocast(cell: str) -> None:
    made = networks(generator={"cell": cell}, discriminator={"cell": cell})
    with torch.autocast("cpu", torch.bfloat16):
        logits = made.discriminator(made.generator(torch.randn(4, 18))).logits
    logits.float().sum().backward()
    for network in made:
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize("way", WAYS)
def test_the_class_reaches_both_networks(way: str) -> None:
    generator, discriminator = networks(3, conditioning=way)
    made = generator(torch.randn(1, 18).expand(3, -1), torch.arange(3))
    assert made.shape == (3, STEPS, SIZE)
    assert not torch.allclose(made[0], made[1], atol=1e-6)
    logits = discriminator(made[:1].expand(3, -1, -1), torch.arange(3)).logits
    assert logits.shape == (3,)
    assert torch.allclose(logits[0], logits[1], atol=1e-6) == (way == "auxiliary")


@pytest.mark.parametrize("latent", ["per_step", "whole"])
def test_every_step_sees_the_codes(latent: str) -> None:
    code = {"categorical": [3], "continuous": 1, "weight": 1.0}
    generator = networks(code=code, generator={"latent": latent}).generator
    before = torch.randn(1, 20)
    after = before.clone()
    after[:, -1] += 1
    assert moved_steps(generator, before, after) == [True] * STEPS


# ---------------------------------------------------------------- initial weights


def test_forget_gates_begin_open() -> None:
    generator = networks(generator={"layers": 2}).generator
    lstm = next(m for m in generator.modules() if isinstance(m, nn.LSTM))
    biases = [b for name, b in lstm.named_parameters() if "bias" in name]
    assert len(biases) == 4
    total = biases[0] + biases[1]
    assert total.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    assert torch.equal(biases[2] + biases[3], total)


def test_orthogonal_weights_are_orthogonal_in_each_gate() -> None:
    generator = networks().generator
    lstm = next(m for m in generator.modules() if isinstance(m, nn.LSTM))
    for gate in lstm.weight_hh_l0.split(8):
        assert torch.allclose(gate @ gate.T, torch.eye(8), atol=1e-5)


# ---------------------------------------------------------------- refusals


def refusal(space: Space, **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        rnn(**changes).check(space)
    return str(caught.value)


@pytest.mark.parametrize("space", [IMAGES, VECTORS], ids=["images", "vectors"])
def test_other_examples_are_refused(space: Space) -> None:
    assert refusal(space) == (
        f"rnn can't build examples of shape {list(space.shape)}, model=rnn. "
        "Use model=mlp for vectors, model=dcgan for images."
    )


@pytest.mark.parametrize("shape", [(6,), (6, 2, 2), (0, 2), (6, 0)])
def test_shapes_that_no_sequence_has_are_refused(shape: tuple[int, ...]) -> None:
    assert "can't build examples" in refusal(Space("sequences", shape))


@pytest.mark.parametrize(("size", "nearest"), [(1, 6), (17, 18), (19, 18), (25, 24)])
def test_a_latent_point_that_cannot_be_shared_out_is_refused(size: int, nearest: int) -> None:
    assert refusal(SEQUENCES, latent_size=size) == (
        "the latent point can't be divided evenly among 6 steps, "
        f"model.latent_size={size}. Use model.latent_size={nearest} "
        "or model.generator.latent=whole"
    )
    rnn(latent_size=nearest).check(SEQUENCES)
    rnn(latent_size=size, generator={"latent": "whole"}).check(SEQUENCES)


@pytest.mark.parametrize("norm", ["auto", "batch", "layer", "instance", "spectral"])
@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_norms_are_refused(network: str, norm: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.{network}\.norm=.*none"):
        rnn(**{network: {"norm": norm}})


def test_projection_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.conditioning=.*projection.*concat"):
        rnn(conditioning="projection")


@pytest.mark.parametrize("option", ["simple_conv", "dcgan", "resnet"])
def test_models_of_images_refuse_sequences(option: str) -> None:
    plain = model_settings(option)
    for network in "generator", "discriminator":
        plain[network]["norm"] = "none"
    with pytest.raises(ConfigError) as caught:
        build_component(plain, Model, where="model").check(SEQUENCES)
    assert str(caught.value) == (
        f"{option} can't build examples of shape [6, 2], model={option}. "
        "Use model=rnn for sequences."
    )


@pytest.mark.parametrize("way", ["none", *WAYS])
def test_mlp_takes_sequences_flattened_and_unbounded(way: str) -> None:
    plain = model_settings("mlp")
    made = build_pair(
        build_component({**plain, "conditioning": way}, Model, where="model"), SEQUENCES, 3
    )
    labels = () if way == "none" else (torch.arange(3),)
    sequences = made.generator(100 * torch.randn(3, 64), *labels)
    assert sequences.shape == (3, STEPS, SIZE)
    assert sequences.abs().max() > 1
    assert made.discriminator(sequences, *labels).logits.shape == (3,)
