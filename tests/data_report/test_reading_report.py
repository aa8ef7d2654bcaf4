"""A reading report says what training gets, in short and in full, and is kept whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from paired_data import paired_data, unpaired_data

from gan_runner.data import (
    Column,
    ColumnNotes,
    Columns,
    Data,
    Decision,
    LeftOut,
    Reading,
    Space,
)
from gan_runner.data_report import report as module
from gan_runner.data_report.describe import describe, spread
from gan_runner.data_report.report import (
    MOST_CATEGORIES,
    MOST_CLASSES,
    MOST_ENTRIES,
    MOST_NAMES,
    MOST_PARTS,
    NAME_LETTERS,
    REMEDY_LETTERS,
    TEXT_LETTERS,
    Bytes,
    LeftOutThings,
    Numbers,
    Part,
    ReadingDecision,
    ReadingReport,
    Tally,
    read_report,
    write_report,
)
from gan_runner.data_report.text import (
    end_text,
    full_text,
    number_text,
    one_line,
    short_form,
    summary,
)
from gan_runner.errors import CheckpointError

DOUBT = Decision("column day is taken for a number", "Use dataset.categorical=['day'].")
PLAIN = Decision("column id is left out", "Use dataset.numeric=['id'].", doubtful=False)


def images(pixels: torch.Tensor, **more: Any) -> Data:
    return Data(pixels, Space("images", tuple(pixels.shape[1:])), **more)


def vectors(values: torch.Tensor, **more: Any) -> Data:
    size = values.shape[-1]
    return Data(values, Space("vectors", (size,), (0.0,) * size, (1.0,) * size), **more)


def table(reading: Reading = Reading()) -> Data:  # noqa: B008
    columns = Columns(
        (Column("size", decimals=1), Column("kind", ("a", "b", "c"), label=True)), 0.2, False
    )
    rows = torch.tensor([[1.5, 1, 0, 0], [2.5, 0, 1, 0], [9.5, 0, 1, 0], [3.5, 0, 1, 0]])
    space = Space("table", (4,), (0.0,) * 4, (1.0,) * 4, columns)
    return Data(rows, space, torch.tensor([0, 1, 1, 1]), ("a", "b", "c"), reading)


def line(lines: list[str], head: str) -> str:
    return next(each for each in lines if each.startswith(head)).removeprefix(head).strip()


def test_the_bytes_of_images_are_said_with_the_range_that_they_use() -> None:
    dark = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    dark[:, :, 0, 0] = 1
    shown = short_form(describe(images(dark), name="x"))
    assert line(shown, "values") == "0 to 1 of 0..255; 75 % are 0, 0 % are 255; 2 different"


def test_a_channel_that_never_changes_is_named() -> None:
    pixels = torch.randint(0, 256, (4, 3, 2, 2), dtype=torch.uint8)
    pixels[:, 2] = 7
    assert describe(images(pixels), name="x").constants == ("blue",)


def test_a_dimension_that_never_changes_is_named() -> None:
    values = torch.tensor([[1.0, 5.0], [2.0, 5.0]])
    assert "1 constant (dimension 2)" in line(short_form(describe(vectors(values), name="x")), "v")


def test_large_whole_numbers_keep_their_digits() -> None:
    report = describe(vectors(torch.tensor([[1_583_712_000.0], [1_583_798_400.0]])), name="x")
    assert "1583712000 to 1583798400" in line(short_form(report), "values")
    assert number_text(20200309.0, 300) == "20200309"


@pytest.mark.parametrize(
    ("value", "spread", "shown"),
    [
        (4.400000095367432, 3.5, "4.4"),
        (189736.3, 105813.0, "189736"),
        (2459000.25, 1.0, "2459000.25"),
        (1e-12, 1e-12, "1e-12"),
        (3e38, 1e38, "3e+38"),
        (-0.5, 0.0, "-0.5"),
        (0.1 + 0.2, 0.0, "0.3"),
        (-0.00001, 1.0, "0"),
        (1.000000000003, 1e-12, "1.000000000003"),
        (1_153_000_000_000_000_123, 500_000, "1153000000000000123"),
        (0.0, 0.0, "0"),
        (0.00012345, 0.0, "0.00012345"),
        (1.5e-7, 1e-7, "1.5e-07"),
        (123456.75, 1e6, "123457"),
    ],
)
def test_a_number_has_the_digits_that_its_spread_gives_meaning_to(
    value: float, spread: float, shown: str
) -> None:
    assert number_text(value, spread) == shown


@pytest.mark.parametrize(
    ("value", "spread", "shown"),
    [
        (1.0000001, 1.0, "1.0000001"),
        (-0.00001, 1.0, "-1e-05"),
        (255.00002, 255.0, "255.00002"),
        (0.99999, 1.0, "0.99999"),
        (2.3831456, 5.6, "2.383"),
        (100_000.25, 100_000.0, "100000.25"),
        (0.5, 1.0, "0.5"),
    ],
)
def test_an_end_of_a_range_is_never_shown_as_a_rounder_number(
    value: float, spread: float, shown: str
) -> None:
    assert end_text(value, spread) == shown


def test_ends_of_a_range_have_all_digits_that_are_kept_and_no_noise() -> None:
    origin = (0.0, 1_153_000_000_000_000_256.0, 2459000.5, 0.1)
    first = int(origin[1])
    values = torch.tensor([[0.1, 0, 0.25, 0.2], [0.7, 499_999, 60, 0.2]])
    space = Space("vectors", (4,), (0.0,) * 4, (1.0,) * 4, origin=origin)
    report = describe(Data(values, space), name="x")
    ends = [(each.numbers.low, each.numbers.high) for each in report.parts if each.numbers]
    assert ends == [(0.1, 0.7), (first, first + 499_999), (2459000.75, 2459060.5), (0.3, 0.3)]
    assert f"{first} to {first + 499_999}" in " ".join(full_text(report))
    assert full_text(report)[-1].endswith("always 0.3")


def test_the_mean_and_the_deviation_of_large_numbers_are_exact() -> None:
    report = describe(vectors(torch.tensor([[16_777_214.0], [16_777_216.0]])), name="x")
    assert report.parts[0].numbers == Numbers(16_777_214.0, 16_777_216.0, 16_777_215.0, 1.0)


def test_ranges_of_large_data_are_of_a_spread_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan_runner.data_report.describe._MOST_VALUES", 40)
    data = vectors(torch.arange(300.0).reshape(100, 3))
    report = describe(data, name="x")
    assert report.seen == len(spread(data)) <= 13
    assert "of a spread of 13" in line(short_form(report), "values")


def test_classes_are_counted_among_all_examples() -> None:
    labels = torch.tensor([0] * 7 + [1] * 3)
    data = images(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), labels=labels)
    data = replace(data, class_names=("cat", "dog"), reading=Reading(labels="sub-folders"))
    report = describe(data, name="x")
    assert report.classes == (Tally("cat", 7), Tally("dog", 3))
    assert line(short_form(report), "labels") == "sub-folders: 2 classes, 3 to 7 each"


def test_data_without_labels_says_so() -> None:
    shown = short_form(describe(vectors(torch.zeros(2, 2)), name="x"))
    assert line(shown, "labels") == "none"


def test_what_was_left_out_is_said_with_why() -> None:
    left_out = (LeftOut(350, 400, "rows", "missing values", ("line 3", "line 9")),)
    report = describe(table(Reading(left_out=left_out)), name="x")
    assert line(short_form(report), "left out") == "350 of 400 rows: missing values"
    assert any("(line 3, line 9, ...)" in each for each in full_text(report))


def test_mirroring_is_said_of_images_alone() -> None:
    pixels = images(torch.zeros(2, 1, 2, 2, dtype=torch.uint8))
    assert line(short_form(describe(pixels, name="x", mirrored=True)), "mirrored") != "no"
    assert not any(each.startswith("mirrored") for each in short_form(describe(table(), name="x")))


def test_held_out_examples_are_counted_or_said_to_be_unreadable() -> None:
    for held_out, shown in (
        (1200, "1,200 held out"),
        (0, "none held out"),
        (None, "can't be read"),
    ):
        assert shown in short_form(describe(table(), name="x", held_out=held_out))[0]


def test_a_column_has_a_line_with_its_range_or_its_categories() -> None:
    notes = (
        ColumnNotes("id", "ignored", note="a row number"),
        ColumnNotes("size", "numeric", missing=2, digits=3),
        ColumnNotes("kind", "categorical"),
    )
    report = describe(table(Reading(columns=notes)), name="x")
    at = full_text(report)
    at = at[at.index("columns:") + 1 :]
    assert [" ".join(each.split()) for each in at] == [
        "id ignored a row number",
        "size numeric 1.5 to 9.5, mean 4.25, deviation 3.11; 2 missing; 3 digits",
        "kind label 3: b 3, a 1, c 0",
    ]


def test_the_label_of_a_conditional_model_is_counted_though_rows_lack_it() -> None:
    columns = Columns(
        (Column("x"), Column("y", ("a", "b"), label=True, condition=True)), 0.2, False
    )
    space = Space("table", (1,), (0.0,), (1.0,), columns)
    report = describe(Data(torch.zeros(3, 1), space, torch.tensor([0, 1, 1]), ("a", "b")), name="")
    assert report.parts[1] == Part("y", "condition", None, (Tally("b", 2), Tally("a", 1)), 2)


def test_doubtful_decisions_come_first_and_each_with_its_remedy_in_one_line() -> None:
    report = describe(table(Reading(decisions=(PLAIN, DOUBT))), name="x")
    lines = full_text(report)
    assert lines.index(f"  - {DOUBT.text}") < lines.index(f"  - {PLAIN.text}")
    assert lines[lines.index(f"  - {DOUBT.text}") + 1] == f"    {DOUBT.remedy}"
    assert "1 decision" in line(short_form(report), "doubtful")


def test_one_line_has_the_counts_and_what_was_left_out() -> None:
    left_out = (LeftOut(350, 400, "rows", "missing values"),)
    report = describe(table(Reading(left_out=left_out, decisions=(DOUBT,))), name="x.csv")
    assert one_line(report) == "x.csv: 4 rows, 2 columns, 3 classes, 350 left out, 1 in doubt"


def test_the_short_form_has_eight_lines_of_eighty_letters_at_most() -> None:
    reading = Reading(
        source="/very/long/" * 30,
        stored="s" * 300,
        labels="l" * 300,
        left_out=(LeftOut(1, 2, "files", "w" * 300),) * 9,
        decisions=(DOUBT,) * 3,
    )
    pixels = torch.randint(0, 256, (4, 3, 2, 2), dtype=torch.uint8)
    for data in (table(reading), images(pixels, reading=reading)):
        shown = short_form(describe(data, name="x", mirrored=True), width=80)
        assert len(shown) <= 8
        assert max(map(len, shown)) <= 80


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/a/long/way/to/my own data/prices.csv, UTF-8", "prices.csv, UTF-8"),
        ("folder /data/pictures of cats and dogs", "folder pictures of cats and dogs"),
        ("short/name.csv", "short/name.csv"),
        ("/data/prices.csv, UTF-8, ',' between cells, 3 more", "prices.csv, UTF-8...cells, 3 more"),
        ("../../../../../../../../../../../../x.csv", "x.csv"),
        ("/a/long/way/to/one/a.csv, /a/long/way/to/b.csv", "a.csv, b.csv"),
        ("x" * 150 + "y" * 150, "xxxxxxxxxxxxxxxxx...yyyyyyyyyyyyyyyyy"),
        (
            "8 Gaussians of deviation 0.02 (Ring), dataset.seed=0",
            "8 Gaussians of...dataset.seed=0",
        ),
    ],
)
def test_a_long_source_leaves_room_for_the_counts_and_loses_its_middle(
    source: str, shown: str
) -> None:
    report = describe(table(Reading(source)), name="", held_out=1)
    counts = "4 rows for training, 1 held out"
    assert short_form(report, width=80)[0] == f"data      {shown}: {counts}"
    assert short_form(report)[0] == f"data      {source}: {counts}"


def test_the_counts_of_labels_and_of_what_was_left_out_are_never_cut() -> None:
    reading = Reading(
        labels=f"column {'l' * 300}",
        left_out=tuple(LeftOut(k, 400, "rows", f"{k}{'w' * 300}e") for k in (1, 2, 3, 4)),
    )
    shown = short_form(describe(table(reading), name="x"), width=80)
    assert line(shown, "labels").endswith("ll: 3 classes, 0 to 3 each")
    assert line(shown, "left out") == "1 of 400 rows; 2 of 400 rows; 3 of 400 rows; ..."
    two = replace(reading, left_out=reading.left_out[:2])
    shown = short_form(describe(table(two), name="x"), width=120)
    said = line(shown, "left out")
    assert "1 of 400 rows: 1ww" in said
    assert "2 of 400 rows: 2ww" in said
    assert said.endswith("...wwwwwwwwwwwwwwwwe")


def test_a_range_of_large_numbers_is_whole_and_their_mean_gives_way() -> None:
    space = Space("vectors", (1,), (0.0,), (1.0,), origin=(1_153_000_000_000_000_000.0,))
    report = describe(Data(torch.tensor([[-1234567.0], [7654321.0]]), space), name="x")
    ends = "1152999999998765433 to 1153000000007654321"
    assert line(short_form(report, width=80), "values") == ends
    assert line(short_form(report), "values").startswith(f"{ends}, mean 115300000000")


def test_lines_in_a_pipe_are_whole() -> None:
    why = "w" * 3 + " long" * 30
    reading = Reading(stored="s" * 300, left_out=(LeftOut(1, 2, "files", why),))
    shown = short_form(describe(table(reading), name="x"))
    assert line(shown, "stored") == "s" * 300
    assert line(shown, "left out") == f"1 of 2 files: {why}"


def test_names_of_columns_that_differ_at_their_end_are_told_apart() -> None:
    columns = Columns(tuple(Column(f"a long name of a column, {k}") for k in range(2)), 0.2, False)
    space = Space("table", (2,), (0.0,) * 2, (1.0,) * 2, columns)
    lines = full_text(describe(Data(torch.rand(3, 2), space), name="x"))
    assert [each[2:26] for each in lines if "column, " in each] == [
        f"a long name... column, {k}" for k in range(2)
    ]


def test_a_long_report_keeps_to_eighty_letters() -> None:
    names = tuple(f"class {k} of many" for k in range(300))
    labels = torch.arange(300)
    data = vectors(torch.rand(300, 12), labels=labels, class_names=names)
    assert max(map(len, full_text(describe(data, name="x " * 200)))) <= 80


def test_what_controls_a_terminal_is_escaped_in_every_line() -> None:
    evil = "\x1b[31mred\n"
    reading = Reading(
        evil, evil, evil, (LeftOut(1, 2, evil, evil, (evil,)),), (Decision(evil, evil),)
    )
    report = describe(table(reading), name="x")
    shown = [*short_form(report), *full_text(report)]
    assert all(each.isprintable() for each in shown)


# ---------------------------------------------------------------- the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.json"


def test_a_report_is_read_as_it_was_written(path: Path) -> None:
    pixels = images(torch.randint(0, 256, (4, 3, 2, 2), dtype=torch.uint8))
    for data in (table(Reading(decisions=(DOUBT, PLAIN))), pixels, vectors(torch.rand(9, 3))):
        written = describe(data, name="größer \ud800", held_out=None)
        write_report(path, written)
        assert read_report(path) == written
    assert [file.name for file in path.parent.iterdir()] == ["data.json"]


def largest() -> ReadingReport:
    """As large as a report may be: every text at its limit, in letters that take four bytes."""

    def text(letters: int) -> str:
        return "\U0001f600" * letters

    tally = Tally(text(NAME_LETTERS), 2**62)
    numbers = Numbers(*(-1.2345678901234567e-300,) * 4)
    part = Part(
        *(text(NAME_LETTERS), "categorical", numbers, (tally,) * MOST_CATEGORIES),
        *(2**62, 2**62, 2**62, text(200)),
    )
    names = (text(NAME_LETTERS),) * MOST_NAMES
    left_out = LeftOutThings(2**62, 2**62, text(NAME_LETTERS), text(TEXT_LETTERS), names)
    decision = ReadingDecision(text(REMEDY_LETTERS), text(REMEDY_LETTERS), True)
    return replace(
        describe(table(), name=text(NAME_LETTERS)),
        source=text(TEXT_LETTERS),
        bytes=Bytes(0.1, 0.1, 9),
        classes=(tally,) * MOST_CLASSES,
        left_out=(left_out,) * MOST_ENTRIES,
        decisions=(decision,) * MOST_ENTRIES,
        parts=(part,) * MOST_PARTS,
        constants=names,
    )


def test_the_guard_against_strangers_is_larger_than_the_largest_report() -> None:
    whole = largest()
    rest = len(replace(whole, parts=()).text().encode())
    each = len(replace(whole, parts=whole.parts[:1]).text().encode()) - rest
    assert rest + MOST_PARTS * each < module._LARGEST_FILE_BYTES


def test_a_table_of_five_thousand_columns_is_read_back(path: Path) -> None:
    columns = Columns(tuple(Column(f"column {k}") for k in range(5000)), 0.2, False)
    space = Space("table", (5000,), (0.0,) * 5000, (1.0,) * 5000, columns)
    report = describe(Data(torch.rand(3, 5000), space), name="x")
    write_report(path, report)
    assert read_report(path) == report
    assert report.total_parts == len(report.parts) == 5000


def broken(change: Callable[[dict[str, Any]], None]) -> str:
    plain = describe(table(), name="x").plain()
    change(plain)
    return json.dumps(plain)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        "\xff",
        broken(lambda plain: plain.pop("kind")),
        broken(lambda plain: plain.update(kind="sounds")),
        broken(lambda plain: plain.update(examples=-1)),
        broken(lambda plain: plain.update(examples="many")),
        broken(lambda plain: plain.update(source=7)),
        broken(lambda plain: plain.update(source="x" * 2000)),
        broken(lambda plain: plain.update(decisions=[None])),
        broken(lambda plain: plain["parts"][0].update(numbers={"low": float("nan")})),
        broken(lambda plain: plain.update(shape=[2**70])),
    ],
)
def test_a_file_that_is_no_report_is_refused(path: Path, content: str) -> None:
    path.write_text(content, encoding="latin-1")
    with pytest.raises(CheckpointError, match="unreadable reading report"):
        read_report(path)


def test_a_link_or_a_file_beyond_the_guard_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = path.with_name("other")
    write_report(other, describe(table(), name="x"))
    path.symlink_to(other)
    with pytest.raises(CheckpointError):
        read_report(path)
    monkeypatch.setattr(module, "_LARGEST_FILE_BYTES", 10)
    with pytest.raises(CheckpointError, match="too large"):
        read_report(other)


def test_a_later_version_may_say_more(path: Path) -> None:
    path.write_text(broken(lambda plain: plain.update(more=1)))
    assert read_report(path) == describe(table(), name="x")


def test_of_thousands_of_columns_a_terminal_shows_the_first() -> None:
    lines = full_text(describe(vectors(torch.rand(4, 500)), name="x"))
    assert len(lines) < 100
    assert lines[-1] == "  and 440 more: gan-data --json or --html has them"


def test_the_report_of_pairs_shows_inputs_and_label_maps() -> None:
    pairs = paired_data(count=12, side=8, factor=2)
    report = describe(pairs, name="made")
    assert (report.shape, report.input_shape, report.inputs) == ((3, 8, 8), (1, 4, 4), 0)
    assert "8 x 8 pixels, color, uint8; of inputs of 4 x 4, gray" in dict(summary(report))["shape"]
    named = replace(pairs.space, label_names=("0", "1", "2"))
    maps = describe(replace(pairs, space=named), name="made")
    assert "label map of 3 classes" in dict(summary(maps))["shape"]
    assert maps.parts == ()
    domains = describe(unpaired_data(count=12, others=10), name="made")
    assert "of 10 inputs of 8 x 8, gray" in dict(summary(domains))["shape"]
