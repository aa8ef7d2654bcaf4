"""Plugins: classes of others, from installed packages and from files that the user names.

A package takes part by the entry-point group `gan_runner.plugins`, whose values are modules; a
single file by `--plugin FILE` or the environment variable GAN_RUNNER_PLUGINS. Importing a plugin is
all that it takes: its classes are subclasses of ours. Nothing is ever imported because a run says
so. Needs no torch, unless a plugin does.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from inspect import isfunction
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_runner.config.groups import GROUPS, conf_folder, options
from gan_runner.errors import CheckpointError, ConfigError, OptionText, PluginError, printable

if TYPE_CHECKING:
    from gan_runner.config.schema import UsedPlugin

ENTRY_POINTS = "gan_runner.plugins"
VARIABLE = "GAN_RUNNER_PLUGINS"

_FILE_MODULES = "gan_runner_plugin_"  # before the name of a file, as a module


class Plugin(NamedTuple):
    """An installed package, with its `version`, or a `file`, with the `sha256` of its content.

    `modules` are imported; `conf` is a folder with options, where there is one.
    """

    name: str
    version: str | None
    sha256: str | None
    modules: tuple[str, ...]
    conf: Path | None
    file: Path | None = None


def find_plugins(files: Iterable[Path] = ()) -> tuple[Plugin, ...]:
    """The plugins of the installed packages, of the environment, and of these files; none of them
    is imported. Raises ConfigError for a file that isn't there, and for an option of a name that is
    taken."""
    named = [Path(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    paths = dict.fromkeys(path.expanduser().resolve() for path in (*named, *files))
    plugins = (*_installed_plugins(), *map(_plugin_of_file, paths))
    _refuse_taken_options(plugins)
    return plugins


def _refuse_taken_options(plugins: Sequence[Plugin]) -> None:
    """Raise ConfigError for an option in a plugin's folder that is one of ours, or of another's."""
    folders = dict.fromkeys(plugin.conf for plugin in plugins if plugin.conf is not None)
    if not folders:
        return
    taken = {(group, name): conf_folder() for group in GROUPS for name in options(group)}
    for folder in folders:
        for key in [(group, name) for group in GROUPS for name in options(group, folder)]:
            if key in taken:
                shown = printable("=".join(key))
                where = printable(f"{taken[key]} and {folder}")
                raise ConfigError(f"two options of one name, {shown}: {where}. Rename one of them.")
            taken[key] = folder


def load_plugins(plugins: Sequence[Plugin]) -> None:
    """Import plugins, so that their classes can be named. Raises ConfigError for one that can't be
    imported, and for two files of one name."""
    for plugin in plugins:
        for module in plugin.modules:
            if plugin.file is not None and _has_file(module, plugin.file, plugin.sha256):
                continue
            try:
                if plugin.file is None:
                    import_module(module)
                else:
                    _import_file(module, plugin.file, plugin.sha256)
            except (Exception, SystemExit) as error:  # whatever a stranger's module raises
                what = printable(f"{type(error).__name__}: {error}")
                raise ConfigError(
                    f"the plugin can't be imported, plugin={printable(plugin.name)}. {what}"
                ) from None


def plugin_error(error: Exception) -> PluginError | None:
    """An exception that the code of an imported plugin raised, or what it called, as a fault of the
    plugin; None for one that came about without any."""
    found = _place_in_plugin(error) or _called_wrongly(error)
    if found is None:
        return None
    plugin, place = found
    what = f"the plugin raised {type(error).__name__}: {printable(error)}"
    return PluginError(f"{what}, plugin={printable(plugin.name)}{place}. Mend the plugin.")


def _place_in_plugin(error: Exception) -> tuple[Plugin, str] | None:
    """The plugin whose code was entered last, and where it was."""
    tops = {top: plugin for plugin in loaded_plugins() for top in _top_modules(plugin)}
    for frame, line in reversed(list(walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__"))
        if plugin := tops.get(module.partition(".")[0]):
            inner = "" if plugin.file is not None else f", module {printable(module)}"
            return plugin, f"{inner}, line {line}"
    return None


def _called_wrongly(error: Exception) -> tuple[Plugin, str] | None:
    """The plugin of a function that has other arguments than it must have, so that it couldn't be
    entered."""
    called = re.match(r"(\w+)[\w.]*\(\) (?:takes|missing|got) ", str(error))
    if not isinstance(error, TypeError) or called is None:
        return None
    of_plugins = (p for p in loaded_plugins() if called[1] in _defined_names(p))
    return next(((plugin, "") for plugin in of_plugins), None)


def loaded_plugins() -> tuple[Plugin, ...]:
    """The plugins that are imported: packages, then files."""
    packages = [plugin for plugin in _installed_plugins() if {*plugin.modules} <= {*sys.modules}]
    specs = [
        module.__spec__
        for name, module in list(sys.modules.items())
        if name.startswith(_FILE_MODULES) and module.__spec__ is not None
    ]
    files = [
        Plugin(Path(s.origin).name, None, s.loader_state, (s.name,), None, Path(s.origin))
        for s in specs
        if s.origin is not None
    ]
    return (*packages, *files)


def share_plugins(plugins: Sequence[Plugin]) -> None:
    """Let processes that this one starts find the same files."""
    files = [str(plugin.file) for plugin in plugins if plugin.file is not None]
    if files:
        os.environ[VARIABLE] = os.pathsep.join(files)


def used_plugins(settings: Mapping[str, Any], plugins: Sequence[Plugin]) -> list[dict[str, Any]]:
    """Which of the imported plugins give a class, or a metric, that these settings name, or a
    metric to evaluations by all that apply."""
    from gan_runner.config.schema import UsedPlugin  # not before: pydantic would slow down --help

    names, by_all_metrics = set(_component_names(settings)), _evaluates_by_all_metrics(settings)
    return [
        UsedPlugin(name=p.name, version=p.version, sha256=p.sha256).model_dump()
        for p in plugins
        if names & set(_defined_names(p)) or (by_all_metrics and any(_metric_numbers(p)))
    ]


def require_plugins(used: Sequence[UsedPlugin]) -> None:
    """Raise CheckpointError, with the remedy, unless the plugins that a run used are imported."""
    for plugin in used:
        if plugin.sha256 is not None:
            module = _module_name(plugin.name)
            remedy = f"Give it again: {{option}} or {VARIABLE}"
            version = f"sha256 {plugin.sha256[:12]}"
        else:
            module, version = "", f"version {printable(plugin.version)}"
            remedy = "Install the package that it was trained with."
        loaded = module in sys.modules if module else _is_installed(plugin.name)
        if not loaded:
            raise CheckpointError(
                f"the run needs a plugin, {printable(plugin.name)} ({version}). {remedy}",
                option=_option(plugin.name, between=" "),
            )


def plugin_files(used: Sequence[UsedPlugin]) -> list[Path]:
    """The imported files among the plugins that a run uses."""
    names = {plugin.name for plugin in used if plugin.sha256 is not None}
    return [p.file for p in loaded_plugins() if p.file is not None and p.name in names]


def changed_plugins(used: Sequence[UsedPlugin]) -> list[str]:
    """A line for each plugin that isn't what it was when the run was made."""
    lines = []
    for plugin in used:
        if plugin.sha256 is not None:
            path = getattr(sys.modules.get(_module_name(plugin.name)), "__file__", None)
            if path is not None and _sha256(Path(path)) != plugin.sha256:
                lines.append(
                    f"the plugin {printable(plugin.name)} has changed since the run began."
                )
        else:
            here = {p.name: p.version for p in _installed_plugins()}.get(plugin.name)
            if here is not None and here != plugin.version:
                was, now = printable(plugin.version), printable(here)
                lines.append(f"the plugin {printable(plugin.name)} was {was}, and is {now}.")
    return lines


def _installed_plugins() -> tuple[Plugin, ...]:
    """The packages with entry points, by name."""
    return _plugins_of(tuple((path, _last_change(path)) for path in sys.path))


def _last_change(path: str) -> int:
    """When something was installed in a folder, or removed; 0 for what isn't there."""
    try:
        return os.stat(path or ".").st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


@cache  # for as long as nothing is installed: it opens a file of every package that there is
def _plugins_of(folders: tuple[tuple[str, int], ...]) -> tuple[Plugin, ...]:
    """The plugins of the packages in the folders of `sys.path`."""
    found: dict[str, tuple[str | None, list[str]]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        name = point.name if point.dist is None else point.dist.name
        version = None if point.dist is None else point.dist.version
        found.setdefault(name, (version, []))[1].append(point.module)
    return tuple(
        Plugin(name, version, None, tuple(sorted(modules)), _conf_folder_of(modules))
        for name, (version, modules) in sorted(found.items())
    )


def _conf_folder_of(modules: Sequence[str]) -> Path | None:
    """The folder `conf` of a package, found without importing it."""
    for top in dict.fromkeys(module.partition(".")[0] for module in modules):
        spec = find_spec(top)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if (folder := Path(place) / "conf").is_dir():
                return folder
    return None


def _plugin_of_file(path: Path) -> Plugin:
    if not path.is_file():
        raise ConfigError("no such file, {option}. Name a Python file.", option=_option(path))
    if path.suffix != ".py":
        raise ConfigError(
            "not a Python file, {option}. Its name ends in .py.", option=_option(path)
        )
    conf = path.parent / "conf"
    is_own = conf.is_dir() and not conf.samefile(conf_folder())
    return Plugin(
        name=path.name,
        version=None,
        sha256=_sha256(path),
        modules=(_module_name(path.name),),
        conf=conf if is_own else None,
        file=path,
    )


def _option(file: object, *, between: str = "=") -> OptionText:
    """The option that names a file, for a message."""
    shown = printable(file)
    return OptionText(command=f"--plugin{between}{shown}", python=f"plugins=['{shown}']")


def _has_file(name: str, path: Path, sha256: str | None) -> bool:
    """Whether a file is imported with the content that it has now. Raises ConfigError if another
    file is imported under its name."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is None:
        return False
    if spec.origin != str(path):
        raise ConfigError(
            "two plugins of one name, {option} and "
            f"{printable(spec.origin)}. Rename one of them.",
            option=_option(path),
        )
    return bool(spec.loader_state == sha256)


def _import_file(name: str, path: Path, sha256: str | None) -> None:
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "its name ends in .py"
    spec.loader_state = sha256  # a file that was changed is imported again
    module, before = module_from_spec(spec), sys.modules.get(name)
    sys.modules[name] = module  # where pydantic looks for the names in annotations
    try:
        # not by the loader, which takes the bytecode of a file that was changed within a second
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        raise


def _module_name(file: str) -> str:
    return _FILE_MODULES + "".join(c if c.isalnum() else "_" for c in Path(file).stem)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_installed(name: str) -> bool:
    return any(plugin.name == name and plugin.file is None for plugin in loaded_plugins())


def _component_names(settings: Mapping[str, Any]) -> Iterator[str]:
    """The names of components and metrics in nested settings."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _component_names(value)
        elif key == "name" and isinstance(value, str):
            yield value
        elif key in ("metric", "metrics"):
            yield from [value] if isinstance(value, str) else value or ()


def _evaluates_by_all_metrics(settings: Mapping[str, Any]) -> bool:
    """Whether a run is evaluated while it is trained, by every metric that applies to its data."""
    train, evaluation = (settings.get(group) for group in ("train", "evaluation"))
    if not (isinstance(train, Mapping) and isinstance(evaluation, Mapping)):
        return False
    return bool(train.get("eval_every")) and evaluation.get("metrics", ()) is None


def _defined_names(plugin: Plugin) -> Iterator[str]:
    """The classes and functions that the modules of an imported plugin define, and the numbers that
    a metric gives."""
    for name, value in _definitions(plugin):
        yield name
        yield from _numbers_of_metric(value)


def _metric_numbers(plugin: Plugin) -> Iterator[str]:
    """The numbers that the metrics of an imported plugin give."""
    for _, value in _definitions(plugin):
        yield from _numbers_of_metric(value)


def _numbers_of_metric(value: object) -> tuple[str, ...]:
    return vars(value).get("numbers", ()) if isfunction(value) else ()


def _definitions(plugin: Plugin) -> Iterator[tuple[str, object]]:
    """The classes and functions that the modules of an imported plugin define, by name."""
    tops = _top_modules(plugin)
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] not in tops:
            continue
        for name, value in vars(module).items():
            if getattr(value, "__module__", "") == module_name:
                yield name, value


def _top_modules(plugin: Plugin) -> set[str]:
    """The modules below which all of a plugin's code lies."""
    return {module.partition(".")[0] for module in plugin.modules}
