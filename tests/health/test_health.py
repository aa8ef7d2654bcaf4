"""Verdicts: sick rows get theirs, healthy rows none; statistics of samples; real runs of both."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import yaml
from conftest import fields

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.component import parse_settings
from gan_runner.config.groups import conf_folder
from gan_runner.data import Data, Space
from gan_runner.errors import ConfigError
from gan_runner.health import EvaluationNames, Health, Monitor, Reals, Verdict
from gan_runner.health.detectors import DETECTORS, count_swings
from gan_runner.health.history import Series
from gan_runner.health.settings import Action
from gan_runner.training.build import build

PLAIN = yaml.safe_load((conf_folder() / "health" / "standard.yaml").read_text())
Row = dict[str, float]
NAMES = EvaluationNames(
    "eval/frechet_identity", "min", "eval/memorization_identity", "eval/impossible_share"
)


def settings(**changes: Any) -> Health:
    """The standard settings with some changed: settings(action__oscillation="off")."""
    plain = json.loads(json.dumps(PLAIN))
    for key, value in changes.items():
        group, _, name = key.rpartition("__")
        (plain[group] if group else plain)[name] = value
    return parse_settings(plain, Health, where="health")


def watch(rows: list[Row], **changes: Any) -> list[Verdict]:
    monitor = Monitor(settings(**changes), NAMES)
    return [verdict for row in rows for verdict in monitor.observe(row)]


def translator_rows(**changes: float) -> list[Row]:
    """Probes of a healthy translator, with some numbers changed."""
    healthy = {"input_effect": 0.8, "change": 0.9, "checkerboards": 1.2}
    named = {f"health/{name}": value for name, value in {**healthy, **changes}.items()}
    return [{"step": step, **named} for step in range(100, 1001, 100)]


def train_row(step: int, **changes: float) -> Row:
    """A training row of a healthy run; `_` of a name stands for `/`."""
    wiggle = 1 + 0.1 * ((step // 50) % 3)
    row = {
        "step": step,
        "seconds": step / 100,
        "loss/discriminator": 1.2 * wiggle,
        "penalty/r1": 0.02,
        "logits/real": 0.4 * wiggle,
        "logits/fake": -0.4 * wiggle,
        "accuracy/discriminator": 0.7,
        "grad_norm/discriminator": 2.0 * wiggle,
        "loss/generator": 0.9 * wiggle,
        "grad_norm/generator": 1.5 * wiggle,
        "learning_rate/generator": 0.002,
        "learning_rate/discriminator": 0.001,
    }
    return row | {"/".join(k.rsplit("__", 1)): v for k, v in changes.items()}


def probe_row(
    step: int,
    diversity: float = 1.0,
    coverage: float = 0.9,
    precision: float = 0.9,
    duplicates: float = 0.0,
) -> Row:
    values = {"diversity": diversity, "coverage": coverage, "precision": precision}
    return {"step": step, "health/duplicates": duplicates} | {
        f"health/{name}": value for name, value in values.items()
    }


def history(steps: int, *, ill_from: int = 0, sample: Row | None = None, **ill: float) -> list[Row]:
    """Rows of a run that is healthy until a step, and from then on as `sample` and `ill` say."""
    rows = []
    for step in range(50, steps + 1, 50):
        sick = step > ill_from
        rows.append(train_row(step, **(ill if sick else {})))
        if step % 100 == 0:
            rows.append(probe_row(step) | ((sample or {}) if sick else {}) | {"step": step})
    return rows


def evaluation_rows(values: list[float], every: int = 500) -> list[Row]:
    return [
        {"step": every * (k + 1), "eval/frechet_identity": v, "eval/kid_identity": 0.0}
        for k, v in enumerate(values)
    ]


def table_rows(values: list[float], **columns: float) -> list[Row]:
    """Evaluations with these shares of impossible rows, and of faults in each column."""
    each = {f"eval/impossible_share/{name}": value for name, value in columns.items()}
    return [
        {"step": 500 * (k + 1), "eval/impossible_share": v, **each} for k, v in enumerate(values)
    ]


def shares(values: list[float], every: int = 500) -> list[Row]:
    """Evaluations that find one class less and less, and another as often as it should be."""
    return [
        {"step": every * (k + 1), "eval/share/0": 1.0, "eval/share/7": v}
        for k, v in enumerate(values)
    ]


def growing_rows(begin: int, end: int, factor: float) -> list[Row]:
    """Gradients and losses that grow by a factor in 50 steps from `begin` on."""
    rows = []
    for step in range(50, end + 1, 50):
        times = factor ** max(0, (step - begin) // 50)
        normal = train_row(step)
        names = ("loss/discriminator", "grad_norm/generator", "logits/real")
        rows.append(normal | {name: normal[name] * times for name in names})
    return rows


def swinging(steps: int, factor: float) -> list[Row]:
    return [
        train_row(step, grad_norm__generator=factor if (step // 50) % 2 else 1.0)
        for step in range(50, steps + 1, 50)
    ]


def saturating(steps: int, every: int = 50) -> list[Row]:
    return [
        train_row(
            step,
            accuracy__discriminator=0.999,
            grad_norm__generator=0.5 * 10 ** -(step / 50),
            logits__real=9.0,
            logits__fake=-9.0,
        )
        for step in range(every, steps + 1, every)
    ]


SICK = {
    "one output": ("mode_collapse", history(500, sample=probe_row(0, 0.0, 0.0, 0.0, 1.0))),
    "twins": ("mode_collapse", history(500, sample=probe_row(0, duplicates=0.6))),
    "two of eight modes": ("mode_collapse", history(500, sample=probe_row(0, 1.1, 0.25, 0.9))),
    "modes lost": (
        "mode_collapse",
        history(2000, ill_from=1500, sample=probe_row(0, 0.6, 0.4, 0.2)),
    ),
    "a class lost": ("mode_collapse", shares([1.0, 0.9, 0.8, 0.08, 0.02])),
    "penalty of the wrong sign": ("divergence", history(500, penalty__r1=-9.8)),
    "D without gradient": (
        "discriminator_useless",
        history(
            800,
            ill_from=100,
            sample=probe_row(0, 0.2, 0.0, 0.0),
            accuracy__discriminator=0.9,
            logits__real=0.0067,
            logits__fake=0.00669,
            grad_norm__generator=1e-4,
        ),
    ),
    "vanishing gradients": ("discriminator_saturated", saturating(500)),
    "D at a standstill": (
        "discriminator_useless",
        history(
            500,
            sample=probe_row(0, 1.5, 0.0, 0.0),
            accuracy__discriminator=0.5,
            logits__real=0.01,
            logits__fake=0.01,
        ),
    ),
    "D prefers fakes": (
        "discriminator_useless",
        history(
            500,
            sample=probe_row(0, 1.5, 0.0, 0.0),
            accuracy__discriminator=0.03,
            logits__real=1.3,
            logits__fake=9.0,
        ),
    ),
    "swings": ("oscillation", swinging(550, 5.0)),
    "growth from the start": ("divergence", growing_rows(0, 500, 4.0)),
    "late growth": ("divergence", growing_rows(5000, 5500, 4.0)),
    "logit drift": (
        "divergence",
        history(500, logits__real=5.0, logits__fake=-40.0, accuracy__discriminator=0.85),
    ),
    "samples run away": (
        "divergence",
        [probe_row(step, step / 10, 0.0, 0.0) for step in range(100, 501, 100)],
    ),
    "copies": (
        "memorization",
        [{"step": step, "eval/memorization_identity": 0.2} for step in (500, 1000)],
    ),
    "the same of every input": ("ignores_input", translator_rows(input_effect=0.01)),
    "inputs as they are": ("identity", translator_rows(change=0.02)),
    "a pattern of strides": ("checkerboards", translator_rows(checkerboards=60.0)),
    "rows that can't exist": ("impossible_rows", table_rows([0.6, 0.3, 0.2], age=0.1, pay=0.2)),
    "inputs of domains as they are": (
        "identity",
        [row | {"cycle/inputs": 0.1} for row in translator_rows(change=0.02)],
    ),
    "worse and worse": (
        "past_the_best",
        evaluation_rows([9.0, 5.0, 2.0, 2.6, 3.0, 3.5, 4.0, 5.0]),
    ),
}


@pytest.mark.parametrize("case", SICK)
def test_a_sick_run_gets_exactly_its_verdict(case: str) -> None:
    name, rows = SICK[case]
    (verdict,) = watch(rows)
    assert verdict.name == name
    assert verdict.evidence
    assert verdict.advice
    assert "\n" not in verdict.evidence + verdict.advice
    assert re.search(r"\d", verdict.evidence)
    assert verdict.step in {row["step"] for row in rows}


@pytest.mark.parametrize("case", ["modes lost", "late growth"])
def test_who_falls_ill_late_is_noticed_within_500_steps(case: str) -> None:
    _, rows = SICK[case]
    (verdict,) = watch(rows)
    assert 0 < verdict.step - {"modes lost": 1500, "late growth": 5000}[case] <= 500


HEALTHY = {
    "as ever": history(3000),
    "few kinds at first": [
        probe_row(step, coverage=min(0.9, 0.02 * step / 50), precision=0.8)
        for step in range(100, 3000, 100)
    ],
    "D's gradient grows": history(
        2000, ill_from=1000, grad_norm__discriminator=120.0, accuracy__discriminator=0.99
    ),
    "equilibrium": history(
        2000, accuracy__discriminator=0.5, logits__real=0.001, logits__fake=0.001
    ),
    "sure D, live gradients": history(2000, accuracy__discriminator=1.0),
    "quiet end, unsure D": history(3000, ill_from=1000, grad_norm__generator=0.01),
    "critic with large logits": history(
        2000, loss__discriminator=-60.0, logits__real=90.0, logits__fake=30.0
    ),
    "nothing learned yet": history(1000, sample=probe_row(0, 0.3, 0.02, 0.1)),
    "clipped critic that starts at nothing": [
        train_row(step, grad_norm__generator=1e-4 * step, loss__discriminator=-1e-6 * step)
        for step in range(50, 2000, 50)
    ],
    "one bad row": [
        train_row(step, **({"grad_norm__generator": 900.0} if step == 700 else {}))
        for step in range(50, 2000, 50)
    ],
    "one bad batch": [
        probe_row(step, duplicates=1.0 if step in (500, 600) else 0.0)
        for step in range(100, 2000, 100)
    ],
    "a class not found yet": shares([0.0, 0.0, 0.0, 0.0]),
    "a class missed once": shares([1.0, 0.9, 0.05, 0.9]),
    "a critic whose zero drifts": history(2000, ill_from=1000, loss__generator=80.0),
    "better and better": evaluation_rows([9.0, 5.0, 3.0, 2.0, 1.0, 0.9, 0.8, 0.8, 0.7]),
    "noise near zero": evaluation_rows([9.0, 0.01, 0.03, 0.02, 0.05, 0.03, 0.02, 0.04]),
    "a translator": translator_rows(),
    "a translator whose first outputs are alike": [
        *translator_rows(input_effect=0.0)[:3],
        *translator_rows()[3:],
    ],
    "rows that could exist": table_rows([0.0, 0.0, 0.01, 0.0], age=0.0),
    "rows that can't exist at first": table_rows([0.9, 0.04, 0.3, 0.02], age=0.01),
    "no copies": [{"step": s, "eval/memorization_identity": 0.97} for s in (500, 1000, 1500)],
}


@pytest.mark.parametrize("case", HEALTHY)
def test_a_healthy_run_gets_no_verdict(case: str) -> None:
    assert watch(HEALTHY[case]) == []


def test_the_evidence_of_impossible_rows_names_the_worst_columns_in_order() -> None:
    (verdict,) = watch(table_rows([0.9, 0.4], age=0.1, pay=0.25, city=0.0, days=0.05, size=0.01))
    assert verdict.step == 1000
    assert verdict.evidence == (
        "40.0% of the sampled rows or more can't exist, in two evaluations: pay 25.0%, age 10.0%, "
        "days 5.0%"
    )


def test_the_share_of_impossible_rows_that_counts_is_a_setting() -> None:
    assert watch(table_rows([0.04, 0.04])) == []
    limits = {"impossible_rows__share": 0.03}
    assert [v.name for v in watch(table_rows([0.04, 0.04]), **limits)] == ["impossible_rows"]


def test_every_verdict_has_an_action_a_detector_and_a_sick_run() -> None:
    assert set(Action.model_fields) == set(DETECTORS) == {name for name, _ in SICK.values()}


def test_an_illness_is_reported_once() -> None:
    verdicts = watch(history(5000, sample=probe_row(0, duplicates=0.6)))
    assert [v.step for v in verdicts] == [300]


def test_an_illness_is_reported_again_only_after_it_was_gone_for_a_while() -> None:
    def batches(*sick: range) -> list[Row]:
        return [
            probe_row(step, duplicates=0.6 if any(step in part for part in sick) else 0.0)
            for step in range(100, 4000, 100)
        ]

    soon = batches(range(100, 900), range(1000, 2000))
    late = batches(range(100, 900), range(2000, 3000))
    assert [v.step for v in watch(soon)] == [300]
    assert [v.step for v in watch(late)] == [300, 2200]


@pytest.mark.parametrize("case", SICK)
def test_rows_fed_again_give_the_same_verdicts_at_the_same_steps(case: str) -> None:
    _, rows = SICK[case]
    whole = watch(rows)
    for cut in range(0, len(rows), 7):
        monitor = Monitor(settings(), NAMES)
        replayed = [v for row in rows[:cut] for v in monitor.observe(row)]
        assert replayed == [v for v in whole if v in replayed]
        assert replayed + [v for row in rows[cut:] for v in monitor.observe(row)] == whole


def test_a_verdict_that_is_off_is_silent() -> None:
    assert watch(swinging(2000, 5.0), action__oscillation="off") == []


def test_spans_are_steps_whatever_the_interval_of_rows() -> None:
    for every in (10, 50, 100):
        (verdict,) = watch(saturating(500, every=every))
        assert 150 <= verdict.step <= 400
    rare = [
        train_row(step, accuracy__discriminator=1.0, grad_norm__generator=step**-6.0)
        for step in (1000, 2000, 3000)
    ]
    assert [v.step for v in watch(rare)] == [3000]


def test_the_best_has_the_direction_that_is_asked_for() -> None:
    rows = evaluation_rows([0.1, 0.5, 0.9, 0.5, 0.4, 0.3, 0.3, 0.3])
    falling = [{**row, "eval/coverage_identity": row["eval/frechet_identity"]} for row in rows]
    monitor = Monitor(settings(), NAMES._replace(best="eval/coverage_identity", direction="max"))
    (verdict,) = [v for row in falling for v in monitor.observe(row)]
    assert (verdict.name, verdict.step) == ("past_the_best", 3500)
    assert "eval/coverage_identity was best at step 1500, 0.9" in verdict.evidence


def gradients(every: int, size: Callable[[int], float], *, noise: float) -> list[Row]:
    """Rows every so many steps with the mean of a gradient norm, with noise in each step."""
    rng = random.Random(0)
    sizes = [size(step) * math.exp(rng.gauss(0, noise)) for step in range(1, 3001)]
    return [
        train_row(step, grad_norm__generator=sum(sizes[step - every : step]) / every)
        for step in range(every, 3001, every)
    ]


@pytest.mark.parametrize(
    "every", [pytest.param(1, marks=pytest.mark.calibration), 10, 50, 100, 250]
)
@pytest.mark.parametrize("noise", [0.0, 0.3, 0.8])
def test_gradients_that_swing_slowly_oscillate_and_noise_does_not(every: int, noise: float) -> None:
    shapes: dict[str, Callable[[int], float]] = {
        "flat": lambda step: 1.0,
        "converging": lambda step: math.exp(-step / 400),
        "growing": lambda step: math.exp(step / 800),
        "swinging": lambda step: math.exp(math.sin(2 * math.pi * step / max(200, 4 * every))),
    }
    swinging = {}
    for name, shape in shapes.items():
        found = watch(gradients(every, shape, noise=noise))
        swinging[name] = any(verdict.name == "oscillation" for verdict in found)
    assert swinging == {"flat": False, "converging": False, "growing": False, "swinging": True}


def test_swings_count_turns_by_a_factor() -> None:
    assert count_swings([1, 5, 1, 5, 1], 3) == 3
    assert count_swings([1, 2, 1, 2, 1], 3) == 0
    assert count_swings([1, 10, 100, 1000], 3) == 0
    assert count_swings([1, 2, 4, 3, 2, 1, 0.5, 2, 4], 3) == 2


# ---------------------------------------------------------------- stopping


def test_patience_ends_a_run_that_gets_no_better() -> None:
    monitor = Monitor(settings(patience=1500), NAMES)
    reasons = []
    for row in evaluation_rows([9.0, 5.0, 6.0, 5.0, 7.0]):
        monitor.observe(row)
        reasons.append(monitor.reason_to_stop())
    assert reasons[:4] == [None] * 4
    assert reasons[4] is not None
    assert "no better eval/frechet_identity for 1500 steps, health.patience=1500" in reasons[4]


def test_losses_that_stand_still_end_a_run_if_asked_to() -> None:
    rows = [
        train_row(step, loss__discriminator=1.386, loss__generator=0.693 + 1e-4 * (step % 100))
        for step in range(50, 3000, 50)
    ]
    for tolerance, ends in ((0.1, True), (1e-3, False), (None, False)):
        plain = {**PLAIN["convergence"], "tolerance": tolerance}
        monitor = Monitor(settings(convergence=plain), NAMES)
        stopped = []
        for row in rows:
            monitor.observe(row)
            stopped.append(monitor.reason_to_stop())
        assert (stopped[-1] is not None) is ends
        assert stopped[5] is None


@pytest.mark.parametrize("every", [1, 7, 50])
def test_a_span_is_covered_however_often_rows_are_logged(every: int) -> None:
    convergence = {"tolerance": 0.1, "span": 2000}
    monitor = Monitor(settings(convergence=convergence), NAMES)
    for step in range(every, 5000, every):
        monitor.observe(train_row(step, loss__discriminator=1.0, loss__generator=1.0))
        if monitor.reason_to_stop() is not None:
            break
    assert 2000 <= step <= 2000 + 2 * every
    useless = {"accuracy__discriminator": 0.5, "logits__real": 0.0, "logits__fake": 0.0}
    rows = [train_row(s, **useless) | probe_row(s, coverage=0.1) for s in range(every, 2000, every)]
    (verdict,) = watch(rows, discriminator_useless__span=1500, action__mode_collapse="off")
    assert verdict.name == "discriminator_useless"
    assert 1500 <= verdict.step <= 1500 + 2 * every


def test_rows_older_than_every_span_are_forgotten() -> None:
    series = Series(100)
    for step in range(1, 5001):
        series.add({"step": step})
    assert [row["step"] for row in series.rows_over(100)] == list(range(4900, 5001))
    assert len(series.rows_over(150)) <= 201
    assert series.rows_over(1000) == []


def test_a_class_that_was_found_long_ago_is_missed() -> None:
    rows = shares([0.9, *[0.3] * 40, 0.0, 0.0])
    (verdict,) = watch(rows)
    assert "class 7 is lost: 0.00" in verdict.evidence and "0.90 before" in verdict.evidence


# ---------------------------------------------------------------- settings


def test_the_file_spells_out_exactly_the_settings_of_the_class() -> None:
    def names(node: Any) -> Any:
        return {k: names(v) for k, v in node.items()} if isinstance(node, dict) else None

    assert names(PLAIN) == fields(Health)


def test_every_threshold_gives_its_reason() -> None:
    lines = (conf_folder() / "health" / "standard.yaml").read_text().splitlines()
    for line in lines[lines.index("convergence:") + 1 :]:
        if re.match(r"  \w+: \S", line) and not line.startswith("  span: 2000"):
            assert "  # " in line, line


def test_an_unknown_verdict_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"health\.action\.mode_colapse.*mode_collapse"):
        settings(action__mode_colapse="warn")


def test_an_unknown_action_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'warn', 'stop' or 'rollback'"):
        settings(action__mode_collapse="halt")


@pytest.mark.parametrize("key", ["mode_collapse__coverage", "discriminator_saturated__accuracy"])
def test_a_share_beyond_one_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=key.replace("__", r"\.")):
        settings(**{key: 1.5})


def pieces_of_advice() -> Iterator[str]:
    for _, rows in SICK.values():
        for verdict in watch(rows):
            yield from re.findall(
                r"[\w/]+(?:\.\w+)*=[^\s,;]*[^\s,;.](?:,[\d.]+\])?", verdict.advice
            )


@pytest.mark.parametrize("piece", sorted(set(pieces_of_advice())))
def test_advice_names_settings_that_exist(piece: str) -> None:
    key, _, value = piece.partition("=")
    if key.startswith("health."):
        group, _, name = key.removeprefix("health.").rpartition(".")
        settings(**{f"{group}__{name}" if group else name: yaml.safe_load(value)})
    elif chosen := choices(key):
        parse_config(compose([*chosen, piece]))  # which needs data with inputs to be built
    else:
        build(parse_config(compose([piece])))


def choices(key: str) -> list[str]:
    """What a setting of translators needs."""
    if not key.startswith(("method.", "model.discriminator.receptive")):
        return []
    of_domains = key in ("method.cycle", "method.identity")
    return ["model=unet", "method=unpaired" if of_domains else "method=paired"]


def test_advice_for_a_contrast_of_patches_names_its_settings() -> None:
    rows = [row | {"contrast/inputs": 1.0} for row in SICK["inputs as they are"][1]]
    (verdict,) = watch(rows)
    assert verdict.name == "identity"
    assert "method.adversarial" not in verdict.advice
    for piece in re.findall(r"method\.\w+=[\d.]*\d", verdict.advice):
        words = ["dataset=degraded", "dataset/degrade=noise", "model=unet", "method=cut", piece]
        build(parse_config(compose(words)))


def test_every_advice_names_a_setting_and_rates_by_what_they_are_now() -> None:
    for name, rows in SICK.values():
        (verdict,) = watch(rows)
        assert re.search(r"\w+=\w", verdict.advice), name
    (verdict,) = watch(swinging(550, 5.0))
    assert "optimizer.generator.lr=0.0005 optimizer.discriminator.lr=0.00025" in verdict.advice


def test_a_vae_gets_advice_that_it_can_follow() -> None:
    rows = [{"step": step, "elbo": -100.0} for step in range(0, 500, 50)]
    rows = [row | {"health/diversity": 0.01, "health/coverage": 0.1} for row in rows]
    rows = [row | {"health/precision": 0.1, "health/duplicates": 0.0} for row in rows]
    (verdict,) = watch(rows)
    assert verdict.name == "mode_collapse"
    for piece in re.findall(r"[\w.]+=[\d.]+\d", verdict.advice):
        build(parse_config(compose(["model=vae", piece])))
    assert "discriminator" not in verdict.advice


# ---------------------------------------------------------------- statistics of samples


def ring(count: int, seed: int, modes: tuple[int, ...] = tuple(range(8))) -> torch.Tensor:
    """Points [count, 2] around some of eight centers on a circle of radius 2."""
    stream = torch.Generator().manual_seed(seed)
    chosen = torch.tensor(modes)[torch.randint(len(modes), (count,), generator=stream)]
    angles = chosen * (2 * torch.pi / 8)
    centers = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)
    return centers + 0.02 * torch.randn(count, 2, generator=stream)


@pytest.fixture
def reals() -> Reals:
    return Reals(ring(256, 0), neighbors=5)


def test_other_reals_are_as_diverse_as_reals(reals: Reals) -> None:
    found = reals.compare(ring(256, 1))
    assert found["health/diversity"] == pytest.approx(1, abs=0.05)
    assert found["health/coverage"] == found["health/precision"] == 1
    assert found["health/duplicates"] < 0.02


def test_coverage_sees_a_collapse_that_distances_cannot(reals: Reals) -> None:
    found = reals.compare(ring(256, 1, modes=(0, 4)))
    assert found["health/diversity"] > 0.7
    assert found["health/coverage"] == pytest.approx(0.25, abs=0.08)
    assert found["health/precision"] == 1


def test_one_output_has_no_diversity_and_only_twins(reals: Reals) -> None:
    found = reals.compare(torch.full((256, 2), 0.3))
    assert found == {
        "health/diversity": 0,
        "health/coverage": 0,
        "health/precision": 0,
        "health/duplicates": pytest.approx(1, abs=0.01),  # a real or two have a twin by chance
    }


def test_a_few_outputs_repeated_are_duplicates(reals: Reals) -> None:
    found = reals.compare(ring(16, 1).repeat(16, 1))
    assert found["health/duplicates"] > 0.95


def test_duplicates_among_reals_are_not_held_against_samples() -> None:
    repeated = Reals(ring(128, 0).repeat(2, 1), neighbors=5)
    assert repeated.compare(ring(128, 1).repeat(2, 1))["health/duplicates"] == 0


def test_samples_that_ran_away_stay_finite_numbers(reals: Reals) -> None:
    for value in (1e30, float("inf"), float("nan")):
        fakes = ring(256, 1)
        fakes[::2] = value
        found = reals.compare(fakes)
        assert all(map(torch.isfinite, map(torch.tensor, found.values())))
        assert found["health/diversity"] > 4


@pytest.mark.parametrize("kind", ["images", "vectors", "all alike", "one example"])
def test_reals_are_drawn_alike_and_no_stream_but_their_own_moves(kind: str) -> None:
    stream = torch.Generator().manual_seed(0)
    images = torch.randint(256, (300, 3, 16, 16), generator=stream, dtype=torch.uint8)
    constant = torch.ones(40, 3)  # no spread at all, in any direction
    data = {
        "images": Data(images, Space("images", (3, 16, 16))),
        "vectors": Data(ring(300, 0), Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))),
        "all alike": Data(constant, Space("vectors", (3,), (0.0,) * 3, (1.0,) * 3)),
        "one example": Data(images[:1], Space("images", (3, 16, 16))),
    }[kind]
    before = torch.get_rng_state()
    first, again = (Reals.of(data, count=64, neighbors=5) for _ in range(2))
    fakes = data.examples[:1].repeat(len(first), *[1] * (data.examples.ndim - 1))
    assert first.compare(fakes) == again.compare(fakes)
    assert all(map(torch.isfinite, map(torch.tensor, first.compare(fakes).values())))
    assert torch.equal(torch.get_rng_state(), before)
