"""What plugins add to the help: options in their folders, and those of single files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gan_runner.cli.plugin_options import FileOption, file_options
from gan_runner.config.dotted import flatten
from gan_runner.config.help import OptionSource
from gan_runner.config.plugins import Plugin, load_plugins
from gan_runner.config.reference import Option, Setting, yaml_text


def source_with_plugins(source: OptionSource, plugins: Sequence[Plugin]) -> OptionSource:
    """The source of help, with the options of single files, which are imported for that; packages
    are imported where the types of their settings are asked for. Raises ConfigError."""

    def read(group: str, name: str, folder: Path) -> Option:
        from gan_runner.cli.reference import typed_option

        load_plugins(plugins)
        return typed_option(group, name, folder)

    files = file_options(plugins)
    added = {(option.group, option.name): _as_option(option) for option in files}
    return source._replace(added=added, read=read)


def _as_option(option: FileOption) -> Option:
    """An option without a YAML file, as if it had one."""
    from gan_runner.cli.reference import with_types

    leaves = flatten(option.node, f"{option.package}." if option.package else "")
    classes = {
        key.rpartition(".")[0]: str(value) for key, value in leaves.items() if key.endswith(".name")
    }
    settings = tuple(
        Setting(key, yaml_text(value), "")
        for key, value in leaves.items()
        if not key.endswith(".name")
    )
    return with_types(Option(option.group, option.name, option.headline, settings, classes, ()))
