"""Griffin-Lim: no weights, robotic, but always there."""

import numpy as np
from numpy.typing import NDArray

from schemas.frames import FrameGrid
from schemas.params import MelParams
from workflows.vocoders.interface import Vocoder

_ITERATIONS = 60


def load_griffin_lim(grid: FrameGrid, mel: MelParams) -> Vocoder:
    """Griffin-Lim phase recovery (librosa): no weights, robotic, but always there. Deterministic."""
    import librosa

    def vocode(mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:  # noqa: ARG001
        magnitudes = librosa.feature.inverse.mel_to_stft(
            np.exp(mel_ln.T), sr=grid.sample_rate_hz, n_fft=grid.n_fft, power=1.0, fmin=mel.f_min_hz, fmax=mel.f_max_hz
        )
        padded = librosa.griffinlim(
            magnitudes,
            n_iter=_ITERATIONS,
            hop_length=grid.hop_samples,
            win_length=grid.window_samples,
            n_fft=grid.n_fft,
            center=False,  # our frames start at t·hop - pad; the pad is cut off below
            random_state=0,
        )
        samples = padded[grid.pad_samples : grid.pad_samples + len(mel_ln) * grid.hop_samples]
        clipped: NDArray[np.float32] = np.clip(samples, -1.0, 1.0).astype(np.float32)
        return clipped

    return vocode
