"""Runs in groups by what differs between their settings. A group is what its seeds share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gan_runner.comparison.record import Record
from gan_runner.config.renames import RENAMED
from gan_runner.errors import ConfigError, did_you_mean, printable

# how a run is shown and where it runs, and names of what other settings say
_IGNORED = {
    *("seed", "device", "threads", "cache", "dataset.download", "experiment"),
    *("train.log_every", "train.sample_every", "train.save_every", "train.keep", "train.samples"),
    "terminal.preview",
}
_NAMED_FIRST = ("dataset", "loss", "model")  # as a person would, and by its value alone
_MISSING = "-"


class Group(NamedTuple):
    """Runs with the same settings but for the seed. `values` are those of `group_by`."""

    label: str
    values: tuple[str, ...]
    records: tuple[Record, ...]


class Grouping(NamedTuple):
    """`group_by` are the settings that distinguish the groups, by their shortest names; `differing`
    is what differs at all: a setting, and its value in each group; `shared` what doesn't."""

    group_by: tuple[str, ...]
    groups: tuple[Group, ...]
    differing: Mapping[str, tuple[str, ...]]
    shared: Mapping[str, str]
    notes: tuple[str, ...]


def group_runs(records: Sequence[Record], by: Sequence[str] = ()) -> Grouping:
    """Runs in groups by the settings `by`, or by as few as distinguish all that differ.

    Raises ConfigError for a setting that no run has.
    """
    known = [record for record in records if record.summary.settings]
    notes = [
        f"{record.name}: its config.yaml can't be read, so it belongs to no group."
        for record in records
        if not record.summary.settings
    ]
    tables = [_settings(record) for record in known]
    keys = list(dict.fromkeys(key for table in tables for key in table))
    differing = [key for key in keys if key not in _IGNORED and _has_several_values(key, tables)]
    chosen = [_find_setting(name, keys) for name in by] or _distinguishing_settings(
        differing, tables
    )
    labels = _short_names(chosen, keys)
    members: dict[tuple[str, ...], list[int]] = {}
    for index, table in enumerate(tables):
        members.setdefault(_values_of(chosen, table), []).append(index)
    groups = tuple(
        Group(_label(labels, values, known), values, tuple(known[i] for i in indices))
        for values, indices in sorted(members.items(), key=lambda item: _order(item[0]))
    )
    parts = [members[group.values] for group in groups]
    listed = {key: tuple(_values_within(key, tables, part) for part in parts) for key in differing}
    notes += _note_mixed_groups(listed, groups) + _note_repeated_seeds(groups)
    shared = {k: _setting_text(tables[0].get(k)) for k in keys if k not in differing}
    return Grouping(tuple(labels), groups, listed, shared, tuple(notes))


def _settings(record: Record) -> dict[str, Any]:
    """The leaves of its configuration, by today's names; what was chosen stands under the group's
    name, once."""
    settings = {str(k): v for k, v in record.summary.settings.items()}
    return {RENAMED.get(k, k): v for k, v in settings.items() if not k.startswith("choices")}


def _has_several_values(key: str, tables: Sequence[Mapping[str, Any]]) -> bool:
    """Whether runs differ in a setting. A run without the whole section is of an earlier version,
    which says nothing of the experiment."""
    section = key.partition(".")[0]
    having = [t for t in tables if any(k.partition(".")[0] == section for k in t)]
    return len({_values_of([key], table) for table in having}) > 1


def _distinguishing_settings(
    differing: Sequence[str], tables: Sequence[Mapping[str, Any]]
) -> list[str]:
    """As few of the settings as distinguish what all of them do: the others follow.

    Options of groups, as in loss=hinge, come before what they set.
    """
    chosen: list[str] = []

    def place(key: str) -> tuple[int, int, int]:
        named = _NAMED_FIRST.index(key) if key in _NAMED_FIRST else len(_NAMED_FIRST)
        return named, key.count("."), differing.index(key)

    for key in sorted(differing, key=place):
        if _count([*chosen, key], tables) > _count(chosen, tables):
            chosen.append(key)
    for key in reversed(chosen[:]):
        without = [other for other in chosen if other != key]
        if _count(without, tables) == _count(chosen, tables):
            chosen = without
    return chosen


def _count(keys: Sequence[str], tables: Sequence[Mapping[str, Any]]) -> int:
    return len({_values_of(keys, table) for table in tables})


def _values_of(keys: Sequence[str], table: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_setting_text(table[key]) if key in table else _MISSING for key in keys)


def _setting_text(value: object) -> str:
    """A setting as it is written on a command line; 1 and 1.0 are one value."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return json.dumps(value, default=str, skipkeys=True)


def _find_setting(name: str, keys: Sequence[str]) -> str:
    """The setting of a name on a command line: in full, or its end if that is unique."""
    if name == "seed":
        raise ConfigError("runs that differ in the seed alone are one group, --by seed. Remove it.")
    ends = [key for key in keys if key.endswith(f".{name}")]
    if name in keys or len(ends) == 1:
        return name if name in keys else ends[0]
    remedy = f"Say which: {', '.join(map(printable, ends))}." if ends else did_you_mean(name, keys)
    remedy = remedy or "The config.yaml of a run lists what there is."
    raise ConfigError(f"no run has this setting, --by {printable(name)}. {remedy}")


def _short_names(chosen: Sequence[str], keys: Iterable[str]) -> list[str]:
    """Each setting by the shortest end of its name that is unique."""
    ends = Counter(end for key in keys for end in _ends(key))
    return [next((end for end in _ends(key) if ends[end] == 1), key) for key in chosen]


def _ends(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[begin:]) for begin in range(len(parts) - 1, -1, -1)]


def _label(group_by: Sequence[str], values: Sequence[str], known: Sequence[Record]) -> str:
    if not group_by:
        return known[0].name if len(known) == 1 else "all runs"
    if len(group_by) == 1 and not _is_number(values[0]):
        return values[0]
    return ", ".join(
        value if name in _NAMED_FIRST else f"{name}={value}"
        for name, value in zip(group_by, values, strict=True)
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("null", "true", "false", _MISSING)
    return True


def _order(values: Sequence[str]) -> list[tuple[float, str]]:
    """Numbers by their size, before texts."""
    return [
        (float(v), "") if _is_number(v) and v[-1:].isdigit() else (float("inf"), v) for v in values
    ]


def _values_within(key: str, tables: Sequence[Mapping[str, Any]], part: Sequence[int]) -> str:
    values = dict.fromkeys(_values_of([key], tables[index])[0] for index in part)
    return " | ".join(values)


def _note_mixed_groups(listed: Mapping[str, tuple[str, ...]], groups: Sequence[Group]) -> list[str]:
    mixed = [key for key, values in listed.items() if any(" | " in value for value in values)]
    if not mixed or not groups:
        return []
    return [f"runs of one group differ in more than the seed: {', '.join(mixed[:8])}."]


def _note_repeated_seeds(groups: Sequence[Group]) -> list[str]:
    return [
        f"{group.label}: {count} runs have the seed {seed}, so they aren't independent runs."
        for group in groups
        for seed, count in Counter(_setting_text(record.seed) for record in group.records).items()
        if count > 1
    ]
