"""The remedy for a setting that there isn't: the settings that it was likely meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from gan_runner.config.groups import GROUPS, options
from gan_runner.config.renames import RENAMED, new_name
from gan_runner.errors import printable

_NAMED = 4  # settings at most, where several have the name that was written
_LISTED = 12  # settings at most of a group
_OTHER_WORDS = {"learning_rate": "lr", "iterations": "steps", "batchsize": "batch_size"}


def suggest_settings(key: str, settings: Iterable[str]) -> str:
    """The remedy for an unknown setting by dotted key, of the settings that the chosen options
    have and of GROUPS; empty if none is like it."""
    is_hydras = key.startswith("hydra")
    known = [name for name in settings if name.startswith("hydra") == is_hydras]
    written = key.replace("/", ".")
    if renamed := new_name(written):
        return renamed
    near = (
        _unchosen_option(written, known)
        or _misspelt_key(key, known)
        or _same_name(written, [*known, *RENAMED])
        or _misspelt_name(written, known)
        or _misspelt_group(key)
    )
    if near:
        return f"Did you mean {_either([RENAMED.get(name, name) for name in near])}?"
    return _list_group(written, known)


def _misspelt_key(key: str, known: Sequence[str]) -> list[str]:
    """The setting, or the group, that differs by a letter or two, or in a slash or capitals."""
    ways = {name.replace("/", "."): name for name in known if "." in key or "." not in name}
    written = key.lower().replace("/", ".")
    found = written if written in ways else nearest(written, list(ways), 0.9 if "." in key else 0.7)
    return [ways[found]] if found else []


def _unchosen_option(key: str, known: Sequence[str]) -> list[str]:
    """The option that has to be chosen first, in a group of which several can be: augment=ada for
    augment.ada.p."""
    for group in ("augment", "loss/penalty"):
        prefix = group.replace("/", ".") + "."
        name = key.removeprefix(prefix).partition(".")[0]
        is_chosen = any(setting.startswith(f"{prefix}{name}.") for setting in known)
        if key.startswith(prefix) and name in options(group) and not is_chosen:
            return [f"{group}={name}"]
    return []


def _same_name(key: str, known: Sequence[str]) -> list[str]:
    """The settings of the same name in other groups: train.steps for steps, those of both networks
    for optimizer.lr."""
    group, _, last = key.rpartition(".")
    last = _OTHER_WORDS.get(last, last)
    if last == "name":  # of every group
        return []
    named = [n for n in known if n.replace("/", ".").rpartition(".")[2] == last]
    parts = [part for part in (*group.split("."), last) if part]
    within = [name for name in named if _contains_in_order(name.split("."), parts)]
    named = within or (named if len(parts) <= 2 else [])
    shallow = [name for name in named if name.count(".") <= 1]
    found = shallow or named
    return found if len(found) <= _NAMED else []


def _contains_in_order(whole: Iterable[str], parts: Iterable[str]) -> bool:
    left = iter(whole)
    return all(part in left for part in parts)


def _misspelt_name(key: str, known: Sequence[str]) -> list[str]:
    """The settings whose last part is like that of the key: in its group, if there is such a
    group."""
    group, _, last = key.rpartition(".")
    within = [name for name in known if group and name.startswith(f"{group}.")]
    names = list(dict.fromkeys(n.rpartition(".")[2] for n in within or known if n not in GROUPS))
    longer = [name for name in names if name.startswith(last)] if within else []
    found = longer[0] if longer else nearest(last, names, 0.6 if within else 0.8)
    return _same_name(f"{group}.{found}".lstrip("."), within or known) if found else []


def _misspelt_group(key: str) -> list[str]:
    """The group that is somewhat like a key without a dot: about as long, with the same start."""
    like = [g for g in GROUPS if g[0] == key[:1] and abs(len(g) - len(key)) <= 1]
    found = nearest(key, like, 0.5)
    return [found] if found and "." not in key else []


def nearest(name: str, choices: Sequence[str], cutoff: float) -> str | None:
    """The choice that is most like a name; None if none is as like it as `cutoff` of 1 asks."""
    near = difflib.get_close_matches(name, choices, n=3, cutoff=cutoff)
    # two letters in the wrong order are the likeliest slip
    swapped = [choice for choice in near if sorted(choice) == sorted(name)]
    return next(iter(swapped or near), None)


def _either(names: Sequence[str]) -> str:
    *others, last = (f"'{printable(name)}'" for name in names)
    return f"{', '.join(others)} or {last}" if others else last


def _list_group(key: str, known: Sequence[str]) -> str:
    """The settings of the group that the key begins with, if they are few."""
    group = key.rpartition(".")[0]
    while group:
        listed = [name for name in known if name.startswith(f"{group}.")]
        if listed:
            return f"There are {', '.join(listed)}." if len(listed) <= _LISTED else ""
        group = group.rpartition(".")[0]
    return ""
