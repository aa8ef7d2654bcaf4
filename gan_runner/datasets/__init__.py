"""Where arrays come from. A file under `conf/dataset/` names a class of this package."""

from gan_runner.datasets.base import Dataset
