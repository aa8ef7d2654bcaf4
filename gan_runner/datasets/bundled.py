"""Tables that come with scikit-learn: nothing to download."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, final

import numpy as np

from gan_runner.data import Column, ColumnNotes, Reading
from gan_runner.datasets.readers.cells import decimals, digits
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.datasets.readers.scikit_learn import REMEDY, data_folder
from gan_runner.datasets.tabular import ColumnValues, TableContents, Tabular
from gan_runner.errors import DataError, printable


class Source(NamedTuple):
    """A file of scikit-learn, and what its columns are: `features` and, as the last, `label`."""

    file: str
    rows: int
    label: str
    classes: tuple[str, ...]
    features: tuple[str, ...]


IRIS = Source(
    "iris.csv",
    150,
    "species",
    ("setosa", "versicolor", "virginica"),
    ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
)
WINE = Source(
    "wine_data.csv",
    178,
    "cultivar",
    ("class_0", "class_1", "class_2"),
    (
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols"),
        *("flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
        *("od280/od315_of_diluted_wines", "proline"),
    ),
)
_NUCLEI = (
    *("radius", "texture", "perimeter", "area", "smoothness", "compactness"),
    *("concavity", "concave points", "symmetry", "fractal dimension"),
)
BREAST_CANCER = Source(
    "breast_cancer.csv",
    569,
    "diagnosis",
    ("malignant", "benign"),
    tuple(form.format(of) for form in ("mean {}", "{} error", "worst {}") for of in _NUCLEI),
)


class Bundled(Tabular):
    """A table of numbers with a label, in a file of scikit-learn."""

    @property
    @abstractmethod
    def source(self) -> Source:
        """The file and its columns."""

    @property
    def setting(self) -> str:
        return f"dataset.name={type(self).__name__}"

    def check_present(self) -> None:
        data_folder(setting=self.setting)

    def contents(self) -> TableContents:
        source = self.source
        path = data_folder(setting=self.setting) / source.file
        try:
            with file_faults(path, setting=self.setting):
                cells = [line.split(",") for line in path.read_text("ascii").splitlines()[1:]]
            values = np.array(cells, dtype=np.float64)
            if values.shape != (source.rows, len(source.features) + 1):
                raise ValueError(f"{len(values)} rows")
        except ValueError as reason:
            raise DataError(
                f"damaged {printable(path)} ({printable(reason)}), {self.setting}. {REMEDY}"
            ) from None
        numeric = [
            ColumnValues(Column(name, decimals=decimals([row[i] for row in cells])), values[:, i])
            for i, name in enumerate(source.features)
        ]
        label = Column(source.label, source.classes, label=True)
        contents = [*numeric, ColumnValues(label, values[:, -1].astype(np.int64))]
        lengths = [digits(row[i] for row in cells) for i in range(len(source.features))]
        return TableContents(contents, _reading(source, lengths))


def _reading(source: Source, lengths: Sequence[int]) -> Reading:
    """The notes on reading the file; `lengths` are the digits of the numbers of each feature."""
    features = zip(source.features, lengths, strict=True)
    columns = [ColumnNotes(name, "numeric", digits=length) for name, length in features]
    label = ColumnNotes(source.label, "label", note="the classes of the set")
    return Reading(
        source=f"{source.file} of scikit-learn",
        stored=f"{source.rows} rows, {len(source.features) + 1} columns",
        labels=f"column {source.label}",
        columns=(*columns, label),
    )


@final
class Iris(Bundled):
    """150 irises of three species, measured in centimeters."""

    @property
    def source(self) -> Source:
        return IRIS


@final
class Wine(Bundled):
    """178 wines of three growers in one region of Italy, analyzed chemically."""

    @property
    def source(self) -> Source:
        return WINE


@final
class BreastCancer(Bundled):
    """569 tumors by ten measures of the cell nuclei in a picture: mean, error and worst."""

    @property
    def source(self) -> Source:
        return BREAST_CANCER
