"""Hydra's loader of configurations, reading each YAML file once: a second one takes a third.

quick=true is applied here, between the files and the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal import defaults_list as tree
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from omegaconf import DictConfig

from gan_runner.cli.hydra.grammar import PARSER
from gan_runner.cli.hydra.quick import apply_limits, asks_quick

if TYPE_CHECKING:
    from hydra._internal.config_repository import IConfigRepository
    from hydra._internal.defaults_list import Overrides
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.default_element import InputDefault, ResultDefault
    from hydra.core.override_parser.types import Override
    from hydra.plugins.config_source import ConfigResult
    from hydra.types import RunMode

_Chosen = tuple[tuple[str | None, str | None, str | None, bool], ...]


class CachingLoader(ConfigLoaderImpl):
    """Composes as Hydra does, and keeps what it has read and merged for the next composition:
    the files, and of each choice of options what they give before single settings are changed."""

    def __init__(self, path: ConfigSearchPath) -> None:
        super().__init__(path)
        self._files = CachingConfigRepository(self.repository)
        self._merged: dict[_Chosen, DictConfig] = {}
        self._overrides: Sequence[Override] = ()  # of the composition that is being made

    def _load_configuration_impl(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        with _map_only_for_interpolations():
            return super()._load_configuration_impl(
                config_name, overrides, run_mode, from_shell, validate_sweep_overrides
            )

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parsed = PARSER.parse_overrides(overrides)
        self._overrides = parsed
        if any(override.key_or_group == "hydra.searchpath" for override in parsed):
            return super()._parse_overrides_and_create_caching_repo(config_name, overrides)
        self._process_config_searchpath(config_name, parsed, self._files)
        return parsed, self._files

    def _compose_config_from_defaults_list(
        self, defaults: list[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        config = self._merge(defaults, repo)
        if "quick" in config and asks_quick(config, self._overrides):
            apply_limits(config, self._overrides)
        return config

    def _merge(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """What the files alone give; the caller may change it."""
        if repo is not self._files:  # files of another search path
            return super()._compose_config_from_defaults_list(defaults, repo)
        chosen = tuple((d.config_path, d.package, d.parent, d.is_self) for d in defaults)
        if chosen not in self._merged:
            self._merged[chosen] = super()._compose_config_from_defaults_list(defaults, repo)
        return deepcopy(self._merged[chosen])

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        result = super()._load_single_config(default, repo)
        assert default.config_path is not None
        if result is repo.load_config(default.config_path):  # else Hydra has copied it already
            result = copy(result)
            result.config = deepcopy(result.config)  # merging changes what it merges
        return result


@contextmanager
def _map_only_for_interpolations() -> Iterator[None]:
    """Within this context Hydra maps the choices of all groups only for a file with a default like
    `${dataset}`, which needs it: one for each file takes half of the time of a composition."""
    hydras = tree._create_interpolation_map

    def create_map(
        overrides: Overrides, defaults_list: list[InputDefault], self_added: bool
    ) -> DictConfig:
        if any(default.is_interpolation() for default in defaults_list):
            return hydras(overrides, defaults_list, self_added)
        return DictConfig({})

    tree._create_interpolation_map = create_map
    try:
        yield
    finally:
        tree._create_interpolation_map = hydras


@cache
def loader_of(folder: Path) -> CachingLoader:
    """The loader of the YAML files in a folder that don't change in this process."""
    return CachingLoader(search_path([folder]))


def search_path(folders: Sequence[Path]) -> ConfigSearchPath:
    """Where YAML files are looked for: in the first folder before those after it."""
    main, *added = folders
    path = create_config_search_path(str(main))
    for folder in added:
        last = SearchPathQuery(provider="schema")
        path.prepend(provider="command-line", path=f"file://{folder}", anchor=last)
    return path
