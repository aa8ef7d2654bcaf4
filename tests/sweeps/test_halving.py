"""A search that stops early: who goes on, in which order, and that nothing is lost by a kill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

import pytest

from gan_runner.errors import ConfigError
from gan_runner.sweeps.halving import (
    Halving,
    Leg,
    Standing,
    automatic_interval,
    bracket_of_each,
    expected_legs,
    rung_steps,
)

RUNGS = (100, 300, 900)


def search(starts: Mapping[str, int], direction: str = "min") -> Halving:
    return Halving(starts, rungs=RUNGS, factor=3, direction="max" if direction == "max" else "min")


def one_bracket(count: int) -> dict[str, int]:
    return {f"j{number}": 0 for number in range(count)}


def carry_out(
    halving: Halving,
    value: Callable[[str, int], float | None],
    *,
    n_jobs: int = 1,
    choose: Callable[[int], int] = lambda count: 0,
    known: dict[str, Standing] | None = None,
    most: int = 1000,
) -> list[Leg]:
    """Brings jobs to their rungs, so many at a time, of which `choose` says the next one to end;
    all legs in the order in which they began. `value` is None for a job that fails."""
    standings = {} if known is None else known
    legs: list[Leg] = []
    running: list[Leg] = []
    while len(legs) < most:
        while len(running) < n_jobs and (leg := halving.take()) is not None:
            running.append(leg)
            legs.append(leg)
        if not running:
            break
        leg = running.pop(choose(len(running)))
        before = standings.get(leg.name, Standing()).values
        found = [value(leg.name, rung) for rung in range(len(before), leg.rung + 1)]
        reached = found.index(None) if None in found else len(found)
        standings[leg.name] = Standing((*before, *found[:reached]), is_out=None in found)
        halving.note(leg.name, standings[leg.name])
    return legs


def number(name: str, rung: int) -> float:
    """The value of a job is its number, at every rung."""
    return float(name[1:])


def names_at(legs: Sequence[Leg], rung: int) -> set[str]:
    return {leg.name for leg in legs if leg.rung == rung}


# ---------------------------------------------------------------- rungs and brackets


def test_rungs_are_multiples_of_the_evaluations_interval_and_end_with_the_run() -> None:
    assert rung_steps(900, 100, factor=3, rungs=3) == (100, 300, 900)
    assert rung_steps(4000, 445, factor=3, rungs=3) == (445, 1335, 4000)
    assert rung_steps(1000, 200, factor=3, rungs=2) == (400, 1000)
    assert automatic_interval(4000, factor=3, rungs=3) == 445


@pytest.mark.parametrize(
    ("steps", "interval", "remedy"),
    [
        (4000, 1000, "train.eval_every=444"),
        (8, 1, "train.steps=9"),
        (90, 90, "train.eval_every=10"),
    ],
)
def test_rungs_that_fall_together_are_refused_with_a_remedy_that_works(
    steps: int, interval: int, remedy: str
) -> None:
    with pytest.raises(ConfigError, match=remedy):
        rung_steps(steps, interval, factor=3, rungs=3)
    number = int(remedy.partition("=")[2])
    steps, interval = (number, 1) if "steps" in remedy else (steps, number)
    assert len(rung_steps(steps, interval, factor=3, rungs=3)) == 3


def test_brackets_get_about_the_same_steps_and_more_jobs_change_nothing_of_the_first() -> None:
    many = bracket_of_each(44, factor=3, rungs=3, brackets=3)
    assert [many.count(bracket) for bracket in range(3)] == [24, 12, 8]  # as 1/1, 3/2 and 9/3
    assert bracket_of_each(17, factor=3, rungs=3, brackets=3) == many[:17]
    assert bracket_of_each(9, factor=3, rungs=3, brackets=1) == [0] * 9
    assert bracket_of_each(6, factor=3, rungs=3, brackets=2) == [0, 1, 0, 0, 1, 0]


def test_the_legs_of_a_bracket_are_a_factor_fewer_at_each_rung() -> None:
    assert expected_legs([0] * 27, factor=3, rungs=3) == [27, 9, 3]
    assert expected_legs([0] * 6 + [1] * 3, factor=3, rungs=3) == [6, 5, 2]
    assert expected_legs([0] * 2, factor=3, rungs=3) == [2, 1, 1]


# ---------------------------------------------------------------- who goes on


def test_the_best_third_goes_on_at_each_rung() -> None:
    legs = carry_out(halving := search(one_bracket(9)), number)
    assert names_at(legs, 1) == {"j0", "j1", "j2"}
    assert names_at(legs, 2) == {"j0"} and halving.winner == "j0"
    assert len(legs) == 9 + 3 + 1


def test_the_highest_third_goes_on_where_more_is_better() -> None:
    legs = carry_out(halving := search(one_bracket(9), "max"), number)
    assert names_at(legs, 1) == {"j6", "j7", "j8"} and halving.winner == "j8"


def test_a_bracket_that_begins_later_keeps_a_slow_starter() -> None:
    starts = {**one_bracket(6), "j6": 1, "j7": 1, "j8": 1}

    def slow(name: str, rung: int) -> float:
        return 99.0 if name == "j8" and rung == 0 else -1.0 if name == "j8" else number(name, rung)

    legs = carry_out(halving := search(starts), slow)
    assert halving.winner == "j8"
    assert Leg("j8", 0) not in legs and Leg("j8", 1) in legs


def test_a_failed_job_gives_its_place_to_the_next_one() -> None:
    legs = carry_out(
        search(one_bracket(9)), lambda name, rung: None if name == "j1" else number(name, rung)
    )
    assert names_at(legs, 1) == {"j0", "j2", "j3"}


def test_a_job_that_fails_further_on_doesnt_win() -> None:
    def late(name: str, rung: int) -> float | None:
        return None if (name, rung) == ("j0", 2) else number(name, rung)

    legs = carry_out(halving := search(one_bracket(27)), late)
    assert names_at(legs, 2) == {"j0", "j1", "j2"} and halving.winner == "j1"


def test_an_ill_job_gives_its_place_away_unless_all_are_ill() -> None:
    halving = search(one_bracket(6))
    for _ in range(6):
        assert halving.take() is not None
    for place in range(6):
        ill = 80 if place in (0, 1) else 250 if place == 2 else None
        halving.note(f"j{place}", Standing((float(place),), ill_from=ill))
    assert {halving.take(), halving.take()} == {Leg("j2", 1), Leg("j3", 1)}  # j2 was healthy then
    halving = search(one_bracket(3))
    for place in range(3):
        halving.take()
        halving.note(f"j{place}", Standing((float(place),), ill_from=50))
    assert halving.take() == Leg("j0", 1)


def test_a_job_without_a_value_doesnt_go_on() -> None:
    halving = search(one_bracket(3))
    for place in range(3):
        halving.take()
        halving.note(f"j{place}", Standing((None if place == 0 else float(place),)))
    assert halving.take() == Leg("j1", 1)


def test_a_job_that_ended_by_itself_takes_part_without_being_started_again() -> None:
    halving = search(one_bracket(3))
    for place in range(3):
        halving.take()
        values = (0.0, 0.0, 0.0) if place == 0 else (float(place),)
        halving.note(f"j{place}", Standing(values, is_out=place == 0))
    assert halving.take() is None and halving.winner == "j0"


def test_of_a_search_that_fails_altogether_there_is_no_winner() -> None:
    legs = carry_out(halving := search(one_bracket(9)), lambda name, rung: None)
    assert len(legs) == 9 and halving.winner is None


# ---------------------------------------------------------------- several at a time


def test_one_at_a_time_the_outcome_depends_on_the_results_alone() -> None:
    values = {f"j{k}": Random(k).random() for k in range(27)}
    starts = dict(zip(values, bracket_of_each(27, factor=3, rungs=3, brackets=2), strict=True))
    legs = carry_out(search(starts), lambda name, rung: values[name])
    other = carry_out(search(dict(reversed(starts.items()))), lambda name, rung: values[name])
    assert set(legs) == set(other)
    assert len(legs) == sum(expected_legs(list(starts.values()), factor=3, rungs=3))


@pytest.mark.parametrize("seed", range(20))
def test_several_at_a_time_in_any_order_bring_all_to_the_end_that_one_at_a_time_would(
    seed: int,
) -> None:
    random = Random(seed)
    values = {f"j{k}": random.random() for k in range(27)}
    starts = dict(zip(values, bracket_of_each(27, factor=3, rungs=3, brackets=2), strict=True))
    alone = carry_out(search(starts), lambda name, rung: values[name])
    legs = carry_out(
        halving := search(starts),
        lambda name, rung: values[name],
        n_jobs=4,
        choose=random.randrange,
    )
    assert set(alone) <= set(legs) and len(legs) == len(set(legs)) <= len(alone) + 6
    assert halving.winner == min(starts, key=values.__getitem__)


def test_no_worker_waits_while_a_job_is_ahead() -> None:
    halving = search(one_bracket(9))
    for _ in range(9):
        halving.take()
    for place in (3, 4, 5):
        halving.note(f"j{place}", Standing((float(place),)))
    assert halving.take() == Leg("j3", 1)  # the best of three, though six are on their way
    assert halving.take() is None
    assert halving.is_waiting


# ---------------------------------------------------------------- after a kill


@pytest.mark.parametrize("most", range(1, 40, 3))
def test_a_search_that_was_killed_goes_on_where_it_was(most: int) -> None:
    values = {f"j{k}": Random(k).random() for k in range(18)}
    starts = dict(zip(values, bracket_of_each(18, factor=3, rungs=3, brackets=2), strict=True))
    whole = carry_out(search(starts), lambda name, rung: values[name])
    known: dict[str, Standing] = {}
    before = carry_out(search(starts), lambda name, rung: values[name], known=known, most=most)
    again = search(starts)
    for name, standing in known.items():
        again.note(name, standing)
    after = carry_out(again, lambda name, rung: values[name], known=known)
    assert set(before) | set(after) == set(whole) and not set(before) & set(after)


def test_a_job_on_its_way_to_a_rung_goes_on_first() -> None:
    halving = search(one_bracket(9))
    halving.note("j5", Standing((5.0,), is_open=True))
    assert halving.take() == Leg("j5", 1)
    assert halving.take() == Leg("j0", 0)
