"""Everything that changes while training, and nothing else: what isn't here isn't saved."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from gan_runner.augmentations.base import Memory
from gan_runner.data import Space
from gan_runner.errors import PluginError
from gan_runner.models.discriminator import Discriminator
from gan_runner.seeds import derive
from gan_runner.storage.facts import StateFacts
from gan_runner.system import ranks
from gan_runner.training.optimizers import Optimizer, Optimizers

N = TypeVar("N")

_BACK = "back_"


class Sums:
    """Running sums of named scalars since the last logged row. They stay on the device.

    Terms of one update are added as one vector: one kernel, and no synchronization. Adding step
    by step in double precision makes a row independent of any save and resume within it.
    """

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add one value to each name; values are scalars on the device."""
        key = ",".join(terms)
        values = torch.stack([value.detach().float() for value in terms.values()])
        if key not in self.totals:
            self.totals[key] = torch.zeros_like(values, dtype=_accumulator(values.device))
            self.counts[key] = 0
        self.totals[key] += values
        self.counts[key] += 1

    def means(self) -> dict[str, float]:
        """The mean of each name over the updates that gave it. Reads the device."""
        totals: dict[str, float] = {}
        counts: dict[str, int] = {}
        for key, vector in self.totals.items():
            for name, value in zip(key.split(","), vector.tolist(), strict=True):
                totals[name] = totals.get(name, 0.0) + value
                counts[name] = counts.get(name, 0) + self.counts[key]
        return {name: totals[name] / counts[name] for name in totals}

    def take_over(self, other: Sums, *, prefix: str) -> None:
        """Add the sums of another, under names with a prefix."""
        for key, total in other.totals.items():
            name = ",".join(prefix + each for each in key.split(","))
            known = self.totals.get(name)
            self.totals[name] = total if known is None else known + total
            self.counts[name] = self.counts.get(name, 0) + other.counts[key]

    def clear(self) -> None:
        """Start the next row."""
        self.totals.clear()
        self.counts.clear()


def _accumulator(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64


class Streams(NamedTuple):
    """The random streams of training: for latent points, for penalties, for augmentations."""

    latent: torch.Generator
    penalty: torch.Generator
    augment: torch.Generator

    @classmethod
    def from_seed(cls, seed: int, device: torch.device) -> Streams:
        """Streams of their own for each purpose, as they are at step 0."""
        # "view" was the name of the last one when it was first drawn from
        purposes = ("latent", "penalty", "view")
        return cls(*(torch.Generator(device).manual_seed(derive(seed, p)) for p in purposes))


@dataclass
class TrainState:
    """The networks, the generator's EMA, the optimizers, the random streams, the open row.

    `networks` has a `generator` and what else the method trains, a `discriminator`, an `encoder`,
    and of two directions those of the way back under names that begin with `back_`; `optimizers`
    has one for each under the same name. `ema` is the generator's exponential moving average, and
    `back_ema` that of the way back. `memories` are what terms, augmentations and methods keep, by
    their names. `rate_factor`
    multiplies all learning rates; `rollbacks` are the steps after which the weights went back to an
    earlier step's.
    """

    networks: dict[str, nn.Module]
    ema: nn.Module | None
    optimizers: dict[str, torch.optim.Optimizer]
    rng: Streams
    sums: Sums
    memories: dict[str, Memory] = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0
    rate_factor: float = 1.0
    rollbacks: list[int] = field(default_factory=list)
    back_ema: nn.Module | None = None

    @property
    def generator(self) -> nn.Module:
        return self.networks["generator"]

    @property
    def back_generator(self) -> nn.Module:
        return self.networks["back_generator"]

    @property
    def discriminator(self) -> Discriminator:
        discriminator = self.networks["discriminator"]
        assert isinstance(discriminator, Discriminator)
        return discriminator

    @property
    def encoder(self) -> nn.Module:
        return self.networks["encoder"]

    @property
    def sampling_networks(self) -> dict[str, nn.Module]:
        """The networks that samples come from: the EMA of generators where there is one."""
        averaged = {"generator": self.ema, "back_generator": self.back_ema}
        return self.networks | {name: ema for name, ema in averaged.items() if ema is not None}

    def sizes(self) -> dict[str, int]:
        """The number of parameters of each network."""
        return {
            name: sum(parameter.numel() for parameter in network.parameters())
            for name, network in self.networks.items()
        }

    def trained_parameters(self, name: str) -> list[nn.Parameter]:
        """The parameters of a network that its optimizer updates."""
        # a walk through the network's modules, five times a step, would be felt in small ones
        return [p for group in self.optimizers[name].param_groups for p in group["params"]]

    def memory(self, name: str) -> Memory:
        """The memory of the term or augmentation of this name; empty the first time."""
        return self.memories.setdefault(name, {})

    @contextmanager
    def turned(self) -> Iterator[TrainState]:
        """The state as the game of the way back has it: its networks, optimizers and memories under
        the names of those of the way there, whose networks and optimizers are `back_`. What it logs
        is logged under `back/`."""
        networks, optimizers = _turned(self.networks), _turned(self.optimizers)
        memories, sums = _of_back(self.memories), Sums()
        turned = replace(
            self, networks=networks, optimizers=optimizers, memories=memories, sums=sums
        )
        yield turned
        # not `memories`, in whose place others are where the turned state was rewound
        self.memories |= {_BACK + name: memory for name, memory in turned.memories.items()}
        self.sums.take_over(sums, prefix="back/")

    @contextmanager
    def rewound(self) -> Iterator[None]:
        """What passes through the networks change is in the end as it was: random streams, memories
        and buffers, as the vectors of spectral norm."""
        streams = [(stream, stream.get_state()) for stream in self.rng]
        memories = {name: dict(memory) for name, memory in self.memories.items()}
        buffers = [(b, b.clone()) for of in self.networks.values() for b in of.buffers()]
        yield
        for stream, before in streams:
            stream.set_state(before)
        self.memories = memories
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name."""
        named = {f"sums.{key}": total for key, total in self.sums.totals.items()}
        for part, module in self._modules():
            named |= {f"{part}.{name}": value for name, value in module.state_dict().items()}
        for owner, memory in self.memories.items():
            named |= {f"memory.{owner}.{name}": value for name, value in memory.items()}
        for part, optimizer, module in self._optimizers():
            for name, parameter in module.named_parameters():
                slots = optimizer.state.get(parameter, {})
                named |= {f"{part}.{name}.{k}": v for k, v in slots.items() if v is not None}
        return named

    def facts(self) -> StateFacts:
        """Everything that isn't a tensor."""
        return StateFacts(
            step=self.step,
            seconds=round(self.seconds, 3),
            rate_factor=self.rate_factor,
            rollbacks=tuple(self.rollbacks),
            counts=dict(self.sums.counts),
            rng={name: _encode_rng(g) for name, g in self.rng._asdict().items()},
        )

    def load(self, tensors: Mapping[str, Tensor], facts: StateFacts) -> None:
        """Take over a saved state. Raises ValueError or RuntimeError if it doesn't fit."""
        self._load_parts(tensors)
        device = next(self.generator.parameters()).device
        totals = _with_prefix("sums", tensors)
        # in the order in which they were first added: it is the order of the columns of a row
        self.sums.counts = dict(facts.counts)
        self.sums.totals = {k: totals[k].to(device) for k in self.sums.counts}
        for name, stream in self.rng._asdict().items():
            _decode_rng(facts.rng[name], stream)
        self.step, self.seconds = facts.step, facts.seconds
        self.rate_factor, self.rollbacks = facts.rate_factor, list(facts.rollbacks)

    def share(self) -> None:
        """Give the state of rank 0 to the others of a run on several devices."""
        is_first = ranks.rank() == 0
        tensors, facts = ranks.share((self.tensors(), self.facts()) if is_first else None)
        if not is_first:
            self.load(tensors, facts)

    def go_back(self, tensors: Mapping[str, Tensor], *, rate_factor: float) -> None:
        """Take over saved networks and optimizers, with learning rates times a factor.

        The step, the random streams and the open row stay: the steps that come aren't a repetition.
        Raises ValueError or RuntimeError if it doesn't fit.
        """
        self._load_parts(tensors)
        self.rate_factor *= rate_factor
        self.rollbacks.append(self.step)

    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the weights only. Raises RuntimeError if they don't fit the networks."""
        for part, module in self.networks.items():
            module.load_state_dict(_with_prefix(part, tensors))
        for part, ema, of in self._averages():
            ema.load_state_dict(_with_prefix(part, tensors) or _with_prefix(of, tensors))

    def weights_are_finite(self) -> bool:
        """Whether no weight or buffer of the networks is NaN or Inf. Reads the device."""
        values = [v for _, m in self._modules() for v in m.state_dict().values()]
        # a sum is finite only if all its parts are, and needs no copy of the tensor
        sums = [v.float().sum() if v.numel() else v.new_zeros(()) for v in values]
        return bool(torch.stack(sums).isfinite().all())

    def _load_parts(self, tensors: Mapping[str, Tensor]) -> None:
        for part, module in self._modules():
            module.load_state_dict(_with_prefix(part, tensors))
        for part, optimizer, module in self._optimizers():
            _load_slots(optimizer, dict(module.named_parameters()), _with_prefix(part, tensors))
        self.memories = {}
        for name, value in _with_prefix("memory", tensors).items():
            owner, _, key = name.rpartition(".")
            self.memory(owner)[key] = value.to(next(self.generator.parameters()).device)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield from self.networks.items()
        for part, ema, _ in self._averages():
            yield part, ema

    def _averages(self) -> Iterator[tuple[str, nn.Module, str]]:
        """The name of each EMA, it, and the name of its network."""
        if self.ema is not None:
            yield "ema", self.ema, "generator"
        if self.back_ema is not None:
            yield "back_ema", self.back_ema, "back_generator"

    def _optimizers(self) -> Iterator[tuple[str, torch.optim.Optimizer, nn.Module]]:
        for part, optimizer in self.optimizers.items():
            yield f"{part}_optimizer", optimizer, self.networks[part]


class BuildsNetworks(Protocol):
    """A model or a method."""

    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        """Fresh networks by name, `generator` among them, drawn from torch's global stream."""


def fresh_state(
    builder: BuildsNetworks,
    optimizers: Optimizers,
    space: Space,
    *,
    classes: int = 0,
    seed: int,
    with_ema: bool,
    device: torch.device,
) -> TrainState:
    """The state of step 0: weights drawn on the CPU, so that every device starts alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        built = builder.build_networks(space, classes)
    networks: dict[str, nn.Module] = {
        part: network.to(device).to(memory_format=_layout(network, space, device))  # type: ignore[call-overload]
        for part, network in built.items()
    }
    averaged = networks if with_ema else {}
    return TrainState(
        networks=networks,
        ema=frozen_copy(averaged["generator"]) if "generator" in averaged else None,
        back_ema=frozen_copy(averaged["back_generator"]) if "back_generator" in averaged else None,
        optimizers={
            part: _build_optimizer(optimizers.of(part), network)
            for part, network in networks.items()
        },
        rng=Streams.from_seed(seed, device),
        sums=Sums(),
    )


def _layout(network: nn.Module, space: Space, device: torch.device) -> torch.memory_format:
    """oneDNN and cuDNN convolve fastest with channels last, but for translators on a CPU: there
    their instance norms and transposed convolutions copy all maps, which makes a U-Net's pass a
    third slower."""
    slower = (nn.InstanceNorm2d, nn.ConvTranspose2d)
    copies = space.inputs is not None and any(isinstance(of, slower) for of in network.modules())
    if space.kind != "images" or (copies and device.type == "cpu"):
        return torch.preserve_format
    return torch.channels_last


def _turned(named: Mapping[str, N]) -> dict[str, N]:
    """Each way by the names of the other."""
    there = {_BACK + name: of for name, of in named.items() if not name.startswith(_BACK)}
    return _of_back(named) | there


def _of_back(named: Mapping[str, N]) -> dict[str, N]:
    """What belongs to the way back, by its names on the way there."""
    return {k.removeprefix(_BACK): of for k, of in named.items() if k.startswith(_BACK)}


def _build_optimizer(settings: Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a network. Raises PluginError for what isn't one."""
    optimizer: object = settings.build(network.parameters())
    if not isinstance(optimizer, torch.optim.Optimizer):
        source, shown = type(settings).__name__, type(optimizer).__name__
        raise PluginError(
            f"{source}.build didn't return an optimizer, type={shown}. "
            "Return a torch.optim.Optimizer."
        )
    return optimizer


def frozen_copy(module: nn.Module) -> nn.Module:
    """A copy that is only evaluated, never trained."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def _with_prefix(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = part + "."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _load_slots(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    saved: Mapping[str, Tensor],
) -> None:
    """Give each parameter its optimizer state back, in the memory layout of the parameter.

    An update over another layout rounds some elements differently (vector and scalar code), and
    the resumed run would leave the path of the uninterrupted one.
    """
    for name, tensor in saved.items():
        parameter_name, slot = name.rsplit(".", 1)
        if parameter_name not in parameters:
            raise ValueError(f"optimizer state of an unknown parameter {parameter_name}")
        parameter = parameters[parameter_name]
        if slot == "step":
            fused = optimizer.defaults.get("fused")
            optimizer.state[parameter][slot] = tensor.to(parameter.device) if fused else tensor
        elif tensor.shape == parameter.shape:
            optimizer.state[parameter][slot] = torch.empty_like(parameter).detach().copy_(tensor)
        else:
            raise ValueError(f"optimizer state of another shape: {name}")


def _encode_rng(rng: torch.Generator) -> str:
    return base64.b64encode(rng.get_state().numpy().tobytes()).decode()


def _decode_rng(text: str, rng: torch.Generator) -> None:
    raw = bytearray(base64.b64decode(text, validate=True))
    rng.set_state(torch.frombuffer(raw, dtype=torch.uint8))
