"""Advice against each illness, in settings of gan-runner."""

from __future__ import annotations

from gan_runner.health.history import History

_ADVICE = {
    "mode_collapse": "loss=r3gan (weighs fakes against reals) or loss/penalty=r1 (a smoother D) or "
    "optimizer.generator.lr={generator_slower:g} (a slower G) or train.batch_size=256 (more "
    "examples to compare)",
    "discriminator_saturated": "loss=non_saturating or loss=wgan_gp (their gradient lasts) or "
    "loss/penalty=r1 (a smoother D) or optimizer.discriminator.lr={discriminator_slower:g} or "
    "loss.d_steps=1 (a weaker D)",
    "discriminator_useless": "optimizer.discriminator.lr={discriminator_faster:g} or "
    "loss.d_steps=5 (a stronger D) or loss.penalty.r1.weight=0.1 (a weaker penalty, if it has one)",
    "oscillation": "optimizer.generator.lr={generator_slower:g} "
    "optimizer.discriminator.lr={discriminator_slower:g} (smaller steps) or "
    "'optimizer.generator.betas=[0.0,0.99]' (no momentum) or loss/penalty=r1 (a smoother D)",
    "divergence": "loss/penalty=r1 or loss=wgan_gp or model.discriminator.norm=spectral (they "
    "bound D) or optimizer.discriminator.lr={discriminator_slower:g} "
    "optimizer.generator.lr={generator_slower:g} (smaller steps) or "
    "optimizer.discriminator.clip_norm=1.0 (bounded steps); penalties must have positive weights",
    "memorization": "gan-sample RUN --checkpoint best (an earlier checkpoint) or "
    "train.steps={half} (less training) or loss/penalty=r1 (a smoother D) or more data",
    "past_the_best": "gan-sample RUN --checkpoint best (the best state is kept) or "
    "health.patience={patience} (end there) or optimizer.generator.schedule.shape=linear "
    "optimizer.discriminator.schedule.shape=linear (go on more slowly)",
    "ignores_input": "method.l1=100 (a stronger pull to the target) or method.conditional=true (a "
    "D that sees the input) or optimizer.generator.lr={generator_slower:g} (smaller steps)",
    "identity": "optimizer.generator.lr={generator_faster:g} (larger steps) or "
    "method.adversarial=1.0 (more weight on D) or train.steps={double} (more training)",
    "checkerboards": "train.steps={double} (in most runs they fade) or "
    "model.discriminator.receptive_field=16 (a D of small patches) or method.l1=100 (a stronger "
    "pull to the target)",
    "impossible_rows": "gan-evaluate RUN --metrics impossible (each column) and "
    "train.steps={double} (more training) or optimizer.generator.lr={generator_slower:g} (smaller "
    "steps)",
}
_WITHOUT_D = {  # for a VAE
    "mode_collapse": "loss.beta=0.5 (a weaker divergence, if elbo/divergence is near 0) or "
    "optimizer.generator.lr={generator_slower:g} (smaller steps) or a larger decoder",
    "divergence": "optimizer.generator.lr={generator_slower:g} (smaller steps) or "
    "optimizer.generator.clip_norm=1.0 (bounded steps)",
    "memorization": "gan-sample RUN --checkpoint best (an earlier checkpoint) or "
    "train.steps={half} (less training) or loss.beta=2 (a stronger divergence) or more data",
    "past_the_best": "gan-sample RUN --checkpoint best (the best state is kept) or "
    "health.patience={patience} (end there) or optimizer.generator.schedule.shape=linear (go on "
    "more slowly)",
}
_OF_DOMAINS = {
    "ignores_input": "method.cycle=20 (what comes back must be the input) or "
    "optimizer.generator.lr={generator_slower:g} (smaller steps)",
    "identity": "method.identity=0 (which rewards it) or "
    "optimizer.discriminator.lr={discriminator_faster:g} (a stronger D) or train.steps={double} "
    "(more training)",
    "checkerboards": "train.steps={double} (in most runs they fade) or "
    "model.discriminator.receptive_field=16 (a D of small patches)",
}
_OF_PATCHES = {  # for CUT
    **_OF_DOMAINS,
    "ignores_input": "method.nce=5 (a stronger contrast) or "
    "optimizer.generator.lr={generator_slower:g} (smaller steps)",
    "identity": "method.identity=0 (which rewards it) or method.nce=0.2 (so does a contrast) or "
    "optimizer.discriminator.lr={discriminator_faster:g} (a stronger D) or train.steps={double} "
    "(more training)",
}
_USUAL_RATE = 0.001  # where the rows have none


def advice(name: str, history: History) -> str:
    """One line with settings to try, learning rates by what they are now."""
    generator = history.learning_rate("generator") or _USUAL_RATE
    discriminator = history.learning_rate("discriminator") or _USUAL_RATE
    since_best = history.step - history.best.step if history.best else history.step
    advices = _ADVICE | (_WITHOUT_D if history.of_vae else {})
    advices |= _OF_DOMAINS if history.of_domains else {}
    advices |= _OF_PATCHES if history.of_patches else {}
    return advices[name].format(
        generator_slower=_round(generator / 4),
        generator_faster=_round(generator * 4),
        discriminator_slower=_round(discriminator / 4),
        discriminator_faster=_round(max(discriminator * 4, _USUAL_RATE)),
        half=max(1, history.step // 2),
        double=2 * max(1, history.step),
        patience=max(1, since_best),
    )


def _round(rate: float) -> float:
    return float(f"{rate:.2g}")
