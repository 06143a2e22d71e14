"""The noise schedule and the sampler against a Gaussian toy whose score is known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.diffusion import NoiseSchedule, diffuse, gaussian_noise_guess
from model.samplers import SAMPLERS, NoisePredictor, sigmas, start_noise, time_of

SCHEDULE = NoiseSchedule(0.05, 20.0)
DATA_MEAN, DATA_SPREAD, MU = 1.5, 0.4, -0.7


def exact_noise() -> NoisePredictor:
    """E[noise | x_t] when x_0 is N(DATA_MEAN, DATA_SPREAD^2)."""

    def predict(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        signal, noise = SCHEDULE.signal_scale(t)[:, None, None], SCHEDULE.noise_scale(t)[:, None, None]
        mean = MU + (DATA_MEAN - MU) * signal
        return noise * (x_t - mean) / (signal**2 * DATA_SPREAD**2 + noise**2)

    return predict


def samples(sampler: str, n_steps: int) -> torch.Tensor:
    mu, shape = torch.full((1, 4000, 10), MU), ([4000], 10)
    return SAMPLERS[sampler](
        exact_noise(), mu + start_noise([3], *shape), mu, SCHEDULE, n_steps, lambda draw: start_noise([90 + draw], *shape)
    )


@pytest.mark.parametrize(("sampler", "n_steps"), [("euler", 500), ("ode2", 40), ("sde", 300)])
def test_samples_have_the_moments_of_the_data(sampler: str, n_steps: int) -> None:
    x_0 = samples(sampler, n_steps)
    assert float(x_0.mean()) == pytest.approx(DATA_MEAN, abs=0.01)
    assert float(x_0.std()) == pytest.approx(DATA_SPREAD, rel=0.02)


@pytest.mark.parametrize(("sampler", "order", "coarse"), [("euler", 1, 100), ("ode2", 2, 40)])
def test_error_falls_by_two_to_the_order_when_steps_double(sampler: str, order: int, coarse: int) -> None:
    exact = samples(sampler, 3000)
    errors = [float((samples(sampler, n) - exact).abs().mean()) for n in (coarse, 2 * coarse)]
    assert errors[0] / errors[1] == pytest.approx(2.0**order, rel=0.25)


def test_six_evaluations_of_order_two_come_closer_than_fifty_of_euler() -> None:
    exact = samples("ode2", 3000)
    assert (samples("ode2", 6) - exact).abs().mean() < (samples("euler", 50) - exact).abs().mean()


@pytest.mark.parametrize("sampler", ["ode2", "sde"])
def test_one_step_is_the_networks_own_guess_of_the_data(sampler: str) -> None:
    x_0 = samples(sampler, 1)
    assert float(x_0.mean()) == pytest.approx(DATA_MEAN, abs=0.01)
    assert float(x_0.std()) < 0.01


@given(st.floats(0.01, 1.0))
def test_time_of_a_ratio_of_noise_and_signal_undoes_the_schedule(t: float) -> None:
    at = torch.tensor([t], dtype=torch.float64)
    assert time_of(float(SCHEDULE.noise_scale(at) / SCHEDULE.signal_scale(at)), SCHEDULE) == pytest.approx(t, abs=1e-6)


def test_steps_of_sampling_go_from_the_noise_end_to_zero() -> None:
    ratios = sigmas(SCHEDULE, 5)
    assert time_of(ratios[0], SCHEDULE) == pytest.approx(1.0)
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] == 0.0


def test_diffusion_begins_at_the_data_and_ends_at_mu_plus_unit_noise() -> None:
    x_0, mu, noise = torch.randn(3, 1, 50, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(diffuse(x_0, mu, noise, torch.zeros(1), SCHEDULE), x_0)
    torch.testing.assert_close(diffuse(x_0, mu, noise, torch.ones(1), SCHEDULE), mu + noise, atol=0.05, rtol=0)


@given(st.floats(0.001, 1.0))
def test_schedule_keeps_signal_and_noise_power_at_one(t: float) -> None:
    at = torch.tensor([t], dtype=torch.float64)
    assert float(SCHEDULE.signal_scale(at) ** 2 + SCHEDULE.noise_scale(at) ** 2) == pytest.approx(1.0, abs=1e-9)


def test_integral_is_the_integral_of_beta() -> None:
    t = torch.linspace(0, 1, 10001, dtype=torch.float64)
    assert float(torch.trapezoid(SCHEDULE.beta(t), t)) == pytest.approx(float(SCHEDULE.integral(t[-1:])), rel=1e-6)


@pytest.mark.parametrize("t", [0.05, 0.3, 0.9])
def test_gaussian_guess_is_the_best_and_its_error_is_as_stated(t: float) -> None:
    generator = torch.Generator().manual_seed(1)
    x_0, noise = 0.5 * torch.randn(1, 4000, 10, generator=generator), torch.randn(1, 4000, 10, generator=generator)
    at, mu = torch.tensor([t]), torch.zeros(1, 4000, 10)
    guess, error = gaussian_noise_guess(diffuse(x_0, mu, noise, at, SCHEDULE), mu, at, 0.5, SCHEDULE)
    assert float((guess - noise).std()) == pytest.approx(float(error.squeeze()), rel=0.02)


def test_start_noise_of_a_row_does_not_depend_on_the_batch() -> None:
    together = start_noise([5, 6], [7, 12], 4)
    assert torch.equal(together[:1, :7], start_noise([5], [7], 4))
    assert torch.equal(together[1:], start_noise([6], [12], 4))
    assert not together[0, 7:].any()
