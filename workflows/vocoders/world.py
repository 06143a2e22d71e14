"""WORLD (Morise et al. 2016) from mel and F0: a source and a filter, no weights.

The filter is a mel spread over frequency, corrected until the mel of what is synthesised is the one that was asked for. Harmonics are
WORLD's own, at the F0 that is given. Aperiodicity is not in a mel: it follows from voicing alone, rising with frequency.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.mel import band_shapes_hz, log_mel
from schemas.errors import ParamsError
from schemas.frames import FrameGrid
from schemas.params import MelParams
from workflows.vocoders.interface import Vocoder

_FFT = 1024  # WORLD's own for a floor of 71 Hz at 22 kHz
_ROUNDS = 3  # corrections of the filter; later ones change little
_VOICED_NOISE = (0.001, 0.02, 0.3, 0.7)  # amplitude of noise among harmonics, at
_NOISE_AT_HZ = (0.0, 2000.0, 5000.0, 9000.0)


def load_world(grid: FrameGrid, mel: MelParams) -> Vocoder:
    """The vocoder; deterministic."""
    at_hz = np.linspace(0.0, grid.sample_rate_hz / 2, _FFT // 2 + 1)
    centres_hz, _ = band_shapes_hz(grid, n_mels=mel.n_mels, f_min_hz=mel.f_min_hz, f_max_hz=mel.f_max_hz)
    noise = np.interp(at_hz, _NOISE_AT_HZ, _VOICED_NOISE)
    settings = mel.model_dump()

    def spread(bands: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.interp(at_hz, centres_hz, frame) for frame in bands])

    def vocode(mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        if f0_hz is None:
            raise ParamsError("vocoder: world needs F0 beside the mel; use another vocoder here")
        f0 = np.nan_to_num(np.asarray(f0_hz, np.float64))
        aperiodicity = np.where(f0[:, None] > 0, noise, 1.0)
        wanted = np.asarray(mel_ln, np.float64)
        filter_ln = spread(wanted - np.log(grid.n_fft / 2))
        for _ in range(_ROUNDS):
            made = log_mel(_synthesised(f0, filter_ln, aperiodicity, grid), grid, **settings).astype(np.float64)
            filter_ln += spread(_smooth(np.clip(wanted - made, -6.0, 6.0)))
        samples = _synthesised(f0, filter_ln, aperiodicity, grid)
        clipped: NDArray[np.float32] = np.clip(samples, -1.0, 1.0)
        return clipped

    return vocode


def _synthesised(
    f0_hz: NDArray[np.float64], filter_ln: NDArray[np.float64], aperiodicity: NDArray[np.float64], grid: FrameGrid
) -> NDArray[np.float32]:
    """Samples of frames whose centres lie half a hop later than WORLD's: it is given one more at the start, and half a hop is cut off."""
    import pyworld  # it warns of its own imports: only who asks for WORLD is to read that

    def led(frames: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ascontiguousarray(np.concatenate([frames[:1], frames, frames[-1:]]))

    power = np.exp(2.0 * np.clip(filter_ln, -30.0, 10.0))
    n_samples, half = len(f0_hz) * grid.hop_samples, grid.hop_samples // 2
    samples = pyworld.synthesize(led(f0_hz), led(power), led(aperiodicity), grid.sample_rate_hz, 1000.0 * grid.hop_s)
    cut = np.asarray(samples[half : half + n_samples], np.float32)
    return np.pad(cut, (0, n_samples - len(cut)))


def _smooth(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over three bands and three frames: single harmonics and pulses are not the filter's."""
    padded = np.pad(bands, 1, mode="edge")
    across = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    along: NDArray[np.float64] = (across[:-2] + across[1:-1] + across[2:]) / 3
    return along
