"""The arguments of the Python functions, checked before anything is done with them."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gan_runner.cli.hydra.composer import full_path
from gan_runner.errors import ConfigError, printable
from gan_runner.runs.finish import as_fault

_MOST_SAMPLES = 10_000_000  # of one call, as of gan-sample


@contextmanager
def machine_faults() -> Iterator[None]:
    """Within it, a lack of memory and what the disk refuses are raised as MachineError."""
    try:
        yield
    except Exception as error:
        fault = as_fault(error)
        if fault is None or fault is error:
            raise
        raise fault from None


def folder_of(run: object) -> Path:
    """The path of a run folder in full. Raises ConfigError for what isn't a path."""
    if not isinstance(run, (str, os.PathLike)):
        raise ConfigError(f"not a path, run={printable(run)}. Name a run folder.")
    return full_path(os.fspath(run), key="run")


def checkpoint_name(checkpoint: object) -> str:
    """Which checkpoint: last, best or a step. Raises ConfigError for another type."""
    step = checkpoint if isinstance(checkpoint, str) else whole_number(checkpoint)
    if step is None:
        shown = printable(checkpoint)
        raise ConfigError(f"not a checkpoint, checkpoint={shown}. Use 'last', 'best' or a step.")
    return str(step)


def asks_raw(weights: object) -> bool:
    """Whether the raw weights are asked for. Raises ConfigError for anything but raw and ema."""
    if weights not in ("ema", "raw"):
        raise ConfigError(f"weights={printable(weights)} isn't known. Use 'ema' or 'raw'.")
    return weights == "raw"


def device_name(device: object) -> str:
    """The name of a device. Raises ConfigError for another type."""
    if not isinstance(device, (str, torch.device)):
        shown = printable(device)
        raise ConfigError(f"device={shown} isn't known. Use auto, cpu, cuda, cuda:1 or mps.")
    return str(device)


def plugin_files(plugins: object) -> list[Path]:
    """The files of plugins. Raises ConfigError for a single one, whose letters would be taken."""
    if isinstance(plugins, (str, bytes, os.PathLike)) or not isinstance(plugins, Iterable):
        raise ConfigError(f"not a list, plugins={printable(plugins)}. Write plugins=[FILE]")
    files = list(plugins)
    for file in files:
        if not isinstance(file, (str, os.PathLike)):
            raise ConfigError(f"not a path, plugins=[{printable(file)}]. Name Python files.")
    return [full_path(os.fspath(file), key="plugins") for file in files]


def metric_names(metrics: object) -> list[Any]:
    """The names of metrics. Raises ConfigError for what isn't a list."""
    if isinstance(metrics, (str, bytes)) or not isinstance(metrics, Iterable):
        shown = printable(metrics)
        raise ConfigError(f"not a list, metrics={shown}. Write each in a list: [{metrics!r}].")
    return list(metrics)


def sample_count(count: object) -> int:
    """A number of samples. Raises ConfigError for what isn't a number from 0 to ten million."""
    number = whole_number(count)
    if number is None or not 0 <= number <= _MOST_SAMPLES:
        shown = printable(count)
        raise ConfigError(
            f"not a number of samples, count={shown}. Use a whole number from 0 to {_MOST_SAMPLES}."
        )
    return number


def draw_limit(max_draws: object) -> int | None:
    """The rows that are drawn at most. Raises ConfigError for what isn't a number from 1 on, or
    None."""
    number = None if max_draws is None else whole_number(max_draws)
    if max_draws is not None and (number is None or number < 1):
        shown = printable(max_draws)
        raise ConfigError(f"not a number of draws, max_draws={shown}. Use a whole number from 1.")
    return number


def condition_text(where: object) -> str:
    """A condition on rows. Raises ConfigError for what isn't a text."""
    if not isinstance(where, str):
        raise ConfigError(f"not a text, where={printable(where)}. Write one, as in 'age > 30'")
    return where


def tile_side(tile: object) -> int | None:
    """The side of a tile in px. Raises ConfigError for what isn't a number from 0 on, or None."""
    number = None if tile is None else whole_number(tile)
    if tile is not None and (number is None or number < 0):
        raise ConfigError(f"not a side of tiles, tile={printable(tile)}. Use 512 or so, 0 for none")
    return number


def seed_number(seed: object) -> int:
    """A seed, any whole number. Raises ConfigError for another type."""
    number = whole_number(seed)
    if number is None:
        raise ConfigError(f"not a seed, seed={printable(seed)}. Use a whole number.")
    return number


def truncation_limit(truncation: object) -> float | None:
    """The limit of every latent coordinate. Raises ConfigError for what isn't a number of at least
    0.01: below it nearly every coordinate would be drawn again and again."""
    if truncation is None:
        return None
    try:
        limit = math.nan if isinstance(truncation, (str, bool)) else float(truncation)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        limit = math.nan
    if not limit >= 0.01:
        shown = printable(truncation)
        raise ConfigError(f"truncation={shown} can't limit a coordinate. Use at least 0.01.")
    return limit


def latent_points(latents: Tensor | ArrayLike, dims: int) -> Tensor:
    """Latent points as float32 [N, dims]. Raises ConfigError for what they can't be made of."""
    try:
        points = latents if isinstance(latents, Tensor) else torch.as_tensor(np.asarray(latents))
    except (TypeError, ValueError, RuntimeError):
        shown = printable(latents, 80)
        raise ConfigError(f"not latent points, latents={shown}. Use [N, {dims}] floats.") from None
    if points.ndim != 2 or points.shape[1] != dims:
        raise ConfigError(f"not latent points, shape={list(points.shape)}. Use [N, {dims}].")
    if points.dtype == torch.bool or points.is_complex():
        raise ConfigError(f"not latent points, dtype={points.dtype}. Use float32.")
    points = points.detach().to(torch.float32)
    if not bool(points.isfinite().all()):
        raise ConfigError(f"latent points that are NaN or Inf. Use finite [N, {dims}] floats.")
    return points


def whole_number(value: Any) -> int | None:
    """The value as an int, of numpy's and torch's kinds, too; None for another type."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
