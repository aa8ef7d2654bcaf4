"""A run alone as a job of a cluster, as the command line asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from gan_runner.config.plugins import share_plugins

if TYPE_CHECKING:
    from gan_runner.cli.hydra.command_line import CommandLine
    from gan_runner.config.schema import Config
    from gan_runner.sweeps.settings import ClusterSettings


def is_on_cluster(composed: DictConfig) -> bool:
    """Whether jobs are sent to a cluster."""
    return str(composed.hydra.launcher.get("_target_")).endswith(".ClusterLauncher")


def cluster_settings(composed: DictConfig) -> ClusterSettings:
    """The settings of hydra/launcher=slurm. Raises ConfigError."""
    from gan_runner.config.component import parse_settings
    from gan_runner.sweeps.settings import ClusterSettings

    plain: Any = OmegaConf.to_container(composed.hydra.launcher, resolve=True)
    del plain["_target_"]
    return parse_settings(plain, ClusterSettings, where="hydra.launcher")


def check_job(config: Config, composed: DictConfig) -> None:
    """Raise a Fault of a run that can't be a job of this cluster, before it waits in a queue."""
    from gan_runner.logs.loggers import check_installed
    from gan_runner.sweeps.cluster import check_devices
    from gan_runner.training.build import build

    check_devices(cluster_settings(composed), config.devices)
    check_installed(build(config).loggers)


def train_on_cluster(config: Config, path: Path, command: CommandLine, composed: DictConfig) -> int:
    """Train a run in a job, or go on with it; the exit code. Raises Interrupted once that is
    canceled."""
    from gan_runner.sweeps.jobs import Job
    from gan_runner.sweeps.single import run_as_job

    share_plugins(command.plugins)
    job = Job(path.name, path, config)
    return run_as_job(job, cluster_settings(composed), launcher=command.launcher_lines)


def launcher_of_resumed(command: CommandLine) -> DictConfig | None:
    """The configuration with the cluster that a resumed run is sent to; None if it stays here."""
    if not command.launcher_lines:
        return None
    composed = command.composer().compose(command.launcher_lines)
    return composed if is_on_cluster(composed) else None


def resume_on_cluster(
    path: Path, changed: Config | None, command: CommandLine, composed: DictConfig
) -> int:
    """Go on with a run in a job, with the settings that the command names as they are in `changed`;
    the exit code. Raises a Fault, Interrupted."""
    from gan_runner.runs.resume import Changes, apply_changes
    from gan_runner.storage.run_folder import RunFolder

    changes = Changes(changed, tuple(sorted(command.changed_keys)))
    config = apply_changes(RunFolder(path).saved_config(), changes)
    check_job(config, composed)
    return train_on_cluster(config, path, command, composed)
