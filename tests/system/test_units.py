"""Durations and sizes are written in one way everywhere."""

from __future__ import annotations

from gan_runner.system.units import duration_text, size_text


def test_spans_are_written_in_two_units_at_most() -> None:
    texts = {0.2: "0 s", 3.2: "3 s", 59.7: "1 min", 185: "3 min 5 s", 7800: "2 h 10 min"}
    texts |= {3600.4: "1 h", 86_399.6: "1 d", 2 * 86_400 + 3 * 3600 + 59: "2 d 3 h"}
    assert {seconds: duration_text(seconds) for seconds in texts} == texts


def test_sizes_are_written_in_three_digits() -> None:
    texts = {0: "0 B", 999: "999 B", 999.6: "1 kB", 1234: "1.23 kB", 12_345_678: "12.3 MB"}
    texts |= {5e9: "5 GB", 5e12: "5 TB", 5e15: "5e+03 TB"}
    assert {count: size_text(count) for count in texts} == texts
