"""The groups of the configuration: where they lie, what they offer, and the help on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

GROUPS = (
    *("method", "model", "loss", "loss/penalty", "augment", "dataset", "optimizer"),
    *("evaluation", "health", "logger", "experiment"),
)

_HELP = """\
gan-train: compose an experiment, train it, leave a run folder that can be resumed bit for bit.

usage: gan-train [group=option] [setting=value] ...

examples:
  gan-train                                           handwritten digits, about a minute
  gan-train loss=wgan_gp dataset=mnist                another loss, another data set
  gan-train dataset=image_folder dataset.root=photos  your own images
  gan-train loss=hinge loss/penalty=r1 loss.penalty.r1.weight=0.1
  gan-train -m loss=minimax,lsgan,hinge seed=0,1,2    a sweep: every combination
  gan-train resume=RUN train.steps=6000               go on with a run, in its folder
  gan-train init_from=RUN loss=r3gan                  a new run from the weights of another
  gan-train loss=wgan_gp dry_run=true                 what a run would take, leaving nothing

groups:
{groups}
settings (any value of conf/config.yaml and of the chosen options):
  seed, device, precision, threads, deterministic, cache
  train.steps, train.epochs, train.batch_size, train.log_every, train.sample_every,
  train.save_every, train.eval_every, train.keep, train.ema
  model.*, loss.*, augment.*, dataset.*, optimizer.generator.*, optimizer.discriminator.*,
  evaluation.*, health.*, logger.*
  name=NAME                       of the run folder, behind its date and time
  hydra.run.dir=FOLDER            where the run folder is made

sweeps (-m): the same command with the same name skips what is complete and goes on with the rest
  sweep=NAME                      into outputs/sweeps/NAME/
  hydra.launcher.n_jobs=N         jobs at a time, each in a process of its own
  sweeping.on_invalid=skip        leaves invalid combinations out instead of refusing them all
  sweeping.max_jobs=N             allows more than 500 jobs
  hydra/sweeper=search            a search by Optuna for the best evaluation.best.metric
  hydra/sweeper=tuned             as many random settings for each; the best again on new seeds
  hydra/launcher=slurm            jobs of a cluster

flags:
  --plugin FILE   losses, models, data sets, metrics ... of your own; also of GAN_RUNNER_PLUGINS
  --cfg job       print the configuration as it is composed, unchecked, instead of training;
                  dry_run=true checks it
  -m              train every combination of comma-separated values
  -sc install=bash    install tab completion:  eval "$(gan-train -sc install=bash)"
  --hydra-help    the other flags of Hydra

exit codes: 0 done, 2 configuration, 3 data, 4 machine, 5 NaN or Inf, 6 checkpoint refused,
7 run folder in use, 8 a job of a sweep failed, 129, 130 and 143 interrupted (resumable)
"""


def conf_folder() -> Path:
    """The configuration: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def options(group: str, *folders: Path) -> dict[str, str]:
    """The options of a group: each with the first sentence of its file's header."""
    found: dict[str, str] = {}
    for folder in folders or (conf_folder(),):
        for path in sorted((folder / group).glob("*.yaml")):
            found[path.stem] = _headline(path)
    return found


def help_text(*folders: Path, others: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The text of `gan-train --help`: the options of ours, of further folders, and `others` with
    their headlines by group."""
    lines = []
    for group in GROUPS:
        lines.append(f"  {group}")
        offered = {**(others or {}).get(group, {}), **options(group, conf_folder(), *folders)}
        lines += [f"    {name:<22} {_short(headline)}" for name, headline in offered.items()]
    return _HELP.format(groups="\n".join(lines) + "\n")


def _headline(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        for line in file:
            text = line.strip("# \n")
            if line.startswith("#") and not text.startswith("@package"):
                return _short(text)
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 76 else text[:73].rsplit(" ", 1)[0] + " ..."
