"""Translation between two domains: its cycles, its pool, both directions, exact resume."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from translators import batches_of, identical, state_of, train, two_domains, unet, unpaired

from gan_runner.augmentations.base import Memory
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.sampling.translation import turned_space
from gan_runner.system.machine import share_threads
from gan_runner.training.methods.unpaired import Translations, Unpaired, exchange
from gan_runner.training.state import TrainState

LECAM = {"penalty": {"lecam": {"name": "LeCam", "weight": 0.1, "every": 1, "decay": 0.9}}}


def with_identities(state: TrainState) -> TrainState:
    """A state whose both generators give back what they are given."""
    for name in ("generator", "back_generator"):
        state.networks[name] = nn.Identity()
    return state


def distances_of_both_ways(
    method: Unpaired, state: TrainState, batch: Batch, fakes: Translations
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    assert batch.inputs is not None
    there = method._distances(state, batch, fakes)
    from_other = Batch(batch.inputs, inputs=batch.examples)
    with state.turned() as turned:
        return there, method._distances(turned, from_other, fakes.turned())


def test_a_translator_that_is_the_identity_has_no_cycle_and_no_identity_loss() -> None:
    data, method = two_domains(), unpaired()
    state, batch = with_identities(state_of(method, data.space)), next(batches_of(data, method))
    assert batch.inputs is not None
    fakes = Translations(batch.inputs, batch.examples)
    for terms in distances_of_both_ways(method, state, batch, fakes):
        assert {name: float(value) for name, value in terms.items()} == {
            "cycle": 0.0,
            "identity": 0.0,
        }


def test_the_cycle_of_a_translator_that_inverts_is_closed_and_not_its_identity() -> None:
    data, method = two_domains(), unpaired()
    state, batch = state_of(method, data.space), next(batches_of(data, method))
    for name in ("generator", "back_generator"):
        state.networks[name] = Negative()
    assert batch.inputs is not None
    fakes = Translations(-batch.inputs, -batch.examples)
    there, back = distances_of_both_ways(method, state, batch, fakes)
    assert there["cycle"] == 0 and back["cycle"] == 0
    assert float(back["identity"]) == pytest.approx(2 * float(batch.inputs.abs().mean()))
    assert float(there["identity"]) == pytest.approx(2 * float(batch.examples.abs().mean()))


def test_images_of_both_domains_go_through_a_generator_together_and_are_as_if_apart() -> None:
    data, method = two_domains(), unpaired(unet(dropout=0.0))
    state, batch = state_of(method, data.space), next(batches_of(data, method))
    fakes = method._translate(state, batch, also_own=True)
    alone = method._translate(state, batch, also_own=False)
    assert fakes.own is not None and alone.own is None
    assert torch.allclose(fakes.there, alone.there, atol=1e-5)
    assert torch.allclose(fakes.back, alone.back, atol=1e-5)
    together, apart = (
        distances_of_both_ways(method, state, batch, each) for each in (fakes, alone)
    )
    for joined, single in zip(together, apart, strict=True):
        assert joined.keys() == single.keys() == {"cycle", "identity"}
        for name, value in single.items():
            assert joined[name].item() == pytest.approx(value.item(), rel=1e-5)


def test_images_of_both_domains_are_apart_where_a_pass_changes_what_another_makes() -> None:
    plain = unet()
    normed = plain.generator.model_copy(update={"norm": "batch"})
    for model in (unet(dropout=0.5), plain.model_copy(update={"generator": normed})):
        assert not unpaired(model)._generates_together


class Negative(nn.Module):
    """Images inverted."""

    def forward(self, x: Tensor) -> Tensor:
        return -x


def test_a_pool_takes_fakes_until_it_is_full_and_then_exchanges_half() -> None:
    rng, memory = torch.Generator().manual_seed(0), Memory()
    first = torch.arange(6.0).view(6, 1)
    assert exchange(first, memory, size=8, rng=rng).equal(first)
    assert memory["fakes"].equal(first)
    shown, swapped = 0, 0
    for start in range(6, 606, 6):
        out = exchange(torch.arange(float(start), start + 6.0).view(6, 1), memory, size=8, rng=rng)
        assert len(memory["fakes"]) == 8
        shown, swapped = shown + len(out), swapped + int((out < start).sum())
    assert 0.4 < swapped / shown < 0.6


def test_an_exchange_keeps_every_fake_once() -> None:
    rng, memory = torch.Generator().manual_seed(0), Memory()
    exchange(torch.arange(4.0), memory, size=4, rng=rng)
    for start in range(4, 40, 4):
        before = set(memory["fakes"].tolist())
        fakes = torch.arange(float(start), start + 4.0)
        out = exchange(fakes, memory, size=4, rng=rng)
        now = [*out.tolist(), *memory["fakes"].tolist()]
        assert len(set(now)) == len(now) == 8
        assert set(now) == before | set(fakes.tolist())


def test_more_fakes_than_the_pool_has_are_shown_as_they_are() -> None:
    rng, memory = torch.Generator().manual_seed(0), Memory()
    fakes = torch.arange(7.0)
    assert exchange(fakes, memory, size=3, rng=rng)[:3].equal(fakes[:3])
    assert exchange(fakes + 10, memory, size=3, rng=rng)[3:].equal(fakes[3:] + 10)


def test_without_a_pool_the_discriminator_sees_what_was_made() -> None:
    memory = Memory()
    fakes = torch.arange(7.0)
    assert exchange(fakes, memory, size=0, rng=torch.Generator()) is fakes
    assert not memory


def test_both_directions_learn_and_log_and_have_an_ema() -> None:
    data, method = two_domains(), unpaired()
    state = state_of(method, data.space)
    before = {name: value.clone() for name, value in state.tensors().items()}
    train(method, data, state, steps=2)
    after = state.tensors()
    for part in ("generator", "back_generator", "discriminator", "back_discriminator"):
        names = [n for n in before if n.startswith(f"{part}.") and n.endswith("weight")]
        assert not all(before[n].equal(after[n]) for n in names), part
    assert not all(before[n].equal(after[n]) for n in before if n.startswith("back_ema."))
    row = state.sums.means()
    assert {name for name in row if name.startswith("back/")} == {
        f"back/{name}"
        for name in row
        if name.partition("/")[0] in ("loss", "logits", "accuracy")
        or name == "grad_norm/discriminator"
    }


def test_the_memories_of_both_games_are_apart() -> None:
    data, method = two_domains(), unpaired(loss=LECAM)
    state = train(method, data, state_of(method, data.space), steps=3)
    names = {"pool", "back_pool", "penalty.lecam", "back_penalty.lecam"}
    assert names <= set(state.memories)
    assert not state.memory("pool")["fakes"].equal(state.memory("back_pool")["fakes"])


def test_a_resumed_run_ends_with_the_same_bits_and_the_same_pool() -> None:
    data, method = two_domains(), unpaired(unet(dropout=0.5), loss=LECAM, pool=8)
    whole = train(method, data, state_of(method, data.space), steps=5)
    half = train(method, data, state_of(method, data.space), steps=3)
    resumed = state_of(method, data.space)
    resumed.load(half.tensors(), half.facts())
    assert len(resumed.memory("back_pool")["fakes"]) == 8
    assert identical(train(method, data, resumed, steps=2), whole)


@pytest.mark.parametrize("loss", [{}, LECAM])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_both_games_at_the_same_time_end_with_the_same_bits_each_time(
    loss: dict[str, object], dropout: float
) -> None:
    data, method = two_domains(), unpaired(unet(dropout=dropout), loss=loss)
    with share_threads(2):
        first, second = (
            train(method, data, state_of(method, data.space), steps=3) for _ in range(2)
        )
    assert identical(first, second)


def test_games_at_the_same_time_learn_what_they_do_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, method = two_domains(), unpaired(unet(dropout=0.0))
    with share_threads(2):
        assert method._plays_concurrently(state_of(method, data.space))
        together = train(method, data, state_of(method, data.space), steps=3)
        monkeypatch.setattr(Unpaired, "_plays_concurrently", lambda *_: False)
        apart = train(method, data, state_of(method, data.space), steps=3)
    assert list(together.sums.totals) == list(apart.sums.totals)
    for name, value in together.sums.means().items():
        assert value == pytest.approx(apart.sums.means()[name], rel=1e-4, abs=1e-5), name


def test_games_that_share_random_numbers_or_counters_go_one_after_the_other() -> None:
    data = two_domains()
    for method, concurrently in (
        (unpaired(unet(dropout=0.0)), True),
        (unpaired(unet(dropout=0.5)), False),
        (unpaired(unet(dropout=0.5), identity=0.0), True),
        (unpaired(unet(dropout=0.0), loss=LECAM), False),
        (replace(unpaired(unet(dropout=0.0)), compiles=True), False),
        (unpaired(unet(dropout=0.0)).with_updates(accumulate=2), False),
    ):
        assert method._plays_concurrently(state_of(method, data.space)) == concurrently


def test_translations_go_both_ways() -> None:
    data, method = two_domains(), unpaired()
    state = state_of(method, data.space)
    sampler = method.sampler(state.sampling_networks, data.space, (), weights="ema")
    there = sampler.translation
    assert there is not None
    back = there.turned("ba")
    images = data.rows(torch.arange(3))
    assert back.generator is state.back_ema
    assert back.inputs == Space("images", data.space.shape)
    assert back.translate(images).shape == images.shape
    assert not back.translate(images).equal(there.translate(images))
    assert back.turned("ba").space == data.space


def test_domains_of_other_channels_have_no_identity() -> None:
    space = Space("images", (3, 8, 8), inputs=Space("images", (1, 8, 8)))
    with pytest.raises(ConfigError, match=r"method\.identity=5 .*Use method\.identity=0"):
        unpaired().check_space(space)
    unpaired(identity=0.0).check_space(space)
    assert turned_space(turned_space(space)) == space


def test_several_updates_of_each_discriminator_take_as_many_batches() -> None:
    data, method = two_domains(), unpaired(loss={"d_steps": 2})
    state = train(method, data, state_of(method, data.space), steps=1)
    assert method.batches_per_step == 2
    assert state.sums.counts[next(iter(state.sums.counts))] == 2
