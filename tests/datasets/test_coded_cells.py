"""Cells of a file, coded column by column while they are read."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gan_runner.datasets.readers import coded
from gan_runner.datasets.readers.cells import digits, find_leading_zero, whole_numbers
from gan_runner.datasets.readers.coded import CellCoder, code_cells
from gan_runner.datasets.readers.rows import code_rows
from gan_runner.datasets.readers.texts import (
    Counts,
    PackedTexts,
    as_floats,
    code_packed,
    join_lines,
    pack,
    take_texts,
)

CELLS = [f"{k * 7919 % 1000 / 10:g}" for k in range(3000)]


def places(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers)


def test_packed_texts_are_the_texts() -> None:
    texts = ["b", "", "a longer one", "0.5"]
    packed = pack(texts, least=0)
    assert isinstance(packed, PackedTexts) and list(packed) == texts and len(packed) == 4
    assert packed[2] == "a longer one" and list(packed[1:3]) == ["", "a longer one"]
    assert "0.5" in packed and "0" not in packed and "é" not in packed and "b\0" not in packed
    assert packed.index("0.5") == 3
    with pytest.raises(ValueError, match="other"):
        packed.index("other")
    assert join_lines(packed) == join_lines(texts) == "b\n\na longer one\n0.5"
    assert list(take_texts(packed, places(3, 0))) == ["0.5", "b"]


@pytest.mark.parametrize("odd", ["é", "a\0", "x" * (1 << 20)])
def test_texts_that_an_array_would_change_or_blow_up_stay_as_they_are(odd: str) -> None:
    texts = ["a", "b", "c", odd, "d"]
    assert pack(texts, least=0) is texts


def test_few_texts_are_not_packed() -> None:
    assert isinstance(pack(["a"] * 10), list)


def test_packed_numbers_are_the_numbers() -> None:
    texts = ["0.1", "-3e-5", "12345678901234567890", ".5", "5."]
    assert as_floats(pack(texts, least=0)).tolist() == list(map(float, texts))


@pytest.mark.parametrize("length", [1, 8, 9, 30])
def test_packed_texts_are_coded_as_a_table_of_strings_codes_them(length: int) -> None:
    cells = [cell.rjust(length, "x") for cell in CELLS]
    found = code_packed([pack(cells[:1000], least=0), pack(cells[1000:], least=0)])
    expected = code_cells(cells)
    assert found is not None and list(found.different) == list(expected.different)
    assert found.codes.tolist() == expected.codes.tolist()


@pytest.mark.parametrize("cell", [" a", "a\t", "é"])
def test_packed_texts_with_spaces_around_them_are_left_to_a_table(cell: str) -> None:
    assert code_packed([pack([*CELLS, cell], least=0)]) is None


@pytest.mark.parametrize("last", ["1", " 7 ", "é", "\x1c7"])
def test_a_coder_gives_the_same_however_many_cells_are_different(
    last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [*CELLS, last]
    found = {}
    for most in (10, 1 << 16):
        monkeypatch.setattr(coded, "_MANY", most)
        coder = CellCoder()
        for start in range(0, len(cells), 100):
            coder.add(cells[start : start + 100])
        found[most] = coder.finish()
        assert list(found[most]) == [cell.strip() for cell in cells]
    assert list(found[10].different) == list(found[1 << 16].different)
    assert len(set(found[10].different)) == len(found[10].different)


def test_counts_are_a_mapping() -> None:
    counts = Counts(["b", "a", "c"], places(1, 3, 3))
    assert dict(counts) == {"b": 1, "a": 3, "c": 3} == counts and len(counts) == 3
    assert list(counts.values()) == [1, 3, 3] and counts["other"] == 0
    assert "a" in counts and "other" not in counts and counts.most_common == ("a", 3)


def test_rows_of_several_lengths_come_back_in_their_order() -> None:
    given = [["a", "b"], ["", ""], ["1"], ["c ", "d"], [], [" ", " "], ["1", "2", "3"]]
    rows = code_rows(given, iter(range(1, 8)))
    assert rows.first(9) == [["a", "b"], ["1"], ["c", "d"], ["1", "2", "3"]]
    assert rows.lines.tolist() == [1, 3, 4, 7] and rows.lengths.tolist() == [2, 1, 2, 3]
    assert sorted(rows.column(0)) == ["1", "1", "a", "c"] and list(rows.column(2)) == ["3"]
    some = rows.at(places(1, 2))
    assert some.first(9) == [["1"], ["c", "d"]] and some.lines.tolist() == [3, 4]
    assert rows.same_as(["c", "d"]).tolist() == [2] and not len(rows.same_as(["c", "b"]))
    assert rows.begin_with("1").tolist() == [False, True, False, True]


def test_whole_numbers_keep_all_their_digits() -> None:
    assert whole_numbers(["1", "-3", "+2"], signed=True).tolist() == [1, -3, 2]  # type: ignore[union-attr]
    large = whole_numbers([f"{10**30 + k}" for k in range(3)], signed=False)
    assert large is not None and int(large.max()) == 10**30 + 2
    for cells, signed in ((["1", "2.0"], True), (["1e3"], True), (["-1"], False), (["x"], True)):
        assert whole_numbers(cells, signed=signed) is None


def test_packed_cells_are_searched_as_others() -> None:
    for texts in (["10", "007", "1"], pack(["10", "007", "1"], least=0)):
        assert find_leading_zero(texts) == "007"
        assert digits(texts) == 2
    assert digits(["0.00123", "1e-300", "98765"]) == 5
