"""The data sets that come with scikit-learn"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

from gan_runner.errors import MachineError

REMEDY = "Install it again: pip install --force-reinstall scikit-learn"


def data_folder(*, setting: str, kind: Literal["data", "images"] = "data") -> Path:
    """The folder of its tables, or of its images. Raises MachineError where scikit-learn is
    missing."""
    # found, not imported, which takes more than a second
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise MachineError(f"scikit-learn is missing, {setting}. pip install scikit-learn")
    return Path(package.origin).parent / "datasets" / kind
