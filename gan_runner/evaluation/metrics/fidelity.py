"""Outputs of a translator against their targets, one number for each pair."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import thin_out

DATA_RANGE = 255.0
"""Of stored images: the difference between black and white."""

MOST_DECIBELS = 100.0
"""The PSNR of equal images, which would be infinite."""

WINDOW, SIGMA = 11, 1.5
"""The side in pixels and the deviation of SSIM's Gaussian window."""

_K1, _K2 = 0.01, 0.03
_COMPARED = 2000  # targets whose distances from each other are the unit of a distance
_CHUNK_NUMBERS = 1 << 22  # in float64 at once


def psnr(outputs: Tensor, targets: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of images uint8 [N, C, H, W], float64 [N]."""
    return _in_chunks(_psnr, outputs, targets)


def _psnr(outputs: Tensor, targets: Tensor) -> Tensor:
    squared = (outputs - targets).square().flatten(1).mean(1)
    return (10 * (DATA_RANGE**2 / squared).log10()).clamp(max=MOST_DECIBELS)


def l1(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference of images uint8 [N, C, H, W] as a share of the data range, float64
    [N]: 0 of equal images, 1 of black and white."""
    return _in_chunks(lambda a, b: (a - b).abs().flatten(1).mean(1) / DATA_RANGE, outputs, targets)


def ssim(outputs: Tensor, targets: Tensor) -> Tensor:
    """Structural similarity of images uint8 [N, C, H, W], float64 [N]: the mean over channels and
    over the windows that lie within the image. Wang et al. 2004, IEEE TIP 13(4)."""
    return _in_chunks(_ssim, outputs, targets)


def window_side(height: int, width: int) -> int:
    """The side of SSIM's window in images of this size: 11, or the largest odd number that fits."""
    side = min(WINDOW, height, width)
    return side if side % 2 else side - 1


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    height, width = x.shape[2:]
    side = window_side(height, width)
    down, across = _window_matrix(height, side), _window_matrix(width, side).T

    def local_mean(values: Tensor) -> Tensor:
        return down @ values @ across

    mean_x, mean_y = local_mean(x), local_mean(y)
    variance_x = local_mean(x.square()) - mean_x.square()
    variance_y = local_mean(y.square()) - mean_y.square()
    covariance = local_mean(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * DATA_RANGE) ** 2, (_K2 * DATA_RANGE) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (luminance * structure).flatten(1).mean(1)


def _window_matrix(length: int, side: int) -> Tensor:
    """Weighted means of each stretch of `side` numbers, as a matrix [length - side + 1, length]:
    products of matrices take a tenth of a convolution's time in float64."""
    places = torch.arange(side, dtype=torch.float64) - side // 2
    window = (-0.5 * (places / SIGMA).square()).exp()
    matrix = torch.zeros(length - side + 1, length, dtype=torch.float64)
    for row in range(len(matrix)):
        matrix[row, row : row + side] = window / window.sum()
    return matrix


def feature_distances(outputs: Tensor, targets: Tensor) -> Tensor:
    """Distances of features [N, D] of outputs from those of their targets, in the mean distance
    between two targets, float64 [N]. Raises ValueError where no two targets differ."""
    some = thin_out(targets, _COMPARED).double()
    between = torch.pdist(some).mean() if len(some) > 1 else some.new_zeros(())
    if not bool(between > 0):
        raise ValueError("no two targets differ")
    distances: Tensor = torch.linalg.vector_norm(outputs.double() - targets.double(), dim=1)
    return distances / between


def pixel_accuracy(predicted: Tensor, target: Tensor) -> float:
    """The share of pixels in the right class, of label maps int64 [N, H, W]."""
    return float((predicted == target).double().mean())


def class_ious(predicted: Tensor, target: Tensor, *, classes: int) -> Tensor:
    """Intersection over union of each class over all pixels of label maps int64 [N, H, W], float64
    [K]; NaN for a class that is in neither. Jaccard 1912."""
    pairs = (target.flatten() * classes + predicted.flatten()).bincount(minlength=classes**2)
    confusion = pairs.reshape(classes, classes).double()
    both: Tensor = confusion.diagonal()
    return both / (confusion.sum(0) + confusion.sum(1) - both)


def _in_chunks(of: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """A function of images [N, C, H, W] in float64, in parts that take little memory."""
    if a.shape != b.shape:
        raise ValueError(f"images of different shapes, {list(a.shape)} and {list(b.shape)}")
    size = max(1, _CHUNK_NUMBERS // max(1, a[0].numel())) if len(a) else 1
    pairs = zip(a.split(size), b.split(size), strict=True)
    return torch.cat([of(x.cpu().double(), y.cpu().double()) for x, y in pairs])
