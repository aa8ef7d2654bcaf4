"""Rows of a table in which a condition holds: of those that a generator makes, the others are
rejected."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Space
from gan_runner.data.expressions import Condition, fixed_categories, parse_condition
from gan_runner.errors import ConfigError, OptionText, printable
from gan_runner.sampling.sampler import CHUNK, Sampler

DRAWS_PER_ROW = 1000
"""The rows that are drawn at most for each that is wanted, without another limit."""

LEAST_DRAWS = 100_000
"""The rows that are drawn before a condition counts as too rare, without another limit."""

_FIRST_BATCH = 16 * CHUNK
_LARGEST_BATCH = 256 * CHUNK
_RULE_OF_THREE = 3  # what never came in N draws is rarer than 3 / N, with a confidence of 95 %


class AcceptedRows(NamedTuple):
    """Rows in which a condition holds, in the order in which they were drawn.

    `examples` float32 [N, D] as stored, `labels` int64 [N] of a conditional generator, `latents`
    [N, latent_dims]. `found` of `drawn` rows were accepted, of which the first N are wanted.
    """

    examples: Tensor
    labels: Tensor | None
    latents: Tensor
    found: int
    drawn: int

    @property
    def rate(self) -> float:
        """The share of rows that were accepted."""
        return self.found / max(1, self.drawn)


def parse_where(text: str, space: Space, *, setting: str) -> Condition:
    """A condition on the rows of a table. `setting`: the option that it is the value of. Raises
    ConfigError for data without columns, and for what isn't a condition on them."""
    if space.columns is None:
        given = f"{setting}={printable(text)}"
        raise ConfigError(f"{given} needs table data, and the run has {space.kind}. Remove it.")
    return parse_condition(text, space.columns.shown, setting=setting)


def sample_where(
    sampler: Sampler,
    condition: Condition | None,
    count: int,
    *,
    seed: int,
    truncation: float | None = None,
    max_draws: int | None = None,
) -> AcceptedRows:
    """The first `count` samples of a seed in which a condition holds, if there is one, and that
    keep the constraints of the table.

    They are among the samples that the seed gives without it, or, where the condition says the
    class, or a category that the generator can be given, among those of it. `max_draws`: how many
    are drawn at most; without it 1,000 for each row, but 100,000 if there is none among so many.
    Raises ConfigError where these hold too few, NumbersError for a sample that is NaN or Inf.
    """
    stream = sampler.latent_stream(seed=seed, truncation=truncation)
    label = _fixed_label(condition, sampler)
    parts: list[AcceptedRows] = []
    found = drawn = 0
    while not parts or found < count:
        limit = _most_draws(count, found, max_draws)
        if parts and drawn >= limit:
            raise _too_rare(condition, count, found, drawn)
        size = min(_next_batch(count, found, drawn), limit - drawn)
        latents = stream.take(size)
        labels = _next_labels(sampler, label, drawn, size, seed=seed)
        parts.append(_accept(sampler, condition, latents, labels))
        found, drawn = found + parts[-1].found, drawn + size
    labels = None if not sampler.classes else torch.cat([_labels_of(part) for part in parts])
    return AcceptedRows(
        torch.cat([part.examples for part in parts])[:count],
        labels if labels is None else labels[:count],
        torch.cat([part.latents for part in parts])[:count],
        found,
        drawn,
    )


def _fixed_label(condition: Condition | None, sampler: Sampler) -> int | None:
    """What to give the generator, so that all its rows fulfil a part of the condition: the class
    that it says, or the place of a category in the conditional vector, of several the rarest."""
    columns = sampler.space.columns
    assert columns is not None, "a condition is on the columns of a table"
    if condition is None:
        return None
    fixed = fixed_categories(condition)
    for column in columns.columns:
        if column.condition and column.name in fixed:
            return column.categories.index(fixed[column.name])
    fitting = [
        (column.shares[k], place)
        for place, (column, k) in enumerate(columns.conditional_vector)
        if fixed.get(column.name) == column.categories[k]
    ]
    return min(fitting)[1] if fitting else None


def _most_draws(count: int, found: int, max_draws: int | None) -> int:
    if max_draws is not None:
        return max_draws
    return max(LEAST_DRAWS, DRAWS_PER_ROW * count) if found else LEAST_DRAWS


def _next_batch(count: int, found: int, drawn: int) -> int:
    """The size of the next batch: about as many as should hold the rows that are still wanted."""
    if not drawn:
        return min(_LARGEST_BATCH, max(_FIRST_BATCH, _whole_chunks(count)))
    expected = (count - found) * drawn / max(1, found)
    return min(_LARGEST_BATCH, max(_FIRST_BATCH, _whole_chunks(int(1.1 * expected))))


def _whole_chunks(count: int) -> int:
    return -(-count // CHUNK) * CHUNK


def _next_labels(
    sampler: Sampler, label: int | None, drawn: int, size: int, *, seed: int
) -> Tensor | None:
    """The labels int64 [size] of the next rows."""
    if label is not None:
        return torch.full((size,), label)
    labels = sampler.draw_labels(drawn + size, seed=seed)
    return None if labels is None else labels[drawn:]


def _accept(
    sampler: Sampler, condition: Condition | None, latents: Tensor, labels: Tensor | None
) -> AcceptedRows:
    """The rows of latent points in which the condition holds, and that keep the constraints."""
    columns = sampler.space.columns
    assert columns is not None, "a condition is on the columns of a table"
    examples = sampler.decode(latents, labels)
    shown = columns.values(examples, labels, sampler.space.origin)
    values = {column.name: each for column, each in shown}
    chosen = torch.ones(len(latents), dtype=torch.bool)
    if condition is not None:
        chosen &= torch.from_numpy(condition.holds(values))
    for breaks in columns.keeper.broken(values):
        chosen &= ~torch.from_numpy(breaks)
    return AcceptedRows(
        examples[chosen],
        labels if labels is None else labels[chosen],
        latents[chosen],
        int(chosen.sum()),
        len(latents),
    )


def _labels_of(part: AcceptedRows) -> Tensor:
    assert part.labels is not None, "every row of a conditional generator has a label"
    return part.labels


def _too_rare(condition: Condition | None, count: int, found: int, drawn: int) -> ConfigError:
    """The fault of a condition that holds in too few rows, with how rare it is."""
    shown = "what the constraints allow" if condition is None else printable(condition.text)
    if found:
        rarity = f"{shown} holds in {100 * found / drawn:.2g} % of the samples"
    else:
        rarity = f"{shown} holds in less than 1 of {drawn // _RULE_OF_THREE:,} samples, if in any"
    return ConfigError(
        f"{found:,} of {count:,} rows found in {drawn:,} draws, {{option}}={drawn}: {rarity}. "
        "Ask for fewer rows, widen the condition, or allow more draws.",
        option=OptionText("--max-draws", "max_draws"),
    )
