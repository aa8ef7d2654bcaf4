"""Runs of every kind take the twenty steps that were recorded."""

from __future__ import annotations

import json

import pytest
from trajectories import CASES, HERE, STEPS, trajectory

# The numbers of one processor against those of another, measured with the instruction sets that
# torch and oneDNN can be held to: float64 differs by at most 3e-9 of a value (ADA's resampling, all
# others 2e-13); float32 by less than 3e-3 in four steps, after which chaotic runs part; ADA by 0.1.
_DOUBLE, _SINGLE, _STEPS_IN_SINGLE = 1e-6, 1e-2, 4
_SINGLE_OF = {"ada_lecam_consistency": 0.3}


@pytest.mark.parametrize("name", CASES)
def test_a_run_takes_the_steps_that_were_recorded(name: str) -> None:
    recorded = json.loads((HERE / f"{name}.json").read_text())
    assert recorded["overrides"] == list(CASES[name]), "record it again"
    found, double = trajectory(name), name.startswith("double_")
    tolerance = _DOUBLE if double else _SINGLE_OF.get(name, _SINGLE)
    assert len(found["rows"]) == len(recorded["rows"]) >= STEPS
    for row, expected in zip(found["rows"], recorded["rows"], strict=True):
        assert row.keys() == expected.keys()
        if double or row["step"] <= _STEPS_IN_SINGLE:
            assert row == pytest.approx(expected, rel=tolerance, abs=tolerance / 100)
    # the weights move little in twenty steps, whatever way they take
    assert found["norms"] == pytest.approx(recorded["norms"], rel=1e-6 if double else 2e-2)


def test_a_changed_loss_leaves_the_recorded_path() -> None:
    recorded = json.loads((HERE / "double_wgan_gp.json").read_text())["rows"]
    assert trajectory("double_wgan_gp", "loss.penalty.gradient.weight=10.001")["rows"][1] != (
        pytest.approx(recorded[1], rel=_DOUBLE, abs=_DOUBLE / 100)
    )
