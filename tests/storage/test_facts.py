"""Facts of a checkpoint are read as they were written; a stranger's are refused by their key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from test_checkpoint import facts

from gan_runner.data import Column, Columns, Space
from gan_runner.storage.facts import Facts, parse_facts

COLUMNS = Columns((Column("x", decimals=1), Column("y", ("a", "b"), label=True)), 0.5, True)
SPACES = (
    Space("images", (3, 8, 8)),
    Space("vectors", (2,), (0.1, 1e-300), (1.0, 2.0)),
    Space("sequences", (24, 1), (0.5,), (2.0,)),
    Space("table", (3,), (0.5, 0.0, 0.0), (2.0, 1.0, 1.0), COLUMNS),
    Space("table", (3,), (0.5, 0.0, 0.0), (2.0, 1.0, 1.0), COLUMNS, (2459000.1, 0.0, 0.0)),
    Space("vectors", (2,), (0.5, 0.0), (2.0, 1.0), origin=(0.1 + 0.2, 1.2345678901234567e18)),
)


def through_json(plain: object) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(plain))
    return content


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"{space.kind}{space.origin}")
def test_facts_are_read_as_they_were_written(space: Space) -> None:
    written = replace(facts(5), space=space)
    assert parse_facts(through_json(written.plain())) == written


def test_the_facts_of_the_state_stand_on_the_same_level_as_the_others() -> None:
    assert list(facts(5).plain()) == [
        *("step", "seconds", "rate_factor", "rollbacks", "counts", "rng"),
        *("classes", "config", "data", "space", "fingerprint", "class_counts"),
    ]


def test_the_order_of_the_counts_is_kept() -> None:
    counts = {"b": 1, "a": 2, "c": 3}
    written = replace(facts(5), state=replace(facts(5).state, counts=counts))
    assert list(parse_facts(through_json(written.plain())).state.counts) == ["b", "a", "c"]


def test_facts_of_another_version_are_left_out() -> None:
    assert parse_facts({**through_json(facts(5).plain()), "from_the_future": [1]}) == facts(5)


def test_earlier_checkpoints_do_not_say_how_many_examples_a_class_has() -> None:
    plain = through_json(replace(facts(5), class_counts=(3, 0)).plain())
    assert parse_facts(plain).class_counts == (3, 0)
    del plain["class_counts"]
    assert parse_facts(plain).class_counts == ()


@pytest.mark.parametrize("counts", [[1], [1, 2, 3], [0, 0], [-1, 2], [0.5, 0.5]])
def test_counts_that_are_not_those_of_the_classes_are_refused(counts: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^class_counts"):
        parse_facts({**through_json(facts(5).plain()), "class_counts": counts})


@pytest.mark.parametrize("key", [key for key in facts(0).plain() if key != "class_counts"])
def test_a_fact_that_is_missing_is_named(key: str) -> None:
    plain = through_json(facts(5).plain())
    del plain[key]
    with pytest.raises(ValueError, match=f"^{key}: "):
        parse_facts(plain)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("step", value) for value in (None, "5", 5.0, True, -1, 2**63, [5])),
        *(("seconds", value) for value in (None, "1", -1.0, float("nan"), float("inf"), 10**400)),
        *(("rate_factor", value) for value in (None, "1", float("nan"), [1.0])),
        *(("rollbacks", value) for value in (None, 5, ["5"], [-1], {"a": 1})),
        *(("counts", value) for value in (None, 5, ["a"], {"a": "1"}, {"a": -1}, {"a": 10**400})),
        *(("rng", value) for value in (None, "x", {"latent": 5})),
        *(("classes", value) for value in (None, "ab", [1], {"a": 1})),
        *(("config", value) for value in (None, 5, ["x"])),
        *(("data", value) for value in (None, 5, ["x"])),
        *(("fingerprint", value) for value in (None, 5, {}, {"versions": 5, "device": "cpu"})),
    ],
    ids=str,
)
def test_a_fact_of_another_type_or_size_is_refused_by_its_key(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{key}\b"):
        parse_facts({**through_json(facts(5).plain()), key: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "sounds"},
        {"shape": []},
        {"shape": [2, 2]},
        {"shape": [0]},
        {"shape": [-2]},
        {"shape": [10**30]},
        {"shape": "2"},
        {"offset": [0.0]},
        {"scale": [1.0, 2.0, 3.0]},
        {"scale": [1.0, "x"]},
        {"origin": [1.0]},
        {"origin": [1.0, float("nan")]},
        {"origin": [float("inf"), 0.0]},
        {"origin": None},
        {"columns": {"columns": [], "temperature": 1.0, "straight_through": True}},
        {"columns": {"columns": [{"name": "x"}], "temperature": -1, "straight_through": True}},
        {"kind": "images", "shape": [1, 10**6, 10**6], "offset": [], "scale": []},
    ],
    ids=str,
)
def test_a_space_that_no_data_has_is_refused(changes: dict[str, Any]) -> None:
    plain = through_json(facts(5).plain())
    with pytest.raises(ValueError, match=r"^space\b"):
        parse_facts({**plain, "space": {**plain["space"], **changes}})


def test_a_space_without_an_origin_is_of_numbers_as_they_are() -> None:
    plain = through_json(facts(5).plain())
    del plain["space"]["origin"]
    assert parse_facts(plain).space.origin == ()


def test_facts_cannot_be_changed_in_their_place() -> None:
    written: Facts = facts(5)
    with pytest.raises(AttributeError):
        written.data = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        written.state.step = 6  # type: ignore[misc]
