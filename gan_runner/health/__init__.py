"""Notices sick training: named verdicts with evidence and advice, from the numbers logged."""

from gan_runner.health.diversity import Reals
from gan_runner.health.history import EvaluationNames
from gan_runner.health.monitor import Monitor
from gan_runner.health.settings import Health
from gan_runner.storage.status import Verdict

__all__ = ["EvaluationNames", "Health", "Monitor", "Reals", "Verdict"]
