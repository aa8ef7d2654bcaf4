"""Translation learned from two domains that have nothing to do with each other: CycleGAN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor, nn

from gan_runner.augmentations import Augmentation
from gan_runner.augmentations.base import Memory
from gan_runner.config.component import Component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.models import GenerativeModel
from gan_runner.objectives.reconstruction import l1
from gan_runner.sampling.translation import turned_space
from gan_runner.system import ranks
from gan_runner.system.concurrency import call_both
from gan_runner.training.methods.base import UpdateSettings, check_generator
from gan_runner.training.methods.translation import (
    TranslatorMethod,
    check_translator,
    inputs_of,
)
from gan_runner.training.state import TrainState


class UnpairedSettings(Component):
    """`cycle`: the weight of the distance of an image and what comes of it there and back;
    `identity`: that of an image of the other domain and its translation, which should be itself;
    `pool`: how many earlier fakes each D is shown again."""

    cycle: NonNegativeFloat
    identity: NonNegativeFloat
    pool: NonNegativeInt


class Translations(NamedTuple):
    """What both generators make of a batch with inputs A and examples B: `there` is that of the one
    that makes B, `back` that of the one that makes A. `own`: their translations of B and of A, to
    the domain that these are of, where they were made in the same passes."""

    there: Tensor
    back: Tensor
    own: tuple[Tensor, Tensor] | None = None

    def turned(self) -> Translations:
        """They as the way back has them."""
        return Translations(self.back, self.there, self.own and self.own[::-1])


class WayTerms(NamedTuple):
    """Of the update of G of one way: the named terms of its game, and the distances of its cycle
    and of its identity, without their weights."""

    game: dict[str, Tensor]
    distances: dict[str, Tensor]


@dataclass(frozen=True)
class Unpaired(TranslatorMethod):
    """Two games, one for each direction: all updates of both D, then one of both G, which also
    learn to undo each other. Zhu et al. 2017, arXiv:1703.10593.

    `compiles`: the networks' passes are compiled, by what isn't made for several threads.
    """

    Settings: ClassVar[type[Component]] = UnpairedSettings
    accumulates: ClassVar[bool] = True

    settings: UnpairedSettings
    compiles: bool = False

    @classmethod
    def build(
        cls,
        config: Config,
        *,
        settings: Component,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> Unpaired:
        assert isinstance(settings, UnpairedSettings), "which this class asks for"
        check_translator(config, model, remedy="model=unet method=unpaired")
        method = cls.with_objective(
            config, settings, model=model, augmentations=augmentations, updates=updates
        )
        return replace(method, compiles=config.compile)

    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        """Of both directions."""
        there = self.translator.build_pair(space, conditional=False)
        back = self.translator.build_pair(turned_space(space), conditional=False)
        return there | {f"back_{name}": network for name, network in back.items()}

    def network_inputs(self, space: Space) -> dict[str, tuple[int, ...]]:
        domain = turned_space(space)
        return {
            "generator": domain.shape,
            "discriminator": space.shape,
            "back_generator": space.shape,
            "back_discriminator": domain.shape,
        }

    def step(self, state: TrainState, batches: Iterator[Batch]) -> None:
        d_steps = self.objective.d_steps
        for k in range(d_steps):
            batch, update = next(batches), state.step * d_steps + k
            fakes = self._translate_parts(state, batch, is_last=k == d_steps - 1)
            self._update_discriminators(state, batch, fakes, update=update)
        self._update_generators(state, batch, fakes)
        self.finish_step(state)

    def _translate_parts(self, state: TrainState, batch: Batch, *, is_last: bool) -> Translations:
        """The translations for an update of both D, made a micro-batch at a time."""
        is_kept = is_last and self.updates.accumulate == 1
        with self.making_for_discriminator(state, is_last=is_last):
            translate = partial(self._translate, state, also_own=is_kept)
            parts = list(self.micro_batches(state, translate, batch))
        if len(parts) == 1:
            return parts[0]
        there, back = ([*ways] for ways in zip(*(part[:2] for part in parts), strict=True))
        return Translations(torch.cat(there), torch.cat(back))

    def _translate(self, state: TrainState, batch: Batch, *, also_own: bool) -> Translations:
        """Both domains translated to the other one; `also_own`: and to their own, in the same
        passes, where the identity has a weight and G allows it."""
        inputs, examples = inputs_of(batch), batch.examples
        is_joint = also_own and self.settings.identity > 0 and self._generates_together
        there_of = torch.cat((inputs, examples)) if is_joint else inputs
        back_of = torch.cat((examples, inputs)) if is_joint else examples
        made = call_both(
            partial(self._generate, state.generator, there_of),
            partial(self._generate, state.back_generator, back_of),
            concurrently=self._plays_concurrently(state),
        )
        check_generator(self.model, made[0], back_of)
        check_generator(self.model, made[1], there_of)
        if not is_joint:
            return Translations(*made)
        (there, own_there), (back, own_back) = (of.chunk(2) for of in made)
        return Translations(there, back, (own_there, own_back))

    def _generate(self, generator: nn.Module, images: Tensor) -> Tensor:
        with self.updates.autocast(images.device):
            made: Tensor = generator(images).float()
            return made

    @property
    def _generates_together(self) -> bool:
        """Whether images of both domains may go through a G as one batch, since it treats each
        alone and alike: no batch norm, no spectral norm, which counts passes, and no dropout."""
        network = self.translator.generator
        drops = bool(getattr(network, "dropout", 0))
        return network.norm in ("instance", "layer", "none") and not drops

    def _plays_concurrently(self, state: TrainState) -> bool:
        """Whether the games of both ways go on at the same time. Neither may change what the other
        uses: the streams of penalties and of augmentations, or the counters of a G that both send
        images through."""
        draws = bool(self.objective.penalties or self.discriminator_input.augmentations)
        counts = self.settings.identity > 0 and not self._generates_together
        is_alone = not self.compiles and ranks.shares() == 1 and self.updates.accumulate == 1
        return is_alone and not (draws or counts) and state.rng.latent.device.type == "cpu"

    def _update_discriminators(
        self, state: TrainState, batch: Batch, fakes: Translations, *, update: int
    ) -> None:
        """The updates of the D of both games, whose fakes are partly those of earlier steps."""
        with state.turned() as turned:
            there = self._show(state, batch.examples, fakes.there)
            back = self._show(turned, inputs_of(batch), fakes.back)
            call_both(
                partial(self.update_discriminator, state, *there, update=update),
                partial(self.update_discriminator, turned, *back, update=update),
                concurrently=self._plays_concurrently(state),
            )

    def _show(self, state: TrainState, real: Tensor, fake: Tensor) -> tuple[Batch, Batch]:
        """The reals and the fakes that the D of a game is shown."""
        memory, size = state.memory("pool"), self.settings.pool
        return Batch(real), Batch(exchange(fake.detach(), memory, size=size, rng=state.rng.latent))

    def _update_generators(self, state: TrainState, batch: Batch, fakes: Translations) -> None:
        learn = partial(self._learn_to_translate, state, fakes)
        couples = self.objective.couples_in_generator
        there, back = self.accumulate(state, learn, batch, couples=couples)
        norms = {
            f"grad_norm/{name}": self.optimize(name, state)
            for name in ("generator", "back_generator")
        }
        with state.turned() as turned:
            turned.sums.add(back.game)
        # an image that goes there and back is an input; one that is to stay itself, an example
        distances = {"cycle/inputs": there.distances["cycle"]}
        distances["cycle/examples"] = back.distances["cycle"]
        if self.settings.identity:
            distances["identity/inputs"] = back.distances["identity"]
            distances["identity/examples"] = there.distances["identity"]
        state.sums.add({**there.game, **norms, **distances})

    def _learn_to_translate(
        self, state: TrainState, shown: Translations, batch: Batch
    ) -> tuple[WayTerms, WayTerms]:
        """The terms of the update of both G give them a gradient: those of the way there, and those
        of the way back."""
        is_whole = self.updates.accumulate == 1
        fakes = shown if is_whole else self._translate(state, batch, also_own=True)
        from_other = Batch(inputs_of(batch), inputs=batch.examples)
        with state.turned() as turned:
            return call_both(
                partial(self._learn_way, state, batch, fakes),
                partial(self._learn_way, turned, from_other, fakes.turned()),
                concurrently=self._plays_concurrently(state),
            )

    def _learn_way(self, state: TrainState, batch: Batch, fakes: Translations) -> WayTerms:
        """The terms of the way there give both G a gradient."""
        game = self.play(state, batch.examples, fakes.there)
        of_weights = self.weight_terms("generator", state)
        distances = self._distances(state, batch, fakes)
        weighted = [getattr(self.settings, name) * term for name, term in distances.items()]
        shares = [term / ranks.shares() for term in of_weights.values()]
        loss = torch.stack([*game.values(), *weighted, *shares]).sum()
        self.add_gradients(loss, state, "generator", "back_generator")
        return WayTerms({**game, **of_weights}, distances)

    def _distances(self, state: TrainState, batch: Batch, fakes: Translations) -> dict[str, Tensor]:
        """`cycle`: how far inputs are from what comes of them there and back; `identity`: how far
        examples are from their translation to their own domain, nothing without a weight."""
        again = self._generate(state.back_generator, fakes.there)
        distances = {"cycle": ranks.gather(l1(again, inputs_of(batch))).mean()}
        if self.settings.identity:
            made = None if fakes.own is None else fakes.own[0]
            own = self._generate(state.generator, batch.examples) if made is None else made
            distances["identity"] = ranks.gather(l1(own, batch.examples)).mean()
        return distances

    def check_space(self, space: Space) -> None:
        super().check_space(space)
        domain = turned_space(space)
        if self.settings.identity and domain.shape[0] != space.shape[0]:
            raise ConfigError(
                "an image can't be its own translation where inputs and targets differ in "
                f"channels, method.identity={self.settings.identity:g} with "
                f"{domain.shape[0]} and {space.shape[0]} channels. Use method.identity=0"
            )


def exchange(fakes: Tensor, memory: Memory, *, size: int, rng: torch.Generator) -> Tensor:
    """Fakes [N, *shape], each with probability 1/2 in exchange for one of the pool, which is taken
    in its place; as long as the pool has fewer than `size`, it takes them all. Shrivastava et al.
    2017, arXiv:1612.07828, section 2.3.

    On several devices all have the same pool. Nothing is read back from a device.
    """
    if not size:
        return fakes
    whole = ranks.gather(fakes)
    pool = memory.get("fakes", whole[:0])
    taken = min(size - len(pool), len(whole))
    shown, rest = whole[:taken], whole[taken:]
    # places are drawn without repetition: more fakes than the pool has stay as they are
    places = torch.rand(len(pool), generator=rng, device=rng.device).argsort()[: len(rest)]
    swaps = torch.rand(len(places), generator=rng, device=rng.device) < 0.5
    swaps = swaps.view(-1, *[1] * (whole.ndim - 1))
    asked, beyond = rest[: len(places)], rest[len(places) :]
    earlier = pool[places]
    pool = pool.index_copy(0, places, torch.where(swaps, asked, earlier))
    memory["fakes"] = torch.cat((pool, shown))
    return ranks.own_rows(torch.cat((shown, torch.where(swaps, earlier, asked), beyond)))
