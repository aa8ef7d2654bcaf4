"""The bound and its terms are those of the papers, in numbers and in gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from gan_runner.data import Space
from gan_runner.evaluation.likelihood import likelihood
from gan_runner.models.activations import likelihood_mean
from gan_runner.models.autoencoder import Decoder, Encoder
from gan_runner.objectives.elbo import (
    ELBO,
    Posterior,
    feature_reconstruction,
    importance_weighted,
    prior_log_density,
)
from gan_runner.sampling.sampler import Sampler

BERNOULLI = ELBO(likelihood="bernoulli", scale=1.0, beta=1.0)
GAUSSIAN = ELBO(likelihood="gaussian", scale=0.3, beta=1.0)
IMAGES = Space("images", (1, 4, 4))
LATENT = 3


def posterior(count: int = 5) -> Posterior:
    stream = torch.Generator().manual_seed(0)
    drawn = torch.randn(2, count, LATENT, generator=stream, dtype=torch.float64)
    return Posterior(drawn[0], drawn[1])


def images(count: int = 5) -> Tensor:
    return torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(1)).double() * 2 - 1


def coder(scale: float = 1.0) -> Sampler:
    torch.manual_seed(0)
    decoder = Decoder(nn.Sequential(nn.Linear(LATENT, 16), nn.Unflatten(1, (1, 4, 4))))
    encoder = Encoder(nn.Sequential(nn.Flatten(), nn.Linear(16, 2 * LATENT)))
    for parameter in decoder.parameters():
        parameter.data *= scale
    return Sampler(decoder, IMAGES, LATENT, encoder=encoder)


def stored_images(count: int) -> Tensor:
    stream = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, 1, 4, 4), generator=stream, dtype=torch.uint8)


# ---------------------------------------------------------------- closed forms


def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    of = posterior()
    normal = Normal(of.mean, (of.log_variance / 2).exp())
    torch.testing.assert_close(of.divergence(), kl_divergence(normal, Normal(0.0, 1.0)).sum(1))
    nothing = Posterior(torch.zeros(2, LATENT), torch.zeros(2, LATENT))
    assert torch.equal(nothing.divergence(), torch.zeros(2))


def test_the_densities_are_those_of_normal_distributions() -> None:
    of, point = posterior(), torch.randn(5, LATENT, dtype=torch.float64)
    normal = Normal(of.mean, (of.log_variance / 2).exp())
    torch.testing.assert_close(of.log_density(point), normal.log_prob(point).sum(1))
    standard = Normal(torch.zeros_like(point), torch.ones_like(point))
    torch.testing.assert_close(prior_log_density(point), standard.log_prob(point).sum(1))


def test_the_bernoulli_likelihood_is_that_of_pixels_as_probabilities() -> None:
    outputs, white = torch.randn(5, 1, 4, 4).double(), (images() > 0).double() * 2 - 1
    found = Bernoulli(logits=outputs).log_prob((white + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(BERNOULLI.log_likelihood(white, outputs), found)
    p = (likelihood_mean(outputs) + 1) / 2
    gray = (images() + 1) / 2
    cross = (gray * p.log() + (1 - gray) * (1 - p).log()).flatten(1).sum(1)
    torch.testing.assert_close(BERNOULLI.log_likelihood(images(), outputs), cross)


def test_the_bernoulli_likelihood_of_certain_outputs_is_finite_and_can_be_descended() -> None:
    outputs = torch.full((1, 1, 4, 4), 200.0, requires_grad=True)
    value = BERNOULLI.log_likelihood(-torch.ones(1, 1, 4, 4), outputs)
    (gradient,) = torch.autograd.grad(value.sum(), outputs)
    assert value.item() == pytest.approx(-3200.0)
    assert torch.equal(gradient, -torch.ones_like(gradient))


@pytest.mark.parametrize("shape", [(4,), (3, 2), (1, 4, 4)])
def test_the_gaussian_likelihood_is_a_density_around_what_is_decoded(shape: tuple[int]) -> None:
    outputs, x = torch.randn(5, *shape).double(), torch.rand(5, *shape).double()
    normal = Normal(likelihood_mean(outputs), 0.3)
    torch.testing.assert_close(
        GAUSSIAN.log_likelihood(x, outputs), normal.log_prob(x).flatten(1).sum(1)
    )


def test_the_mean_of_logits_is_their_probability_scaled() -> None:
    outputs = torch.randn(2, 1, 4, 4).double()
    torch.testing.assert_close(likelihood_mean(outputs), 2 * outputs.sigmoid() - 1)
    for others in outputs.flatten(1), outputs.flatten(2):  # vectors, sequences
        assert torch.equal(likelihood_mean(others), others)


def test_beta_weighs_the_divergence_alone() -> None:
    of = ELBO(likelihood="bernoulli", scale=1.0, beta=4.0)
    assert of.loss(torch.tensor(3.0), torch.tensor(2.0)).item() == 11.0


def test_the_likeness_of_features_is_half_their_squared_distance() -> None:
    one, other = torch.randn(2, 5, 7, dtype=torch.float64)
    normal = Normal(other, 1.0).log_prob(one).sum(1) + 7 * math.log(2 * math.pi) / 2
    torch.testing.assert_close(feature_reconstruction(one, other, scale=1.0), -normal)
    torch.testing.assert_close(feature_reconstruction(one, other, scale=0.5), -4 * normal)


# ---------------------------------------------------------------- reparameterization


def test_points_of_a_posterior_have_its_mean_and_variance() -> None:
    of = Posterior(torch.tensor([[2.0]]), torch.tensor([[math.log(0.25)]]))
    points = of.sample(torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0)))
    assert points.mean().item() == pytest.approx(2.0, abs=0.01)
    assert points.std().item() == pytest.approx(0.5, abs=0.01)


def test_the_gradients_of_the_elbo_are_those_of_its_definition() -> None:
    noise, x = torch.randn(5, LATENT).double(), images()
    weight = torch.randn(LATENT, 16).double()
    gradients = []
    for ours in (True, False):
        mean, log_variance = (t.clone().requires_grad_() for t in posterior())
        if ours:
            of = Posterior(mean, log_variance)
            outputs = (of.sample(noise) @ weight).view(5, 1, 4, 4)
            bound = BERNOULLI.log_likelihood(x, outputs) - of.divergence()
        else:
            normal = Normal(mean, log_variance.exp().sqrt())
            p = ((mean + normal.stddev * noise) @ weight).sigmoid()
            gray = ((x + 1) / 2).flatten(1)
            bound = (gray * p.log() + (1 - gray) * (1 - p).log()).sum(1)
            bound = bound - kl_divergence(normal, Normal(0.0, 1.0)).sum(1)
        gradients.append(torch.autograd.grad(bound.sum(), (mean, log_variance)))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


# ---------------------------------------------------------------- importance weights


def test_one_importance_weight_is_the_elbo_itself() -> None:
    weights = torch.randn(1, 6)
    assert torch.equal(importance_weighted(weights), weights[0])


def test_more_importance_weights_are_the_logarithm_of_their_mean() -> None:
    weights = torch.randn(4, 6, dtype=torch.float64)
    torch.testing.assert_close(importance_weighted(weights), weights.exp().mean(0).log())
    assert importance_weighted(torch.full((3, 1), -1e4)).item() == pytest.approx(-1e4)


def test_the_importance_weighted_bound_is_above_the_elbo_and_grows_with_the_samples() -> None:
    of, examples = coder(scale=3.0), stored_images(200)
    found = {k: likelihood(of, BERNOULLI, examples, samples=k, seed=0) for k in (1, 10, 200)}
    means = [found[k].log_likelihood.mean().item() for k in (1, 10, 200)]
    assert means[0] + 0.1 < means[1] < means[2]
    # with one sample both estimate the same bound, with 200 the elbo is known well
    elbo = found[200].elbo
    error = (found[1].log_likelihood - elbo).std() / math.sqrt(len(examples))
    assert abs(means[0] - elbo.mean().item()) < 4 * error
    assert means[2] > elbo.mean().item() + 0.1


def test_the_importance_weighted_bound_comes_to_the_likelihood_that_integration_gives() -> None:
    torch.manual_seed(0)
    decoder = Decoder(nn.Sequential(nn.Linear(1, 2)))
    encoder = Encoder(nn.Sequential(nn.Linear(2, 2)))
    x = torch.tensor([[0.3, -0.2]])
    space = Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))
    of = ELBO(likelihood="gaussian", scale=0.5, beta=1.0)
    grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        joint = of.log_likelihood(x.expand(4001, 2), decoder.unbounded_outputs(grid.float()))
        exact = (joint.double() + prior_log_density(grid)).logsumexp(0) + math.log(16 / 4000)
    found = likelihood(Sampler(decoder, space, 1, encoder=encoder), of, x, samples=5000, seed=0)
    assert found.log_likelihood.item() == pytest.approx(exact.item(), abs=0.03)
    assert found.elbo.item() < exact.item()


def test_likelihoods_are_repeated_and_leave_networks_and_streams_alone() -> None:
    of, examples = coder(), stored_images(3)
    of.encoder.train(), of.decoder.eval()
    state = torch.get_rng_state()
    one, other = (likelihood(of, BERNOULLI, examples, samples=2, seed=0) for _ in range(2))
    assert torch.equal(one.elbo, other.elbo)
    assert torch.equal(one.log_likelihood, other.log_likelihood)
    assert torch.equal(state, torch.get_rng_state())
    assert (of.encoder.training, of.decoder.training) == (True, False)
    assert all(parameter.grad is None for parameter in of.decoder.parameters())


def test_reconstructions_are_decoded_from_the_means() -> None:
    of, examples = coder(), stored_images(3)
    mean, _ = of.encoder(IMAGES.encode(examples))
    assert torch.equal(of.reconstruct(examples), IMAGES.decode(of.decoder(mean)))
