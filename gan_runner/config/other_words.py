"""The words that other programs have for our settings and options, each with what is typed here."""

from __future__ import annotations

import re
from pathlib import Path

from gan_runner.config.overrides import override

_LINES = {
    "generator_lr": "optimizer.generator.lr={value}",
    "g_lr": "optimizer.generator.lr={value}",
    "lr_g": "optimizer.generator.lr={value}",
    "discriminator_lr": "optimizer.discriminator.lr={value}",
    "d_lr": "optimizer.discriminator.lr={value}",
    "lr_d": "optimizer.discriminator.lr={value}",
    "beta1": "'optimizer.generator.betas=[{value},0.99]' "
    "'optimizer.discriminator.betas=[{value},0.99]'",
    "latent_dim": "model.latent_size={value}",
    "z_dim": "model.latent_size={value}",
    "z_size": "model.latent_size={value}",
    "noise_dim": "model.latent_size={value}",
    "nz": "model.latent_size={value}",
    "n_critic": "loss.d_steps={value}",
    "critic_iters": "loss.d_steps={value}",
    "n_dis": "loss.d_steps={value}",
    "lambda_gp": "loss=wgan_gp loss.penalty.gradient.weight={value}",
    "gp_weight": "loss=wgan_gp loss.penalty.gradient.weight={value}",
    "r1_gamma": "loss.penalty.r1.weight={value}",
    "iterations": "train.steps={value}",
    "iters": "train.steps={value}",
    "niter": "train.steps={value}",
    "n_iter": "train.steps={value}",
    "num_steps": "train.steps={value}",
    "max_steps": "train.steps={value}",
    "total_steps": "train.steps={value}",
    "num_epochs": "train.epochs={value}",
    "n_epochs": "train.epochs={value}",
    "max_epochs": "train.epochs={value}",
    "bs": "train.batch_size={value}",
    "accumulate_grad_batches": "train.accumulate={value}",
    "gradient_accumulation_steps": "train.accumulate={value}",
    "accumulation_steps": "train.accumulate={value}",
    "grad_accum": "train.accumulate={value}",
    "accum_iter": "train.accumulate={value}",
    "fp16": "precision=bf16",
    "bf16": "precision=bf16",
    "amp": "precision=bf16",
    "cpu": "device=cpu",
    "recipe": "experiment={value}",
    "config": "experiment={value}",
    "batch": "train.batch_size={value}",
    "plugin": "--plugin {value}",
    "plugins": "--plugin {value}",
    "wandb": "'logger=[tensorboard,wandb]'",
    "mlflow": "'logger=[tensorboard,mlflow]'",
    "tensorboard": "logger=tensorboard",
    "csv": "'logger=[tensorboard,csv]'",
    "checkpoint": "resume={value}",
    "ckpt": "resume={value}",
    "continue": "resume={value}",
    "fid": "evaluation.metrics=[frechet] train.eval_every=1000",
    "eval": "train.eval_every=1000",
    "evaluate": "train.eval_every=1000",
    "workers": "threads={value}",
    "num_workers": "threads={value}",
    "random_seed": "seed={value}",
    "manual_seed": "seed={value}",
    "n_jobs": "hydra.launcher.n_jobs={value}",
    "jobs": "hydra.launcher.n_jobs={value}",
}
OTHER_NAMES = {
    "learning_rate": ("lr",),
    "batchsize": ("batch_size",),
    **dict.fromkeys(("size", "resolution", "img_size", "resize", "crop"), ("image_size",)),
    **dict.fromkeys(("file", "filename", "filepath"), ("path",)),
    **dict.fromkeys(("folder", "dir"), ("root",)),
    **dict.fromkeys(("target", "target_column", "label_column", "y"), ("label", "labels")),
    **dict.fromkeys(("label_key", "target_key", "targets"), ("labels",)),
    **dict.fromkeys(("sep", "separator", "delim"), ("delimiter",)),
    **dict.fromkeys(("column_names", "feature_names"), ("names",)),
    **dict.fromkeys(("exclude", "drop", "drop_columns", "ignore_columns"), ("ignore",)),
    **dict.fromkeys(
        ("cat_columns", "cat_cols", "categorical_columns", "discrete_columns", "discrete"),
        ("categorical",),
    ),
    **dict.fromkeys(
        ("num_columns", "num_cols", "numeric_columns", "numerical", "continuous_columns"),
        ("numeric",),
    ),
    "na_values": ("missing_values",),
    **dict.fromkeys(("test_size", "test_split", "val_split", "test_fraction"), ("test_ratio",)),
    **dict.fromkeys(("random_state", "split_seed"), ("seed",)),
    **dict.fromkeys(("key", "array", "data_key", "image_key"), ("samples",)),
    **dict.fromkeys(("nc", "num_channels", "n_channels", "in_channels"), ("channels",)),
    **dict.fromkeys(("mirror", "hflip", "horizontal_flip", "random_flip"), ("flip",)),
}
"""Other programs' names of settings that take the same values as ours, with our names in a group,
of which another option may have the second."""

OTHER_USES = {
    **dict.fromkeys(("skiprows", "skip_rows", "skip_header", "skiplines"), ("skip_lines",)),
    "header": ("names",),
    **dict.fromkeys(("usecols", "columns", "index_col"), ("ignore",)),
    "dtype": ("numeric",),
    **dict.fromkeys(("na", "na_filter", "dropna", "keep_default_na"), ("missing",)),
    **dict.fromkeys(("normalize", "standardise", "scale"), ("standardize", "range")),
    "grayscale": ("channels",),
    **dict.fromkeys(("skip_damaged", "ignore_errors"), ("on_damaged",)),
    "split": ("test_ratio",),
}
"""The same of settings that take other values than ours, or mean the opposite."""

_FOLDERS = ("output", "outdir", "out", "out_dir", "output_dir", "logdir", "log_dir", "save_dir")
_DEVICES = ("gpu", "gpus", "gpu_id", "gpu_ids", "cuda")
_DATA = ("data", "data_dir", "datadir", "dataroot", "data_root", "data_path", "root", "path")
_OPTIONS = {
    "loss": {
        **dict.fromkeys(("gan", "vanilla", "bce", "ns", "standard"), "non_saturating"),
        **dict.fromkeys(("wasserstein", "wgangp"), "wgan_gp"),
        **dict.fromkeys(("least_squares", "mse"), "lsgan"),
        "vae": "elbo",
    },
    "dataset": {
        **dict.fromkeys(("csv", "tabular"), "table"),
        **dict.fromkeys(("npy", "npz", "numpy"), "array"),
        **dict.fromkeys(("folder", "images", "imagefolder"), "image_folder"),
        **dict.fromkeys(("webdataset", "wds", "tar", "zip"), "shards"),
        **dict.fromkeys(("huggingface", "hf", "arrow"), "parquet"),
        "fashion": "fashion_mnist",
    },
    "loss/penalty": dict.fromkeys(("gp", "gradient_penalty", "wgan_gp"), "gradient"),
    "model": {
        **dict.fromkeys(("linear", "fc", "dense"), "mlp"),
        **dict.fromkeys(("lstm", "gru"), "rnn"),
        **dict.fromkeys(("conv", "cnn"), "simple_conv"),
        "sngan": "resnet",
    },
}
_ENDINGS = {".csv": "table", ".tsv": "table", ".npy": "array", ".npz": "array"}
_ENDINGS |= {".tar": "shards", ".zip": "shards", ".parquet": "parquet"}


def our_line(key: str, value: str) -> str:
    """What to type for a setting by another program's name; "" for any other name. `value` is what
    was written, "" for nothing."""
    name = key.replace("-", "_").lower().rpartition(".")[2]
    if name in _DATA and value:
        return data_line(value)
    if name in _DEVICES:
        return f"device={device_of(value) or 'cuda'}"
    if name in _FOLDERS:
        return override("hydra.run.dir", value) if value else "hydra.run.dir=FOLDER"
    return _LINES.get(name, "").format(value=value or "VALUE")


def our_option(group: str, name: str) -> str:
    """Our name of an option by another name; "" for any other."""
    return _OPTIONS.get(group, {}).get(name.lower().replace("-", "_"), "")


def is_path(text: str) -> bool:
    """Whether it is written as a path, or is that of a folder here."""
    return bool(re.search(r"[/\\]|^\.|^~", text)) or _ending(text) in _ENDINGS or _is_folder(text)


def data_line(path: str) -> str:
    """What to type to train on what lies at a path, as the end of its name tells its kind."""
    kind = _ENDINGS.get(_ending(path))
    if kind is None:
        return f"dataset=image_folder {override('dataset.root', path)}"
    return f"dataset={kind} {override('dataset.path', path)}"


def device_of(written: str) -> str:
    """The device that is meant by gpu, gpu:1, cuda1, GPU or 1; "" if none is."""
    text = written.lower().strip()
    if text in ("auto", "cpu", "mps", "cuda"):
        return text
    if text in ("gpu", "true", "yes", "on", "all"):
        return "cuda"
    match = re.fullmatch(r"(?:gpu|cuda)?:?(\d{1,3})", text)
    return f"cuda:{match[1]}" if match else ""


def _ending(text: str) -> str:
    return Path(text).suffix.lower()


def _is_folder(text: str) -> bool:
    try:
        return bool(text) and Path(text).is_dir()
    except (OSError, ValueError):
        return False
