"""The settings of a sweep as types. They are no part of a run's configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from gan_runner.catalogue import Component


class Sweeping(Component):
    """How large a sweep may be, and what becomes of combinations that can't be."""

    max_jobs: PositiveInt
    on_invalid: Literal["abort", "skip"]
