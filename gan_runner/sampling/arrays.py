"""Samples as files have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def to_stored_array(examples: Tensor) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Examples as files have them: images uint8 [N, H, W, C], all else float32."""
    stored = examples.permute(0, 2, 3, 1) if examples.ndim == 4 else examples
    return stored.cpu().contiguous().numpy()
