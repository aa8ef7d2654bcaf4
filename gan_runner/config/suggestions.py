"""The remedy for a setting that there isn't: the settings that it was likely meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from gan_runner.config.groups import GROUPS, options
from gan_runner.config.other_words import OTHER_NAMES, OTHER_USES, our_line
from gan_runner.config.overrides import quote_setting
from gan_runner.config.reference import read_option
from gan_runner.config.renames import RENAMED, new_name
from gan_runner.errors import printable

_NAMED = 4  # settings at most, where several have the name that was written
SWITCHES = {"dry_run", "quick", "deterministic"}
"""Settings that a flag alone would switch on."""

_LONGEST = 1000  # characters of a message
_LISTED, _MOST_LISTED = 12, 32  # settings at most of a group, in full and without its name
_OPTIONS_NAMED = 3  # at most, of which any has a setting


def suggest_settings(key: str, settings: Iterable[str], value: str | None = None) -> str:
    """The remedy for an unknown setting by dotted key, of the settings that the chosen options
    have and of GROUPS; empty if none is like it. With the `value` as it was written, "" for
    nothing, it can be typed as it stands."""
    is_hydras = key.startswith("hydra")
    known = [
        name
        for name in settings
        if name.startswith("hydra") == is_hydras
        and (key.startswith("quick") or not name.startswith("quick_limits."))
    ]
    written = key.replace("/", ".")
    if written in RENAMED:
        return new_name(written) if value is None else _meant([written], key, value)
    if near := _unchosen_option(written, known):
        return _meant(near, key, value)
    if remedy := _other_use(written, known):
        return remedy
    if near := _named_by(OTHER_NAMES, written, known):
        return _meant(near, key, value)
    if value is not None and (line := our_line(written, value)):
        return f"Did you mean: {printable(line, _LONGEST)}"
    near = _misspelt_key(key, known)
    return _meant(near, key, value) if near else _suggest_others(key, known, value)


def _named_by(names: Mapping[str, Sequence[str]], key: str, known: Sequence[str]) -> list[str]:
    """Our setting that another program calls by the last part of a key, in the key's group, or in
    that of data where it has none."""
    group, _, last = key.rpartition(".")
    ours = (f"{group or 'dataset'}.{name}" for name in names.get(last, ()))
    return [name for name in ours if name in known][:1]


def _other_use(key: str, known: Sequence[str]) -> str:
    """What our setting means that another program uses in another way, with the option that has
    it where the chosen ones haven't; "" if there is none."""
    group, _, last = key.rpartition(".")
    found = _named_by(OTHER_USES, key, known)
    found = found or [f"{group}.{name}" for name in OTHER_USES.get(last, ()) if group in GROUPS]
    if not found:
        return ""
    ours = found[0]
    meanings = {
        name: {s.key: s.meaning for s in read_option(ours.partition(".")[0], name).settings}
        for name in options(ours.partition(".")[0])
    }
    having = [name for name, meaning in meanings.items() if ours in meaning]
    if not having:
        return ""
    option = max(having, key=lambda name: len(meanings[name].keys() & set(known)))
    needed = "" if ours in known else f"{group}={option} with "
    return f"Here it is {needed}{ours}: {meanings[option][ours].rstrip('. ')}."


def _suggest_others(key: str, known: Sequence[str], value: str | None) -> str:
    """The remedy for a key that isn't like a known one: settings of its name, or of its group."""
    written = key.replace("/", ".")
    if value is not None and (remedy := _of_other_option(written, value)):
        return remedy
    near = _same_name(written, [*known, *RENAMED])
    near = near or _misspelt_name(written, known) or _misspelt_group(key)
    if near or value is None:
        return _meant(near, key, value) if near else _list_group(written, known)
    group, _, name = written.rpartition(".")
    mapped = f"{group or 'dataset'}.{OTHER_NAMES.get(name, (name,))[0]}"
    return _of_other_option(mapped, value) or _list_group(written, known)


def _meant(near: Sequence[str], key: str, value: str | None) -> str:
    """The remedy of the settings that were likely meant."""
    names = [RENAMED.get(name, name) for name in near]
    if value is None:
        return f"Did you mean {_either(names)}?"
    value = value or ("true" if SWITCHES & set(names) else "VALUE")
    parts = {name.replace("generator", "discriminator") for name in names}
    lines = [
        f"{name} {quote_setting(key, value)}" if "=" in name else quote_setting(name, value)
        for name in names
    ]
    for_both = len(names) > 1 and len(parts) == 1
    return f"Did you mean: {(' ' if for_both else ' or ').join(lines)}"


def _of_other_option(key: str, value: str) -> str:
    """The remedy for a setting that other options of its group have; "" if none has it."""
    group = key.partition(".")[0]
    if group not in GROUPS:
        return ""
    names = [
        name
        for name in options(group)
        if any(s.key == key for s in read_option(group, name).settings)
    ]
    shown = quote_setting(key, value or "VALUE")
    if len(names) > _OPTIONS_NAMED:
        return f"{shown} needs {group}={', '.join(names[:-1])} or {names[-1]}."
    lines = " or ".join(f"{group}={name} {shown}" for name in names)
    return f"Did you mean: {lines}" if lines else ""


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
    last = OTHER_NAMES.get(last, (last,))[0]
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
            if len(listed) <= _LISTED:
                return f"There are {', '.join(listed)}."
            names = [name.removeprefix(f"{group}.") for name in listed]
            return f"{group} has {', '.join(names)}." if len(names) <= _MOST_LISTED else ""
        group = group.rpartition(".")[0]
    return ""
