"""How often a run is evaluated, and with how many samples, where its settings leave that open.

Chosen from the work that training and evaluating are estimated to be, never from the clock, so that
a run can be made again. Loss, penalties and updates of D don't count, so that runs of a sweep over
them are evaluated alike and can be compared.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from gan_runner.config.schema import FEWEST_EVALUATED_STEPS
from gan_runner.data import Data
from gan_runner.evaluation.cost import OPERATIONS_PER_SECOND, classes_apart, estimated_seconds
from gan_runner.evaluation.metrics.registry import METRICS
from gan_runner.evaluation.settings import MOST_EXAMPLES, space_name
from gan_runner.evaluation.target import find_target
from gan_runner.training.experiment import Experiment
from gan_runner.training.operations import operations_of_a_pass

_EVALUATIONS = (4, 2, 1)
_SHARE = 0.1
"""Of the work of training: what evaluations should take together."""
_COUNTS = (MOST_EXAMPLES, 2000, 500)
_TRAINED_PER_SECOND = OPERATIONS_PER_SECOND / 2
"""Operations of training: small products take longer."""
_SECONDS_OF_A_STEP = 0.004
"""Of any step, however small the networks: calls of kernels and of Python."""
_FEATURES = {"classifier": (128, 4e6), "random": (64, 8e6), "inception": (2048, 1.2e10)}
"""The size of features of images, and the operations of one image's."""


class EvaluationPlan(NamedTuple):
    """The steps between two evaluations, 0 for none, and the most examples of each."""

    every: int
    num: int


def plan_evaluations(experiment: Experiment, data: Data, *, steps: int) -> EvaluationPlan:
    """What the settings say, and where they say auto: evaluations at each quarter of a run of
    `steps` steps, or fewer, with as many samples as take a tenth of the work of training.

    None at all where even one with few samples would take as long as the training does.
    """
    settings, every = experiment.evaluation, experiment.config.train.eval_every
    if every != "auto":
        return EvaluationPlan(every, settings.count)
    if steps < FEWEST_EVALUATED_STEPS:
        return EvaluationPlan(0, settings.count)
    passed = operations_of_a_pass(experiment.method, data)
    counts = _COUNTS if settings.num == "auto" else (settings.count,)
    batch = experiment.config.train.batch_size * passed.step / _TRAINED_PER_SECOND
    training = steps * (_SECONDS_OF_A_STEP + batch)
    seconds = {n: _seconds(experiment, data, n, passed.sample) for n in counts}
    for count in counts:
        if _EVALUATIONS[0] * seconds[count] <= _SHARE * training:
            return EvaluationPlan(-(-steps // _EVALUATIONS[0]), count)
    fewest = counts[-1]
    for evaluations in _EVALUATIONS:
        if evaluations * seconds[fewest] <= 2 * _SHARE * training:
            return EvaluationPlan(-(-steps // evaluations), fewest)
    return EvaluationPlan(steps if seconds[fewest] <= training else 0, fewest)


class EvaluationCost(NamedTuple):
    """How many evaluations a run has, and about how many seconds all of them take."""

    evaluations: int
    seconds: float


def evaluation_cost(experiment: Experiment, data: Data) -> EvaluationCost:
    """What the evaluations of a run take, once its plan is resolved. The classifier of a data set,
    which is trained once, isn't counted."""
    train = experiment.config.train
    if train.evaluation_interval == 0:
        return EvaluationCost(0, 0.0)
    count = -(-train.steps // train.evaluation_interval)  # one of them at the last step
    sample = operations_of_a_pass(experiment.method, data).sample
    each = _seconds(experiment, data, experiment.evaluation.count, sample)
    return EvaluationCost(count, count * each)


def _seconds(experiment: Experiment, data: Data, num: int, sample: float) -> float:
    """Of one evaluation with at most `num` samples, each class by itself included."""
    settings, examples = experiment.evaluation, min(num, len(data))
    space = space_name(settings, data)
    size, extraction = _FEATURES.get(space, (prod(data.space.shape), 0.0))
    metrics = tuple(METRICS) if settings.metrics is None else settings.metrics
    made = examples * (sample + extraction) / OPERATIONS_PER_SECOND
    has_tstr = data.tells_classes_apart and data.space.kind != "images"
    return made + estimated_seconds(
        metrics,
        examples=examples,
        features=size,
        has_tstr=has_tstr,
        has_efficacy=find_target(settings, data) is not None,
        classes=classes_apart(data, space=space),
    )
