"""gan-compare: what the seeds of a setting say together, and nothing that they don't."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Answer, call_command
from made_runs import LOSSES, PROTOCOL, made, write_rows
from scipy import stats

from gan_runner.comparison import record
from gan_runner.comparison.seed_statistics import seed_statistics
from gan_runner.evaluation.metrics.registry import numbers

Here = Callable[..., Answer]


@pytest.fixture
def run_compare(here: Here, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The answer of gan-compare about `runs`, as plain data."""

    def call(*options: str) -> dict[str, Any]:
        answer = here("gan-compare", "runs", "--json", "found.json", *options)
        assert (answer.code, answer.err) == (0, ""), answer
        found: dict[str, Any] = json.loads((tmp_path / "found.json").read_text())
        return found

    return call


Compared = Callable[..., dict[str, Any]]


def labels(board: dict[str, Any]) -> list[str]:
    return [group["group"] for group in board["groups"]]


# ---------------------------------------------------------------- the statistics


def test_the_aggregation_is_what_numpy_makes_of_the_rows(
    tmp_path: Path, run_compare: Compared
) -> None:
    stream = np.random.default_rng(1)
    for loss, seed in itertools.product(LOSSES, range(4)):
        values = stream.uniform(1, 2, size=5) + (loss == "wgan_gp")
        made(tmp_path / "runs" / f"{loss}_{seed}", *values, loss=loss, seed=seed)
    (board,) = run_compare()["boards"]
    for group in board["groups"]:
        series = []
        for run in (tmp_path / "runs").glob(f"{group['group']}_*"):
            lines = (run / "evaluations.jsonl").read_text().splitlines()
            rows = [json.loads(line)["results"]["frechet_identity"]["value"] for line in lines]
            series.append(rows)
        table = np.array(series)
        for name, column in (("final", table[:, -1]), ("best", table.min(axis=1))):
            statistics = group[name]
            assert statistics["n"] == 4
            assert statistics["mean"] == pytest.approx(column.mean(), rel=1e-12)
            assert (statistics["least"], statistics["greatest"]) == (column.min(), column.max())
            resamples = [np.mean(resample) for resample in itertools.product(column, repeat=4)]
            low, high = np.quantile(resamples, [0.025, 0.975])  # all that there are
            assert (statistics["low"], statistics["high"]) == pytest.approx((low, high), rel=0.02)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_interval_is_scipys_percentile_bootstrap_of_the_mean(n: int) -> None:
    values = np.sort(np.random.default_rng(0).lognormal(size=n))
    low, high = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    found = seed_statistics(values[::-1].tolist())
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_the_interval_depends_on_the_values_alone() -> None:
    values = [3.0, 1.0, 2.0, 5.0]
    np.random.seed(3)
    assert seed_statistics(values) == seed_statistics(values[::-1])


def test_one_value_has_no_interval() -> None:
    assert seed_statistics([2.0]) == (1, 2.0, None, None, 2.0, 2.0)


# ---------------------------------------------------------------- groups


def test_runs_are_grouped_by_what_differs_and_never_by_the_seed(
    tmp_path: Path, run_compare: Compared
) -> None:
    for loss, seed in itertools.product(LOSSES, range(3)):
        made(tmp_path / "runs" / f"{loss}{seed}", 1.0 + seed, loss=loss, seed=seed)
    found = run_compare()
    assert found["group_by"] == ["loss"]
    assert sorted(labels(found["boards"][0])) == ["hinge", "wgan_gp"]
    assert [group["final"]["n"] for group in found["boards"][0]["groups"]] == [3, 3]


def test_a_run_of_an_earlier_version_is_no_group_of_its_own(
    tmp_path: Path, run_compare: Compared
) -> None:
    for seed in range(2):
        path = made(tmp_path / "runs" / str(seed), 1.0, 2.0, seed=seed) / "config.yaml"
        settings = json.loads(path.read_text())
        if seed == 0:  # without a section that was added, and with a setting that was renamed
            settings["train"]["average"] = 0.999
        else:
            settings["train"]["ema"] = 0.999
            settings |= {"method": {"name": "Adversarial"}}
            settings["choices"]["method"] = "adversarial"
        path.write_text(json.dumps(settings))
    assert [group["final"]["n"] for group in run_compare()["boards"][0]["groups"]] == [2]


def test_settings_that_follow_from_others_make_no_columns_but_are_listed(
    tmp_path: Path, run_compare: Compared
) -> None:
    for loss, lr in itertools.product(LOSSES, (0.001, 0.0002)):
        made(tmp_path / "runs" / f"{loss}{lr}", 1.0, loss=loss, lr=lr)
    found = run_compare()
    assert found["group_by"] == ["loss", "generator.lr"]
    assert set(found["differing"]) == {
        *("loss", "loss.name", "loss.margin", "loss.d_steps"),
        *("optimizer.generator.lr", "optimizer.discriminator.lr"),
    }
    assert "hinge, generator.lr=0.0002" in labels(found["boards"][0])


def test_by_groups_by_what_is_asked_and_says_what_it_mixes(tmp_path: Path, here: Here) -> None:
    for loss, lr in itertools.product(LOSSES, (0.001, 0.0002)):
        made(tmp_path / "runs" / f"{loss}{lr}", 1.0, loss=loss, lr=lr)
    answer = here("gan-compare", "runs", "--by", "optimizer.generator.lr")
    assert answer.code == 0
    assert answer.out.splitlines()[1].split()[:2] == ["generator.lr", "n"]
    assert "differ in more than the seed: loss, loss.name" in answer.out


@pytest.mark.parametrize(
    ("by", "words"),
    [("los", "Did you mean 'loss'?"), ("seed", "are one group"), ("lr", "Say which")],
)
def test_a_setting_that_can_not_be_grouped_by_is_refused(
    tmp_path: Path, here: Here, by: str, words: str
) -> None:
    made(tmp_path / "runs" / "a", 1.0)
    answer = here("gan-compare", "runs", "--by", by)
    assert answer.code == 2
    assert words in answer.err
    assert f"--by {by}" in answer.err


def test_a_seed_that_occurs_twice_is_noted(tmp_path: Path, here: Here) -> None:
    for name in "ab":
        made(tmp_path / "runs" / name, 1.0, seed=7)
    assert "2 runs have the seed 7" in here("gan-compare", "runs").out


def test_runs_of_several_folders_are_named_by_them(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("first", "second", "alone")]
    made(places[0] / "seed=0", 1.0)
    made(places[1] / "seed=1", 1.0)
    made(places[2], 1.0)
    found = [one.name for one in record.find_records(places)]
    assert found == ["first/seed=0", "second/seed=1", "alone"]
    assert [one.name for one in record.find_records(places[:1])] == ["seed=0"]


def test_a_run_that_is_named_twice_counts_once(tmp_path: Path, here: Here) -> None:
    made(tmp_path / "runs" / "a", 1.0)
    answer = here("gan-compare", "runs", "runs/a", "--json", "found.json")
    assert answer.code == 0
    (board,) = json.loads((tmp_path / "found.json").read_text())["boards"]
    assert board["groups"][0]["final"]["n"] == 1


# ---------------------------------------------------------------- who leads, and who is missing


def test_groups_whose_intervals_overlap_the_leaders_are_tied_with_it(
    tmp_path: Path, run_compare: Compared
) -> None:
    values = {"a": (1.0, 1.4, 1.2), "b": (1.3, 1.6, 1.5), "c": (5.0, 5.1, 5.2)}
    for loss, finals in values.items():
        for seed, value in enumerate(finals):
            made(tmp_path / "runs" / f"{loss}{seed}", value, loss=loss, seed=seed)
    (board,) = run_compare()["boards"]
    standings = [(g["group"], g["leader"], g["tied"]) for g in board["groups"]]
    assert standings == [("a", True, None), ("b", False, True), ("c", False, False)]


def test_one_seed_each_is_too_few_to_tell_groups_apart(tmp_path: Path, here: Here) -> None:
    for loss, value in (("a", 1.0), ("b", 2.0)):
        made(tmp_path / "runs" / loss, value, loss=loss)
    assert "Too few seeds to compare with it: b." in here("gan-compare", "runs").out


def test_the_luckiest_step_stands_beside_the_final_one_and_does_not_decide(
    tmp_path: Path, run_compare: Compared
) -> None:
    for seed in range(2):
        made(tmp_path / "runs" / f"a{seed}", 0.1, 9.0, loss="swings", seed=seed)
        made(tmp_path / "runs" / f"b{seed}", 3.0, 2.0, loss="steady", seed=seed)
    (board,) = run_compare()["boards"]
    assert labels(board) == ["steady", "swings"]
    swings = board["groups"][1]
    assert (swings["best"]["mean"], swings["final"]["mean"]) == (0.1, 9.0)
    assert {(run["best_step"], run["final_step"]) for run in swings["runs"]} == {(100, 200)}
    (by_best,) = run_compare("--rank-by", "best")["boards"]
    assert labels(by_best) == ["swings", "steady"]


def test_runs_that_did_not_come_to_their_end_are_counted_and_not_averaged(
    tmp_path: Path, run_compare: Compared, here: Here
) -> None:
    for seed in range(2):
        made(tmp_path / "runs" / f"good{seed}", 1.0, seed=seed)
    made(tmp_path / "runs" / "failed", 100.0, seed=2, state="failed", exit_code=4)
    made(tmp_path / "runs" / "nan", 100.0, seed=3, state="failed", exit_code=5)
    made(tmp_path / "runs" / "left", 100.0, seed=4, state="running")
    made(tmp_path / "runs" / "cut", 100.0, seed=5, state="interrupted", exit_code=130)
    (board,) = run_compare()["boards"]
    (group,) = board["groups"]
    assert (group["final"]["n"], group["final"]["mean"]) == (2, 1.0)
    assert group["states"] == {
        **{"completed": 2, "failed": 1, "diverged": 1, "died": 1, "interrupted": 1}
    }
    text = here("gan-compare", "runs").out
    for words in ("1 failed", "1 diverged", "1 died", "1 interrupted", "4 of 6 runs are not in it"):
        assert words in text
    (everyone,) = run_compare("--unfinished")["boards"]
    assert everyone["groups"][0]["final"]["n"] == 6


def test_a_group_of_which_every_run_failed_is_shown(tmp_path: Path, run_compare: Compared) -> None:
    made(tmp_path / "runs" / "good", 1.0, loss="hinge")
    made(tmp_path / "runs" / "bad", loss="wgan_gp", state="failed", exit_code=5)
    made(tmp_path / "runs" / "worse", 2.0, loss="minimax", state="failed", exit_code=5)
    (board,) = run_compare()["boards"]
    assert sorted(labels(board)) == ["hinge", "minimax", "wgan_gp"]
    assert [group["final"] is None for group in board["groups"]] == [False, True, True]


def test_verdicts_are_reported(tmp_path: Path, here: Here) -> None:
    sick = {"name": "mode_collapse", "step": 50, "evidence": "All alike.", "advice": "Add r1."}
    made(tmp_path / "runs" / "a", 1.0, verdicts=[sick])
    made(tmp_path / "runs" / "b", 1.0, seed=1)
    assert "health: all runs: mode_collapse (1 of 2)" in here("gan-compare", "runs").out


# ---------------------------------------------------------------- metrics and protocols


def test_numbers_of_different_protocols_never_stand_on_one_board(
    tmp_path: Path, run_compare: Compared
) -> None:
    made(tmp_path / "runs" / "a", 1.0, loss="hinge")
    made(tmp_path / "runs" / "b", 1.0, loss="minimax", protocol={**PROTOCOL, "n_fake": 50})
    boards = run_compare()["boards"]  # both say that their protocol has the same id
    assert [labels(board) for board in boards] == [["hinge"], ["minimax"]]
    assert len({board["protocol"] for board in boards}) == 2
    assert [board["protocol_parts"]["n_fake"] for board in boards] == [1000, 50]


def test_the_digest_of_a_protocol_is_the_one_that_evaluations_carry(
    tmp_path: Path, run_compare: Compared
) -> None:
    ring = ("dataset=ring", "dataset.count=200", "train.steps=4", "device=cpu", "threads=1")
    measured = ("train.eval_every=2", "evaluation.metrics=[sliced_wasserstein]")
    measured += ("evaluation.best.metric=sliced_wasserstein", "evaluation.projections=8")
    run = tmp_path / "runs" / "real"
    assert call_command("gan-train", *ring, *measured, f"hydra.run.dir={run}") == 0
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    (board,) = run_compare()["boards"]
    last = rows[-1]["results"]["sliced_wasserstein"]
    assert board["protocol"] == last["protocol"]["id"]
    assert board["groups"][0]["final"]["mean"] == last["value"]
    status = json.loads((run / "status.json").read_text())
    assert status["parameters"]["generator"] > 1000
    assert 10**7 < status["peak_memory"] < 10**11


def test_every_number_of_an_evaluation_has_a_direction_but_those_that_have_no_better_end() -> None:
    without = {number.name for number in numbers().values() if number.direction is None}
    # a copy of the data and a stranger to it are both bad; others are of the real data alone
    closest = {f"closest_record_{what}" for what in ("share", "train", "held_out")}
    trivial = {name for name in numbers() if name.endswith("_trivial")}
    real = {"trtr_accuracy", "label_accuracy_real", "label_accuracy_back_real"}
    real |= {"efficacy_f1_real", "efficacy_accuracy_real", "efficacy_r2_real"}
    private = {"exact_copies", "exact_copies_train", "exact_copies_held_out"}
    private |= {"singling_out_share", "singling_out_share_held_out"}
    assert without == {"memorization", *real, *closest, *trivial, *private}


@pytest.mark.parametrize(
    ("name", "direction", "best"),
    [
        *(("frechet_identity", "min", 1.0), ("fid", "min", 1.0), ("precision_random", "max", 3.0)),
        *(("one_nn_accuracy_identity", "half", 1.0), ("memorization_identity", None, None)),
        *(("column_wasserstein/age", "min", 1.0),),
    ],
)
def test_the_best_step_is_the_best_in_the_sense_of_the_metric(
    tmp_path: Path, run_compare: Compared, name: str, direction: str | None, best: float | None
) -> None:
    made(tmp_path / "runs" / "a", 3.0, 1.0, 2.0, name=name)
    (board,) = run_compare("--metric", name)["boards"]
    (group,) = board["groups"]
    assert board["direction"] == direction
    assert group["final"]["mean"] == 2.0
    assert (group["best"] and group["best"]["mean"]) == best


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        *(("one_nn", "one_nn_accuracy_random"), ("frechet", "fid")),
        *(("one_nn_accuracy_random", "one_nn_accuracy_random"), ("eval/fid", "fid")),
    ],
)
def test_a_number_is_found_by_its_metric_in_any_space_or_by_its_name_in_one(
    tmp_path: Path, run_compare: Compared, asked: str, found: str
) -> None:
    for name in ("one_nn_accuracy_random", "fid"):
        made(tmp_path / "runs" / name, 1.0, name=name)
    (board,) = run_compare("--metric", asked)["boards"]
    assert board["metric"] == found


def test_a_metric_of_several_numbers_is_a_board_for_each(
    tmp_path: Path, run_compare: Compared
) -> None:
    for name in ("precision", "recall"):
        made(tmp_path / "runs" / name, 1.0, name=f"{name}_random", loss=name)
    boards = run_compare("--metric", "manifold")["boards"]
    assert [board["metric"] for board in boards] == ["precision_random", "recall_random"]


def test_the_mean_over_columns_stands_for_its_metric_and_each_column_for_itself(
    tmp_path: Path, run_compare: Compared
) -> None:
    for seed, column in enumerate((None, "age")):
        name = "column_wasserstein" + (f"/{column}" if column else "")
        made(tmp_path / "runs" / str(seed), 1.0 + seed, name=name, loss=str(seed))
    for asked in ("columns", "column_wasserstein", "column_wasserstein/age"):
        (board,) = run_compare("--metric", asked)["boards"]
        assert board["metric"] == asked.replace("columns", "column_wasserstein")


def test_a_result_that_names_no_metric_is_compared_by_its_name_alone(
    tmp_path: Path, run_compare: Compared
) -> None:
    run = made(tmp_path / "runs" / "a", 1.0)
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    for row in rows:
        row["results"]["frechet_identity"] |= {"metric": ["frechet"], "column": 3}
    write_rows(run / "evaluations.jsonl", rows)
    (board,) = run_compare("--metric", "frechet_identity")["boards"]
    assert (board["direction"], board["groups"][0]["final"]["mean"]) == (None, 1.0)


def test_a_logged_number_can_be_compared_and_is_not_ranked_unasked(
    tmp_path: Path, run_compare: Compared, here: Here
) -> None:
    for loss, value in (("a", 2.0), ("b", 1.0)):
        for seed in range(2):
            made(tmp_path / "runs" / f"{loss}{seed}", value, loss=loss, seed=seed)
    (board,) = run_compare("--metric", "loss/generator")["boards"]
    assert [(g["group"], g["final"]["mean"]) for g in board["groups"]] == [("a", 2.5), ("b", 1.5)]
    assert not any(group["leader"] for group in board["groups"])
    assert "isn't known" in here("gan-compare", "runs", "--metric", "loss/generator").out
    (ranked,) = run_compare("--metric", "loss/generator", "--direction", "min")["boards"]
    assert labels(ranked) == ["b", "a"]


def test_runs_without_evaluations_say_how_to_get_them(tmp_path: Path, here: Here) -> None:
    (made(tmp_path / "runs" / "a", 1.0) / "evaluations.jsonl").unlink()
    answer = here("gan-compare", "runs")
    assert answer.code == 0
    assert "train.eval_every" in answer.out
    assert "--metric loss/generator" in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs", "--metric", "frechte"], "--metric frechte"),
        (["runs", "--metric", "a,,b"], "not a list of names"),
        (["nowhere"], "RUN=nowhere"),
        (["empty"], "no run in this folder, RUN=empty"),
        (["runs", "--csv", "empty"], "--csv=empty"),
    ],
)
def test_a_slip_is_answered_in_short(
    tmp_path: Path, here: Here, arguments: list[str], words: str
) -> None:
    made(tmp_path / "runs" / "a", 1.0)
    (tmp_path / "empty").mkdir()
    answer = here("gan-compare", *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert answer.err.count("\n") <= 3


# ---------------------------------------------------------------- files


def test_the_table_has_all_digits(tmp_path: Path, here: Here) -> None:
    for seed, value in enumerate((1 / 3, 2 / 3)):
        made(tmp_path / "runs" / str(seed), value, seed=seed, loss="=cmd()")
        made(tmp_path / "runs" / f"h{seed}", value, seed=seed, loss="hinge")
    assert here("gan-compare", "runs", "--csv", "out/table.csv").code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "table.csv").read_text())))
    assert {row["final_mean"] for row in rows} == {repr((1 / 3 + 2 / 3) / 2)}
    assert {row["loss"] for row in rows} == {"hinge", "'=cmd()"}  # no formula in a spreadsheet


# ---------------------------------------------------------------- folders from anywhere


def test_torn_and_foreign_rows_are_left_out_and_counted(tmp_path: Path, here: Here) -> None:
    run = made(tmp_path / "runs" / "a", 5.0, 4.0)
    whole = (run / "evaluations.jsonl").read_text()
    foreign = ["[1]", "null", '{"step": "x"}', '{"step": 300, "results": {"frechet_identity": 5}}']
    foreign += ['{"step": 300, "results": [1]}', '{"step": -1, "results": {}}', "[" * 100_000]
    nan = whole.splitlines()[0].replace("5.0", "NaN").replace("100", "900")
    huge = whole.splitlines()[0].replace("5.0", "1e300").replace("100", "901")
    torn = whole.splitlines()[1].replace("200", "902")[:-30]
    (run / "evaluations.jsonl").write_text("\n".join([whole, *foreign, nan, huge, torn]))
    (run / "metrics.jsonl").write_bytes(b"\xff\xfe\n{}\n" + b"9" * 3_000_000)
    answer = here("gan-compare", "runs", "--json", "found.json")
    (board,) = json.loads((tmp_path / "found.json").read_text())["boards"]
    assert board["groups"][0]["final"]["mean"] == 4.0
    # what isn't a row, or has no step, or a result that isn't a number; not the torn last line
    assert "left out 8 damaged rows or values that aren't numbers, runs/a/eval" in answer.err
    assert "runs/a/metrics.jsonl" in answer.err


def test_a_torn_last_row_is_not_damage(tmp_path: Path, here: Here) -> None:
    run = made(tmp_path / "runs" / "a", 5.0, 4.0)
    with (run / "evaluations.jsonl").open("a") as file:
        file.write('{"step": 300, "res')
    answer = here("gan-compare", "runs")
    assert (answer.code, answer.err) == (0, "")


def test_pipes_and_links_in_a_run_folder_stop_nobody(tmp_path: Path, here: Here) -> None:
    run = made(tmp_path / "runs" / "a", 1.0)
    for name in ("evaluations.jsonl", "metrics.jsonl"):
        (run / name).unlink()
        os.mkfifo(run / name)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "step_00000001.png").write_bytes(b"\x89PNG")
    (run / "samples").symlink_to(secret)
    assert here("gan-compare", "runs").code == 0


def test_a_run_with_an_unreadable_configuration_is_noted(tmp_path: Path, here: Here) -> None:
    made(tmp_path / "runs" / "a", 1.0)
    (made(tmp_path / "runs" / "b", 1.0) / "config.yaml").write_text("[")
    answer = here("gan-compare", "runs")
    assert answer.code == 0
    assert "b: its config.yaml can't be read" in answer.out


def test_rows_of_any_size_are_not_read_and_a_warning_says_so(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "_LARGEST_FILE_BYTES", 2000)
    made(tmp_path / "runs" / "a", 1.0)
    os.truncate(made(tmp_path / "runs" / "b", 2.0, seed=1) / "evaluations.jsonl", 2001)
    answer = here("gan-compare", "runs")
    assert answer.code == 0
    assert "too large to compare, runs/b/evaluations.jsonl" in answer.err
    assert "1 not measured so" in answer.out


def test_a_status_of_any_size_is_not_read(tmp_path: Path, here: Here) -> None:
    made(tmp_path / "runs" / "a", 1.0)
    status = made(tmp_path / "runs" / "b", 1.0, seed=1) / "status.json"
    status.write_text(status.read_text() + " " * 5_000_000)
    assert "1 unreadable" in here("gan-compare", "runs").out


def test_names_from_outside_are_harmless_on_a_terminal(tmp_path: Path, here: Here) -> None:
    for seed, loss in enumerate(("\x1b[31mred", "[bold]x")):
        made(tmp_path / "runs" / f"\x1b]0;{seed}", 1.0, loss=loss, seed=seed)
    answer = here("gan-compare", "runs", "--by", "loss")
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert "[bold]x" in answer.out


def test_a_terminal_gets_a_table_of_its_width(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "runs" / "a", 1.0, loss="[bold]x")
    made(tmp_path / "runs" / "b", 1.0, loss="y")
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", "200"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    out = here("gan-compare", "runs").out
    assert "[bold]x" in out
    assert "────" in out


@pytest.mark.parametrize("width", [10, 24, 40, 60, 80, 100])
def test_no_number_and_no_name_is_cut_on_a_terminal(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    made(tmp_path / "runs" / "a", 123.456, loss="non_saturating", seed=0)
    made(tmp_path / "runs" / "b", 123.456, loss="non_saturating", seed=1)
    made(tmp_path / "runs" / "c", 98.7654, loss="minimax")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    out = here("gan-compare", "runs").out
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()
    table = lines[1 : [line.startswith("protocol ") for line in lines].index(True)]
    words = " ".join(table).split()
    assert {"non_saturating", "minimax", "123.5", "98.77", "leads"} <= set(words)
    if width >= 60:
        assert all(len(line) <= width for line in table)
