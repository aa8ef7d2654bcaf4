"""Notices sick training: named verdicts with evidence and advice, from the numbers logged."""

from gan_runner.health.diversity import Reals
from gan_runner.health.monitor import Monitor, Verdict
from gan_runner.health.settings import Health

__all__ = ["Health", "Monitor", "Reals", "Verdict"]
