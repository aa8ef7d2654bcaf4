"""Every setting with its value, meaning, type and source, for the reference and for help.

Values and meanings are read from the YAML files: the comment behind a setting, and the lines below
it that are indented further, say what it means; a file's leading comment says what the option is
and where it comes from. Types and ranges are read from the classes that the files name. The first
part needs no torch; whoever has the classes adds the second. Help, which must not wait for them,
reads the types of our own options from `types.json`, which docs/reference.py writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from gan_runner.config.groups import conf_folder

if TYPE_CHECKING:
    from pydantic import BaseModel

TYPES = Path(__file__).with_name("types.json")
"""The types of the settings of our options, by dotted key; where options differ, by the type, with
the options that have it."""

_NOT_SETTINGS = ("defaults", "_target_", "callbacks")
_WORDS = {
    "boolean": "true or false",
    "string": "text",
    "null": "null",
    "object": "mapping",
    "any": "anything",
}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast, where it is
_HUGE = 2**53  # a limit for the machine's sake that nobody needs to know


class Setting(NamedTuple):
    """A value that the command line can set; `key` is dotted, as in loss.penalty.r1.weight."""

    key: str
    value: str
    meaning: str
    type: str = ""


class Option(NamedTuple):
    """An option of a group, or another file of the configuration.

    `settings` are in the order of the file, `classes` are the names of components by the key of
    their node, `brings` are the options of other groups that it chooses.
    """

    group: str
    name: str
    header: str
    settings: tuple[Setting, ...]
    classes: Mapping[str, str]
    brings: tuple[str, ...]

    @property
    def choice(self) -> str:
        """The option as it is chosen, loss=hinge; "" for a file of the configuration's folder."""
        return f"{self.group}={self.name}" if self.group else ""

    def with_types(self, classes: Mapping[str, Sequence[type[BaseModel]]]) -> Option:
        """The same with the types of its settings: `classes` by the key of the node that they
        check, "" for the whole configuration."""
        types = {
            ".".join(filter(None, (node, key))): text
            for node, kinds in classes.items()
            for kind in kinds
            for key, text in type_texts(kind).items()
        }
        settings = (setting._replace(type=types.get(setting.key, "")) for setting in self.settings)
        return self._replace(settings=tuple(settings))

    def with_recorded_types(self) -> Option:
        """The same with the types of its settings that `types.json` has; needs no class."""
        recorded = json.loads(TYPES.read_text(encoding="utf-8"))
        settings = (s._replace(type=self._recorded_type(recorded, s.key)) for s in self.settings)
        return self._replace(settings=tuple(settings))

    def _recorded_type(self, recorded: Mapping[str, Any], key: str) -> str:
        found = recorded.get(key, "")
        if isinstance(found, str):
            return found
        return next((text for text, choices in found.items() if self.choice in choices), "")


# ---------------------------------------------------------------- from YAML files


def read_option(
    group: str, name: str, folder: Path | None = None, *, package: str | None = None
) -> Option:
    """The content of an option's file, without types; `folder` is the configuration's, `package`
    the key of the node for its settings where a defaults list puts them elsewhere.

    A group of "" means a file of the configuration's own folder. Raises OSError where there is no
    such file.
    """
    root = folder or conf_folder()
    text = (root / group / f"{name}.yaml").read_text(encoding="utf-8")
    package = _package(text, group) if package is None else package
    tree = yaml.compose(text, Loader=_LOADER)
    assert isinstance(tree, yaml.MappingNode), "every file of the configuration is a mapping"
    plain = yaml.load(text, Loader=_LOADER)
    base, brings = _defaults(plain.get("defaults", []), group, package, root)
    settings = {s.key: s for s in _settings(tree, text, package)}
    for setting in (setting for option in base for setting in option.settings):
        settings.setdefault(setting.key, setting)
    return Option(
        group,
        name,
        header(text),
        tuple(settings.values()),
        {k: v for option in base for k, v in option.classes.items()}
        | dict(_classes(plain, package)),
        tuple(brings),
    )


def plain_option(group: str, name: str) -> dict[str, Any]:
    """The values of an option of ours, nested, with those that its file takes in. Raises OSError
    where there is none."""
    plain: dict[str, Any] = {}
    for setting in read_option(group, name, package="").settings:
        *nodes, last = setting.key.split(".")
        node = plain
        for key in nodes:
            node = node.setdefault(key, {})
        node[last] = yaml.safe_load(setting.value)
    return plain


def yaml_text(value: object) -> str:
    """A value as YAML has it within a line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def header(text: str) -> str:
    """The leading comment of a file, without its line for Hydra."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def _package(text: str, group: str) -> str:
    """The key of the node that a file's settings belong to, "" for the top."""
    given = re.match(r"# @package (\S+)", text)
    if given:
        return "" if given[1] == "_global_" else given[1]
    return group.replace("/", ".")


def _defaults(
    entries: Sequence[Any], group: str, package: str, root: Path
) -> tuple[list[Option], list[str]]:
    """The files that a file of this package takes in, and the options that it chooses."""
    base, brings = [], []
    for entry in entries:
        if isinstance(entry, str):
            path, _, given = entry.partition("@")
            folder, _, name = path.rpartition("/") if path[0] == "/" else (group, "", path)
            inner = None
            if given:
                inner = ".".join(filter(None, (package, given.replace("_here_", ""))))
            for place in dict.fromkeys((root, conf_folder())):  # a plugin's takes in ours
                if (place / folder.lstrip("/") / f"{name}.yaml").exists():
                    base.append(read_option(folder.lstrip("/"), name, place, package=inner))
                    break
            continue
        for choice, option in entry.items():
            chosen = choice.removeprefix("override ")
            key = chosen[1:] if chosen.startswith("/") else f"{group}/{chosen}".lstrip("/")
            brings.append(f"{key}={option}")
    return base, brings


def _settings(node: yaml.MappingNode, text: str, prefix: str) -> Iterator[Setting]:
    """The leaves of a node with their comments; an empty mapping is a leaf."""
    for key, value in node.value:
        names_a_class = key.value == "name" and prefix
        if key.value in _NOT_SETTINGS or names_a_class:
            continue
        dotted = f"{prefix}.{key.value}" if prefix else key.value
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _settings(value, text, dotted)
            continue
        source = text[value.start_mark.index : value.end_mark.index]
        last, end = value.end_mark.line, value.end_mark.column
        meaning = _comment(text.splitlines(), last, end, key.start_mark.column)
        yield Setting(dotted, source, meaning)


def _comment(lines: Sequence[str], last: int, end: int, indentation: int) -> str:
    """The comment behind a value that ends at `end` of line `last`, and the lines below that are
    comments and indented further."""
    parts = [lines[last][end:].strip()]
    for line in lines[last + 1 :]:
        below = line.lstrip()
        if not below.startswith("#") or len(line) - len(below) <= indentation:
            break
        parts.append(below)
    return " ".join(part.lstrip("#").strip() for part in parts).strip()


def _classes(plain: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in plain.items():
        if key == "name" and prefix and isinstance(value, str):
            yield prefix, value
        elif isinstance(value, Mapping):
            yield from _classes(value, f"{prefix}.{key}" if prefix else key)


# ---------------------------------------------------------------- from classes


def types_text(options: Iterable[Option]) -> str:
    """The content of `types.json`, of options with types."""
    found: dict[str, dict[str, list[str]]] = {}
    for option in options:
        for setting in option.settings:
            if setting.type:
                found.setdefault(setting.key, {}).setdefault(setting.type, []).append(option.choice)
    plain = {key: types if len(types) > 1 else next(iter(types)) for key, types in found.items()}
    return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def type_texts(kind: type[BaseModel]) -> dict[str, str]:
    """The types of a class's settings in words, by dotted key: "integer, 1 or more"."""
    schema = kind.model_json_schema()
    return dict(_texts(schema, schema.get("$defs", {}), ""))


def _texts(
    schema: Mapping[str, Any], named: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, str]]:
    for key, described in schema["properties"].items():
        inner = _resolve_reference(described, named)
        if "properties" in inner:
            yield from _texts(inner, named, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", type_text(inner, named)


def type_text(schema: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """A type of a JSON schema in words; `named` are the schema's definitions."""
    schema = _resolve_reference(schema, named)
    if "anyOf" in schema:
        texts = [type_text(each, named) for each in schema["anyOf"]]
        return ("; or " if "list" in texts[0] else " or ").join(texts)
    if "enum" in schema:
        return _list_choices([str(value) for value in schema["enum"]])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "any")
    if kind == "array":
        return _list_text(schema, named)
    return f"{kind}{_range(schema)}" if kind in ("integer", "number") else _WORDS[kind]


def _resolve_reference(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    resolved = named[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    assert isinstance(resolved, Mapping)
    return resolved


def _list_choices(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def _range(schema: Mapping[str, Any]) -> str:
    """The range of a number, beginning with a space; without limits that nobody reaches."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {_number_text(low)} to {_number_text(high)}"
    bounds = {
        "at least": low,
        "above": schema.get("exclusiveMinimum"),
        "at most": high,
        "below": schema.get("exclusiveMaximum"),
    }
    if schema["type"] == "integer" and bounds["above"] is not None:
        bounds["at least"], bounds["above"] = bounds["above"] + 1, None
    texts = [
        f"{words} {_number_text(bound)}"
        for words, bound in bounds.items()
        if bound is not None and abs(bound) < _HUGE
    ]
    return f" {', '.join(texts)}" if texts else ""


def _number_text(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:g}"


def _list_text(schema: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """A list of a fixed length by its entries, another one by the type that all have."""
    if "prefixItems" in schema:
        entries = [type_text(entry, named) for entry in schema["prefixItems"]]
        assert len(set(entries)) == 1, "every list of a fixed length has entries of one type"
        return f"list of {len(entries)}: {entries[0]}"
    return f"list of: {type_text(schema['items'], named)}"
