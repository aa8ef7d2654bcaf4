"""Short names of runs and of the jobs of a sweep: readable, and safe for a file system."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from gan_runner.config.groups import DATA_PLACES, GROUPS

_JOB_CHARACTERS = 100  # file systems take 255 bytes, and tables and legends far less
_DIGEST_CHARACTERS = 8
_RUN_CHARACTERS = 80
_VALUE_CHARACTERS = 24  # of a value in the name of a run
_TIME = r"^\d\d-\d\d-\d\d_(?=.)"  # before the name of a run folder that wasn't named by its user

# a plain value, a flat list of such, or a number as 1e+3
_READABLE = re.compile(r"[^][+'\"]+|\[[^][+'\"]+\]|[\d.]+[eE]\+\d+")
_NAMED_FIRST = ("experiment", "dataset", "model", "loss")
_ORDER = (*_NAMED_FIRST, *(group for group in GROUPS if group not in _NAMED_FIRST))
# how a run is shown and where it works, which makes no other experiment of it
_NOT_IN_A_RUNS_NAME = {
    *("experiment", "dataset", "model", "loss", "name", "resume", "dry_run", "sweep"),
    *("device", "devices", "threads", "cache", "logger", "hydra", "sweeping", "terminal"),
    *(*DATA_PLACES, "dataset.download", "dataset.source.download", "dataset.on_damaged"),
    *("train.log_every", "train.sample_every", "train.save_every", "train.eval_every"),
    *("train.keep", "train.samples"),
}


def job_name(overrides: Sequence[str], fixed: Collection[str]) -> str:
    """The name of the job with these overrides, as loss=hinge,lr=0.001, whatever their order.

    `fixed` are the keys that all jobs of the sweep share. The name depends on nothing else, so the
    same job has it again in the same sweep. Where text is lost, a digest keeps it unique.
    """
    return _join(sorted(naming_overrides(overrides, fixed), key=_place))


def earlier_job_name(overrides: Sequence[str], fixed: Collection[str]) -> str:
    """The name that an earlier version gave to the job: in the order of the command line."""
    return _join(naming_overrides(overrides, fixed))


def naming_overrides(overrides: Sequence[str], fixed: Collection[str]) -> list[str]:
    """The overrides that name a job: those by which jobs differ.

    Where that is none, the job is named by its options and its seed, since other settings may
    change and it goes on.
    """
    differing = [text for text in overrides if key_of(text) not in fixed]
    return differing or [text for text in overrides if _group(text) in (*GROUPS, "seed")]


def run_name(
    overrides: Iterable[str], choices: Mapping[str, object], *, own_data: str | None
) -> str:
    """The name of a run, as digits_dcgan_hinge_lr=1e-3: its recipe, or its data, model and loss,
    and what else the command line changed.

    `choices` are the options by group; `own_data` is the path of the user's own file or folder.
    """
    typed = {_group(text): text for text in overrides}  # of several with one key, the last counts
    recipe = choices.get("experiment")
    parts = [str(recipe)] if isinstance(recipe, str) else []
    for group in ("dataset", "model", "loss"):
        option = choices.get(group)
        if isinstance(option, str) and (not parts or recipe is None or group in typed):
            own = own_data if group == "dataset" and own_data else ""
            parts.append(_safe(_last_of_path(own))[:_VALUE_CHARACTERS] or option)
    changes = sorted((t for key, t in typed.items() if not _is_left_out(key)), key=_place)
    keys = [_parts(key_of(text)) for text in changes]
    parts += [_change(text, own, keys) for text, own in zip(changes, keys, strict=True)]
    return _fit([part for part in map(_safe, parts) if part])


def without_time(name: str) -> str:
    """The name of a run folder without the time before it."""
    return re.sub(_TIME, "", name)


def key_of(override: str) -> str:
    """The key of an override as it stands on the command line."""
    return override.partition("=")[0]


def _join(differing: Sequence[str]) -> str:
    if not differing:
        return "default"
    keys = [_parts(key_of(text)) for text in differing]
    items = []
    for text, parts in zip(differing, keys, strict=True):
        _, equals, value = text.partition("=")
        items.append(_short(parts, keys) + (f"={_unquote(value)}" if equals else ""))
    exact = ",".join(items)
    name = re.sub(r"[^\w.+=,~-]", "-", exact, flags=re.ASCII)
    if name == exact and len(name) <= _JOB_CHARACTERS and all(map(_is_readable, differing)):
        return name
    digest = hashlib.sha256("\n".join(differing).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{name[: _JOB_CHARACTERS - _DIGEST_CHARACTERS - 1]}-{digest}"


def _place(override: str) -> tuple[int, int, str]:
    """Options come first in the order of people, then settings, the seed last."""
    key = _group(override)
    return (key == "seed", _ORDER.index(key) if key in _ORDER else len(_ORDER), override)


def _group(override: str) -> str:
    """The key, as the groups are called."""
    return key_of(override).lstrip("+~").partition("@")[0]


def _parts(key: str) -> list[str]:
    return re.split(r"[./]", _group(key))


def _short(parts: list[str], keys: Sequence[list[str]]) -> str:
    """The shortest end of a dotted key that no other key has, and that says something: lr, or
    generator.lr, or betas.0."""
    for length in range(2 if parts[-1].isdecimal() else 1, len(parts)):
        if sum(other[-length:] == parts[-length:] for other in keys) == 1:
            return ".".join(parts[-length:])
    return ".".join(parts)


def _is_readable(override: str) -> bool:
    """Whether no other value of the key reads the same without brackets and quotes."""
    _, equals, value = override.partition("=")
    empty = value == "[]" and _group(override) in GROUPS  # an empty list chooses no option
    return not equals or empty or _READABLE.fullmatch(value) is not None


def _unquote(value: str) -> str:
    """A value without what only Hydra's grammar needs: [r2,drift] is r2+drift."""
    return re.sub(r"[\[\]'\"]", "", value).replace(",", "+") or "none"


def _is_left_out(key: str) -> bool:
    return key in _NOT_IN_A_RUNS_NAME or re.split("[./]", key)[0] in (
        *("hydra", "sweeping", "logger", "terminal", "evaluation"),
    )


def _change(override: str, parts: list[str], keys: Sequence[list[str]]) -> str:
    """A change in the name of a run: lr=1e-3, an option or a switch by itself, no-r1."""
    _, equals, text = override.partition("=")
    value = without_time(_last_of_path(_unquote(text)))[:_VALUE_CHARACTERS]
    if override.startswith("~"):
        return f"no-{_short(parts, keys)}"
    if _group(override) in GROUPS and value != "none":
        return value
    short = _short(parts, keys)
    return short if not equals or value.lower() == "true" else f"{short}={value}"


def _last_of_path(text: str) -> str:
    """The last part of a path, without the ending of a file; other text as it is."""
    if not re.search(r"[/\\]|\.[A-Za-z]\w*$", text):
        return text
    last = re.split(r"[/\\]", text.rstrip("/\\"))[-1]
    return re.sub(r"(\.[A-Za-z]\w*)+$", "", last) or last


def _safe(part: str) -> str:
    return re.sub(r"[^\w.+=~-]+", "-", part, flags=re.ASCII).strip("-.")


def _fit(parts: Sequence[str]) -> str:
    """Parts in a name that isn't too long; +3 stands for three that have no room."""
    for count in range(len(parts), 0, -1):
        left = len(parts) - count
        name = "_".join([*parts[:count], *([f"+{left}"] if left else [])])
        if len(name) <= _RUN_CHARACTERS:
            return name
    return parts[0][:_RUN_CHARACTERS] if parts else "run"
