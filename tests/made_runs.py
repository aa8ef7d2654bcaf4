"""Run folders made by hand, for tests that compare them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_runner.evaluation.metrics.registry import numbers

Rows = Sequence[dict[str, Any]]

PROTOCOL = {"data": "d1", "space": "identity", "n_fake": 1000, "parameters": {}}
LOSSES = {
    "hinge": {"name": "Hinge", "margin": 1.0, "d_steps": 1},
    "wgan_gp": {"name": "Wasserstein", "d_steps": 5},
}


def write_rows(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def made(
    path: Path,
    *values: float,
    loss: str = "hinge",
    seed: int = 0,
    lr: float = 0.001,
    name: str = "frechet_identity",
    protocol: dict[str, Any] | None = None,
    state: str = "completed",
    exit_code: int = 0,
    verdicts: Sequence[dict[str, Any]] = (),
) -> Path:
    """A run folder by hand, evaluated at each hundredth step."""
    path.mkdir(parents=True)
    settings = {
        "seed": seed,
        "train": {"steps": 100 * len(values)},
        "loss": LOSSES.get(loss, {"name": loss}),
        "optimizer": {"generator": {"lr": lr}, "discriminator": {"lr": lr, "eps": 1e-8}},
        "evaluation": {"best": {"metric": "frechet", "direction": "min"}},
        "choices": {"loss": loss},
    }
    status = {"state": state, "exit_code": exit_code, "step": 100 * len(values), "reason": state}
    status |= {"verdicts": list(verdicts), "warnings": [], "device": "cpu"}
    (path / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
    (path / "status.json").write_text(json.dumps(status))
    result = {"protocol": {**(protocol or PROTOCOL), "id": "as the run says"}} | fields(name)
    steps = range(100, 100 * len(values) + 1, 100)
    pairs = list(zip(steps, values, strict=True))
    results = [{name: {"value": value, **result}} for value in values]
    evaluations = [{"step": s, "results": r} for s, r in zip(steps, results, strict=True)]
    write_rows(path / "evaluations.jsonl", evaluations)
    logged = [{"step": s, "seconds": s / 10, "loss/generator": v + seed} for s, v in pairs]
    write_rows(path / "metrics.jsonl", logged)
    return path


def fields(name: str) -> dict[str, str]:
    """The fields of a result that has this name in rows."""
    number, _, column = name.partition("/")
    names = {
        known.name_in(space): {"metric": known.name, "space": space}
        for known in numbers().values()
        for space in ("identity", "random", "inception")
    }
    found = names.get(number, {"metric": number, "space": "data"})
    return {**found, "column": column} if column else found
