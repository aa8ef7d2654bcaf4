"""Translation by contrasting patches: its contrast, what learns by it, exact resume, refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from translators import (
    batches_of,
    cut,
    identical,
    inverted,
    resnet_translator,
    state_of,
    train,
    two_domains,
    unet,
    updates,
)

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.translator import EncoderTranslator, TranslatorGenerator
from gan_runner.training.build import build
from gan_runner.training.methods import CUT
from gan_runner.training.methods.cut import _patches
from gan_runner.training.state import TrainState

AVERAGING = {"penalty": {"averaging": {"name": "HistoricalAveraging", "weight": 0.1}}}


def one_weight(network: nn.Module, name: str) -> Tensor:
    return dict(network.named_parameters())[name].detach().clone()


def test_patches_of_input_and_output_are_of_the_same_places() -> None:
    maps = torch.arange(2 * 3 * 20.0).view(2, 3, 4, 5)
    places = torch.tensor([[7, 0], [19, 4]])
    (found,) = _patches([maps], [places])
    assert found.shape == (2, 2, 3)
    assert found[0, 0].equal(maps[0, :, 1, 2])
    assert found[1, 0].equal(maps[1, :, 3, 4])
    assert found[1, 1].equal(maps[1, :, 0, 4])


def test_places_are_drawn_without_repetition_and_each_image_has_its_own() -> None:
    data, method = two_domains(), cut(patches=20)
    state = state_of(method, data.space)
    places = method._places(state, torch.zeros(3, 1, 8, 8))
    assert places.shape == (3, 20)
    assert all(len(set(of)) == 20 and max(of) < 64 for of in places.tolist())
    assert not places[0].equal(places[1])
    before = state.rng.latent.get_state()
    assert method._places(state, torch.zeros(3, 1, 4, 4)).equal(torch.arange(16).expand(3, 16))
    assert state.rng.latent.get_state().equal(before)  # nothing to draw


def test_an_output_that_is_its_input_is_told_apart_and_one_of_another_image_is_not() -> None:
    data, method = two_domains(), cut(resnet_translator(), temperature=0.01)
    state, batch = state_of(method, data.space), next(batches_of(data, method))
    assert batch.inputs is not None
    same = float(method._contrast(state, batch.inputs, batch.inputs).detach())
    other = float(method._contrast(state, batch.inputs, batch.inputs.roll(1, 0)).detach())
    assert same < other / 2


def test_patches_teach_to_invert_spots_of_which_no_pair_was_ever_seen() -> None:
    data, method = two_domains(), cut(identity=0.0, layers=[1, 2])
    method = method.with_updates(**vars(updates(8, lr=0.005)))
    state = train(method, data, state_of(method, data.space), steps=40)
    others = inverted(32, seed=9)
    translation = method.sampler(state.sampling_networks, data.space, (), weights="ema").translation
    assert translation is not None
    outputs = translation.translate(others.input_rows(torch.arange(32), seed=0)).float() / 255
    targets = others.rows(torch.arange(32)).float() / 255
    untouched = float((1 - 2 * targets).abs().mean())  # of the input itself
    assert float((outputs - targets).abs().mean()) < 0.2 < untouched / 3
    apart = [of.flatten(1) - of.flatten(1).mean(1, keepdim=True) for of in (outputs, targets)]
    assert float(torch.cosine_similarity(*apart).mean()) > 0.7  # -1 of the input


def test_all_three_networks_learn_and_the_heads_have_an_optimizer_of_their_own() -> None:
    data, method = two_domains(), cut()
    state = state_of(method, data.space)
    before = {name: value.clone() for name, value in state.tensors().items()}
    train(method, data, state, steps=1)
    after = state.tensors()
    for part in ("generator", "discriminator", "heads"):
        names = [n for n in before if n.startswith(f"{part}.") and n.endswith("weight")]
        assert not all(before[n].equal(after[n]) for n in names), part
    assert any(name.startswith("heads_optimizer.") for name in after)
    assert {"contrast/inputs", "contrast/examples", "grad_norm/heads"} <= state.sums.means().keys()


def test_without_identity_targets_are_not_translated() -> None:
    data, method = two_domains(), cut(identity=0.0, nce=10.0)
    state = state_of(method, data.space)
    seen: list[Tensor] = []
    state.generator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    train(method, data, state, steps=1)
    assert len(seen) == 1
    assert "contrast/examples" not in state.sums.means()


def test_contrasts_are_logged_without_their_weights() -> None:
    data = two_domains()
    rows = []
    for weight in (1.0, 3.0):
        method = cut(nce=weight, identity=weight)
        rows.append(train(method, data, state_of(method, data.space), steps=1).sums.means())
    for name in ("contrast/inputs", "contrast/examples"):
        assert rows[0][name] == rows[1][name]
    assert rows[0]["grad_norm/heads"] != rows[1]["grad_norm/heads"]


def test_the_images_of_a_contrast_teach_nothing() -> None:
    data, method = two_domains(), cut()
    state, batch = state_of(method, data.space), next(batches_of(data, method))
    assert batch.inputs is not None
    images = batch.inputs.clone().requires_grad_()
    outputs = batch.inputs.clone().requires_grad_()
    method._contrast(state, images, outputs).backward()
    assert images.grad is None
    assert outputs.grad is not None


def test_a_resumed_run_ends_with_the_same_bits_and_the_same_patches() -> None:
    data, method = two_domains(), cut(unet(dropout=0.5), loss=AVERAGING, patches=8)
    whole = train(method, data, state_of(method, data.space), steps=5)
    half = train(method, data, state_of(method, data.space), steps=3)
    resumed = state_of(method, data.space)
    resumed.load(half.tensors(), half.facts())
    assert identical(train(method, data, resumed, steps=2), whole)


def test_layers_are_those_of_the_paper_or_those_that_are_asked_for() -> None:
    space = Space("images", (1, 32, 32), inputs=Space("images", (1, 32, 32)))
    assert widths(cut(resnet_translator(blocks=9)), space) == [1, 8, 16, 16, 16]
    assert widths(cut(resnet_translator(blocks=2)), space) == [1, 8, 16, 16, 16]
    assert widths(cut(unet()), space) == [1, 8, 16]
    assert widths(cut(unet(), layers=[2, 1, 2]), space) == [16, 8]


def widths(method: CUT, space: Space) -> list[int]:
    """The channels that each head reads."""
    heads = method.build_networks(space)["heads"]
    return [of.in_features for of in heads.modules() if isinstance(of, nn.Linear)][::2]


@pytest.mark.parametrize("make", [unet, resnet_translator])
def test_features_of_each_layer_have_the_shape_that_the_model_says(
    make: Callable[[], EncoderTranslator],
) -> None:
    model, image = make(), (1, 11, 14)
    space = Space("images", image, inputs=Space("images", image))
    generator = model.build_networks(space)["generator"]
    assert isinstance(generator, TranslatorGenerator)
    shapes = model.encoder_shapes(image)
    inputs = torch.randn(2, *image)
    maps = generator.features(inputs, range(len(shapes)))
    assert [tuple(of.shape[1:]) for of in maps] == list(shapes)
    assert maps[0].equal(inputs)
    for layer in range(len(shapes)):  # the same as without the later ones
        (alone,) = generator.features(inputs, [layer])
        assert alone.equal(maps[layer])


def test_layers_that_the_encoder_does_not_have_are_refused() -> None:
    space = two_domains().space
    with pytest.raises(ConfigError, match=r"in layer 3, .*Use method\.layers=null or "):
        cut(layers=[0, 3]).check_space(space)
    cut(layers=[0, 2]).check_space(space)


def test_domains_of_other_channels_are_refused() -> None:
    space = Space("images", (3, 8, 8), inputs=Space("images", (1, 8, 8)))
    with pytest.raises(ConfigError, match=r"method=cut with 1 and 3 channels\. Use method=unp"):
        cut().check_space(space)


def test_a_model_without_an_encoder_is_refused() -> None:
    words = ["dataset=degraded", "model=srresnet", "method=cut"]
    with pytest.raises(ConfigError, match=r"model=srresnet .*Use model=resnet_translator or"):
        build(parse_config(compose(words)))


def test_a_run_of_one_direction_has_no_way_back() -> None:
    data, method = two_domains(), cut()
    state: TrainState = state_of(method, data.space)
    sampler = method.sampler(state.sampling_networks, data.space, (), weights="ema")
    assert sampler.translation is not None
    assert sampler.translation.generator is state.ema
    assert sampler.translation.back is None
