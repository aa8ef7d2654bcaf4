"""Advice against each illness, in settings of gan-runner."""

from __future__ import annotations

from gan_runner.health.history import History

_ADVICE = {
    "mode_collapse": "A loss that weighs fakes against reals, loss=r3gan or a smoother D, "
    "loss/penalty=r1 or a slower generator, optimizer.generator.lr={generator_slower:g} or "
    "more examples to compare, train.batch_size=256",
    "discriminator_saturated": "A loss whose gradient lasts, loss=non_saturating or "
    "loss=wgan_gp or a smoother D, loss/penalty=r1 or a weaker one, "
    "optimizer.discriminator.lr={discriminator_slower:g} or loss.d_steps=1",
    "discriminator_useless": "A stronger D, optimizer.discriminator.lr={discriminator_faster:g} or "
    "loss.d_steps=5 or a weaker penalty if there is one, loss.penalty.r1.weight=0.1",
    "oscillation": "Smaller steps, optimizer.generator.lr={generator_slower:g} "
    "optimizer.discriminator.lr={discriminator_slower:g} or no momentum, "
    "'optimizer.generator.betas=[0.0,0.99]' or a smoother D, loss/penalty=r1",
    "divergence": "Penalties must have positive weights. Bound D, loss/penalty=r1 or loss=wgan_gp "
    "or model.discriminator.norm=spectral or take smaller steps, "
    "optimizer.discriminator.lr={discriminator_slower:g} "
    "optimizer.generator.lr={generator_slower:g} or bounded ones, "
    "optimizer.discriminator.clip_norm=1.0",
    "memorization": "Take an earlier checkpoint with gan-sample RUN --checkpoint best or train for "
    "less, train.steps={half} or on more data, or with a smoother D, loss/penalty=r1",
    "past_the_best": "The best state is kept, gan-sample RUN --checkpoint best has it. End there "
    "with health.patience={patience} or go on more slowly, "
    "optimizer.generator.schedule.shape=linear optimizer.discriminator.schedule.shape=linear",
}
_WITHOUT_D = {  # for a VAE
    "mode_collapse": "A weaker divergence, loss.beta=0.5 if elbo/divergence is near 0, or smaller "
    "steps, optimizer.generator.lr={generator_slower:g} or a larger decoder.",
    "divergence": "Smaller steps, optimizer.generator.lr={generator_slower:g} or bounded ones, "
    "optimizer.generator.clip_norm=1.0",
    "memorization": "Take an earlier checkpoint with gan-sample RUN --checkpoint best or train for "
    "less, train.steps={half} or on more data, or with a stronger divergence, loss.beta=2",
    "past_the_best": "The best state is kept, gan-sample RUN --checkpoint best has it. End there "
    "with health.patience={patience} or go on more slowly, "
    "optimizer.generator.schedule.shape=linear",
}
_USUAL_RATE = 0.001  # where the rows have none


def advice(name: str, history: History) -> str:
    """One line with settings to try, learning rates by what they are now."""
    generator = history.learning_rate("generator") or _USUAL_RATE
    discriminator = history.learning_rate("discriminator") or _USUAL_RATE
    since_best = history.step - history.best.step if history.best else history.step
    advices = {**_ADVICE, **_WITHOUT_D} if history.of_vae else _ADVICE
    return advices[name].format(
        generator_slower=_round(generator / 4),
        discriminator_slower=_round(discriminator / 4),
        discriminator_faster=_round(max(discriminator * 4, _USUAL_RATE)),
        half=max(1, history.step // 2),
        patience=max(1, since_best),
    )


def _round(rate: float) -> float:
    return float(f"{rate:.2g}")
