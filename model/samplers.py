"""From noise to mel: integration of the probability-flow equation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from model.diffusion import NoiseSchedule

NoisePredictor = Callable[[Tensor, Tensor], Tensor]  # (x_t (B, T, n_mels), t (B,)) -> noise (B, T, n_mels)


def euler(predict_noise: NoisePredictor, x_1: Tensor, mu: Tensor, schedule: NoiseSchedule, n_steps: int) -> Tensor:
    """Euler steps from t = 1 to t = 0, as Grad-TTS takes them.

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
