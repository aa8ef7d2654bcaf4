"""Layers with which a discriminator compares the examples of a batch, so that twins give G away.

Both append features to the last ones of D, before its linear layer:

- `stddev`: how much the features of a group of examples vary, one number. Karras et al. 2018,
  arXiv:1710.10196, section 3. Groups are those of the authors' code.
- `discrimination`: how close each example lies to the others, one number for each kernel.
  Salimans et al. 2016, arXiv:1606.03498, section 3.2.

A logit then depends on the whole batch, so reals and fakes go through D apart. A gradient
penalty takes the gradient of the batch's summed logits by each example, in which there is also what
the example does to the others' logits: so do the authors of `stddev` with WGAN-GP, and StyleGAN2
(Karras et al. 2020) with R1.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from gan_runner.system import ranks

MinibatchLayer = Literal["none", "stddev", "discrimination"]


def add_minibatch_layer(
    discriminator: nn.Sequential, layer: MinibatchLayer, *, group: int, kernels: int, dims: int
) -> nn.Sequential:
    """The same discriminator with such a layer before its last linear one, which grows.

    The new weights are drawn as large as the others. Where the linear layer is under spectral norm
    the new layer is as well.
    """
    if layer == "none":
        return discriminator
    *body, head, flatten = discriminator
    assert isinstance(head, nn.Linear), "every discriminator ends with a linear layer"
    features = head.in_features
    appended = (
        StandardDeviation(group)
        if layer == "stddev"
        else Discrimination(features, kernels=kernels, dims=dims)
    )
    wider = _widen_head(head, 1 if layer == "stddev" else kernels)
    if is_parametrized(head, "weight"):
        for module in [*appended.children(), wider]:
            spectral_norm(module)
    return nn.Sequential(*body, appended, wider, flatten)


class StandardDeviation(nn.Module):
    """Features [N, ...] -> [N, D + 1]: beside them the mean deviation of the example's group.

    Of all D features the standard deviation over the group, their mean. A batch is dealt out to as
    many groups of at least `group` examples as there can be: of a batch of 4 * k examples and
    groups of 4, example i is in group i mod k. A smaller batch is one group.
    """

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, features: Tensor) -> Tensor:
        with _no_autocast(features.device):
            own = _flatten_to_float32(features)
            x = ranks.couple(own)
            groups = max(1, x.shape[0] // self.group)
            index = ranks.places(x) % groups
            member = one_hot(index, groups).to(x.dtype)  # [N, groups]
            mean = (member / member.sum(0)).T  # [groups, N] takes the mean of each group
            variance = mean @ (x - member @ (mean @ x)).square()
            # as in the authors' code: a root has no derivative at 0
            deviation = (variance + 1e-8).sqrt().mean(1, keepdim=True)
            return torch.cat((own, ranks.own_rows(member @ deviation)), dim=1)


class Discrimination(nn.Module):
    """Features [N, ...] -> [N, D + kernels]: beside them how close the example lies to the batch.

    o(x_i)_b = sum_j exp(-|M_ib - M_jb|_1), with M_i = f(x_i) T, T of shape [D, kernels, dims]; the
    sum takes in i itself. T's columns start with a length of about 1, that of the authors' code.
    """

    def __init__(self, features: int, *, kernels: int, dims: int) -> None:
        super().__init__()
        self.projection = nn.Linear(features, kernels * dims, bias=False)
        nn.init.normal_(self.projection.weight, std=1 / math.sqrt(features))
        self.kernels = kernels

    def forward(self, features: Tensor) -> Tensor:
        with _no_autocast(features.device):
            x = _flatten_to_float32(features)
            points = self.projection(x).unflatten(1, (self.kernels, -1))
            all_points = ranks.couple(points)
            distances = (points[:, None] - all_points[None]).abs().sum(-1)  # [N, N, kernels]
            return torch.cat((x, (-distances).exp().sum(1)), dim=1)


def _no_autocast(device: torch.device) -> AbstractContextManager[object]:
    if not torch.amp.is_autocast_available(device.type):  # as on the meta device
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def _flatten_to_float32(features: Tensor) -> Tensor:
    """[N, ...] -> [N, D], in float32 at least: differences of near twins vanish in bfloat16."""
    return features.flatten(1).to(torch.promote_types(features.dtype, torch.float32))


def _widen_head(head: nn.Linear, more: int) -> nn.Linear:
    """The linear layer for so many more features, with new weights as large as the others."""
    weight = head.weight.detach()
    wider = nn.Linear(head.in_features + more, head.out_features, bias=head.bias is not None)
    scale = weight.square().mean().sqrt().item()
    added = torch.randn(head.out_features, more) * scale
    wider.weight.data.copy_(torch.cat((weight, added), dim=1))
    if head.bias is not None:
        wider.bias.data.copy_(head.bias.data)
    return wider
