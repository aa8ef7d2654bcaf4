"""What classifiers learn from sampled rows of a table, beside what they learn from real rows.

    python benchmarks/table_efficacy.py split adult.csv income folder --test 10000
    python benchmarks/table_efficacy.py score folder income samples.csv [more.csv ...]

`split` writes folder/train.csv and folder/test.csv, stratified by the label, with seed 0; every
generator is to learn from the former. `score` fits the same four classifiers to real training rows
and to as many rows of each file, and prints the F1 score of the rarest class in the test rows, with
one preprocessing for all: numbers with mean 0 and deviation 1 over the real training rows, a one
for each category of these, a missing value as a category of its own. It is written without the
project's own metrics, so that it can check them, but for the settings of the classifiers.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from gan_runner.evaluation.metrics.efficacy import classifiers

Table = dict[str, list[str]]
MISSING = ("", "?", "nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    split = commands.add_parser("split")
    split.add_argument("path", type=Path)
    split.add_argument("label")
    split.add_argument("out", type=Path)
    split.add_argument("--test", type=int, default=10_000)
    score = commands.add_parser("score")
    score.add_argument("folder", type=Path)
    score.add_argument("label")
    score.add_argument("samples", type=Path, nargs="+")
    score.add_argument("--real", action="store_true", help="score the real training rows, too")
    args = parser.parse_args()
    if args.command == "split":
        write_split(args.path, args.label, args.out, args.test)
    else:
        score_files(args.folder, args.label, args.samples, real=args.real)


def write_split(path: Path, label: str, out: Path, test: int) -> None:
    table = read_table(path)
    rows = np.arange(len(table[label]))
    parts = train_test_split(rows, test_size=test, random_state=0, stratify=table[label])
    out.mkdir(parents=True, exist_ok=True)
    for name, indices in zip(("train", "test"), parts, strict=True):
        with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            columns = list(table.values())
            writer.writerows([column[i] for column in columns] for i in indices.tolist())
    print(f"{len(parts[0])} training rows, {len(parts[1])} test rows in {out}")


def score_files(folder: Path, label: str, samples: list[Path], *, real: bool) -> None:
    train, test = read_table(folder / "train.csv"), read_table(folder / "test.csv")
    preprocessing = Preprocessing(train, label)
    positive = min(Counter(train[label]).items(), key=lambda item: item[1])[0]
    x_test, y_test = preprocessing(test), np.array(test[label]) == positive
    names = list(classifiers(0))
    print(f"F1 of {label} = {positive}: {', '.join(names)}, mean", flush=True)
    count = len(train[label])
    for path in ([folder / "train.csv"] if real else []) + samples:
        begin = time.perf_counter()
        table = read_table(path)
        table = {name: cells[:count] for name, cells in table.items()}
        x, y = preprocessing(table), np.array(table[label]) == positive
        scores = [f1_score(y_test, fit(model, x, y, x_test)) for model in classifiers(0).values()]
        shown = "  ".join(f"{score:.4f}" for score in (*scores, float(np.mean(scores))))
        print(f"{shown}  {path}, {len(y)} rows, {time.perf_counter() - begin:.0f} s", flush=True)


def fit(
    model: object, x: NDArray[np.float32], y: NDArray[np.bool_], x_test: NDArray[np.float32]
) -> NDArray[np.bool_]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the number of iterations is the protocol's
        model.fit(x, y)  # type: ignore[attr-defined]
    predicted: NDArray[np.bool_] = model.predict(x_test)  # type: ignore[attr-defined]
    return predicted


class Preprocessing:
    """Features of rows, fitted to the real training rows. A column is one of numbers if all its
    cells but missing ones are."""

    def __init__(self, train: Table, label: str) -> None:
        self.numbers: dict[str, tuple[float, float]] = {}
        self.categories: dict[str, list[str]] = {}
        for name, cells in train.items():
            if name == label:
                continue
            numbers = to_numbers(cells)
            missing = np.array([cell in MISSING for cell in cells])
            if not np.isnan(numbers[~missing]).any():
                known = numbers[~missing]
                self.numbers[name] = float(known.mean()), float(known.std())
            else:
                self.categories[name] = sorted({clean(cell) for cell in cells})

    def __call__(self, table: Table) -> NDArray[np.float32]:
        parts = []
        for name, (mean, deviation) in self.numbers.items():
            numbers = to_numbers(table[name])
            parts.append((np.nan_to_num(numbers, nan=mean) - mean)[:, None] / deviation)
        for name, categories in self.categories.items():
            cells = np.array([clean(cell) for cell in table[name]])
            parts.append(cells[:, None] == np.array(categories))
        return np.concatenate(parts, axis=1).astype(np.float32)


def clean(cell: str) -> str:
    return "" if cell in MISSING else cell


def to_numbers(cells: list[str]) -> NDArray[np.float64]:
    """NaN for what isn't a number."""
    numbers = np.full(len(cells), np.nan)
    for index, cell in enumerate(cells):
        try:
            numbers[index] = float(cell)
        except ValueError:
            continue
    return numbers


def read_table(path: Path) -> Table:
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = list(csv.reader(file, skipinitialspace=True))
    return {
        name: [cell.strip() for cell in cells]
        for name, cells in zip(names, zip(*rows, strict=True), strict=True)
    }


if __name__ == "__main__":
    main()
