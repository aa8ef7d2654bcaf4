"""A metric of translators is compared with what an answer without training reaches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_runs import PROTOCOL, made, write_rows

from gan_runner.comparison.compared import compare
from gan_runner.comparison.findings import notes
from gan_runner.evaluation.metrics.registry import trivial_number


def made_translator(path: Path, number: str, value: float, *, trivial: float, loss: str) -> None:
    """A run whose evaluation has a number and that of bicubic upscaling beside it."""
    made(path, value, name=number, loss=loss)
    (row,) = [json.loads(line) for line in (path / "evaluations.jsonl").read_text().splitlines()]
    protocol = {**PROTOCOL, "n_fake": 0, "parameters": {"answer": "bicubic"}}
    name = f"{number}_trivial"
    row["results"][name] = {"value": trivial, "metric": name, "space": "data", "protocol": protocol}
    write_rows(path / "evaluations.jsonl", [row])


@pytest.mark.parametrize(
    ("number", "best", "worst", "trivial", "said"),
    [
        ("psnr", 24.5, 22.0, 20.0, "hinge is 4.5 better."),
        ("psnr", 19.5, 19.0, 20.0, "hinge is 0.5 worse."),
        ("l1", 0.125, 0.5, 0.25, "hinge is 0.125 better."),
    ],
)
def test_a_board_says_how_much_better_than_the_trivial_answer_its_first_group_is(
    tmp_path: Path, number: str, best: float, worst: float, trivial: float, said: str
) -> None:
    made_translator(tmp_path / "a", number, best, trivial=trivial, loss="hinge")
    made_translator(tmp_path / "b", number, worst, trivial=trivial, loss="wgan_gp")
    (board,) = compare([tmp_path], metrics=[number]).boards
    assert notes(board)[0] == f"the trivial answer reaches {trivial:g} (bicubic); {said}"


def test_trivial_answers_of_different_data_are_all_named(tmp_path: Path) -> None:
    made_translator(tmp_path / "a", "psnr", 24.0, trivial=20.0, loss="hinge")
    made_translator(tmp_path / "b", "psnr", 22.0, trivial=18.0, loss="wgan_gp")
    (board,) = compare([tmp_path], metrics=["psnr"]).boards
    assert notes(board)[0] == "trivial answers reach 18 (bicubic), 20 (bicubic)."


def test_generators_have_no_trivial_answer(tmp_path: Path) -> None:
    made(tmp_path / "a", 1.0)
    (board,) = compare([tmp_path], metrics=["frechet"]).boards
    assert not any("trivial" in note for note in notes(board))
    assert trivial_number("sliced_wasserstein") is None
