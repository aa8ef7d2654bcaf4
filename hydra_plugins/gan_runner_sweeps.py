"""The plugins that Hydra must find, which it searches for in the namespace package `hydra_plugins`
alone, knows them by the module that defines them, and imports all that it finds, for any program of
its environment."""

from __future__ import annotations

from gan_runner.cli.hydra import plugins


class GridSweeper(plugins.GridSweeper):
    """`hydra/sweeper=grid`."""


class TunedSweeper(plugins.TunedSweeper):
    """`hydra/sweeper=tuned`."""


class HalvingSweeper(plugins.HalvingSweeper):
    """`hydra/sweeper=halving`."""


class ProcessLauncher(plugins.ProcessLauncher):
    """`hydra/launcher=processes`."""


class ClusterLauncher(plugins.ClusterLauncher):
    """`hydra/launcher=slurm`."""
