"""Tables that come with scikit-learn: nothing to download."""

from __future__ import annotations

import importlib.util
from itertools import product
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from gan_runner.columns import Column
from gan_runner.datasets.cells import decimals
from gan_runner.datasets.paths import file_faults
from gan_runner.datasets.tabular import Contents, Filled, Tabular
from gan_runner.errors import DataError, MachineError, printable

_REMEDY = "Install it anew: pip install --force-reinstall scikit-learn."


class Bundled(Tabular):
    """A table of numbers with a label in its last column, in a file of scikit-learn."""

    file: ClassVar[str]
    label: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    features: ClassVar[tuple[str, ...]]
    rows: ClassVar[int]

    @property
    def setting(self) -> str:
        return f"dataset.name={type(self).__name__}"

    @final
    def contents(self) -> Contents:
        path = _folder(self.setting) / self.file
        try:
            with file_faults(path, setting=self.setting):
                cells = [line.split(",") for line in path.read_text("ascii").splitlines()[1:]]
            values = np.array(cells, dtype=np.float64)
            if values.shape != (self.rows, len(self.features) + 1):
                raise ValueError(f"{len(values)} rows")
        except ValueError as reason:
            raise DataError(
                f"damaged {printable(path)} ({printable(reason)}), {self.setting}. {_REMEDY}"
            ) from None
        label = Column(self.label, self.classes, label=True)
        measured = [
            Filled(Column(name, decimals=decimals(row[i] for row in cells)), values[:, i])
            for i, name in enumerate(self.features)
        ]
        return Contents([*measured, Filled(label, values[:, -1].astype(np.int64))])


@final
class Iris(Bundled):
    """150 irises of three species, measured in centimetres."""

    file = "iris.csv"
    label = "species"
    classes = ("setosa", "versicolor", "virginica")
    features = (
        "sepal length (cm)",
        "sepal width (cm)",
        "petal length (cm)",
        "petal width (cm)",
    )
    rows = 150


@final
class Wine(Bundled):
    """178 wines of three growers in one region of Italy, analysed chemically."""

    file = "wine_data.csv"
    label = "cultivar"
    classes = ("class_0", "class_1", "class_2")
    features = (
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols"),
        *("flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
        *("od280/od315_of_diluted_wines", "proline"),
    )
    rows = 178


@final
class BreastCancer(Bundled):
    """569 tumours by ten measures of the cell nuclei in a picture: mean, error and worst."""

    file = "breast_cancer.csv"
    label = "diagnosis"
    classes = ("malignant", "benign")
    features = tuple(
        pattern.format(measure)
        for pattern, measure in product(
            ("mean {}", "{} error", "worst {}"),
            (
                *("radius", "texture", "perimeter", "area", "smoothness", "compactness"),
                *("concavity", "concave points", "symmetry", "fractal dimension"),
            ),
        )
    )
    rows = 569


def _folder(setting: str) -> Path:
    # the file alone: to import scikit-learn takes more than a second
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise MachineError(f"scikit-learn is missing, {setting}. pip install scikit-learn.")
    return Path(package.origin).parent / "datasets" / "data"
