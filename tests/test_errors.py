"""What a user reads when something is wrong: short, harmless, with its own exit code."""

from __future__ import annotations

import pickle

import pytest

from gan_runner import errors
from gan_runner.errors import Fault, did_you_mean, printable, report
from gan_runner.system.signals import Interrupted

CODES = {
    errors.ConfigError: 2,
    errors.PluginError: 2,
    errors.DataError: 3,
    errors.MachineError: 4,
    errors.NumbersError: 5,
    errors.CheckpointError: 6,
    errors.InUseError: 7,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=str)
def test_each_fault_has_the_exit_code_of_the_contract(kind: type[Fault], code: int) -> None:
    assert report(kind("text")) == code


def test_no_fault_is_without_a_code() -> None:
    assert set(Fault.__subclasses__()) == set(CODES)


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal_has_the_exit_code_of_the_shell(number: int, code: int) -> None:
    assert Interrupted(number).exit_code == code
    assert not issubclass(Interrupted, Exception)


def test_a_fault_is_reported_on_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    report(errors.ConfigError("unknown loss, loss=hing. Did you mean 'hinge'?"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: unknown loss, loss=hing. Did you mean 'hinge'?\n"


def test_an_option_is_named_as_its_reader_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    option = errors.OptionText(command="--checkpoint=7", python="checkpoint=7")
    fault = errors.CheckpointError("no such checkpoint, {option}. Use {1, 2}.", option=option)
    for same in (fault, pickle.loads(pickle.dumps(fault))):
        assert str(same) == "no such checkpoint, checkpoint=7. Use {1, 2}."
        report(same)
        assert capsys.readouterr().err == (
            "error: no such checkpoint, --checkpoint=7. Use {1, 2}.\n"
        )
    assert str(errors.ConfigError("not a file, {option}")) == "not a file, {option}"


def test_a_fault_is_reported_in_at_most_twelve_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report(errors.CheckpointError("\n".join(f"line {number}" for number in range(100))))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert lines[:2] == ["error: line 0", "line 1"]


def test_a_fault_without_a_text_is_still_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(errors.DataError("")) == 3
    assert capsys.readouterr().err == "error: (no text)\n"


HOSTILE = {
    "color": "\x1b[31mred\x1b[0m",
    "title of the window": "\x1b]0;title\x07",
    "one-byte escape": "\x9b2J",
    "overwriting": "harmless\rdeadly",
    "bell, backspace, delete, null": "\a\b\x7f\0",
    "right to left": "\u202egnp.exe",
    "invisible": "a\u200bb\ufeffc",
    "line ends": "a\u2028b\x85c\vd\fe",
    "half of a pair": "\ud800",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_control_character_reaches_the_terminal(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report(errors.DataError(f"damaged image, dataset.root={text}. Remove it."))
    shown = capsys.readouterr().err
    assert shown.replace("\n", "").isprintable()
    assert shown.startswith("error: damaged image, dataset.root=")
    assert printable(text).isprintable()


def test_text_that_is_harmless_stays_as_it_is() -> None:
    text = "Größe 8x8, ~/データ/猫.png, 'quoted' [brackets] \\ 100 %"
    assert printable(text) == text


def test_an_escaped_character_can_be_recognised() -> None:
    assert printable("a\tb\nc\x1b") == "a\\tb\\nc\\x1b"


def test_long_text_is_cut_to_its_limit() -> None:
    assert printable("x" * 200) == "x" * 200
    assert printable("x" * 201) == "x" * 197 + "..."
    assert len(printable("\x1b" * 5000, limit=50)) == 50


def test_values_other_than_text_are_shown_as_text() -> None:
    assert printable(None) == "None"
    assert printable(ValueError("no\nluck")) == "no\\nluck"


@pytest.mark.parametrize(
    ("name", "nearest"), [("hing", "hinge"), ("wgna", "wgan"), ("wgan_pg", "wgan_gp")]
)
def test_a_slip_is_answered_with_what_was_meant(name: str, nearest: str) -> None:
    choices = ["hinge", "lsgan", "rsgan", "wgan", "wgan_gp", "wgan_lp"]
    assert did_you_mean(name, choices) == f"Did you mean '{nearest}'?"


def test_a_name_unlike_all_is_answered_with_all_in_order() -> None:
    assert did_you_mean("xyz", ["b", "a"]) == "Choose one of: a, b."
    assert did_you_mean("xyz", []) == ""
