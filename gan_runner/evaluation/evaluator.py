"""Measuring generators against a data set, from random streams of its own and without a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan_runner.data.data import Data
from gan_runner.datasets import Dataset, Track
from gan_runner.evaluation.likelihood import Coder, likelihood
from gan_runner.evaluation.metrics.inputs import MetricInputs, SplitLikelihood
from gan_runner.evaluation.metrics.measures import MEASURES
from gan_runner.evaluation.metrics.registry import METRICS
from gan_runner.evaluation.metrics.tables import labeled_arrays
from gan_runner.evaluation.metrics.tstr import TSTR
from gan_runner.evaluation.reference import as_arrays, prepare_reference
from gan_runner.evaluation.report import EvaluationReport, make_report
from gan_runner.evaluation.settings import Evaluation, refuse_single_examples
from gan_runner.models.codes import Code
from gan_runner.objectives.elbo import Bound
from gan_runner.sampling.sampling import latent_points, sample


class TrainedModel(NamedTuple):
    """A generator to measure, and what is known of it.

    `weights` are `average` or `raw`. A `conditional` one is given the labels of the real examples
    in use; `code` are the codes in the latent points. Of an autoencoder with an `elbo` the
    likelihood is measured, too.
    """

    generator: nn.Module
    latent_size: int
    weights: str
    conditional: bool = False
    code: Code | None = None
    encoder: nn.Module | None = None
    elbo: Bound | None = None


class Evaluator:
    """Measures generators against one data set. What is real is prepared once."""

    def __init__(
        self,
        settings: Evaluation,
        dataset: Dataset,
        data: Data,
        *,
        cache: Path,
        device: torch.device,
        say: Callable[[str], None],
        track: Track,
    ) -> None:
        """Raises DataError for a single example, ConfigError for a space that doesn't fit the data,
        MachineError for what is missing. A classifier is trained here, once per data set."""
        refuse_single_examples(data, name=type(dataset).__name__)
        self._settings = settings
        self._metrics = tuple(METRICS) if settings.metrics is None else settings.metrics
        self._reference = prepare_reference(
            settings,
            {need for name in self._metrics for need in METRICS[name].needs},
            dataset,
            data,
            cache=cache,
            device=device,
            say=say,
            track=track,
        )

    def measure(self, model: TrainedModel) -> EvaluationReport:
        """Numbers of a generator from as many samples as there are real examples in use.

        Raises NumbersError for a sample that is NaN or Inf.
        """
        reference, settings = self._reference, self._settings
        latent = latent_points(
            len(reference.examples), model.latent_size, seed=settings.seed, truncation=None
        )
        labels = reference.labels if model.conditional else None
        fake = sample(model.generator, latent, reference.data.space, labels)
        inputs = self._inputs(fake, labels, _category(latent, model.code), self._likelihood(model))
        measured = {name: MEASURES[name](inputs) for name in self._metrics}
        return make_report(measured, inputs, reference, settings, weights=model.weights)

    def _likelihood(self, model: TrainedModel) -> SplitLikelihood | None:
        """The likelihood of unseen examples; None unless it is asked for and there is one."""
        if model.encoder is None or model.elbo is None or "likelihood" not in self._metrics:
            return None
        reference, settings = self._reference, self._settings
        found = likelihood(
            Coder.of(model.encoder, model.generator),
            model.elbo,
            reference.unseen,
            reference.data.space,
            samples=settings.importance_samples,
            seed=settings.seed,
        )
        terms = model.elbo.model_dump(exclude={"beta"})  # which weighs terms in training only
        parameters = {"importance_samples": settings.importance_samples, **terms}
        return SplitLikelihood(*found, split=reference.split, parameters=parameters)

    def _inputs(
        self,
        fake: Tensor,
        labels: Tensor | None,
        category: Tensor | None,
        likelihood: SplitLikelihood | None,
    ) -> MetricInputs:
        reference, settings, data = self._reference, self._settings, self._reference.data
        return MetricInputs(
            space=reference.space,
            real=reference.examples,
            fake=fake,
            real_features=reference.features,
            fake_features=reference.space.features(fake),
            train=reference.train,
            held_out=reference.held_out,
            centers=None if reference.mixture is None else reference.mixture.centres,
            std=None if reference.mixture is None else reference.mixture.std,
            class_counts=None if data.labels is None else data.labels.bincount(),
            labels=labels,
            category=category,
            neighbors=settings.neighbors,
            projections=settings.projections,
            seed=settings.seed,
            likelihood=likelihood,
            columns=data.space.columns,
            tstr=self._tstr(fake, labels),
            held_out_data=reference.held_out_digest[:12] or None,
        )

    def _tstr(self, fake: Tensor, labels: Tensor | None) -> TSTR | None:
        """The results of classifiers fitted to real and to generated rows or sequences; None where
        samples have no class."""
        columns, synthetic = self._reference.data.space.columns, None
        if columns is not None:
            synthetic = labeled_arrays(fake, labels, columns)
        elif labels is not None:
            synthetic = as_arrays(fake, labels)
        task = self._reference.tstr
        return None if task is None or synthetic is None else task.evaluate(synthetic)


def _category(latent: Tensor, code: Code | None) -> Tensor | None:
    """The first categorical code of each latent point, int64 [N], where there is one."""
    if code is None or not code.categorical:
        return None
    return code.values(latent[:, -code.columns :])[0]
