"""What Hydra must find of gan-runner: it looks for plugins in the namespace package `hydra_plugins`
alone, knows them by the module that defines them, and imports all that it finds, for any program of
its environment."""

from __future__ import annotations

from gan_runner.cli.hydra import plugins


class Grid(plugins.Grid):
    """`hydra/sweeper=grid`."""


class Tuned(plugins.Tuned):
    """`hydra/sweeper=tuned`."""


class Processes(plugins.Processes):
    """`hydra/launcher=processes`."""


class Cluster(plugins.Cluster):
    """`hydra/launcher=slurm`."""
