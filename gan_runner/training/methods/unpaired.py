"""Translation learned from two domains that have nothing to do with each other: CycleGAN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


class GeneratorTerms(NamedTuple):
    """Of the update of both G: the named terms of the game of each way, and the distances of cycles
    and of identities, without their weights."""

    there: dict[str, Tensor]
    back: dict[str, Tensor]
    distances: dict[str, Tensor]


@dataclass(frozen=True)
class Unpaired(TranslatorMethod):
    """Two games, one for each direction: all updates of both D, then one of both G, which also
    learn to undo each other. Zhu et al. 2017, arXiv:1703.10593."""

    Settings: ClassVar[type[Component]] = UnpairedSettings
    accumulates: ClassVar[bool] = True

    settings: UnpairedSettings

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
        return cls.with_objective(
            config, settings, model=model, augmentations=augmentations, updates=updates
        )

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
            self._update_discriminator(state, batch.examples, fakes.there, update=update)
            with state.turned() as turned:
                self._update_discriminator(turned, inputs_of(batch), fakes.back, update=update)
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
        with self.updates.autocast(inputs.device):
            made = state.generator(there_of).float(), state.back_generator(back_of).float()
        check_generator(self.model, made[0], back_of)
        check_generator(self.model, made[1], there_of)
        if not is_joint:
            return Translations(*made)
        (there, own_there), (back, own_back) = (of.chunk(2) for of in made)
        return Translations(there, back, (own_there, own_back))

    @property
    def _generates_together(self) -> bool:
        """Whether images of both domains may go through a G as one batch, since it treats each
        alone and alike: no batch norm, no spectral norm, which counts passes, and no dropout."""
        network = self.translator.generator
        drops = bool(getattr(network, "dropout", 0))
        return network.norm in ("instance", "layer", "none") and not drops

    def _update_discriminator(
        self, state: TrainState, real: Tensor, fake: Tensor, *, update: int
    ) -> None:
        """The update of the D of one game, whose fakes are partly those of earlier steps."""
        pooled = exchange(
            fake.detach(), state.memory("pool"), size=self.settings.pool, rng=state.rng.latent
        )
        self.update_discriminator(state, Batch(real), Batch(pooled), update=update)

    def _update_generators(self, state: TrainState, batch: Batch, fakes: Translations) -> None:
        learn = partial(self._learn_to_translate, state, fakes)
        terms = self.accumulate(state, learn, batch, couples=self.objective.couples_in_generator)
        norms = {
            f"grad_norm/{name}": self.optimize(name, state)
            for name in ("generator", "back_generator")
        }
        with state.turned() as turned:
            turned.sums.add(terms.back)
        state.sums.add({**terms.there, **norms, **terms.distances})

    def _learn_to_translate(
        self, state: TrainState, shown: Translations, batch: Batch
    ) -> GeneratorTerms:
        """The terms of the update of both G give them a gradient."""
        is_whole = self.updates.accumulate == 1
        fakes = shown if is_whole else self._translate(state, batch, also_own=True)
        there, of_weights = self._play(state, batch.examples, fakes.there)
        with state.turned() as turned:
            back, of_back_weights = self._play(turned, inputs_of(batch), fakes.back)
        cycle, identity = self._cycle(state, batch, fakes), self._identity(state, batch, fakes)
        weighted = [
            *(self.settings.cycle * term for term in cycle.values()),
            *(self.settings.identity * term for term in identity.values()),
        ]
        shares = [t / ranks.shares() for t in (*of_weights.values(), *of_back_weights.values())]
        loss = torch.stack([*there.values(), *back.values(), *weighted, *shares]).sum()
        self.add_gradients(loss, state, "generator", "back_generator")
        return GeneratorTerms(
            {**there, **of_weights}, {**back, **of_back_weights}, {**cycle, **identity}
        )

    def _play(
        self, state: TrainState, real: Tensor, fake: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms of one game, and those of the weights of its G."""
        return self.play(state, real, fake), self.weight_terms("generator", state)

    def _cycle(self, state: TrainState, batch: Batch, fakes: Translations) -> dict[str, Tensor]:
        """How far both domains are from what comes of them there and back."""
        inputs = inputs_of(batch)
        with self.updates.autocast(inputs.device):
            again = Translations(state.generator(fakes.back), state.back_generator(fakes.there))
        return {
            "cycle/inputs": ranks.gather(l1(again.back.float(), inputs)).mean(),
            "cycle/examples": ranks.gather(l1(again.there.float(), batch.examples)).mean(),
        }

    def _identity(self, state: TrainState, batch: Batch, fakes: Translations) -> dict[str, Tensor]:
        """How far images are from the translation to their own domain; nothing without a weight."""
        if not self.settings.identity:
            return {}
        inputs, own = inputs_of(batch), fakes.own
        if own is None:
            with self.updates.autocast(inputs.device):
                own = state.generator(batch.examples), state.back_generator(inputs)
        own_there, own_back = own
        return {
            "identity/inputs": ranks.gather(l1(own_back.float(), inputs)).mean(),
            "identity/examples": ranks.gather(l1(own_there.float(), batch.examples)).mean(),
        }

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
