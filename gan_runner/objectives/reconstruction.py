"""Every term that compares a translation with what it should be, side by side.

Outputs and targets are encoded examples [N, *shape]. A term is per example, [N], and unweighted: it
is logged as it is, and a method's settings weigh it in the loss of its generator.
"""

from __future__ import annotations

from torch import Tensor

from gan_runner.models.discriminator import DiscriminatorOutput


def l1(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean absolute difference of an example's numbers. Isola et al. 2017, eq. 3; as the cycle
    and the identity loss Zhu et al. 2017, eq. 2 and section 5.2."""
    return (outputs - targets).abs().flatten(1).mean(1)


def l2(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean squared difference of an example's numbers. Ledig et al. 2017, eq. 4."""
    return (outputs - targets).square().flatten(1).mean(1)


def feature_l1(outputs: DiscriminatorOutput, targets: DiscriminatorOutput) -> Tensor:
    """The mean absolute difference of D's last features of an example, no gradient for those of
    targets. Wang et al. 2018, arXiv:1711.11585, eq. 4, of the last layer alone."""
    assert outputs.features is not None and targets.features is not None, "D's own output has them"
    return l1(outputs.features.float(), targets.features.detach().float())
