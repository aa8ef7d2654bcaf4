"""Golden trajectories: twenty steps of runs of every kind, so that a redesign keeps their numbers.

    python tests/golden/trajectories.py record            # the files beside this one, anew
    python tests/golden/trajectories.py exact FOLDER      # every digit and all weights, to FOLDER
    python tests/golden/trajectories.py compare A B       # two such folders, number by number

`record` writes what `test_trajectories.py` holds the code to, on any machine, within a tolerance.
`exact` of two commits on one machine, and `compare`, tell whether a change altered any number.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
STEPS = 20

COMMON = (
    "device=cpu",
    "threads=1",
    f"train.steps={STEPS}",
    "train.log_every=1",
    "train.batch_size=16",
    "train.samples=4",
)
_NARROW = ("model.generator.width=8", "model.discriminator.width=8", "model.latent_size=16")
_MLP = ("model=mlp", "model.generator.hidden=[32,32]", "model.discriminator.hidden=[32,32]")
_VECTORS = ("dataset=ring", *_MLP)

CASES: dict[str, tuple[str, ...]] = {
    "softplus_r1": _NARROW,
    "minimax_simple_conv": ("loss=minimax", "model=simple_conv", *_NARROW),
    "non_saturating_smoothed": ("loss=non_saturating", "loss/penalty=label_smoothing", *_NARROW),
    "lsgan_matching": (
        *("loss=lsgan", "loss/penalty=[feature_matching,historical_averaging]", *_NARROW),
    ),
    "wgan_clipped": ("loss=wgan", "optimizer=rmsprop", *_VECTORS),
    "wgan_gp": ("loss=wgan_gp", "loss.penalty.gradient.every=2", *_NARROW),
    "wgan_gp_mlp": ("loss=wgan_gp", *_MLP),
    "wgan_lp_drift": ("loss=wgan_lp", "loss/penalty=drift", *_VECTORS),
    "wgan_div": ("loss=wgan_div", *_VECTORS),
    "hinge_resnet_spectral": (
        *("loss=hinge", "model=resnet", "model.discriminator.norm=spectral", *_NARROW),
    ),
    "dragan": ("loss=dragan", "optimizer=adamw", *_VECTORS),
    "rsgan_lazy_r1": (*("loss=rsgan", "loss/penalty=r1", "loss.penalty.r1.every=4", *_NARROW),),
    "ragan": ("loss=ragan", "optimizer=sgd", *_VECTORS),
    "ralsgan": ("loss=ralsgan", "loss.d_steps=2", *_VECTORS),
    "rahinge_packed": ("loss=rahinge", "model.packing=2", *_VECTORS),
    "r3gan": (
        *("loss=r3gan", "model=r3gan", "model.latent_size=16"),
        *("model.generator.widths=[16,8]", "model.discriminator.widths=[16,8]"),
    ),
    "fgan_kl": ("loss=fgan_kl", *_VECTORS),
    "fgan_hellinger": ("loss=fgan_hellinger", *_VECTORS),
    "projection": ("loss=hinge", "model.conditioning=projection", *_NARROW),
    "embedding_stddev": (
        *("model.conditioning=embedding", "model.discriminator.minibatch=stddev", *_NARROW),
    ),
    "auxiliary_clipped_norm": (
        *("model.conditioning=auxiliary", "loss=non_saturating", *_NARROW),
        *("optimizer.discriminator.clip_norm=1.0", "optimizer.generator.clip_norm=1.0"),
    ),
    "concat": ("model.conditioning=concat", "loss=hinge", "loss.d_steps=3", *_NARROW),
    "codes": ("model.code.categorical=[10]", "model.code.continuous=2", *_NARROW),
    "ada_lecam_consistency": (
        *("loss=hinge", "augment=ada", "augment.ada.initial=0.5", "augment.ada.interval=1"),
        *("loss/penalty=[lecam,consistency]", *_NARROW),
    ),
    "diffaugment_noise": ("augment=[diffaugment,instance_noise]", "loss=wgan_gp", *_NARROW),
    "bf16": ("precision=bf16", "loss=hinge", "model.discriminator.norm=spectral", *_NARROW),
    "schedule_without_ema": (
        *("train.ema=0", "optimizer.generator.schedule.shape=linear", *_NARROW),
    ),
    "vae": ("model=vae", "model.latent_size=8"),
    "conv_vae": ("model=conv_vae", "model.latent_size=8", "loss.beta=4"),
    "vae_gan": ("model=vae_gan", "loss=hinge", "loss.d_steps=2", "model.latent_size=8"),
    "table_conditional": (
        *("dataset=iris", "model.conditioning=concat", "loss=wgan_gp", "loss.d_steps=2"),
    ),
    "sequences": ("dataset=sines", "model=rnn", "loss=non_saturating", "train.batch_size=8"),
    "evaluated": (
        *("loss=hinge", *_VECTORS, "train.eval_every=10", "evaluation.num=300"),
        *("health.samples.every=5", "train.save_every=10"),
    ),
    "double_softplus_r1": (*_NARROW, "model.discriminator.norm=layer"),
    "double_wgan_gp": ("loss=wgan_gp", *_VECTORS),
    "double_projection": ("loss=hinge", "model.conditioning=projection", *_NARROW),
    "double_vae_gan": ("model=vae_gan", "loss=hinge", "loss.d_steps=2", "model.latent_size=8"),
    "double_resnet_spectral": (
        *("loss=hinge", "model=resnet", "model.discriminator.norm=spectral", *_NARROW),
    ),
    "double_ada_lecam_consistency": (
        *("loss=hinge", "augment=ada", "augment.ada.initial=0.5", "augment.ada.interval=1"),
        *("loss/penalty=[lecam,consistency]", *_NARROW),
    ),
    "double_codes_lazy_r1": (
        *("model.code.categorical=[10]", "model.code.continuous=2"),
        *("loss.penalty.r1.every=4", *_NARROW),
    ),
    "double_rahinge_packed": ("loss=rahinge", "model.packing=2", *_VECTORS),
    "double_evaluated_table": (
        *("dataset=iris", "loss=wgan_gp", "loss.d_steps=2", "train.eval_every=10"),
        "evaluation.metrics=[columns,correlations,closest_record,frechet]",
    ),
    "double_cut": (
        *("dataset=degraded", "dataset/degrade=noise", "model=unet", "method=cut"),
        *("model.generator.width=8", "model.discriminator.width=8"),
        *("method.patches=32", "method.width=16", "model.generator.dropout=0"),
    ),
}
"""The overrides of each run. What begins with `double_` is computed in float64, where another kind
of processor differs by rounding alone."""

_TIMES = ("seconds", "speed/images_per_second")


def trajectory(name: str, *changes: str) -> dict[str, Any]:
    """The rows of a run, without times, the norm of each network's weights and a digest of every
    tensor in its last checkpoint. `changes` are further overrides."""
    from gan_runner.train import run_command

    threads = torch.get_num_threads()
    folder = Path(tempfile.mkdtemp(prefix="golden-"))
    try:
        with in_double() if name.startswith("double_") else mock.patch.dict({}):
            run = folder / "run"
            overrides = [*COMMON, *CASES[name], *changes, f"cache={folder / 'cache'}"]
            assert run_command([*overrides, f"hydra.run.dir={run}"]) == 0, name
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        last = json.loads((run / "checkpoints" / "last.json").read_text())["file"]
        tensors = load_file(run / "checkpoints" / last)
    finally:
        shutil.rmtree(folder)
        torch.set_num_threads(threads)
    return {
        "rows": [{k: v for k, v in row.items() if k not in _TIMES} for row in rows],
        "norms": _norms(tensors),
        "digests": {key: _digest(tensors[key]) for key in sorted(tensors)},
    }


def _norms(tensors: dict[str, torch.Tensor]) -> dict[str, float]:
    """The norm of all weights of each network."""
    squares: dict[str, float] = {}
    for key, tensor in tensors.items():
        part = key.split(".")[0]
        if part in ("generator", "discriminator", "encoder", "heads"):
            squares[part] = squares.get(part, 0.0) + float(tensor.double().square().sum())
    return {part: value**0.5 for part, value in sorted(squares.items())}


def _digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().reshape(-1).view(torch.uint8).numpy()).hexdigest()


@contextmanager
def in_double() -> Iterator[None]:
    """All floats of networks, data and random streams in float64."""
    before, to = torch.get_default_dtype(), torch.Tensor.to

    def to_double(self: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return to(self, *(torch.float64 if a is torch.float32 else a for a in args), **kwargs)

    torch.set_default_dtype(torch.float64)
    try:
        with (
            mock.patch.object(torch.Tensor, "float", torch.Tensor.double),
            mock.patch.object(torch.Tensor, "to", to_double),
        ):
            yield
    finally:
        torch.set_default_dtype(before)


def record(names: Sequence[str]) -> None:
    for name in names:
        found = trajectory(name)
        del found["digests"]
        rows = ",\n".join(json.dumps(row) for row in found["rows"])
        head = json.dumps({"overrides": list(CASES[name]), "norms": found["norms"]})
        (HERE / f"{name}.json").write_text(f'{head[:-1]}, "rows": [\n{rows}\n]}}\n')


def record_exactly(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.json").write_text(json.dumps(trajectory(name)))


def compare(left: Path, right: Path) -> int:
    """Print each run that differs, and how first; 1 if there is any."""
    different = 0
    for path in sorted(left.glob("*.json")):
        other = right / path.name
        if not other.exists():
            continue
        ours, theirs = (json.loads(p.read_text()) for p in (path, other))
        difference = next(_differences(ours, theirs), None)
        different += difference is not None
        print(f"{path.stem}: {difference or 'identical'}")
    return int(different > 0)


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[str]:
    if len(ours["rows"]) != len(theirs["rows"]):
        yield f"{len(ours['rows'])} rows and {len(theirs['rows'])}"
    for a, b in zip(ours["rows"], theirs["rows"], strict=False):
        for key in [*a, *(k for k in b if k not in a)]:
            if a.get(key) != b.get(key):
                yield f"step {a['step']}, {key}: {a.get(key)} and {b.get(key)}"
    for key in sorted(ours["digests"].keys() | theirs["digests"].keys()):
        if ours["digests"].get(key) != theirs["digests"].get(key):
            yield f"tensor {key}"


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "record":
        record(arguments or list(CASES))
    elif command == "exact":
        record_exactly(Path(arguments[0]), arguments[1:] or list(CASES))
    else:
        sys.exit(compare(Path(arguments[0]), Path(arguments[1])))
