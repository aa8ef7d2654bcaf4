"""The networks and the loops of pytorch-CycleGAN-and-pix2pix, as plain eager torch.

After what that repository does (networks, initial weights, order of updates, losses, pool, rates),
without its data loader, log and pictures. Zhu et al. 2017, arXiv:1703.10593; Isola et al. 2017,
arXiv:1611.07004. With `steps` the learning rates are constant for the first half of them and fall
to 0 in the second, as there by default.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.optim.lr_scheduler import LambdaLR

Norm = Callable[[int], nn.Module]


def pix2pix(
    inputs: Tensor,
    targets: Tensor,
    *,
    width: int,
    halvings: int,
    batch: int,
    norm: str,
    steps: int | None = None,
) -> Iterator[nn.Module]:
    """The generator after each step of its `pix2pix_model.py`: `unet_128` where it halves seven
    times, its D of patches of 70 pixels."""
    generator = UNet(3, 3, width=width, halvings=halvings, norm=_norm(norm))
    discriminator = patches(6, width=width, norm=_norm(norm))
    _initialize(generator, discriminator)
    optimizer_g, optimizer_d = (_adam(network) for network in (generator, discriminator))
    schedules = [_schedule(optimizer, steps) for optimizer in (optimizer_g, optimizer_d)]
    criterion = GameLoss(nn.BCEWithLogitsLoss())
    while True:
        chosen = torch.randint(len(inputs), (batch,))
        real_a, real_b = inputs[chosen], targets[chosen]
        fake_b = generator(real_a)

        _learns(True, discriminator)
        optimizer_d.zero_grad()
        on_fake = discriminator(torch.cat((real_a, fake_b), 1).detach())
        on_real = discriminator(torch.cat((real_a, real_b), 1))
        ((criterion(on_fake, False) + criterion(on_real, True)) * 0.5).backward()
        optimizer_d.step()

        _learns(False, discriminator)
        optimizer_g.zero_grad()
        on_fake = discriminator(torch.cat((real_a, fake_b), 1))
        (criterion(on_fake, True) + l1_loss(fake_b, real_b) * 100.0).backward()
        optimizer_g.step()
        for schedule in schedules:
            schedule.step()
        yield generator


def cyclegan(
    domain_a: Tensor,
    domain_b: Tensor,
    *,
    width: int,
    blocks: int,
    batch: int,
    identity: float = 0.5,
    steps: int | None = None,
) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Both generators, of B and of A, after each step of its `cycle_gan_model.py`: both G first,
    then both D on fakes from the pools."""
    norm = _norm("instance")
    g_a, g_b = (ResNet(3, 3, width=width, blocks=blocks, norm=norm) for _ in range(2))
    d_a, d_b = (patches(3, width=width, norm=norm) for _ in range(2))
    _initialize(g_a, g_b, d_a, d_b)
    optimizer_g, optimizer_d = _adam(g_a, g_b), _adam(d_a, d_b)
    schedules = [_schedule(optimizer, steps) for optimizer in (optimizer_g, optimizer_d)]
    criterion, pool_a, pool_b = GameLoss(nn.MSELoss()), Pool(50), Pool(50)
    while True:
        real_a = domain_a[torch.randint(len(domain_a), (batch,))]
        real_b = domain_b[torch.randint(len(domain_b), (batch,))]
        fake_b, fake_a = g_a(real_a), g_b(real_b)
        again_a, again_b = g_b(fake_b), g_a(fake_a)

        _learns(False, d_a, d_b)
        optimizer_g.zero_grad()
        itself: Tensor | float = 0.0
        if identity:
            itself = l1_loss(g_a(real_b), real_b) + l1_loss(g_b(real_a), real_a)
        game = criterion(d_a(fake_b), True) + criterion(d_b(fake_a), True)
        cycle = l1_loss(again_a, real_a) + l1_loss(again_b, real_b)
        (game + 10.0 * cycle + 10.0 * identity * itself).backward()
        optimizer_g.step()

        _learns(True, d_a, d_b)
        optimizer_d.zero_grad()
        for critic, real, fake in (
            (d_a, real_b, pool_b.query(fake_b.detach())),
            (d_b, real_a, pool_a.query(fake_a.detach())),
        ):
            loss = criterion(critic(real), True) + criterion(critic(fake), False)
            (loss * 0.5).backward()
        optimizer_d.step()
        for schedule in schedules:
            schedule.step()
        yield g_a, g_b


class UNet(nn.Module):
    """A level of it, around the ones below."""

    def __init__(
        self, inputs: int, outputs: int, *, width: int, halvings: int, norm: Norm, level: int = 0
    ) -> None:
        super().__init__()
        own = width * min(2**level, 8)
        self.is_outermost, is_innermost = level == 0, level == halvings - 1
        down: list[nn.Module] = [nn.Conv2d(inputs, own, 4, 2, 1, bias=_has_bias(norm))]
        if not self.is_outermost:
            down.insert(0, nn.LeakyReLU(0.2, True))
        inner: list[nn.Module] = []
        if not is_innermost:
            down += [] if self.is_outermost else [norm(own)]
            inner = [UNet(own, own, width=width, halvings=halvings, norm=norm, level=level + 1)]
        seen = own if is_innermost else 2 * own
        bias = self.is_outermost or _has_bias(norm)
        up: list[nn.Module] = [
            nn.ReLU(True),
            nn.ConvTranspose2d(seen, outputs, 4, 2, 1, bias=bias),
            nn.Tanh() if self.is_outermost else norm(outputs),
        ]
        if 4 <= level < halvings - 1:
            up.append(nn.Dropout(0.5))
        self.layers = nn.Sequential(*down, *inner, *up)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y if self.is_outermost else torch.cat((x, y), 1)


class ResNet(nn.Sequential):
    """`resnet_6blocks`, `resnet_9blocks`."""

    def __init__(self, inputs: int, outputs: int, *, width: int, blocks: int, norm: Norm) -> None:
        bias = _has_bias(norm)
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7, bias=bias)]
        layers += [norm(width), nn.ReLU(True)]
        for fine in (width, 2 * width):
            layers += [nn.Conv2d(fine, 2 * fine, 3, 2, 1, bias=bias), norm(2 * fine)]
            layers.append(nn.ReLU(True))
        layers += [Block(4 * width, norm=norm) for _ in range(blocks)]
        for fine in (2 * width, width):
            layers.append(nn.ConvTranspose2d(2 * fine, fine, 3, 2, 1, output_padding=1, bias=bias))
            layers += [norm(fine), nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh()]
        super().__init__(*layers)


class Block(nn.Module):
    """A residual block with reflected edges."""

    def __init__(self, channels: int, *, norm: Norm) -> None:
        super().__init__()
        conv = [
            (nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=_has_bias(norm)))
            for _ in range(2)
        ]
        self.layers = nn.Sequential(
            *conv[0], norm(channels), nn.ReLU(True), *conv[1], norm(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.layers(x)
        return y


def patches(channels: int, *, width: int, norm: Norm) -> nn.Sequential:
    """D of patches of 70 pixels."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for before, after, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
        conv = nn.Conv2d(before * width, after * width, 4, stride, 1, bias=_has_bias(norm))
        layers += [conv, norm(after * width), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


class GameLoss:
    """A loss of logits against one label for all of them."""

    def __init__(self, loss: nn.Module) -> None:
        self._loss = loss
        self._labels = {True: torch.tensor(1.0), False: torch.tensor(0.0)}

    def __call__(self, logits: Tensor, is_real: bool) -> Tensor:
        loss: Tensor = self._loss(logits, self._labels[is_real].expand_as(logits))
        return loss


class Pool:
    """Earlier fakes: each new one is shown, or in half of all cases an earlier one in exchange."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._images: list[Tensor] = []

    def query(self, fakes: Tensor) -> Tensor:
        return torch.cat([self._exchange(fake) for fake in fakes.split(1)])

    def _exchange(self, fake: Tensor) -> Tensor:
        if len(self._images) < self._size:
            self._images.append(fake)
            return fake
        if random.random() < 0.5:
            return fake
        place = random.randrange(self._size)
        earlier = self._images[place].clone()
        self._images[place] = fake
        return earlier


def _norm(name: str) -> Norm:
    return nn.BatchNorm2d if name == "batch" else nn.InstanceNorm2d


def _has_bias(norm: Norm) -> bool:
    return norm is nn.InstanceNorm2d


def _learns(learns: bool, *networks: nn.Module) -> None:
    for network in networks:
        network.requires_grad_(learns)


def _initialize(*networks: nn.Module) -> None:
    """Its `init_type` normal: DCGAN's."""
    for module in chain(*(network.modules() for network in networks)):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)


def _schedule(optimizer: torch.optim.Optimizer, steps: int | None) -> LambdaLR:
    """Its `lr_policy` linear, by steps where it goes by epochs."""

    def factor(step: int) -> float:
        return 1.0 if steps is None else min(1.0, 2.0 - 2.0 * step / steps)

    return LambdaLR(optimizer, factor)


def _adam(*networks: nn.Module) -> torch.optim.Adam:
    parameters: Sequence[nn.Parameter] = [*chain(*(each.parameters() for each in networks))]
    return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))
