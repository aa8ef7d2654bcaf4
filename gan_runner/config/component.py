"""From a node of the configuration to the object that it names.

The registry is closed: `name: Hinge` is looked up among the subclasses of one base class that
this package defines, or a plugin that the user names. There is no dotted path and no import by
name, so a configuration from a stranger can choose among these classes and do nothing else.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from gan_runner.config.groups import GROUPS
from gan_runner.config.other_words import device_of
from gan_runner.config.overrides import override, quote_setting
from gan_runner.config.renames import RENAMED_CLASSES
from gan_runner.config.suggestions import suggest_settings
from gan_runner.errors import ConfigError, did_you_mean, is_undecoded, printable, undecoded_fault

_OVERVIEW = "gan-train --cfg job prints all settings."
_FACTORS = {"k": 1000, "m": 1_000_000}  # 10k, 1M
_PRECISIONS = {
    **dict.fromkeys(("16", "fp16", "half", "float16", "mixed", "bfloat16", "amp"), "bf16"),
    **dict.fromkeys(("32", "full", "float32", "float"), "fp32"),
}


class Component(BaseModel):
    """Typed settings: every field is required, other keys are refused, no value changes later."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


C = TypeVar("C", bound=Component)
T = TypeVar("T")


def find_classes(family: type[T]) -> dict[str, type[T]]:
    """The concrete classes of a family by name. Raises ConfigError for two classes of one name."""
    found: dict[str, type[T]] = {}
    for child in family.__subclasses__():
        own = {} if inspect.isabstract(child) else {child.__name__: child}
        for name, kind in {**find_classes(child), **own}.items():
            _refuse_clash(name, kind, found.get(name, kind))
            found[name] = kind
    return found


def _refuse_clash(name: str, one: type[Any], other: type[Any]) -> None:
    """Raise ConfigError unless both are one class; a module that was read anew has it anew."""
    places = [f"{kind.__module__}.{kind.__qualname__}" for kind in (other, one)]
    if places[0] != places[1]:
        raise ConfigError(
            f"two classes of one name, name={name}: {printable(' and '.join(places))}. "
            "Rename that of the plugin."
        )


def find_class(node: Mapping[str, Any], family: type[T], *, where: str) -> type[T]:
    """The class that `node` names. Raises ConfigError for a name that the family doesn't have."""
    named = find_classes(family)
    if not isinstance(node, Mapping) or "name" not in node:
        raise ConfigError(f"missing name, {where}. Choose one of: {', '.join(sorted(named))}.")
    name = node["name"]
    if not isinstance(name, str) or name not in named:
        renamed = RENAMED_CLASSES.get(str(name))
        remedy = (
            f"Did you mean '{renamed}'?" if renamed in named else did_you_mean(str(name), named)
        )
        raise ConfigError(f"unknown {where}, {where}.name={printable(name)}. {remedy}")
    return named[name]


def build_component(node: Mapping[str, Any], family: type[C], *, where: str) -> C:
    """The object that `node` names and sets; `where` is the node's place in the configuration.

    Raises ConfigError for a name the family doesn't have, and for settings that don't fit.
    """
    chosen = find_class(node, family, where=where)
    return parse_settings({k: v for k, v in node.items() if k != "name"}, chosen, where=where)


def parse_settings(plain: Mapping[str, Any], kind: type[C], *, where: str = "") -> C:
    """Plain data as an object of `kind`, or ConfigError with the first fault in it.

    Validation goes through JSON: in this mode pydantic's strict types still take a list for a
    tuple and an int for a float, as YAML gives them.
    """
    try:
        return kind.model_validate_json(json.dumps(plain))
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            if undecoded := _undecoded_value(plain):
                raise undecoded_fault(undecoded) from None  # which JSON can't hold
            raise ConfigError(_explain(error, kind, where)) from None
        raise ConfigError(f"not plain data, {where or 'config'}. {printable(error)}") from None


def _undecoded_value(plain: object) -> str:
    """A text in plain data whose bytes aren't letters of the locale; empty without any."""
    rest = [plain]  # no recursion: a stranger's data may be nested beyond all measure
    while rest:
        value = rest.pop()
        if isinstance(value, Mapping):
            rest += value.values()
        elif isinstance(value, list | tuple):
            rest += value
        elif isinstance(value, str) and is_undecoded(value):
            return value
    return ""


_BRANCHES = ("constrained-int", "int", "constrained-float", "float", "literal[", "tuple[")
_SWITCHED = {
    **dict.fromkeys(("yes", "on", "y", "1"), "true"),
    **dict.fromkeys(("no", "off", "n", "0", "false"), "false"),
}
"""Other ways to write true and false."""

_EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "Should be an integer"),
    **dict.fromkeys(("float_type", "float_parsing"), "Should be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "Should be true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "Should be a list"),
    "string_type": "Should be a text",
    "greater_than": "Should be above {gt:.6g}",
    "greater_than_equal": "Should be at least {ge:.6g}",
    "less_than": "Should be below {lt:.6g}",
    "less_than_equal": "Should be at most {le:.6g}",
    "too_long": "It has {actual_length} entries, and should have at most {max_length}",
    "too_short": "It has {actual_length} entries, and should have at least {min_length}",
}
"""What is said of pydantic's types of errors; of others its own words."""


def _explain(error: ValidationError, kind: type[Component], where: str) -> str:
    first = error.errors()[0]
    # the branch of a union, as in ("num", "constrained-int"), isn't part of a setting's name
    path = [str(part) for part in first["loc"] if not _is_branch(part)]
    key = ".".join([where, *path] if where else path)
    value = printable(json.dumps(first["input"]), limit=80)
    if first["type"] == "extra_forbidden":
        names = _setting_names(kind, path[:-1])
        prefix = key.removesuffix(path[-1])
        remedy = suggest_settings(key, [f"{prefix}{name}" for name in names])
        return f"unknown setting, {key}={value}. {remedy or _OVERVIEW}"
    if first["type"] in ("model_type", "dict_type"):
        within = " ".join(f"{key}.{name}" for name in _setting_names(kind, path))
        remedy = f"Set one of: {within}" if within else f"gan-train --help {key} lists them."
        return f"invalid setting, {key}={value}. It is a group of settings. {remedy}"
    if first["type"] == "missing":
        return f"missing setting, {key}. Every setting must be given."
    if slip := _typing_slip(first, key):
        return f"invalid setting, {key}={value}. {slip}"
    if isinstance(first["input"], str | int | float):
        wanted = {"string_type": "text", "tuple_type": "list", "list_type": "list"}
        if remedy := _as_typed(first["input"], wanted.get(first["type"]), path, where):
            return f"invalid setting, {key}={value}. {remedy}"
    if isinstance(first["input"], Mapping) and first["type"] == "value_error":
        # of several settings together: the message names them
        key, value = f"{key}.*" if key else "settings", ""
    expected = _expectation(first, key) + _also_taken(error)
    # a setting at the end is to be pasted as it stands
    end = "" if expected.endswith((".", "?")) or "=" in expected.split()[-1] else "."
    return f"invalid setting, {key}{value and '='}{value}. {expected}{end}"


def _is_branch(part: int | str) -> bool:
    name = str(part)
    return name in _BRANCHES or name.startswith(_BRANCHES[-2:])


def _also_taken(error: ValidationError) -> str:
    """The words that a setting takes instead of a number: " or 'auto'"; "" without any."""
    first, *others = error.errors()
    words = [
        other["ctx"]["expected"]
        for other in others
        if other["type"] == "literal_error" and other["loc"][:-1] == first["loc"][:-1]
    ]
    return f" or {words[0]}" if words and first["type"] != "literal_error" else ""


def _typing_slip(first: ErrorDetails, key: str) -> str:
    """What to type for a slip that can be seen; "" for anything else."""
    value = first["input"]
    written = str(value).lower()
    meant = {"device": device_of(written), "precision": _PRECISIONS.get(written, "")}.get(key)
    if first["type"].startswith("bool"):
        meant = _SWITCHED.get(written)
    elif key.endswith("_every") and _SWITCHED.get(written, written) in ("false", "none", "never"):
        meant = "0"
    if meant:
        return f"Did you mean: {quote_setting(key, meant)}"
    group = key.replace(".", "/")
    if isinstance(value, str) and group in GROUPS:
        return f"It is chosen with a slash: {quote_setting(group, value)}"
    return _slip_of_text(value, key) if isinstance(value, str) else ""


def _slip_of_text(value: str, key: str) -> str:
    if value == "":
        return f"It has no value: {key}=VALUE"
    if value.startswith("="):
        return f"Write one equals sign: {quote_setting(key, value.lstrip('= '))}"
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM])", value):
        return f"Did you mean: {key}={float(match[1]) * _FACTORS[match[2].lower()]:.0f}"
    return ""


def _expectation(first: ErrorDetails, key: str) -> str:
    value = first["input"]
    if first["type"].startswith("int_") and isinstance(value, float) and value.is_integer():
        return f"Write it without a point: {override(key, int(value))}"
    if first["type"] == "string_pattern_mismatch" and key == "device":
        return "Use auto, cpu, mps, cuda or cuda:1"
    if (words := _EXPECTED.get(first["type"])) is not None:
        return words.format(**first.get("ctx", {}))
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input s").lstrip()
    return "S" + expected if first["msg"].startswith("Input s") else expected


def _as_typed(value: str | int | float, wanted: str | None, path: list[str], where: str) -> str:
    """The way to type a text or a list that a shell and Hydra leave one; "" for other types."""
    is_entry = bool(path) and path[-1].isdecimal()
    key = ".".join(filter(None, [where, *(path[:-1] if is_entry else path)]))
    if wanted == "list":
        inner = value.strip("[]").split(",") if isinstance(value, str) else [value]
        entries = [part.strip() if isinstance(part, str) else part for part in inner]
        return f"Write it as a list: {override(key, entries)}"
    if wanted == "text":
        text = json.dumps(value)
        kind = "true or false" if isinstance(value, bool) else "a number"
        written = override(key, [text] if is_entry else text)
        return f"It is read as {kind}. Write it as a text: {written}"
    return ""


def _setting_names(kind: type[Component], path: list[str]) -> list[str]:
    """The names that a nested setting knows, for a suggestion."""
    for part in path:
        field = kind.model_fields.get(part)
        inner = field.annotation if field else None
        if not (inspect.isclass(inner) and issubclass(inner, Component)):
            return []
        kind = inner
    return list(kind.model_fields)
