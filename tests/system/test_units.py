"""Durations and sizes are written in one way everywhere."""

from __future__ import annotations

from gan_runner.system.units import clock_text, count_text, duration_text, four_digits, size_text


def test_spans_are_written_in_two_units_at_most() -> None:
    texts = {0.2: "0 s", 3.2: "3 s", 59.7: "1 min", 185: "3 min 5 s", 7800: "2 h 10 min"}
    texts |= {3600.4: "1 h", 86_399.6: "1 d", 2 * 86_400 + 3 * 3600 + 59: "2 d 3 h"}
    assert {seconds: duration_text(seconds) for seconds in texts} == texts


def test_sizes_are_written_in_three_digits() -> None:
    texts = {0: "0 B", 999: "999 B", 999.6: "1 kB", 1234: "1.23 kB", 12_345_678: "12.3 MB"}
    texts |= {5e9: "5 GB", 5e12: "5 TB", 5e15: "5e+03 TB"}
    assert {count: size_text(count) for count in texts} == texts


def test_numbers_have_four_digits_and_larger_ones_are_whole() -> None:
    texts = {0.69314718: "0.6931", -12.3: "-12.30", 0.0: "0.000", 99.996: "100.0", 1234.5: "1234"}
    texts |= {999.96: "1000", 12_345.6: "12,350", 1.23456e-5: "1.235e-05", 1e12: "1.000e+12"}
    assert {value: four_digits(value) for value in texts} == texts


def test_counts_have_three_digits_from_a_thousand_on() -> None:
    texts = {0: "0", 812: "812", 23_099: "23.1 k", 999_600: "1.00 M", 812_345: "812 k"}
    assert {count: count_text(count) for count in texts} == texts


def test_a_clock_has_hours_only_where_there_are_any() -> None:
    texts = {0.4: "0:00", 42: "0:42", 185: "3:05", 7800: "2:10:00"}
    assert {seconds: clock_text(seconds) for seconds in texts} == texts
