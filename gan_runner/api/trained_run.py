"""A trained run in Python: its generator, samples in the data's own values, and what it logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from gan_runner.config.plugins import find_plugins, load_plugins
from gan_runner.data import Columns, Space
from gan_runner.errors import ConfigError, MachineError, printable
from gan_runner.runs.open import Trained, load_generator
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.sampler import Sampler
from gan_runner.storage.rows import rows
from gan_runner.storage.run_folder import RunFolder

if TYPE_CHECKING:
    import torch

Label = int | str | Sequence[int] | Sequence[str] | Tensor


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
        sequences [N, T, D], or the rows of a table.

        `labels`: one class for all, or one for each sample, by its name or place; without them a
        conditional generator goes through its classes in turn. Raises ConfigError for a class that
        there isn't, NumbersError for a sample that is NaN or Inf.
        """
        return self.decode(self.latents(count, seed=seed, truncation=truncation), labels=labels)

    def latents(self, count: int, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Latent points [count, latent_dims] on the CPU; `truncation` bounds every coordinate."""
        return self._sampler.latents(count, seed=seed, truncation=truncation)

    def decode(self, latents: Tensor, *, labels: Label | None = None) -> NDArray[Any] | Rows:
        """The samples of latent points [N, latent_dims], in the data's own values."""
        sampler = self._sampler
        chosen = sampler.label_each(len(latents), find_labels(sampler, labels))
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

    `checkpoint`: last, best or a step. `weights`: the generator's moving average, where it has one,
    or its raw weights. `device`: auto, cpu, cuda, cuda:1, mps. `plugins`: the files that the run
    was trained with. Raises CheckpointError for a folder that isn't a run's, or is damaged.
    """
    folder = Path(path).expanduser().absolute()
    load_plugins(find_plugins(map(Path, plugins)))
    raw = weights == "raw"
    return TrainedRun(folder, load_generator(folder, which=str(checkpoint), raw=raw, device=device))


def find_labels(sampler: Sampler, labels: Label | None) -> int | list[int] | Tensor | None:
    """Classes by name or place as labels. Raises ConfigError for a class that there isn't."""
    if labels is None:
        return None
    if not sampler.classes:
        raise ConfigError(
            f"the run isn't conditional, labels={printable(labels)}. "
            "Train one with model.conditioning=concat."
        )
    if isinstance(labels, Tensor):
        return labels
    if isinstance(labels, (int, str)):
        return _find_label(sampler, labels)
    return [_find_label(sampler, label) for label in labels]


def _find_label(sampler: Sampler, label: int | str) -> int:
    found = sampler.find_class(str(label))
    if found is None:
        listed = ", ".join(printable(name) for name in sampler.class_names[:20])
        raise ConfigError(f"no such class, labels={printable(label)}. Choose one of: {listed}.")
    return found


def to_values(examples: Tensor, space: Space, labels: Tensor | None) -> NDArray[Any] | Rows:
    """Examples as stored [N, *shape] in the values that files have."""
    if space.columns is None:
        return to_stored_array(examples)
    return Rows(_column_values(space.columns, examples, labels))


def _column_values(
    columns: Columns, examples: Tensor, labels: Tensor | None
) -> dict[str, NDArray[Any]]:
    kinds = {column.name: column for column in columns.columns}
    found: dict[str, NDArray[Any]] = {}
    for name, codes in columns.codes(examples, labels).items():
        column, values = kinds[name], codes.numpy()
        if column.categories:
            found[name] = np.array(column.categories)[values]
        elif column.decimals == 0:
            found[name] = values.astype(np.int64)
        else:
            found[name] = values
    return found
