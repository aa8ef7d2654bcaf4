"""Short names of the jobs of a sweep: what differs, readable and safe for a file system."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence

from gan_runner.config.groups import GROUPS

_NAME_CHARACTERS = 100  # file systems take 255 bytes, and tables and legends far less
_DIGEST_CHARACTERS = 8

# a plain value, a flat list of such, or a number as 1e+3
_READABLE = re.compile(r"[^][+'\"]+|\[[^][+'\"]+\]|[\d.]+[eE]\+\d+")


def job_name(overrides: Sequence[str], fixed: Collection[str]) -> str:
    """The name of the job with these overrides, as loss=hinge,lr=0.001.

    `fixed` are the keys that all jobs of the sweep share; where that is all, the job is named by
    its options and its seed, since other settings may change and it goes on. The name depends on
    nothing else, so the same job has it again in the same sweep. Where text is lost, a digest keeps
    it unique.
    """
    differing = [text for text in overrides if key_of(text) not in fixed]
    differing = differing or [text for text in overrides if _group(text) in (*GROUPS, "seed")]
    if not differing:
        return "default"
    keys = [_parts(key_of(text)) for text in differing]
    items = []
    for text, parts in zip(differing, keys, strict=True):
        _, equals, value = text.partition("=")
        items.append(_short(parts, keys) + (f"={_unquote(value)}" if equals else ""))
    exact = ",".join(items)
    name = re.sub(r"[^\w.+=,~-]", "-", exact, flags=re.ASCII)
    if name == exact and len(name) <= _NAME_CHARACTERS and all(map(_is_readable, differing)):
        return name
    digest = hashlib.sha256("\n".join(differing).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{name[: _NAME_CHARACTERS - _DIGEST_CHARACTERS - 1]}-{digest}"


def key_of(override: str) -> str:
    """The key of an override as it stands on the command line."""
    return override.partition("=")[0]


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
    empty = value == "[]" and _group(override) in GROUPS  # of them, none is no option
    return not equals or empty or _READABLE.fullmatch(value) is not None


def _unquote(value: str) -> str:
    """A value without what only Hydra's grammar needs: [r2,drift] is r2+drift."""
    return re.sub(r"[\[\]'\"]", "", value).replace(",", "+") or "none"
