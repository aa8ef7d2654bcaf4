"""Data as one indexed array, batches of it, the columns of a table."""

from gan_runner.data.columns import Column, Columns
from gan_runner.data.data import Data, Space, digest

__all__ = ["Column", "Columns", "Data", "Space", "digest"]
