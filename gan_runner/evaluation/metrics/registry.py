"""Every metric: its name, what it says and needs, the numbers that it gives, which are better.

Nothing is computed here, so that what only compares, lists or explains needs no torch. The function
of each metric is in `measures.py`, attached to its entry. A plugin registers an entry of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

from gan_runner.errors import ConfigError, did_you_mean, printable

Direction = Literal["min", "max", "half"]
"""Which values of a number are better: smaller, larger, or nearer to 0.5."""

_LISTED = 80  # numbers at most that a message names, those of all metrics

BETTER: dict[Direction, str] = {
    "min": "less is better",
    "max": "more is better",
    "half": "nearer to 0.5 is better",
}
"""Directions in words."""


class Need(Enum):
    """An input of a metric beside examples; its value is the text of a message."""

    HELD_OUT = "held-out examples"
    CLASSIFIER = "the feature space of a classifier"
    MODES = "a mixture in the plane or labeled images"
    LABELS = "a conditional generator of labeled images, or a translator into them"
    CODES = "a categorical latent code and labeled images"
    LIKELIHOOD = "an autoencoder that maximizes its ELBO"
    TSTR = "labeled rows or sequences"
    TABLE = "a table"
    EFFICACY = "a labeled table with held-out rows of two classes or more"
    TRANSLATOR = "a translator"
    PAIRS = "a translator of paired images"
    LABEL_MAPS = "a translator of paired images into label maps"
    DOMAINS = "a translator there and back"
    LABELED_DOMAINS = "a translator of labeled images there and back"


@dataclass(frozen=True)
class Number:
    """A number that a metric gives.

    `name` chooses it, in `evaluation.best.metric` and `gan-compare --metric`; `direction` is None
    where neither end is better. `row_name` is its name in rows where that is another one, with
    `{space}` for the feature space, and `inception_name` the one that only Inception's space gives.
    `good` says in a sentence which values are good.
    """

    name: str
    direction: Direction | None
    row_name: str | None = None
    inception_name: str | None = None
    good: str | None = None

    def name_in(self, space: str) -> str:
        """Its name in rows when it is measured in this space, as in `frechet_classifier`."""
        if space == "inception" and self.inception_name is not None:
            return self.inception_name
        return (self.row_name or self.name).format(space=space)


_SELECTION = 60
"""What is done with the distance of a pair, comparing and selecting, takes as long as so many
features of it."""


@dataclass(frozen=True)
class Cost:
    """The work of a metric on N examples of D features, apart from the classifier of a data set.

    `pair_passes`: over all pairs of a real and a generated example, of which at most `queries` are
    compared with at most `references` of the others. `covariances` of features, or where there are
    fewer examples, products of all pairs of them. `cubes`: operations of order min(N, D)**3, in
    multiples of it. `passes`: over the features of all examples, of one operation each. No more
    than `most_examples` are used.
    `shares_walk`: what a WALK costs comes once for all metrics that take part in it.
    """

    pair_passes: int = 0
    queries: int | None = None
    references: int | None = None
    covariances: int = 0
    cubes: int = 0
    passes: int = 0
    most_examples: int | None = None
    shares_walk: bool = False

    def operations(self, examples: int, features: int) -> float:
        """Multiplications and additions, roughly."""
        examples = min(examples, self.most_examples or examples)
        compared = [float(min(examples, n or examples)) for n in (self.queries, self.references)]
        pairs = self.pair_passes * compared[0] * compared[1] * (features + _SELECTION)
        rank = float(min(examples, features))
        covariances = self.covariances * examples * features * rank
        passes = self.passes * float(examples) * features
        return 2.0 * (pairs + covariances) + self.cubes * rank**3 + passes


WALK = Cost(pair_passes=1)
"""The work of one walk over all pairs within and between both sets: two passes, in float32."""


@dataclass(frozen=True)
class Metric:
    """A metric by its name in `evaluation.metrics`.

    `description` is what it says, in one sentence; `of_a_class` is whether it makes sense of the
    examples of one class alone. `other_names`: what others call it or a number of it, in lower
    case, for the remedy of an unknown name.
    """

    name: str
    numbers: tuple[Number, ...]
    description: str
    source: str | None = None
    needs: tuple[Need, ...] = ()
    of_a_class: bool = False
    cost: Cost = Cost()
    other_names: tuple[str, ...] = ()


_OF_THE_TRIVIAL_ANSWER = (
    "The measure of {}: what the input itself reaches, resized by bicubic interpolation if need be."
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "frechet",
            (
                Number(
                    "frechet",
                    "min",
                    "frechet_{space}",
                    inception_name="fid",
                    good="Less is better: near 0 for equal sets, and more with fewer samples.",
                ),
            ),
            "The distance of Gaussians fitted to features; called fid in Inception's space only.",
            "Heusel et al. 2017, arXiv:1706.08500",
            of_a_class=True,
            # two eigendecompositions, and singular values
            cost=Cost(covariances=2, cubes=30),
            other_names=("fd", "frechet_distance", "frechet_inception_distance"),
        ),
        Metric(
            "kid",
            (
                Number(
                    "kid",
                    "min",
                    "kid_{space}",
                    good="Less is better: 0 on average for equal sets, so just below 0 is as good.",
                ),
            ),
            "The unbiased kernel distance over all pairs, with its standard error.",
            "Binkowski et al. 2018, arXiv:1801.01401",
            of_a_class=True,
            cost=Cost(shares_walk=True),
            other_names=("kernel_distance", "kernel_inception_distance"),
        ),
        Metric(
            "manifold",
            (
                Number(
                    "precision",
                    "max",
                    "precision_{space}",
                    good="More is better: 1 where every sample lies among real examples.",
                ),
                Number(
                    "recall",
                    "max",
                    "recall_{space}",
                    good="More is better: 1 where every real example lies among samples.",
                ),
                Number(
                    "density",
                    "max",
                    "density_{space}",
                    good="About 1 is good, which real examples reach; above it samples crowd.",
                ),
                Number(
                    "coverage",
                    "max",
                    "coverage_{space}",
                    good="More is better: 1 where every real example has a sample near it.",
                ),
            ),
            "How far neighborhoods of samples and of real examples cover each other.",
            "Kynkäänniemi et al. 2019, arXiv:1904.06991; Naeem et al. 2020, arXiv:2002.09797",
            of_a_class=True,
            cost=Cost(shares_walk=True),
            other_names=("prdc", "precision_recall"),
        ),
        Metric(
            "classifier_score",
            (
                Number(
                    "classifier_score",
                    "max",
                    inception_name="inception_score",
                    good="More is better, up to the number of classes: all of them, clearly.",
                ),
            ),
            "The formula of the Inception Score, which only that space may call so.",
            "Salimans et al. 2016, arXiv:1606.03498",
            needs=(Need.CLASSIFIER,),
            other_names=("is",),
        ),
        Metric(
            "sliced_wasserstein",
            (
                Number(
                    "sliced_wasserstein",
                    "min",
                    good="Less is better: 0 for equal sets, in the units of the data.",
                ),
            ),
            "The cost of transport along random directions of the data itself.",
            "Bonneel et al. 2015",
            of_a_class=True,
            other_names=("swd", "wasserstein", "emd"),
        ),
        Metric(
            "one_nn",
            (
                Number(
                    "one_nn",
                    "half",
                    "one_nn_accuracy_{space}",
                    good="0.5 is best: none can tell real from generated; near 0 are copies.",
                ),
            ),
            "How often the nearest neighbor tells real from generated; 0.5 is best.",
            "Lopez-Paz & Oquab 2017, arXiv:1610.06545",
            of_a_class=True,
            cost=Cost(shares_walk=True),
            other_names=("1nn", "1_nn", "c2st", "one_nn_accuracy"),
        ),
        Metric(
            "mmd",
            (
                Number(
                    "mmd",
                    "min",
                    "mmd_{space}",
                    good="Less is better: near 0 for equal distributions.",
                ),
            ),
            "The kernel distance with a Gaussian kernel, of at most 2,000 examples of either kind.",
            "Gretton et al. 2012",
            of_a_class=True,
            cost=Cost(pair_passes=3, queries=2000, references=2000),
            other_names=("maximum_mean_discrepancy",),
        ),
        Metric(
            "memorization",
            # a copy of the data and a stranger to it are both bad
            (
                Number(
                    "memorization",
                    None,
                    "memorization_{space}",
                    good="About 1 is good: far below it are copies of the training data.",
                ),
            ),
            "Distance to training examples over that to held-out ones; far below 1 are copies.",
            "Meehan et al. 2020, arXiv:2004.05675",
            needs=(Need.HELD_OUT,),
            cost=Cost(pair_passes=1, queries=2000),
            other_names=("memorisation",),
        ),
        Metric(
            "modes",
            (
                Number(
                    "modes_covered",
                    "max",
                    good="More is better: the number of modes or classes that are reached.",
                ),
                Number(
                    "high_quality",
                    "max",
                    good="More is better: the share of samples within 3 sigma of a mode.",
                ),
                Number(
                    "reverse_kl",
                    "min",
                    good="Less is better: 0 where the modes have their real shares.",
                ),
                Number(
                    "total_variation",
                    "min",
                    good="Less is better: 0 where the modes have their real shares, 1 at worst.",
                ),
            ),
            "Modes or classes covered, and how evenly; of a mixture, the share within 3 sigma.",
            "Srivastava et al. 2017, arXiv:1705.07761; Metz et al. 2016, arXiv:1611.02163",
            needs=(Need.MODES,),
            other_names=("mode_coverage",),
        ),
        Metric(
            "label_accuracy",
            (
                Number(
                    "label_accuracy",
                    "max",
                    good="More is better: 1 where every sample looks like its class.",
                ),
            ),
            "The share of samples that a classifier puts into the class that they were made for.",
            needs=(Need.LABELS,),
            other_names=("accuracy", "class_consistency"),
        ),
        Metric(
            "label_accuracy_trivial",
            (
                Number(
                    "label_accuracy_trivial",
                    None,
                    good=_OF_THE_TRIVIAL_ANSWER.format("label_accuracy"),
                ),
                Number(
                    "label_accuracy_real",
                    None,
                    good="The measure of label_accuracy: what real targets reach.",
                ),
            ),
            "The share of untranslated inputs, and of real targets, that are put in their class.",
            needs=(Need.TRANSLATOR, Need.LABELS),
        ),
        Metric(
            "label_accuracy_back",
            (
                Number(
                    "label_accuracy_back",
                    "max",
                    good="More is better: 1 where the class survives the way back.",
                ),
                Number(
                    "label_accuracy_back_trivial",
                    None,
                    good="The measure of label_accuracy_back: what untranslated targets reach.",
                ),
                Number(
                    "label_accuracy_back_real",
                    None,
                    good="The measure of label_accuracy_back: what real inputs reach.",
                ),
            ),
            "The share of targets translated back that a classifier puts into their class.",
            needs=(Need.LABELED_DOMAINS,),
        ),
        Metric(
            "code_accuracy",
            (
                Number(
                    "code_accuracy",
                    "max",
                    good="More is better: 1 where each value of the code is a class of its own.",
                ),
            ),
            "How well the first categorical code agrees with the classes, paired one to one.",
            "Chen et al. 2016, arXiv:1606.03657; Kuhn 1955",
            needs=(Need.CODES,),
        ),
        Metric(
            "likelihood",
            (
                Number("elbo", "max", good="More is better: a lower bound of the log-likelihood."),
                Number("log_likelihood", "max", good="More is better, on the same data only."),
            ),
            "The ELBO and the importance-weighted log-likelihood in nats, held-out if possible.",
            "Kingma & Welling 2014, arXiv:1312.6114; Burda et al. 2016, arXiv:1509.00519",
            needs=(Need.LIKELIHOOD,),
            other_names=("nll",),
        ),
        Metric(
            "tstr",
            # trtr is of real examples alone
            (
                Number(
                    "tstr_accuracy",
                    "max",
                    good="More is better: as good as real examples at trtr_accuracy.",
                ),
                Number(
                    "trtr_accuracy",
                    None,
                    good="The measure of tstr_accuracy: what fitting to real examples reaches.",
                ),
            ),
            "How well a small perceptron fitted to samples classifies held-out real examples.",
            "Esteban et al. 2017, arXiv:1706.02633",
            needs=(Need.TSTR,),
            # 240 times forward and back through a layer of 32
            cost=Cost(passes=46_000),
            other_names=("train_on_synthetic_test_on_real",),
        ),
        Metric(
            "columns",
            (
                Number(
                    "column_wasserstein",
                    "min",
                    good="Less is better: 0 where numeric columns are distributed as real ones.",
                ),
                Number(
                    "column_variation",
                    "min",
                    good="Less is better: 0 where categories have their real shares, 1 at worst.",
                ),
            ),
            "The distance of each numeric and of each categorical column, and their means.",
            "Vallender 1974",
            needs=(Need.TABLE,),
            other_names=("marginals",),
        ),
        Metric(
            "correlations",
            (
                Number(
                    "correlation_difference",
                    "min",
                    good="Less is better: 0 where columns depend on each other as real ones do.",
                ),
            ),
            "The mean difference of Pearson's correlations between columns.",
            "Pearson 1895",
            needs=(Need.TABLE,),
            other_names=("correlation", "pearson"),
        ),
        Metric(
            "closest_record",
            (
                Number(
                    "closest_record_share",
                    None,
                    good="0.5 is best: as near to training as to held-out rows; near 1 are copies.",
                ),
                Number(
                    "closest_record_train",
                    None,
                    good="Good near closest_record_held_out; far below it are copies.",
                ),
                Number(
                    "closest_record_held_out",
                    None,
                    good="The measure of closest_record_train: the distance to held-out rows.",
                ),
            ),
            "The share of samples nearer to training than to held-out rows; 1 are copies.",
            "Platzer & Reutterer 2021, arXiv:2104.00635",
            needs=(Need.TABLE, Need.HELD_OUT),
            cost=Cost(pair_passes=2, queries=2000),
            other_names=("dcr", "distance_to_closest_record"),
        ),
        Metric(
            "column_shapes",
            (
                Number(
                    "column_shapes",
                    "max",
                    good="More is better: 1 where each column is distributed as the real one.",
                ),
            ),
            "The Kolmogorov-Smirnov or total variation complement of each column, and their mean.",
            "SDMetrics 0.32, KSComplement and TVComplement",
            needs=(Need.TABLE,),
            other_names=("kscomplement", "tvcomplement", "ks_complement", "tv_complement"),
        ),
        Metric(
            "pair_trends",
            (
                Number(
                    "pair_trends",
                    "max",
                    good="More is better: 1 where pairs of columns depend on each other as real.",
                ),
            ),
            "The mean similarity of correlations and of joint tables over pairs of columns.",
            "SDMetrics 0.32, CorrelationSimilarity and ContingencySimilarity",
            needs=(Need.TABLE,),
            other_names=("contingencysimilarity", "correlationsimilarity", "column_pair_trends"),
        ),
        Metric(
            "spikes",
            (
                Number(
                    "spike_difference",
                    "min",
                    good="Less is better: 0 where the most frequent number has its real share.",
                ),
                Number(
                    "missing_difference",
                    "min",
                    good="Less is better: 0 where missing values have their real share.",
                ),
            ),
            "Differences between shares of the most frequent number, and of missing values.",
            needs=(Need.TABLE,),
            other_names=("missing_values", "missingvaluesimilarity"),
        ),
        Metric(
            "impossible",
            (
                Number(
                    "impossible_share",
                    "min",
                    good="Less is better: 0 where every sampled row could be in the table.",
                ),
            ),
            "The share of sampled rows with a value or a combination that can't exist.",
            needs=(Need.TABLE,),
            other_names=("validity", "impossible_rows", "boundaryadherence"),
        ),
        Metric(
            "efficacy",
            (
                Number(
                    "efficacy_f1",
                    "max",
                    good="More is better: as good as real rows at efficacy_f1_real.",
                ),
                Number(
                    "efficacy_f1_real",
                    None,
                    good="The measure of efficacy_f1: what fitting to real rows reaches.",
                ),
                Number(
                    "efficacy_accuracy",
                    "max",
                    good="More is better: as good as real rows at efficacy_accuracy_real.",
                ),
                Number(
                    "efficacy_accuracy_real",
                    None,
                    good="The measure of efficacy_accuracy: what fitting to real rows reaches.",
                ),
                Number(
                    "efficacy_r2",
                    "max",
                    good="More is better: as good as real rows at efficacy_r2_real; 0 is the mean.",
                ),
                Number(
                    "efficacy_r2_real",
                    None,
                    good="The measure of efficacy_r2: what fitting to real rows reaches.",
                ),
            ),
            "How well four models that are fitted to samples predict the label, or a number.",
            "Xu et al. 2019, arXiv:1907.00503",
            needs=(Need.EFFICACY,),
            # 5 s on a core for 10,000 rows of 108 features
            cost=Cost(passes=93_000, most_examples=10_000),
            other_names=("ml_efficacy", "machine_learning_efficacy", "utility"),
        ),
        Metric(
            "copies",
            (
                Number(
                    "exact_copies",
                    None,
                    good="Good near 0, or where many real rows are equal to others.",
                ),
                Number(
                    "exact_copies_train",
                    None,
                    good="Good near exact_copies_held_out; far above it rows are copied.",
                ),
                Number(
                    "exact_copies_held_out",
                    None,
                    good="The measure of exact_copies_train: what comes about by chance.",
                ),
            ),
            "The share of samples that are equal to a training row, and to a held-out row.",
            needs=(Need.TABLE, Need.HELD_OUT),
            other_names=("newrowsynthesis", "duplicates"),
        ),
        Metric(
            "membership",
            (
                Number(
                    "membership_auc",
                    "half",
                    good="0.5 is best: samples don't tell training rows from held-out ones.",
                ),
            ),
            "How well the distance to the closest sample tells training from held-out rows.",
            "Chen et al. 2020, arXiv:1909.03935; DeLong et al. 1988",
            needs=(Need.TABLE, Need.HELD_OUT),
            other_names=("mia", "membership_inference", "membership_attack"),
        ),
        Metric(
            "singling_out",
            (
                Number(
                    "singling_out_share",
                    None,
                    good="Good near singling_out_share_held_out; far above it rows leak.",
                ),
                Number(
                    "singling_out_share_held_out",
                    None,
                    good="The measure of singling_out_share: what guesses hit of other rows.",
                ),
            ),
            "How often a guess at an unusual number of the samples fits exactly one row.",
            "Giomi et al. 2023, arXiv:2211.10459",
            needs=(Need.TABLE, Need.HELD_OUT),
            other_names=("anonymeter",),
        ),
        Metric(
            "psnr",
            (
                Number("psnr", "max", good="More is better, in dB, and above psnr_trivial."),
                Number("psnr_trivial", None, good=_OF_THE_TRIVIAL_ANSWER.format("psnr")),
            ),
            "The peak signal-to-noise ratio of outputs and their targets, its mean over images.",
            "Huynh-Thu & Ghanbari 2008",
            needs=(Need.PAIRS,),
            other_names=("peak_signal_noise_ratio",),
        ),
        Metric(
            "ssim",
            (
                Number(
                    "ssim",
                    "max",
                    good="More is better, and above ssim_trivial: 1 of equal images.",
                ),
                Number("ssim_trivial", None, good=_OF_THE_TRIVIAL_ANSWER.format("ssim")),
            ),
            "The structural similarity of outputs and their targets, its mean over images.",
            "Wang et al. 2004, IEEE TIP 13(4)",
            needs=(Need.PAIRS,),
            other_names=("structural_similarity",),
        ),
        Metric(
            "l1",
            (
                Number(
                    "l1",
                    "min",
                    good="Less is better, and below l1_trivial: a share of the data range.",
                ),
                Number("l1_trivial", None, good=_OF_THE_TRIVIAL_ANSWER.format("l1")),
            ),
            "The mean absolute difference of outputs and their targets, from 0 to 1.",
            needs=(Need.PAIRS,),
            other_names=("mae", "mean_absolute_error"),
        ),
        Metric(
            "perceptual",
            (
                Number(
                    "perceptual",
                    "min",
                    "perceptual_{space}",
                    good="Less is better: 0 at the target, 1 as far off as another target.",
                ),
                Number(
                    "perceptual_trivial",
                    None,
                    "perceptual_trivial_{space}",
                    good=_OF_THE_TRIVIAL_ANSWER.format("perceptual"),
                ),
            ),
            "The distance of features of outputs from those of their targets, not LPIPS.",
            needs=(Need.PAIRS,),
            other_names=("lpips", "perceptual_distance"),
        ),
        Metric(
            "label_map",
            (
                Number(
                    "iou",
                    "max",
                    good="More is better: 1 where every pixel has its class.",
                ),
                Number("iou_trivial", None, good=_OF_THE_TRIVIAL_ANSWER.format("iou")),
                Number(
                    "pixel_accuracy",
                    "max",
                    good="More is better: the share of pixels in their class.",
                ),
                Number(
                    "pixel_accuracy_trivial",
                    None,
                    good=_OF_THE_TRIVIAL_ANSWER.format("pixel_accuracy"),
                ),
            ),
            "The intersection over union of each class, its mean, and the share of right pixels.",
            "Jaccard 1912",
            needs=(Need.LABEL_MAPS,),
            other_names=("miou", "mean_iou", "jaccard", "segmentation"),
        ),
        Metric(
            "frechet_trivial",
            (
                Number(
                    "frechet_trivial",
                    None,
                    "frechet_trivial_{space}",
                    good="The measure of frechet: the distance of inputs that aren't translated.",
                ),
            ),
            "The distance of inputs from targets, as frechet measures that of outputs.",
            "Heusel et al. 2017, arXiv:1706.08500",
            needs=(Need.TRANSLATOR,),
            cost=Cost(covariances=1, cubes=30),
        ),
        Metric(
            "frechet_back",
            (
                Number(
                    "frechet_back",
                    "min",
                    "frechet_back_{space}",
                    good="Less is better: near 0 where the way back leads to inputs.",
                ),
                Number(
                    "frechet_back_trivial",
                    None,
                    "frechet_back_trivial_{space}",
                    good="The measure of frechet_back: the distance of untranslated targets.",
                ),
            ),
            "The distance of targets translated back from inputs.",
            "Heusel et al. 2017, arXiv:1706.08500",
            needs=(Need.DOMAINS,),
            cost=Cost(covariances=3, cubes=60),
        ),
        Metric(
            "cycle",
            (
                Number(
                    "cycle_l1",
                    "min",
                    good="Less is better, with a small frechet: a translator that does nothing "
                    "has 0.",
                ),
                Number(
                    "cycle_back_l1",
                    "min",
                    good="Less is better, with a small frechet_back: doing nothing has 0.",
                ),
            ),
            "The mean absolute difference, from 0 to 1, of images and what comes back of them.",
            "Zhu et al. 2017, arXiv:1703.10593",
            needs=(Need.DOMAINS,),
            other_names=("cycle_error", "cycle_consistency"),
        ),
    )
}


def register(metric: Metric) -> Metric:
    """Add the entry of a plugin's metric. Raises ConfigError for a name that is taken, and for a
    direction that isn't one."""
    for number in metric.numbers:
        if number.direction is not None and number.direction not in get_args(Direction):
            shown = f"{printable(number.name)}={printable(number.direction)}"
            raise ConfigError(f"unknown direction, {shown}. Use 'min', 'max', 'half' or None.")
    names = {metric.name, *(number.name for number in metric.numbers)}
    others = {name: entry for name, entry in METRICS.items() if entry != metric}
    taken = {*others, *(n.name for entry in others.values() for n in entry.numbers)}
    for name in sorted(names & taken):
        raise ConfigError(f"two metrics of one name, {printable(name)}. Rename yours.")
    METRICS[metric.name] = metric
    return metric


def numbers() -> dict[str, Number]:
    """Every number of every metric by its name."""
    return {number.name: number for metric in METRICS.values() for number in metric.numbers}


def trivial_number(name: str) -> str | None:
    """The number that says what an answer without training reaches, where there is one."""
    trivial = f"{name}_trivial"
    return trivial if trivial in numbers() else None


def good_values(name: str) -> str | None:
    """A sentence on which values of a number are good; None for one that isn't known."""
    number = numbers().get(name)
    if number is None or number.good is not None:
        return None if number is None else number.good
    return None if number.direction is None else f"{BETTER[number.direction].capitalize()}."


def suggest_metric(name: str) -> str:
    """The remedy for an unknown metric: the one that the field, or a number of it, calls so, or
    else the nearest."""
    meant = _find_metric(name)
    if meant is not None:
        return f"Did you mean '{meant.name}'?"
    return did_you_mean(name, METRICS) or f"Choose one of: {', '.join(sorted(METRICS))}."


def suggest_number(name: str, known: Collection[str] | None = None) -> str:
    """The remedy for an unknown number, of the known ones: of a metric by that name or another in
    the field, or else the nearest."""
    known = numbers() if known is None else known
    meant = _find_metric(name)
    own = [] if meant is None else [number.name for number in meant.numbers if number.name in known]
    if len(own) == 1:
        return f"Did you mean '{own[0]}'?"
    listed = f"Choose one of: {', '.join(sorted(known))}." if len(known) <= _LISTED else ""
    return did_you_mean(name, own or known) or listed


def _find_metric(name: str) -> Metric | None:
    """The metric that has this name, a number of it, or another name in the field."""
    written = re.sub(r"\W+", "_", name.strip().lower())
    for metric in METRICS.values():
        own = {n for number in metric.numbers for n in (number.name, number.inception_name)}
        if written == metric.name or written in {*own, *metric.other_names}:
            return metric
    return None


def numbers_of(name: str) -> tuple[str, ...]:
    """The names of the numbers that a name stands for: those of a metric, or a number itself.

    Empty for a name that is neither.
    """
    if name in METRICS:
        return tuple(number.name for number in METRICS[name].numbers)
    return (name,) if name in numbers() else ()
