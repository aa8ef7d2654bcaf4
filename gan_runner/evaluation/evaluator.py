"""Measuring generators against a data set, from random streams of its own and without a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from gan_runner.data import Data
from gan_runner.data.conversion import convert_images
from gan_runner.datasets import Dataset, Track
from gan_runner.evaluation.cost import classes_apart, estimated_seconds
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.likelihood import likelihood
from gan_runner.evaluation.metrics.by_class import ClassNumbers, images_by_class, rows_by_class
from gan_runner.evaluation.metrics.inputs import MetricInputs, SplitLikelihood
from gan_runner.evaluation.metrics.measures import measure
from gan_runner.evaluation.metrics.paired import TOGETHER
from gan_runner.evaluation.metrics.registry import METRICS, Need
from gan_runner.evaluation.metrics.tables import labeled_arrays
from gan_runner.evaluation.metrics.translated import Translated, WayBack
from gan_runner.evaluation.metrics.tstr import TSTR
from gan_runner.evaluation.reference import Inputs, Reference, as_arrays, prepare_reference
from gan_runner.evaluation.report import EvaluationReport, Measured, make_report
from gan_runner.evaluation.settings import Evaluation, refuse_single_examples
from gan_runner.sampling.sampler import CHUNK, Sampler
from gan_runner.sampling.translation import Translation
from gan_runner.system import ranks, shared_work
from gan_runner.system.units import duration_text

_ANNOUNCED_SECONDS = 60.0
_LONGEST = "sliced_wasserstein"  # whose projections are of examples, not of features


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
        self._needs = {need for name in self._metrics for need in METRICS[name].needs}
        self._reference = prepare_reference(
            settings,
            self._needs,
            dataset,
            data,
            cache=cache,
            device=device,
            say=say,
            track=track,
        )
        self._track = track
        self._announce(say)

    def _announce(self, say: Callable[[str], None]) -> None:
        """Say of an evaluation that will take minutes that it will, and what makes it shorter."""
        examples, features = len(self._reference.examples), self._reference.space.size
        seconds = estimated_seconds(
            self._metrics,
            examples=examples,
            features=features,
            has_tstr=self._reference.tstr is not None,
            has_efficacy=self._reference.efficacy is not None,
            classes=classes_apart(self._reference.data, space=self._reference.space.name),
        )
        if seconds >= _ANNOUNCED_SECONDS:
            say(
                f"each evaluation takes about {duration_text(seconds)}: {examples} examples of "
                f"{features} features. Fewer examples (evaluation.num) or metrics "
                "(evaluation.metrics) make it shorter."
            )

    def measure(self, sampler: Sampler) -> EvaluationReport:
        """Numbers of a generator from as many samples as there are real examples in use.

        A conditional one is given the labels of these examples. Of an autoencoder the likelihood of
        held-out examples is measured, too, or of training ones where there are no others. A
        translator is given the inputs of these examples. Raises NumbersError for a sample that is
        NaN or Inf. The other ranks of a run `take_part`.
        """
        ranks.tell(ranks.Order.EVALUATE)
        reference, settings = self._reference, self._settings
        inputs, measured, classes = self._measure(sampler)
        return make_report(measured, classes, inputs, reference, settings, weights=sampler.weights)

    def take_part(self, sampler: Sampler) -> None:
        """Do a share of what rank 0 measures of the same generator."""
        self._measure(sampler)

    def _measure(self, sampler: Sampler) -> tuple[MetricInputs, Measured, ClassNumbers]:
        inputs = (
            self._sampled_inputs(sampler)
            if sampler.translation is None
            else self._translated_inputs(sampler.translation)
        )
        measured = self._measure_each(inputs)
        return inputs, measured, _by_class(inputs, self._reference, tuple(measured))

    def _sampled_inputs(self, sampler: Sampler) -> MetricInputs:
        """What metrics compare of a generator: samples with real examples."""
        reference = self._reference
        latents = sampler.latents(len(reference.examples), seed=self._settings.seed)
        labels = reference.labels if sampler.classes else None
        fake, features = _generate(sampler, latents, labels, reference.space)
        return self._inputs(
            fake,
            features.to(reference.space.device),
            labels,
            _category(sampler, latents),
            self._likelihood(sampler),
        )

    def _measure_each(self, inputs: MetricInputs) -> Measured:
        """The numbers of every metric. Those of one walk over all pairs are a rank's together; it
        and the longest of the others come first, so that two ranks have one each."""
        walked = tuple(name for name in self._metrics if name in TOGETHER)
        groups = [walked, *((name,) for name in self._metrics if name not in TOGETHER)]
        groups.sort(key=lambda names: names not in (walked, (_LONGEST,)))

        def measure_own(own: Sequence[Sequence[str]]) -> Iterator[Measured]:
            for group in self._track(own, description="measuring", total=len(own)):
                yield {name: measure(name, inputs) for name in group}

        parts = shared_work.each(measure_own, groups)
        found = {name: numbers for part in parts for name, numbers in part.items()}
        return {name: found[name] for name in self._metrics}

    def _translated_inputs(self, translation: Translation) -> MetricInputs:
        """What metrics compare of a translator: its outputs with targets, where there are pairs
        each with its own."""
        inputs, targets = self._reference.inputs, self._reference.examples
        assert inputs is not None, "a translator's data has inputs"
        outputs = translation.translate(inputs.images)
        translated = Translated(
            paired=inputs.paired,
            label_names=self._reference.data.space.label_names,
            trivial=inputs.trivial,
            labels=self._reference.labels,
            back=_translate_back(translation, inputs, outputs, targets),
        )
        features = self._reference.space.features(outputs)
        found = self._inputs(outputs, features, inputs.labels, None, None)
        return replace(found, translated=translated)

    def _likelihood(self, sampler: Sampler) -> SplitLikelihood | None:
        """The likelihood of unseen examples; None unless it is asked for and there is one."""
        if sampler.elbo is None or Need.LIKELIHOOD not in self._needs:
            return None
        reference, samples = self._reference, self._settings.importance_samples
        found = likelihood(
            sampler, sampler.elbo, reference.unseen, samples=samples, seed=self._settings.seed
        )
        terms = sampler.elbo.model_dump(exclude={"beta"})  # which weighs terms in training only
        parameters = {"importance_samples": samples, **terms}
        return SplitLikelihood(*found, split=reference.split, parameters=parameters)

    def _inputs(
        self,
        fake: Tensor,
        features: Tensor,
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
            fake_features=features,
            fresh=reference.fresh,
            centers=None if reference.mixture is None else reference.mixture.centers,
            std=None if reference.mixture is None else reference.mixture.std,
            class_counts=self._class_counts(),
            labels=labels,
            category=category,
            neighbors=settings.neighbors,
            projections=settings.projections,
            seed=settings.seed,
            likelihood=likelihood,
            columns=data.space.columns,
            tstr=self._tstr(fake, labels),
            held_out_data=reference.held_out_digest[:12] or None,
            table=reference.table,
            held_out_rows=reference.held_out_rows,
            efficacy=reference.efficacy,
            fit_real=lambda: reference.gaussian,
            real_set=reference.real_set,
            metrics=frozenset(self._metrics),
        )

    def _class_counts(self) -> Tensor | None:
        """The training examples of each class that a generator should make; a translator is asked
        for others."""
        labels, inputs = self._reference.data.labels, self._reference.inputs
        return None if labels is None or inputs is not None else labels.bincount()

    def _tstr(self, fake: Tensor, labels: Tensor | None) -> TSTR | None:
        """The results of classifiers fitted to real and to generated rows or sequences; None where
        samples have no class."""
        columns, synthetic = self._reference.data.space.columns, None
        if columns is not None:
            synthetic = labeled_arrays(fake, labels, columns)
        elif labels is not None:
            synthetic = as_arrays(fake, labels)
        task = self._reference.tstr
        if task is None or synthetic is None:
            return None
        (found,) = shared_work.each(lambda own: map(task.evaluate, own), [synthetic])
        return found


def _generate(
    sampler: Sampler, latents: Tensor, labels: Tensor | None, space: FeatureSpace
) -> tuple[Tensor, Tensor]:
    """The samples of latent points, and their features, both on the CPU."""

    def generate(own: Sequence[slice]) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in own:
            fake = sampler.decode(latents[rows], None if labels is None else labels[rows])
            yield fake, space.features(fake).cpu()

    # whole batches of both, in which one process makes them, too
    block = math.lcm(CHUNK, space.batch_size)
    fake, features = shared_work.rows(generate, len(latents), block=block)
    return fake, features


def _by_class(inputs: MetricInputs, reference: Reference, metrics: Sequence[str]) -> ClassNumbers:
    if reference.rows is not None:
        return rows_by_class(inputs, reference.rows, metrics)
    return images_by_class(inputs, reference.labels, reference.data.class_names, metrics)


def _translate_back(
    translation: Translation, inputs: Inputs, outputs: Tensor, targets: Tensor
) -> WayBack | None:
    """Both domains translated there and back; None for a translator of one direction."""
    if inputs.space is None or translation.back is None:
        return None
    back = translation.turned("ba")
    targets_back = back.translate(targets)
    return WayBack(
        outputs=targets_back,
        inputs=inputs.images,
        labels=inputs.labels,
        cycled=back.translate(outputs),
        targets_cycled=translation.translate(targets_back),
        trivial=convert_images(targets, inputs.images.shape[1:]),
        space=inputs.space,
        real_features=inputs.features,
        fit_real=lambda: inputs.gaussian,
    )


def _category(sampler: Sampler, latents: Tensor) -> Tensor | None:
    """The first categorical code of each latent point, int64 [N], where there is one."""
    if sampler.code is None or not sampler.code.categorical:
        return None
    return sampler.code_values(latents)[0]
