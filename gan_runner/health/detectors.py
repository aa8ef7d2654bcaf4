"""The detector of each illness: from the history to one line of evidence, or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gan_runner.health.history import LEVELS, SHARE, History, Row
from gan_runner.health.settings import Health

_WORST = 3  # columns that evidence names
_PARTS = 8  # of a span: three turns need four, and noise of single steps is to even out


def mode_collapse(history: History, settings: Health) -> str | None:
    """Samples that are alike, or twins; or real, but few of the kinds that there are; or modes
    that were found and got lost. A generator that has found nothing yet has not collapsed."""
    limits, samples = settings.mode_collapse, history.samples
    since = f"for {limits.span} steps"
    diversity = samples.values_over("health/diversity", limits.span)
    if diversity and max(diversity) <= limits.diversity:
        return f"samples are alike: diversity {max(diversity):.3g} of the reals' or less {since}"
    duplicates = samples.values_over("health/duplicates", limits.span)
    if duplicates and min(duplicates) >= limits.duplicates:
        return f"samples repeat: a share of {min(duplicates):.2f} or more has a twin {since}"
    coverage, before = samples.values_over("health/coverage", limits.span), history.lasting_coverage
    if coverage and before > limits.coverage and max(coverage) <= limits.lost * before:
        return f"modes are lost: coverage {max(coverage):.2f} or less {since}, {before:.2f} before"
    return _few_kinds(history, settings) or _lost_class(history, settings)


def _few_kinds(history: History, settings: Health) -> str | None:
    """Samples that are good but cover few reals, and no more than they did."""
    limits, samples = settings.mode_collapse, history.samples
    coverage = samples.values_over("health/coverage", limits.few_span)
    precision = samples.values_over("health/precision", limits.few_span)
    if not coverage or max(coverage) > limits.coverage or min(precision) < limits.precision:
        return None
    if coverage[-1] > limits.rising * coverage[0]:
        return None
    return (
        f"samples are good but cover few reals: precision {min(precision):.2f} or more, "
        f"coverage {max(coverage):.2f} or less for {limits.few_span} steps"
    )


def _lost_class(history: History, settings: Health) -> str | None:
    """A class that samples had, and that the last two evaluations hardly find."""
    limits, rows = settings.mode_collapse, history.evaluations.rows_over(0)
    for name in rows[-1] if rows else ():
        if not name.startswith(SHARE):
            continue
        before, now = history.largest_shares.get(name, 0.0), max(r[name] for r in rows if name in r)
        if before >= limits.class_found and now <= limits.class_lost:
            return (
                f"class {name.removeprefix(SHARE)} is lost: {now:.2f} of its share or less in two "
                f"evaluations, {before:.2f} before"
            )
    return None


def discriminator_saturated(history: History, settings: Health) -> str | None:
    """D is right about everything, and the generator has no gradient left. Either alone is
    usual: Wasserstein critics are nearly always right, and gradients shrink near the end.
    Arjovsky & Bottou 2017, arXiv:1701.04862, section 2."""
    limits, training = settings.discriminator_saturated, history.training
    accuracy = training.values_over("accuracy/discriminator", limits.span)
    gradient = training.values_over("grad_norm/generator", limits.span)
    if not accuracy or min(accuracy) < limits.accuracy:
        return None
    largest = history.largest_gradient
    if max(gradient) > limits.gradient * largest:
        return None
    return (
        f"accuracy/discriminator {min(accuracy):.3f} or more for {limits.span} steps, "
        f"grad_norm/generator {max(gradient):.2g} or less, {largest:.2g} before"
    )


def discriminator_useless(history: History, settings: Health) -> str | None:
    """D's logits are the same for reals and fakes, or higher for fakes, though the fakes are
    bad; and it guesses, or gives the generator no gradient. At an equilibrium it can't tell them
    apart either, but then the samples cover the reals."""
    limits, training = settings.discriminator_useless, history.training
    rows = training.rows_over(limits.span)
    coverage = history.samples.values_over("health/coverage", limits.span)
    if not rows or not coverage or max(coverage) > limits.coverage:
        return None
    if any(row["logits/gap"] > limits.margin * _scale(row) for row in rows):
        return None
    accuracy = max(row["accuracy/discriminator"] for row in rows)
    gradient = max(row["grad_norm/generator"] for row in rows)
    vanished = gradient <= settings.discriminator_saturated.gradient * history.largest_gradient
    if accuracy > limits.accuracy and not vanished:
        return None
    return (
        f"logits {rows[-1]['logits/real']:.3g} (real) and {rows[-1]['logits/fake']:.3g} (fake), "
        f"coverage {max(coverage):.2f} or less for {limits.span} steps, "
        f"accuracy/discriminator {accuracy:.2f}, grad_norm/generator {gradient:.2g} or less"
    )


def _scale(row: Row) -> float:
    return max(abs(row["logits/real"]), abs(row["logits/fake"]))


def oscillation(history: History, settings: Health) -> str | None:
    """The generator's gradients go up and down by a large factor: it is pushed to and fro.

    Losses don't show it: a critic's logits may move all together, and the loss of a D that wins
    swings between small values in healthy runs. Means of parts of the span are compared, so that
    the noise of single steps doesn't count where each is logged; of fewer rows, more steps.
    """
    limits, training = settings.oscillation, history.training
    span = max(limits.span, training.span_of(_PARTS))
    norms = training.means_over("grad_norm/generator", span, parts=_PARTS)
    if not norms or min(norms) <= 0:
        return None
    count = count_swings(norms, limits.factor)
    if count < limits.swings:
        return None
    return (
        f"grad_norm/generator turned {count} times within {span} steps, each time by a "
        f"factor of {limits.factor:g} or more ({min(norms):.2g} to {max(norms):.2g})"
    )


def divergence(history: History, settings: Health) -> str | None:
    """Losses, logits or gradients that have grown by orders of magnitude, logits far beyond what
    the loss asks for, samples that run away from the data, or a penalty that rewards."""
    limits, training = settings.divergence, history.training
    since = f"for {limits.span} steps"
    for name in LEVELS:
        sizes = [abs(value) for value in training.values_over(name, limits.span)]
        usual = history.usual_size(name)
        if sizes and min(sizes) >= max(limits.least, limits.growth * usual):
            return f"the size of {name} {min(sizes):.3g} or more {since}, {usual:.3g} before"
    spread = history.samples.values_over("health/diversity", limits.span)
    if spread and min(spread) >= limits.spread and spread[-1] >= spread[0]:
        return f"samples spread {min(spread):.3g} times as far as reals or more {since}"
    return _overconfident_logits(history, settings) or _rewarded_by_penalty(history, settings)


def _overconfident_logits(history: History, settings: Health) -> str | None:
    """Logits that are far apart though D errs. Not a critic's, whose loss is the gap itself."""
    limits, training = settings.divergence, history.training
    rows = training.rows_over(limits.span)
    gaps = [row["logits/gap"] for row in rows]
    if not rows or min(gaps) < limits.logits:
        return None
    # a tenth leaves room for losses that aren't the plain gap; those of a sigmoid are far below
    critic = any(abs(row["loss/discriminator"]) > row["logits/gap"] / 10 for row in rows)
    accuracy = max(row["accuracy/discriminator"] for row in rows)
    if critic or accuracy >= settings.discriminator_saturated.accuracy:
        return None
    return (
        f"logits {min(gaps):.3g} apart or more for {limits.span} steps, though "
        f"accuracy/discriminator is {accuracy:.2f} or less"
    )


def _rewarded_by_penalty(history: History, settings: Health) -> str | None:
    """A penalty below 0 drives D toward what it should hold down."""
    span = settings.divergence.span
    rows = history.training.rows_over(span)
    for name in rows[-1] if rows else ():
        if name.startswith("penalty/") and all(row.get(name, 0.0) < 0 for row in rows):
            worst = max(row[name] for row in rows)
            return f"{name} {worst:.3g} or less for {span} steps: it rewards, its sign is wrong"
    return None


def memorization(history: History, settings: Health) -> str | None:
    """Samples far nearer to training examples than to held-out ones. Meehan et al. 2020."""
    name = history.names.memorization
    values = history.evaluations.values_over(name, 0)
    if not values or max(values) >= settings.memorization.ratio:
        return None
    return f"{name} {max(values):.2f}, about 1 where nothing is copied"


def past_the_best(history: History, settings: Health) -> str | None:
    """Every evaluation of the span is worse than the best by more than noise."""
    limits, best = settings.past_the_best, history.best
    values = history.evaluations.values_over("best", limits.span)
    if best is None or not values or history.evaluations.last_step - best.step < limits.span:
        return None
    margin = max(limits.worse * abs(best.value), limits.gain * abs(best.first - best.value))
    later = values[1:]  # the first may be the best itself
    if min(history.sign * (value - best.value) for value in later) <= margin:
        return None
    nearest = min(later) if history.sign > 0 else max(later)
    return (
        f"{history.names.best} was best at step {best.step}, {best.value:.4g}; "
        f"in the last {limits.span} steps {nearest:.4g} at best"
    )


def ignores_input(history: History, settings: Health) -> str | None:
    """A translator whose outputs are as far apart for one input as for two."""
    limits = settings.translation
    effects = history.samples.values_over("health/input_effect", limits.span)
    if not effects or max(effects) > limits.effect:
        return None
    return (
        f"the output ignores the input: outputs of two inputs differ by {max(effects):.2g} of what "
        f"two targets do, or less, for {limits.span} steps"
    )


def identity(history: History, settings: Health) -> str | None:
    """A translator that leaves inputs as they are, or resizes them as anyone could."""
    limits = settings.translation
    changes = history.samples.values_over("health/change", limits.span)
    if not changes or max(changes) > limits.change:
        return None
    return (
        f"the translator is the identity: outputs are {max(changes):.2g} as far from inputs as "
        f"targets are, or less, for {limits.span} steps"
    )


def checkerboards(history: History, settings: Health) -> str | None:
    """A pattern of a period of 2 or 4 pixels in all outputs that targets don't have."""
    limits = settings.translation
    strengths = history.samples.values_over("health/checkerboards", limits.span)
    if not strengths or min(strengths) < limits.checkerboards:
        return None
    return (
        f"checkerboards: patterns of 2 or 4 pixels are {min(strengths):.3g} times as strong as in "
        f"targets, or more, for {limits.span} steps"
    )


def impossible_rows(history: History, settings: Health) -> str | None:
    """Rows of a table with a value or a combination that the training rows rule out, in the last
    two evaluations."""
    name, rows = history.names.impossible, history.evaluations.rows_over(0)
    shares = history.evaluations.values_over(name, 0)
    if len(shares) < 2 or min(shares) < settings.impossible_rows.share:
        return None
    begin = f"{name}/"
    faults = {key.removeprefix(begin): v for key, v in rows[-1].items() if key.startswith(begin)}
    worst = sorted(faults.items(), key=lambda each: -each[1])[:_WORST]
    listed = ", ".join(f"{column} {share:.1%}" for column, share in worst if share > 0)
    return f"{min(shares):.1%} of the sampled rows or more can't exist, in two evaluations" + (
        f": {listed}" if listed else ""
    )


def count_swings(values: Sequence[float], factor: float) -> int:
    """The number of turns of positive values, where each way up or down is by at least a factor."""
    low = high = values[0]
    rising, count = None, 0
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        if rising is not False and value * factor <= high:
            count += rising is True
            rising, low = False, value
        elif rising is not True and value >= low * factor:
            count += rising is False
            rising, high = True, value
    return count


DETECTORS: dict[str, Callable[[History, Health], str | None]] = {
    "mode_collapse": mode_collapse,
    "discriminator_saturated": discriminator_saturated,
    "discriminator_useless": discriminator_useless,
    "oscillation": oscillation,
    "divergence": divergence,
    "memorization": memorization,
    "past_the_best": past_the_best,
    "ignores_input": ignores_input,
    "identity": identity,
    "checkerboards": checkerboards,
    "impossible_rows": impossible_rows,
}
