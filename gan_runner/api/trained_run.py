"""A trained run in Python: its generator, samples in the data's own values, and what it logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from gan_runner.api.arguments import (
    asks_raw,
    checkpoint_name,
    condition_text,
    device_name,
    draw_limit,
    folder_of,
    latent_points,
    machine_faults,
    plugin_files,
    sample_count,
    seed_number,
    tile_side,
    truncation_limit,
)
from gan_runner.api.labels import Label, find_labels
from gan_runner.config.plugins import find_plugins, load_plugins
from gan_runner.data import Column, Space
from gan_runner.data.columns import column_cells
from gan_runner.errors import CheckpointError, ConfigError, MachineError, printable
from gan_runner.runs.open import Trained, load_generator
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.images import translate_images
from gan_runner.sampling.rejection import parse_where, sample_where
from gan_runner.sampling.translation import Direction
from gan_runner.storage.rows import rows
from gan_runner.storage.run_folder import RunFolder
from gan_runner.system.machine import find_device
from gan_runner.training.privacy import check_accountant, privacy_of


class TableRows(dict[str, NDArray[Any]]):
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
    encoded examples (images in [-1, 1]); `sample` gives the data's own values. `trained` is what
    the commands work with.
    """

    def __init__(self, path: Path, trained: Trained) -> None:
        self.path = path
        self.trained = trained
        self._sampler = trained.sampler

    @property
    def generator(self) -> nn.Module:
        """[N, latent_dims] and, if it is conditional, int64 labels [N] -> encoded examples; of a
        translator encoded inputs [N, C, H, W] -> encoded examples."""
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
    def class_shares(self) -> tuple[float, ...]:
        """The share of each of these classes in the training data; none where the checkpoint, one
        of an earlier version, doesn't say."""
        counts = self._sampler.class_counts
        return tuple(count / sum(counts) for count in counts)

    @property
    def step(self) -> int:
        """The step of the checkpoint."""
        return self.trained.step

    @property
    def config(self) -> dict[str, Any]:
        """The run's resolved configuration, as `config.yaml` has it."""
        return self.trained.experiment.config.plain()

    @property
    def privacy(self) -> dict[str, float]:
        """The `epsilon` that the updates until this checkpoint have spent, and its `delta`; empty
        for a run without differential privacy.

        Raises ConfigError where Opacus isn't installed, CheckpointError for a run folder that
        doesn't say how many examples there were.
        """
        method, config = self.trained.experiment.method, self.trained.experiment.config
        if not config.privacy.is_on:
            return {}
        check_accountant(config)
        examples = RunFolder(self.path).status().examples
        privacy = None if examples is None else privacy_of(config, rows=examples)
        if privacy is None:
            raise CheckpointError(
                "the run folder doesn't say what its noise is, or of how many examples, "
                f"{printable(self.path)}. Restore its status.json and config.yaml."
            )
        return privacy.spent(self.step * method.batches_per_step)

    @machine_faults()
    def to(self, device: str | torch.device) -> TrainedRun:
        """Move the networks to another device: auto, cpu, cuda, cuda:1, mps; the run itself.

        Raises MachineError for a device that isn't there, ConfigError for another name.
        """
        found = find_device(device_name(device))
        translation = self._sampler.translation
        back = None if translation is None else translation.back
        for network in (self._sampler.generator, self._sampler.encoder, back):
            if network is not None:
                network.to(found)
        return self

    def sample(
        self,
        count: int,
        *,
        labels: Label | None = None,
        balanced: bool = False,
        seed: int = 0,
        truncation: float | None = None,
        where: str | None = None,
        max_draws: int | None = None,
    ) -> NDArray[Any] | TableRows:
        """`count` samples, the first of a seed the same however many there are: images uint8
        [N, H, W, C], vectors [N, D], sequences [N, T, D], or the rows of a table. Numbers are
        float32, or float64 where the data need them.

        `labels`: one class for all, or one for each sample, by its name or place, as gan-sample
        takes them, or a tensor of places in `class_names`; without them the classes of a
        conditional generator are drawn by their `class_shares`, or all go in turn where these
        aren't known or with `balanced`. `truncation`: latent coordinates beyond it are redrawn.
        `where`: the condition that rows of a table fulfil, as in "age >= 30 and sex = 'Female'";
        others are drawn again, `max_draws` rows at most: without it 1,000 for each that is wanted,
        100,000 if none fits. Raises ConfigError for a class that there isn't and for another or too
        rare a condition, NumbersError for a sample that is NaN or Inf.
        """
        if where is not None:
            if labels is not None or balanced:
                shown = printable(where)
                raise ConfigError(
                    f"two choices of rows, {'balanced' if labels is None else 'labels'} and "
                    f"where={shown}. Say the class in the condition."
                )
            return self._sample_where(where, count, seed, truncation, max_draws)
        if max_draws is not None:
            shown = printable(max_draws)
            raise ConfigError(f"max_draws={shown} is of where. Add that, or remove it.")
        columns = self._sampler.space.columns
        if columns is not None and columns.keeper.may_break and labels is None and not balanced:
            return self._sample_where(None, count, seed, truncation, None)
        latents = self.latents(count, seed=seed, truncation=truncation)
        if labels is None and not balanced:
            labels = self._sampler.draw_labels(len(latents), seed=seed_number(seed))
        return self.decode(latents, labels=labels)

    @machine_faults()
    def _sample_where(
        self,
        where: str | None,
        count: int,
        seed: int,
        truncation: float | None,
        max_draws: int | None,
    ) -> NDArray[Any] | TableRows:
        """The first rows of a seed in which a condition holds, and that keep the constraints."""
        sampler, condition = self._sampler, None
        if where is not None:
            condition = parse_where(condition_text(where), sampler.space, setting="where")
        rows = sample_where(
            sampler,
            condition,
            sample_count(count),
            seed=seed_number(seed),
            truncation=truncation_limit(truncation),
            max_draws=draw_limit(max_draws),
        )
        return to_values(rows.examples, sampler.space, rows.labels)

    @machine_faults()
    def latents(self, count: int, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Latent points [count, latent_dims] on the CPU; `truncation` bounds every coordinate.

        Raises ConfigError for a count outside of 0 to ten million, a truncation below 0.01, and
        what isn't a number.
        """
        number, limit = sample_count(count), truncation_limit(truncation)
        return self._sampler.latents(number, seed=seed_number(seed), truncation=limit)

    @machine_faults()
    def decode(
        self, latents: Tensor | ArrayLike, *, labels: Label | None = None
    ) -> NDArray[Any] | TableRows:
        """The samples of latent points [N, latent_dims], in the data's own values; the points are a
        tensor or anything that numpy makes an array of. Without labels all classes go in turn.

        Raises what `sample` does, and ConfigError for points of another size, NaN or Inf.
        """
        sampler, points = self._sampler, latent_points(latents, self.latent_dims)
        chosen = sampler.label_each(len(points), find_labels(sampler, labels, len(points)))
        return to_values(sampler.decode(points, chosen), sampler.space, chosen)

    @machine_faults()
    def translate(
        self,
        images: ArrayLike | Sequence[ArrayLike],
        *,
        direction: Direction = "ab",
        tile: int | None = None,
    ) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        """The translations of images of any size: one uint8 [H, W, C] or [H, W], a batch
        [N, H, W, C], or a list of images; the same form comes back. Gray is taken for color and the
        reverse, alpha is kept; label maps are the class of each pixel.

        `direction`: ba goes back, where a run was trained in both directions. `tile`: images with
        longer sides are translated in tiles of so many px, blended where they overlap; 0: never;
        without it large ones are. Raises ConfigError for what isn't an image, and for a run that
        makes samples of latent points; NumbersError for an output that is NaN or Inf.
        """
        translation = self._sampler.translation
        if translation is None:
            raise ConfigError(
                "this run makes samples of latent points, not of images. Use sample(count)"
            )
        if direction not in ("ab", "ba"):
            raise ConfigError(f"direction={printable(direction)} isn't known. Use ab or ba")
        return translate_images(translation.turned(direction), images, tile=tile_side(tile))

    def metrics(self) -> list[dict[str, Any]]:
        """The logged rows, `metrics.jsonl`: the step, the seconds, named numbers."""
        return list(rows(RunFolder(self.path).metrics))

    def data_report(self) -> dict[str, Any]:
        """The report on reading the data, `data.json`, as `gan-data RUN --json` prints it.

        Raises CheckpointError for a run without it, or with one that isn't a report.
        """
        return RunFolder(self.path).reading_report().plain()

    def __repr__(self) -> str:
        return f"TrainedRun({str(self.path)!r}, step={self.step})"


@machine_faults()
def open_run(
    path: str | Path,
    *,
    checkpoint: Literal["last", "best"] | int = "last",
    weights: Literal["ema", "raw"] = "ema",
    device: str | torch.device = "auto",
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
    folder, which, raw = folder_of(path), checkpoint_name(checkpoint), asks_raw(weights)
    trained = load_generator(folder, which=which, raw=raw, device=device_name(device))
    return TrainedRun(folder, trained)


def to_values(examples: Tensor, space: Space, labels: Tensor | None) -> NDArray[Any] | TableRows:
    """Examples as stored [N, *shape] in the values that files have."""
    if space.columns is None:
        return to_stored_array(examples, space)
    values = space.columns.values(examples, labels, space.origin)
    known = {column.name: each for column, each in values}
    return TableRows(
        {
            column.name: _column_values(column, known.get(column.name), len(examples))
            for column in space.columns.shown
            if column.name in known or column.unlearned is not None
        }
    )


def _column_values(column: Column, values: NDArray[Any] | None, count: int) -> NDArray[Any]:
    """The values [N] of a column: numbers, or texts where its cells aren't numbers."""
    if values is None or column.dates is not None:
        return np.array(column_cells(column, values, count), dtype=np.str_)
    return np.array(column.categories)[values] if column.categories else values
