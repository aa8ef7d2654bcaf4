"""A name from a configuration makes one of our classes, with exactly its settings, or nothing."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component, build_component, find_classes, parse_settings
from gan_runner.datasets import Dataset
from gan_runner.errors import ConfigError
from gan_runner.models import GenerativeModel
from gan_runner.objectives.elbo import VariationalObjective
from gan_runner.objectives.losses import Loss
from gan_runner.objectives.terms import Term
from gan_runner.training.optimizers import Optimizer, Schedule

FAMILIES = [Loss, VariationalObjective, Term, Augmentation, GenerativeModel, Dataset, Optimizer]


class Plant(Component):
    """A family of the tests."""

    @abstractmethod
    def color(self) -> str: ...


class Leaves(Component):
    length: float
    shape: Literal["round", "pointed"]


class Tree(Plant):
    height: float
    rings: int
    place: tuple[float, float]
    evergreen: bool
    leaves: Leaves

    def color(self) -> str:
        return "green"


class Flowering(Plant):
    """Abstract: it leaves the color open."""

    petals: int


class Rose(Flowering):
    def color(self) -> str:
        return "red"


def tree(**changes: Any) -> dict[str, Any]:
    leaves = {"length": 0.1, "shape": "round"}
    settings = {"height": 8.5, "rings": 40, "place": [1.5, 2.5], "evergreen": True}
    return {"name": "Tree", **settings, "leaves": leaves, **changes}


def refusal(node: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        build_component(node, Plant, where="garden.plant")
    return str(caught.value)


def test_a_name_and_its_settings_make_the_object() -> None:
    made = build_component(tree(), Plant, where="garden.plant")
    assert made == Tree(
        height=8.5,
        rings=40,
        place=(1.5, 2.5),
        evergreen=True,
        leaves=Leaves(length=0.1, shape="round"),
    )


def test_a_family_offers_its_concrete_classes_of_any_depth_by_name() -> None:
    assert find_classes(Plant) == {"Tree": Tree, "Rose": Rose}


def test_a_misspelled_name_is_answered_with_the_nearest() -> None:
    assert refusal({"name": "Rsoe"}) == (
        "unknown garden.plant, garden.plant.name=Rsoe. Did you mean 'Rose'?"
    )


def test_a_name_unlike_all_is_answered_with_all() -> None:
    assert refusal({"name": "Submarine"}).endswith("Choose one of: Rose, Tree.")


@pytest.mark.parametrize("name", ["Plant", "Flowering", "Leaves", "Component", "builtins.dict", ""])
def test_only_concrete_classes_of_the_family_have_names(name: str) -> None:
    assert refusal({"name": name}).startswith("unknown garden.plant, garden.plant.name=")


@pytest.mark.parametrize("name", [None, 5, ["Rose"], {"Rose": 1}, True])
def test_a_name_that_is_not_text_is_unknown(name: Any) -> None:
    assert refusal({"name": name}).startswith("unknown garden.plant")


@pytest.mark.parametrize("node", [{}, {"petals": 5}, 5, None, "Rose", ["name"]])
def test_a_node_without_a_name_is_refused_with_the_names(node: Any) -> None:
    assert refusal(node) == "missing name, garden.plant. Choose one of: Rose, Tree."


def test_a_whole_number_is_taken_for_a_float_and_a_list_for_a_tuple() -> None:
    made = build_component(tree(height=8, place=[1, 2]), Plant, where="garden.plant")
    assert isinstance(made, Tree)
    assert (made.height, made.place) == (8.0, (1.0, 2.0))
    assert isinstance(made.height, float)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("rings", 1.5, "an integer"),
        ("rings", "40", "an integer"),
        ("rings", True, "an integer"),
        ("height", "8.5", "a number"),
        ("height", True, "a number"),
        ("height", None, "a number"),
        ("evergreen", 2, "true or false"),
        ("evergreen", "always", "true or false"),
        ("place", {"x": 1.0, "y": 2.0}, "a list"),
    ],
)
def test_nothing_else_is_converted(key: str, value: Any, expected: str) -> None:
    message = refusal(tree(**{key: value}))
    assert message.startswith(f"invalid setting, garden.plant.{key}=")
    assert message.endswith(f"Should be {expected}.")


def test_a_value_for_a_group_of_settings_is_answered_with_their_names() -> None:
    message = refusal(tree(leaves=[0.1, "round"]))
    assert message.startswith("invalid setting, garden.plant.leaves=")
    assert message.endswith("Set one of: garden.plant.leaves.length garden.plant.leaves.shape")


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("evergreen", "yes", "Did you mean: garden.plant.evergreen=true"),
        ("evergreen", 0, "Did you mean: garden.plant.evergreen=false"),
        ("place", [1.0, 2.0, 3.0], "It has 3 entries, and should have at most 2."),
    ],
)
def test_other_ways_to_write_a_value_are_answered_in_our_words(
    key: str, value: Any, remedy: str
) -> None:
    assert refusal(tree(**{key: value})).endswith(remedy)


def test_a_whole_number_with_a_point_is_answered_with_how_to_write_it() -> None:
    assert refusal(tree(rings=40.0)).endswith(
        "garden.plant.rings=40.0. Write it without a point: garden.plant.rings=40"
    )


class Labels(Component):
    one: str
    several: tuple[str, ...]


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"one": 5}, "read as a number. Write it as a text: 'garden.one=\"5\"'"),
        ({"one": True}, "read as true or false. Write it as a text: 'garden.one=\"true\"'"),
        ({"several": [2020]}, "Write it as a text: 'garden.several=[\"2020\"]'"),
        ({"several": "[petal (cm)]"}, "Write it as a list: 'garden.several=[\"petal (cm)\"]'"),
        ({"several": "a"}, "Write it as a list: 'garden.several=[a]'"),
    ],
)
def test_a_text_or_list_that_was_read_as_something_else_is_told_how_to_be_typed(
    settings: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(ConfigError) as found:
        parse_settings({"one": "a", "several": [], **settings}, Labels, where="garden")
    assert remedy in str(found.value)


def test_a_fault_in_a_list_is_named_by_its_index() -> None:
    assert "garden.plant.place.1" in refusal(tree(place=[1.0, "b"]))
    assert "garden.plant.place.1" in refusal(tree(place=[1.0]))


def test_a_choice_is_refused_with_what_was_expected() -> None:
    message = refusal(tree(leaves={"length": 0.1, "shape": "square"}))
    assert message == (
        "invalid setting, garden.plant.leaves.shape=\"square\". Should be 'round' or 'pointed'."
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_only_finite_numbers_are_taken(value: float) -> None:
    assert "garden.plant.height" in refusal(tree(height=value))
    assert "leaves.length" in refusal(tree(leaves={"length": value, "shape": "round"}))


def test_a_missing_setting_is_named() -> None:
    node = tree()
    del node["rings"]
    assert refusal(node) == ("missing setting, garden.plant.rings. Every setting must be given.")


def test_an_unknown_setting_is_answered_with_the_nearest() -> None:
    assert refusal(tree(heigth=3)) == (
        "unknown setting, garden.plant.heigth=3. Did you mean 'garden.plant.height'?"
    )


def test_an_unknown_nested_setting_is_answered_with_the_nearest_of_its_own_level() -> None:
    leaves = {"length": 0.1, "shape": "round", "lenght": 0.2}
    assert refusal(tree(leaves=leaves)) == (
        "unknown setting, garden.plant.leaves.lenght=0.2. "
        "Did you mean 'garden.plant.leaves.length'?"
    )


@pytest.mark.parametrize("key", ["_target_", "_partial_", "_recursive_", "__class__"])
def test_what_hydra_would_call_is_an_unknown_setting(key: str) -> None:
    assert f"unknown setting, garden.plant.{key}=" in refusal(tree(**{key: "os.system"}))
    leaves = {"length": 0.1, "shape": "round", key: "os.system"}
    assert f"unknown setting, garden.plant.leaves.{key}=" in refusal(tree(leaves=leaves))


def test_anything_but_plain_data_is_refused() -> None:
    for value in (date(2026, 1, 1), object(), b"bytes", {1, 2}):
        assert refusal(tree(height=value)).startswith("not plain data, garden.plant.")


def test_data_that_holds_itself_is_refused() -> None:
    node = tree()
    node["leaves"]["shape"] = node
    assert refusal(node).startswith("not plain data, garden.plant.")


def test_data_nested_beyond_all_measure_is_refused() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert "garden.plant" in refusal(tree(height=nested))


def test_a_value_is_shown_short_and_without_control_characters() -> None:
    message = refusal(tree(height="\x1b[31m" + "x" * 1000))
    assert len(message) < 200
    assert message.isprintable()


def test_settings_never_change() -> None:
    made = build_component(tree(), Plant, where="garden.plant")
    with pytest.raises(ValidationError):
        made.height = 9.0  # type: ignore[attr-defined]


def test_settings_outside_a_family_are_checked_alike() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting, lenght=1\. Did you mean 'length'\?"):
        parse_settings({"lenght": 1, "length": 1, "shape": "round"}, Leaves)


# ---------------------------------------------------------------- our own families


def components(kind: type[Component] = Component) -> list[type[Component]]:
    found = [c for c in kind.__subclasses__() if c.__module__.startswith("gan_runner")]
    return [*found, *(deeper for child in found for deeper in components(child))]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_class_is_abstract_or_final(family: type[Component]) -> None:
    made = find_classes(family)
    assert family not in made.values()
    for kind in made.values():
        assert not kind.__subclasses__()


def test_no_class_overrides_a_method_that_is_not_abstract() -> None:
    kinds = components()
    assert {*FAMILIES, Schedule} <= set(kinds)
    for kind in kinds:
        for name, member in vars(kind).items():
            if not (callable(member) or isinstance(member, property)) or name.startswith("__"):
                continue
            if name == "model_post_init":  # pydantic's own, of private attributes
                continue
            for parent in kind.__mro__[1:]:
                if parent.__module__.startswith("gan_runner") and name in vars(parent):
                    assert getattr(vars(parent)[name], "__isabstractmethod__", False), (kind, name)


def test_no_two_classes_of_a_family_share_a_name() -> None:
    for family in FAMILIES:
        concrete = [k for k in components(family) if not getattr(k, "__abstractmethods__", None)]
        assert len(concrete) == len(find_classes(family)) > 0
