"""The noise schedule, apart from the network: how data becomes N(mu, I), and what the network is asked.

Equations are those of Grad-TTS (Popov et al. 2021) with Sigma = I.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseSchedule:
    """Linear noise rate beta(t) on t in [0, 1].

    Parameters
    ----------
    beta_min, beta_max
        Rate at t = 0 and t = 1, 0 <= beta_min <= beta_max.
    """

    beta_min: float
    beta_max: float

    def beta(self, t: Tensor) -> Tensor:
        """Noise rate at `t`."""
        return self.beta_min + (self.beta_max - self.beta_min) * t

    def integral(self, t: Tensor) -> Tensor:
        """Integral of beta from 0 to `t`."""
        return self.beta_min * t + 0.5 * (self.beta_max - self.beta_min) * t**2

    def signal_scale(self, t: Tensor) -> Tensor:
        """e^(-1/2 integral): what is left of x_0 - mu at `t`."""
        return (-0.5 * self.integral(t)).exp()

    def noise_scale(self, t: Tensor) -> Tensor:
        """sqrt(1 - e^(-integral)): standard deviation of x_t around its mean."""
        return (-torch.expm1(-self.integral(t))).sqrt()


def diffuse(x_0: Tensor, mu: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """Draw x_t: equation 10, ``mu + (x_0 - mu) e^(-1/2 int beta) + sqrt(1 - e^(-int beta)) noise``.

    Parameters
    ----------
    x_0, mu, noise
        Float of shape (B, T, n_mels); noise is standard normal.
    t
        Float of shape (B,), 0 .. 1.
    """
    at = t[:, None, None]
    return mu + (x_0 - mu) * schedule.signal_scale(at) + schedule.noise_scale(at) * noise


def gaussian_noise_guess(x_t: Tensor, mu: Tensor, t: Tensor, spread: float, schedule: NoiseSchedule) -> tuple[Tensor, Tensor]:
    """The noise in x_t if x_0 were N(mu, spread^2), and the standard deviation of what that guess leaves.

    The network only has to add what is not Gaussian (the preconditioning of EDM, Karras et al. 2022, carried over to this
    process): an untrained network then starts at the best linear denoiser. Not in Grad-TTS.

    Returns
    -------
    tuple of Tensor
        E[noise | x_t], shape (B, T, n_mels); its error's standard deviation, shape (B, 1, 1), 0 .. 1.
    """
    at = t[:, None, None]
    signal, noise = schedule.signal_scale(at) * spread, schedule.noise_scale(at)
    variance = signal**2 + noise**2
    return (x_t - mu) * noise / variance, signal / variance.sqrt()
