"""A search whose jobs lack the number it compares says so, before the first one where it can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_tuning import compose_sweep

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.cli.hydra.sweep_settings import check_search
from gan_runner.errors import ConfigError
from gan_runner.sweeps.compared_number import explain_missing
from gan_runner.sweeps.jobs import Job

LR = "optimizer.generator.lr=interval(1e-4,1e-3)"


@pytest.mark.parametrize("sweeper", ["hydra/sweeper=tuned", "hydra/sweeper=halving"])
def test_a_search_for_a_number_that_its_metrics_dont_give_is_refused(sweeper: str) -> None:
    words = (sweeper, "train.eval_every=100", LR, "evaluation.best.metric=frechet")
    with pytest.raises(ConfigError) as refused:
        check_search(compose_sweep(*words, "evaluation.metrics=[modes]"))
    assert str(refused.value).endswith("Use 'evaluation.metrics=[modes,frechet]'")
    check_search(compose_sweep(*words, "evaluation.metrics=[modes,frechet]"))
    check_search(compose_sweep(*words, "evaluation.metrics=null"))


def job(folder: Path, *words: str, best: float | None, measured: str) -> Job:
    """A job whose one evaluation has `measured` and this best value."""
    (folder / "job").mkdir()
    results = {measured: {"metric": measured, "value": 1.0, "protocol": {"id": "a"}}}
    row = {"step": 1, "best": best, "results": results}
    (folder / "job" / "evaluations.jsonl").write_text(json.dumps(row) + "\n")
    return Job("job", folder / "job", parse_config(compose(["dataset=ring", *words])))


def test_jobs_without_the_number_name_the_metric_that_gives_it(tmp_path: Path) -> None:
    words = ("evaluation.metrics=[modes]", "evaluation.best.metric=frechet")
    text = explain_missing([job(tmp_path, *words, best=None, measured="high_quality")])
    assert "1 job has ended without the number" in text and "best.metric=frechet." in text
    assert "Use 'evaluation.metrics=[modes,frechet]' and another name with sweep=NAME" in text


def test_jobs_whose_data_doesnt_give_the_number_name_one_that_they_have(tmp_path: Path) -> None:
    words = ("evaluation.best.metric=tstr_accuracy",)
    text = explain_missing([job(tmp_path, *words, best=None, measured="high_quality")])
    assert "Use evaluation.best.metric=high_quality and another name with sweep=NAME" in text


def test_jobs_that_can_be_compared_need_no_word(tmp_path: Path) -> None:
    assert explain_missing([job(tmp_path, best=2.0, measured="frechet")]) == ""
    assert explain_missing([]) == ""
