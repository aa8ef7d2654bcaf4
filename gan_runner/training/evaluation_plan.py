"""How often a run is evaluated, and with how many samples, where its settings leave that open.

Chosen from the work that training and evaluating are estimated to be, never from the clock, so that
a run can be made again. Loss, penalties and updates of D don't count, so that runs of a sweep over
them are evaluated alike and can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan_runner.config.schema import FEWEST_EVALUATED_STEPS
from gan_runner.data import Data
from gan_runner.evaluation.cost import OPERATIONS_PER_SECOND, classes_apart, estimated_seconds
from gan_runner.evaluation.metrics.registry import METRICS
from gan_runner.evaluation.settings import MOST_EXAMPLES, space_name
from gan_runner.models import GenerativeModel
from gan_runner.training.experiment import Experiment

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
    passed = _operations_of_a_pass(experiment.model, data)
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
    sample = _operations_of_a_pass(experiment.model, data).sample
    each = _seconds(experiment, data, experiment.evaluation.count, sample)
    return EvaluationCost(count, count * each)


class _Pass(NamedTuple):
    """Operations for one example: of a training step, and of the generator alone."""

    step: float
    sample: float


def _operations_of_a_pass(model: GenerativeModel, data: Data) -> _Pass:
    """Of networks whose weights nobody has drawn."""
    classes = data.classes if model.conditional else 0
    with torch.random.fork_rng(devices=[]), _Undrawn():
        networks = model.build_networks(data.space, classes)
    generator = networks["generator"].eval()
    sizes = {name: sum(p.numel() for p in each.parameters()) for name, each in networks.items()}
    sample = _count(lambda: _sample(generator, model)) or 2.0 * sizes["generator"]
    others = (sum(sizes.values()) - sizes["generator"]) / max(1, sizes["generator"])
    # G makes fakes twice and learns once, each other network sees reals and fakes and learns from
    # both, and passes gradients on to G; learning is twice a forward pass
    return _Pass(step=sample * (4 + 9 * others), sample=sample)


class _Undrawn(TorchFunctionMode):
    """Networks built here draw no weights, which would take time and change random streams."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        is_of_init = getattr(func, "__module__", None) == "torch.nn.init"
        if is_of_init or func in (Tensor.normal_, Tensor.uniform_):
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


def _sample(generator: nn.Module, model: GenerativeModel) -> None:
    latents = torch.zeros(2, model.latent_dims)
    generator(latents, torch.zeros(2, dtype=torch.int64) if model.conditional else None)


def _count(work: Callable[[], None]) -> float:
    """Operations for each of two examples; 0 where they can't be counted."""
    try:
        with torch.no_grad(), _Counter() as counter:
            work()
    except Exception:  # of a plugin's network; training it will say what is wrong
        return 0.0
    return float(counter.operations) / 2


class _Counter(TorchDispatchMode):
    """Adds up the operations of products and convolutions. It counts what torch's FlopCounterMode
    does, which imports torch's compiler: that takes as long as to import torch itself."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: int = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the base class wraps the method below, for the compiler

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        out = func(*args, **named)
        count = flop_registry.get(func._overloadpacket)
        self.operations += 0 if count is None else count(*args, **named, out_val=out)
        return out


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
        classes=classes_apart(data, space=space),
    )
