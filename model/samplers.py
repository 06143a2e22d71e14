"""From noise to mel: integration of the reverse process, whose data end is x_0 and whose noise end is N(mu, I).

In ``u = (x - mu) / signal_scale`` and ``sigma = noise_scale / signal_scale`` the process is ``u = (x_0 - mu) + sigma noise``, so that
with D the network's guess of ``x_0 - mu`` the probability flow is ``du / dsigma = (u - D) / sigma``.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from model.diffusion import NoiseSchedule

NoisePredictor = Callable[[Tensor, Tensor], Tensor]  # (x_t (B, T, n_mels), t (B,)) -> noise (B, T, n_mels)
FreshNoise = Callable[[int], Tensor]  # number of the draw -> standard normal, float of shape (B, at least T, n_mels)
Sampler = Callable[[NoisePredictor, Tensor, Tensor, NoiseSchedule, int, FreshNoise], Tensor]


def euler(predict_noise: NoisePredictor, x_1: Tensor, mu: Tensor, schedule: NoiseSchedule, n_steps: int, fresh: FreshNoise) -> Tensor:  # noqa: ARG001
    """Euler steps from t = 1 to t = 0, as Grad-TTS takes them; order 1.

    Parameters
    ----------
    predict_noise
        The score network with its conditions bound; the score is ``-noise / noise_scale(t)``.
    x_1
        Start, mu + noise / temperature, float of shape (B, T, n_mels).
    mu
        Where the diffusion ends, same shape.
    n_steps
        Network evaluations, >= 1.
    fresh
        Noise of steps; not drawn from here.

    Returns
    -------
    Tensor
        x_0, same shape.
    """
    x, step = x_1, 1.0 / n_steps
    for index in range(n_steps):
        t = torch.full((len(x),), 1.0 - (index + 0.5) * step, device=x.device)  # 1. middle of the step
        score = -predict_noise(x, t) / schedule.noise_scale(t)[:, None, None]  # 2. grad log p_t(x)
        x = x - 0.5 * step * schedule.beta(t)[:, None, None] * (mu - x - score)  # 3. equation 9 (probability flow), backwards
    return x


def ode2(predict_noise: NoisePredictor, x_1: Tensor, mu: Tensor, schedule: NoiseSchedule, n_steps: int, fresh: FreshNoise) -> Tensor:  # noqa: ARG001
    """Exponential steps of two stages' memory: exact where D is linear in sigma, so that order is 2 at one evaluation a step.

    A multistep exponential integrator as DPM-Solver++(2M) (Lu et al. 2022), but with D taken for linear in sigma and not in
    ln(1 / sigma): this stays finite at the data end, and the last step goes there. Arguments as `euler`.
    """
    times = sigmas(schedule, n_steps)
    u = (x_1 - mu) / math.sqrt(1.0 / (1.0 + times[0] ** 2))
    slope = torch.zeros_like(u)
    before, sigma_before = torch.zeros_like(u), 0.0
    for index, (sigma, after) in enumerate(pairwise(times)):
        guess = _guess(predict_noise, u, sigma, mu, schedule)  # 1. D at sigma
        if index:
            slope = (guess - before) / (sigma - sigma_before)  # 2. and how it changes
        end = guess - slope * sigma  # 3. D at sigma = 0
        u = end + (u - end) * (after / sigma)  # 4. solution of du / dsigma = (u - end - slope sigma) / sigma
        if after > 0:
            u = u + slope * (after * math.log(sigma / after))
        before, sigma_before = guess, sigma
    return u + mu


def sde(predict_noise: NoisePredictor, x_1: Tensor, mu: Tensor, schedule: NoiseSchedule, n_steps: int, fresh: FreshNoise) -> Tensor:
    """The reverse stochastic process: each step draws from its distribution given D (Ho et al. 2020, equation 6, carried over).

    Arguments as `euler`; `fresh` is asked for draws 1 .. n_steps - 1.
    """
    times = sigmas(schedule, n_steps)
    u = (x_1 - mu) / math.sqrt(1.0 / (1.0 + times[0] ** 2))
    for index, (sigma, after) in enumerate(pairwise(times)):
        guess = _guess(predict_noise, u, sigma, mu, schedule)
        share = (after / sigma) ** 2
        u = guess + share * (u - guess)
        if after > 0:
            u = u + after * math.sqrt(1.0 - share) * fresh(index + 1)[:, : u.shape[1]].to(u)
    return u + mu


SAMPLERS: dict[str, Sampler] = {"euler": euler, "ode2": ode2, "sde": sde}


def sigmas(schedule: NoiseSchedule, n_steps: int) -> list[float]:
    """Noise to signal ratios from that of t = 1 down to 0, n_steps + 1 numbers: equal steps of their arc tangent.

    Signal and noise are the cosine and sine of that angle, so that equal steps turn one into the other evenly.
    """
    first = math.atan(_sigma(schedule, 1.0))
    return [math.tan(first * (1.0 - index / n_steps)) for index in range(n_steps)] + [0.0]


def time_of(sigma: float, schedule: NoiseSchedule) -> float:
    """The t at which noise / signal is `sigma`, 0 .. 1."""
    integral, slope = math.log1p(sigma**2), schedule.beta_max - schedule.beta_min
    if slope == 0:
        return integral / schedule.beta_max
    return (math.sqrt(schedule.beta_min**2 + 2 * slope * integral) - schedule.beta_min) / slope


def start_noise(seeds: Sequence[int], n_frames: Sequence[int], n_mels: int) -> Tensor:
    """Standard normal noise that depends, row by row, on that row's seed and length alone, never on the batch.

    Returns
    -------
    Tensor
        float32 of shape (B, max(n_frames), n_mels), zero after a row's end.
    """
    noise = torch.zeros(len(seeds), max(n_frames), n_mels)
    for row, (seed, length) in enumerate(zip(seeds, n_frames, strict=True)):
        noise[row, :length] = torch.randn(length, n_mels, generator=torch.Generator().manual_seed(seed))
    return noise


def _sigma(schedule: NoiseSchedule, t: float) -> float:
    integral = schedule.beta_min * t + 0.5 * (schedule.beta_max - schedule.beta_min) * t**2
    return math.sqrt(math.expm1(integral))


def _guess(predict_noise: NoisePredictor, u: Tensor, sigma: float, mu: Tensor, schedule: NoiseSchedule) -> Tensor:
    """D, what the network takes x_0 - mu for."""
    signal = 1.0 / math.sqrt(1.0 + sigma**2)
    t = torch.full((len(u),), time_of(sigma, schedule), device=u.device)
    return u - sigma * predict_noise(u * signal + mu, t)
