"""Numbers of 32 bits in a type of 64, with the same digits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def widen(values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers [N] as float64: those of float32 by their shortest texts, so that 1.3 is 1.3 and not
    1.2999999523."""
    shown = values.astype(np.str_) if values.dtype == np.float32 else values
    return shown.astype(np.float64)
