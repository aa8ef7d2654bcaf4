"""Random changes of the examples that D is given. A file under `conf/augment/` names a class of
this package."""

from gan_runner.augmentations.ada import ADA
from gan_runner.augmentations.base import Adaptive, Augmentation, Memory, Moment
from gan_runner.augmentations.diffaugment import DiffAugment
from gan_runner.augmentations.instance_noise import InstanceNoise

__all__ = ["ADA", "Adaptive", "Augmentation", "DiffAugment", "InstanceNoise", "Memory", "Moment"]
