"""A trained run in Python: its generator, samples in the data's own values, and what it logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan_runner.config.plugins import find_plugins, load_plugins
from gan_runner.data import Space
from gan_runner.errors import ConfigError, MachineError, printable
from gan_runner.runs.open import Trained, load_generator
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.sampler import Sampler
from gan_runner.storage.rows import rows
from gan_runner.storage.run_folder import RunFolder

Label = int | str | Sequence[int] | Sequence[str] | NDArray[Any] | Tensor


class Rows(dict[str, NDArray[Any]]):
    """Rows of a table: the values of each column by its name, all of one length."""

    def to_dataframe(self) -> Any:
        """A pandas DataFrame. Raises MachineError where pandas isn't installed."""
        try:
            import pandas
        except ImportError:
            raise MachineError("pandas isn't installed. pip install pandas") from None
        return pandas.DataFrame(dict(self))


class TrainedRun:
    """The generator of a checkpoint, and what its run folder says.

    `generator` is a plain module in evaluation mode: `generator(latents, labels=None)` gives
    encoded examples (images in [-1, 1]); `sample` gives the data's own values.
    """

    def __init__(self, path: Path, trained: Trained) -> None:
        self.path = path
        self._trained = trained
        self._sampler = trained.sampler

    @property
    def generator(self) -> nn.Module:
        """[N, latent_dims] and, if it is conditional, int64 labels [N] -> encoded examples."""
        return self._sampler.generator

    @property
    def latent_dims(self) -> int:
        """The size of a latent point, latent codes included."""
        return self._sampler.latent_dims

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that it is conditioned on, in the order of the labels; none if it isn't."""
        return self._sampler.class_names

    @property
    def step(self) -> int:
        """The step of the checkpoint."""
        return self._trained.step

    @property
    def config(self) -> dict[str, Any]:
        """The run's resolved configuration, as `config.yaml` has it."""
        return self._trained.experiment.config.plain()

    def to(self, device: str | torch.device) -> TrainedRun:
        """Move the networks to another device; the run itself."""
        for network in (self._sampler.generator, self._sampler.encoder):
            if network is not None:
                network.to(device)
        return self

    def sample(
        self,
        count: int,
        *,
        labels: Label | None = None,
        seed: int = 0,
        truncation: float | None = None,
    ) -> NDArray[Any] | Rows:
        """`count` samples, the same for the same seed: images uint8 [N, H, W, C], vectors [N, D],
        sequences [N, T, D], or the rows of a table. Numbers are float32, or float64 where the data
        need them.

        `labels`: one class for all, or one for each sample, by its name or place, as gan-sample
        takes them, or a tensor of places in `class_names`; without them a conditional generator
        goes through its classes in turn. `truncation`: latent coordinates beyond it are redrawn.
        Raises ConfigError for a class that there isn't, NumbersError for a sample that is NaN or
        Inf.
        """
        return self.decode(self.latents(count, seed=seed, truncation=truncation), labels=labels)

    def latents(self, count: int, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Latent points [count, latent_dims] on the CPU; `truncation` bounds every coordinate.

        Raises ConfigError for a count below 0 and a truncation below 0.01.
        """
        if count < 0:
            raise ConfigError(f"a number of samples below 0, count={count}. Use 0 or more.")
        if truncation is not None and truncation < 0.01:
            # nearly every coordinate would be drawn again and again
            raise ConfigError(f"truncation={truncation} is too small. Use at least 0.01.")
        return self._sampler.latents(count, seed=seed, truncation=truncation)

    def decode(self, latents: Tensor, *, labels: Label | None = None) -> NDArray[Any] | Rows:
        """The samples of latent points [N, latent_dims], in the data's own values.

        Raises what `sample` does, and ConfigError for points of another size.
        """
        sampler = self._sampler
        if latents.ndim != 2 or latents.shape[1] != self.latent_dims:
            shape = list(latents.shape)
            raise ConfigError(f"not latent points, shape={shape}. Use [N, {self.latent_dims}].")
        chosen = sampler.label_each(len(latents), find_labels(sampler, labels, len(latents)))
        return to_values(sampler.decode(latents, chosen), sampler.space, chosen)

    def metrics(self) -> list[dict[str, Any]]:
        """The logged rows, `metrics.jsonl`: the step, the seconds, named numbers."""
        return list(rows(RunFolder(self.path).metrics))

    def __repr__(self) -> str:
        return f"TrainedRun({str(self.path)!r}, step={self.step})"


def open_run(
    path: str | Path,
    *,
    checkpoint: Literal["last", "best"] | int = "last",
    weights: Literal["ema", "raw"] = "ema",
    device: str = "auto",
    plugins: Sequence[str | Path] = (),
) -> TrainedRun:
    """The trained run in a run folder.

    `checkpoint`: last, best or a step. `weights`: the generator's EMA, where it has one, or its raw
    weights. `device`: auto, cpu, cuda, cuda:1, mps. `plugins`: the files that the run was trained
    with.

    Raises CheckpointError for a folder that isn't a run's, or is damaged, and for a plugin that is
    missing; MachineError for a device that isn't there; ConfigError.
    """
    load_plugins(find_plugins(plugin_files(plugins)))
    folder = Path(path).expanduser().absolute()
    raw = asks_raw(weights)
    return TrainedRun(folder, load_generator(folder, which=str(checkpoint), raw=raw, device=device))


def asks_raw(weights: str) -> bool:
    """Whether the raw weights are asked for. Raises ConfigError for anything but raw and ema."""
    if weights not in ("ema", "raw"):
        raise ConfigError(f"weights={printable(weights)} isn't known. Use 'ema' or 'raw'.")
    return weights == "raw"


def plugin_files(plugins: Sequence[str | Path]) -> list[Path]:
    """The files of plugins. Raises ConfigError for a single one, whose letters would be taken."""
    if isinstance(plugins, (str, Path)):
        raise ConfigError(f"not a list, plugins={printable(plugins)}. Write plugins=[FILE].")
    return [Path(file) for file in plugins]


def find_labels(sampler: Sampler, labels: Label | None, count: int) -> int | Tensor | None:
    """Classes by name or place as labels, one for all or one for each of `count` samples. Raises
    ConfigError for a class that there isn't, and for another number of them."""
    if labels is None:
        return None
    if not sampler.classes:
        raise ConfigError(
            f"the run isn't conditional, labels={printable(labels)}. "
            "Train one with model.conditioning=concat."
        )
    if isinstance(labels, (str, int, np.integer)):
        return _find_label(sampler, labels)
    if isinstance(labels, Tensor):
        places = labels.detach().cpu().long()
        if places.numel() and not 0 <= int(places.min()) <= int(places.max()) < sampler.classes:
            raise _no_such_class(sampler, labels)
    else:
        places = torch.tensor([_find_label(sampler, label) for label in labels], dtype=torch.long)
    if places.ndim and places.shape != (count,):
        shape = list(places.shape)
        raise ConfigError(f"{count} samples need a label each, shape={shape}. Use {[count]}.")
    return places


def _find_label(sampler: Sampler, label: object) -> int:
    found = sampler.find_class(str(label))
    if found is None:
        raise _no_such_class(sampler, label)
    return found


def _no_such_class(sampler: Sampler, label: object) -> ConfigError:
    listed = ", ".join(printable(name) for name in sampler.class_names[:20])
    return ConfigError(f"no such class, labels={printable(label)}. Choose one of: {listed}.")


def to_values(examples: Tensor, space: Space, labels: Tensor | None) -> NDArray[Any] | Rows:
    """Examples as stored [N, *shape] in the values that files have."""
    if space.columns is None:
        return to_stored_array(examples, space)
    return Rows(
        {
            column.name: np.array(column.categories)[values] if column.categories else values
            for column, values in space.columns.values(examples, labels, space.origin)
        }
    )
