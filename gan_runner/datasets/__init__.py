"""Data sets. A file under `conf/dataset/` names a class of this package."""

from gan_runner.datasets.array import Array
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.bundled import BreastCancer, Iris, Wine
from gan_runner.datasets.degradations import (
    Dilate,
    Downscale,
    Edges,
    Gray,
    LowLight,
    Mask,
    Noise,
)
from gan_runner.datasets.degraded import Degraded
from gan_runner.datasets.digits import Digits
from gan_runner.datasets.domains import Domains
from gan_runner.datasets.image_folder import ImageFolder
from gan_runner.datasets.mixtures import Grid, Ring
from gan_runner.datasets.pairs import Pairs
from gan_runner.datasets.parquet import Parquet
from gan_runner.datasets.photos import Photos
from gan_runner.datasets.shards import Shards
from gan_runner.datasets.sines import Sines
from gan_runner.datasets.stacked import StackedMNIST
from gan_runner.datasets.table import Table
from gan_runner.datasets.tabular import Tabular
from gan_runner.datasets.vision import CIFAR10, MNIST, FashionMNIST

__all__ = [
    "CIFAR10",
    "MNIST",
    "Array",
    "BreastCancer",
    "Dataset",
    "Degraded",
    "Digits",
    "Dilate",
    "Domains",
    "Downscale",
    "Edges",
    "FashionMNIST",
    "Gray",
    "Grid",
    "ImageFolder",
    "Iris",
    "LowLight",
    "Mask",
    "Noise",
    "Pairs",
    "Parquet",
    "Photos",
    "Ring",
    "Shards",
    "Sines",
    "StackedMNIST",
    "Table",
    "Tabular",
    "Track",
    "Wine",
]
