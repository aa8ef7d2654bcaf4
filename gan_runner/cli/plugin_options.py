"""Options for the classes of a single plugin file, which needs no YAML: made of the classes' names
and of the defaults in their own annotations."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from inspect import getdoc, isabstract, isclass
from typing import Any, NamedTuple

from pydantic_core import PydanticUndefined

from gan_runner.config.component import Component
from gan_runner.config.groups import options
from gan_runner.config.plugins import Plugin, load_plugins
from gan_runner.config.reference import plain_option
from gan_runner.errors import ConfigError, printable


class FileOption(NamedTuple):
    """An option of a group: its `node` in the configuration goes to `package`; `headline` says what
    it is."""

    group: str
    name: str
    package: str
    node: dict[str, Any]
    headline: str


def file_options(plugins: Sequence[Plugin]) -> tuple[FileOption, ...]:
    """The options of the plugins that are single files, which are imported for that; a YAML file
    beside one wins where it has the option.

    Raises ConfigError for a setting without a default, an incomplete class, and an option of a name
    that is taken.
    """
    files = [plugin for plugin in plugins if plugin.file is not None]
    load_plugins(files)
    found: dict[tuple[str, str], FileOption] = {}
    for plugin in files:
        for kind in _classes(plugin):
            option = _option(kind)
            key = (option.group, option.name)
            if option.name in options(option.group) or key in found:
                raise ConfigError(
                    f"two options of one name, {printable('='.join(key))}. "
                    f"Rename the class, {printable(f'{kind.__module__}.{kind.__name__}')}."
                )
            written = plugin.conf and plugin.conf / option.group / f"{option.name}.yaml"
            if not (written and written.is_file()):
                found[key] = option
    return tuple(found.values())


def _classes(plugin: Plugin) -> Iterator[type[Any]]:
    """The classes of a family that a file defines, beside the bases of others. Raises ConfigError
    for one that lacks a method."""
    (name,) = plugin.modules
    defined = [v for v in vars(sys.modules[name]).values() if getattr(v, "__module__", "") == name]
    for kind in filter(isclass, defined):
        if _group(kind) is None:
            continue
        if not isabstract(kind):
            yield kind
        elif not kind.__subclasses__():
            lacking = ", ".join(sorted(vars(kind)["__abstractmethods__"]))
            raise ConfigError(
                f"an incomplete class, {printable(f'{name}.{kind.__name__}')}. "
                f"Give it what it lacks: {printable(lacking)}."
            )


def _group(kind: type[Any]) -> str | None:
    from gan_runner.augmentations import Augmentation
    from gan_runner.datasets import Dataset
    from gan_runner.logs.loggers import Logger
    from gan_runner.models import GenerativeModel
    from gan_runner.objectives.losses import Loss
    from gan_runner.objectives.terms import Term
    from gan_runner.training.methods import Method
    from gan_runner.training.optimizers import Optimizer

    families = {
        "loss": Loss,
        "loss/penalty": Term,
        "augment": Augmentation,
        "model": GenerativeModel,
        "dataset": Dataset,
        "optimizer": Optimizer,
        "method": Method,
        "logger": Logger,
    }
    return next((group for group, family in families.items() if issubclass(kind, family)), None)


def _option(kind: type[Any]) -> FileOption:
    group = _group(kind)
    assert group is not None, "other classes are left out"
    name, where = snake_case(kind.__name__), f"{kind.__module__}.{kind.__name__}"
    settings = getattr(kind, "Settings", kind)  # those of a method are a class of their own
    node = {"name": kind.__name__, **_defaults(settings, _inherited_values(group), where=where)}
    if group == "loss":
        node |= {"d_steps": 1, "clip": None, "penalty": {}}
    if group == "optimizer":
        node = {"generator": node, "discriminator": node}
    several = group in ("loss/penalty", "augment", "logger")
    package = group.replace("/", ".") + (f".{name}" if several else "")
    headline = (getdoc(kind) or kind.__name__).partition("\n")[0]
    return FileOption(group, name, package, node, headline)


def snake_case(name: str) -> str:
    """MyLoss -> my_loss, WGANLoss -> wgan_loss."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _inherited_values(group: str) -> dict[str, Any]:
    """The values of settings that a family shares, where a plugin's class doesn't say others: those
    of an option of ours."""
    match group:
        case "loss/penalty":
            return {"weight": 1.0, "every": 1}
        case "model":
            return plain_option("model", "mlp")
        case "optimizer":
            return dict(plain_option("optimizer", "adam")["generator"])
        case _:
            return {}


def _defaults(kind: type[Any], inherited: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The default of each setting, its own or inherited. Raises ConfigError where there is none."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items() if issubclass(kind, Component) else ():
        inner, common = field.annotation, name in ("per_class", "per_class_seed")
        default = field.get_default(call_default_factory=True)
        if default is not PydanticUndefined:
            found[name] = default.model_dump() if isinstance(default, Component) else default
        elif isclass(inner) and issubclass(inner, Component):
            nested = inherited.get(name) or {}
            found[name] = _defaults(inner, nested, where=f"{where}.{name}")
        elif name in inherited:
            found[name] = inherited[name]
        elif not common:  # those are in config.yaml, for all data sets
            raise ConfigError(
                f"a setting without a default, {printable(where)}.{name}. "
                f"Give it one in the class: {name}: ... = VALUE."
            )
    return found
