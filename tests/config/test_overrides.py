"""Remedies: what is printed can be pasted into a shell and is what was meant."""

from __future__ import annotations

import shlex

import pytest

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.config.overrides import override

TEXTS = [
    *("kind", "sepal length (cm)", "1", "-999", "007", "1e-4", "true", "Null", "nan", "yes", ""),
    *(
        "-",
        "#N/A",
        "<NA>",
        "\\N",
        'a "b"',
        "it's",
        "x\\",
        'x\\"',
        "a,b",
        "[x]",
        "{x}",
        "a=b",
        "a: b",
    ),
    *("ä", "$x", "`id`", "!x", "~", "*", "ENSG*", "50%", " x ", "a  b"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_through_a_shell_and_hydra_as_it_is(text: str) -> None:
    for value in (text, [text, "other"]):
        words = shlex.split(override("dataset.numeric", value))
        assert len(words) == 1
        assert read_command_line(words).overrides[0].value() == value


def test_what_needs_no_quotes_has_none() -> None:
    assert override("dataset.label", "kind") == "dataset.label=kind"
    assert override("dataset.label", None) == "dataset.label=null"
    assert override("dataset.test_ratio", 0) == "dataset.test_ratio=0"
    assert override("train.download", True) == "train.download=true"
