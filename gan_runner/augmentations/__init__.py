"""What D sees of an example is changed. A file under `conf/augment/` names a class from here."""

from gan_runner.augmentations.ada import ADA
from gan_runner.augmentations.base import Adaptive, Augmentation, Moment
from gan_runner.augmentations.diffaugment import DiffAugment
from gan_runner.augmentations.instance_noise import InstanceNoise

__all__ = ["ADA", "Adaptive", "Augmentation", "DiffAugment", "InstanceNoise", "Moment"]
