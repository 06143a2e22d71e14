"""Log-mel spectrogram by HiFi-GAN's recipe, on the frames of `FrameGrid`. Pure functions on arrays.

Nothing here goes through BLAS: its sums change with the number of its threads, and with them the bytes of a shard.
"""

from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse
from scipy.signal import get_window

from schemas.errors import ParamsError
from schemas.frames import FrameGrid

Float = TypeVar("Float", bound=np.floating)

_BLOCK_FRAMES = 64  # frames transformed at once: stays in the cache; from 128 KiB on the allocator asks the system for each array anew
_MAGNITUDE_EPSILON = 1e-9  # HiFi-GAN's, added to the power before the root
_HANN_HALF_WIDTH_BINS = 2.0  # full width of the Hann window's lobe at half its height, in bins of the window's length
_HALF_WIDTH_A_STD = 2.355  # of a Gaussian


def log_mel(
    samples: NDArray[np.float32], grid: FrameGrid, *, n_mels: int, f_min_hz: float, f_max_hz: float, amplitude_floor: float
) -> NDArray[np.float32]:
    """Natural logarithm of mel-band magnitudes, as HiFi-GAN (Kong et al. 2020, `meldataset.mel_spectrogram`) wants them.

    Each frame is weighted by a periodic Hann window, ``magnitude = sqrt(re² + im² + 1e-9)``, bands are Slaney's, and
    ``mel_ln = ln(max(band, amplitude_floor))``.

    Parameters
    ----------
    samples
        float32 of shape (n,), full scale is 1; n may be 0.
    grid
        The frame grid.
    n_mels, f_min_hz, f_max_hz
        Bands, see `mel_filterbank`.
    amplitude_floor
        Bands are clamped to this before the logarithm, > 0.

    Returns
    -------
    NDArray[np.float32]
        Shape ``(grid.n_frames(n), n_mels)``; equal samples give equal bytes for any number of threads.

    Raises
    ------
    ParamsError
        If the bands do not fit the grid.
    """
    bank = mel_filterbank(grid, n_mels=n_mels, f_min_hz=f_min_hz, f_max_hz=f_max_hz)
    bank = bank[:, : int(bank.indices.max()) + 1]  # bins above the highest band are not looked at
    windows = framed(samples, grid)
    taper = hann(grid.window_samples).astype(np.float32)
    mel_ln = np.empty((len(windows), n_mels), dtype=np.float32)
    for start in range(0, len(windows), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        bands = bank @ _magnitudes(windows[block] * taper, grid.n_fft, bank.shape[1]).T  # (n_mels, block); sums in a fixed order
        mel_ln[block] = np.log(np.maximum(bands, np.float32(amplitude_floor))).T
    return mel_ln


def framed(samples: NDArray[Float], grid: FrameGrid) -> NDArray[Float]:
    """The analysis window of each frame, a read-only view of shape (n_frames, window_samples) on the reflect-padded signal.

    The window sits in the middle of the n_fft samples that HiFi-GAN frames, so for ``window_samples == n_fft`` it is that
    frame, and for a shorter window it is what `torch.stft` weights with its centred window.
    """
    n_frames = grid.n_frames(len(samples))
    if n_frames == 0:
        return np.empty((0, grid.window_samples), dtype=samples.dtype)
    padded = np.pad(samples, grid.pad_samples, mode="reflect")  # numpy reflects again where the signal is shorter than the pad
    windows = np.lib.stride_tricks.sliding_window_view(padded, grid.window_samples)
    first = (grid.n_fft - grid.window_samples) // 2
    return windows[first :: grid.hop_samples][:n_frames]


def hann(window_samples: int) -> NDArray[np.float64]:
    """Periodic Hann window, float64 of shape (window_samples,), 0 .. 1."""
    window: NDArray[np.float64] = get_window("hann", window_samples, fftbins=True)
    return window


@cache
def mel_filterbank(grid: FrameGrid, *, n_mels: int, f_min_hz: float, f_max_hz: float) -> sparse.csr_array:
    """Slaney's triangles of equal area, as `librosa.filters.mel` makes them by default.

    Returns
    -------
    sparse.csr_array
        float32 of shape (n_mels, n_fft // 2 + 1); a bin stands in at most two bands.

    Raises
    ------
    ParamsError
        If `f_max_hz` passes half the sample rate or `f_min_hz`, or a band is so narrow that no bin of the transform falls into it.
    """
    if not f_min_hz < f_max_hz <= grid.sample_rate_hz / 2:
        raise ParamsError(
            f"mel needs f_min_hz < f_max_hz <= sample_rate_hz / 2, got {f_min_hz}, {f_max_hz} and {grid.sample_rate_hz / 2}; "
            f"set mel.f_max_hz to {grid.sample_rate_hz / 2} or less"
        )
    bins_hz = np.arange(grid.n_fft // 2 + 1) * grid.sample_rate_hz / grid.n_fft
    edges_hz = _mel_to_hz(np.linspace(_hz_to_mel(f_min_hz), _hz_to_mel(f_max_hz), n_mels + 2))
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    empty = np.flatnonzero(weights.max(axis=1) == 0)
    if len(empty):
        raise ParamsError(
            f"mel: {len(empty)} of {n_mels} bands hold no bin of n_fft={grid.n_fft} at {grid.sample_rate_hz} Hz; "
            "raise frames.n_fft or lower mel.n_mels"
        )
    return sparse.csr_array(weights.astype(np.float32))


def band_shapes_hz(grid: FrameGrid, *, n_mels: int, f_min_hz: float, f_max_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a sine shows in the mel: each band's centre, and the standard deviation of its response to a sine around it.

    The response is a band's triangle convolved with the window's main lobe, both taken for Gaussians of the same half width.

    Returns
    -------
    tuple of NDArray[np.float64]
        Centres and standard deviations in Hz, each of shape (n_mels,).
    """
    edges_hz = _mel_to_hz(np.linspace(_hz_to_mel(f_min_hz), _hz_to_mel(f_max_hz), n_mels + 2))
    lobe_hz = _HANN_HALF_WIDTH_BINS * grid.sample_rate_hz / grid.window_samples
    triangle_hz = (edges_hz[2:] - edges_hz[:-2]) / 2
    return edges_hz[1:-1], np.hypot(lobe_hz, triangle_hz) / _HALF_WIDTH_A_STD


def _magnitudes(weighted: NDArray[np.float32], n_fft: int, n_bins: int) -> NDArray[np.float32]:
    spectrum = fft.rfft(weighted, n_fft)[:, :n_bins]  # zeros after the window instead of around it: another phase, the same magnitude
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    power += np.float32(_MAGNITUDE_EPSILON)
    magnitudes: NDArray[np.float32] = np.sqrt(power, out=power)
    return magnitudes


_LINEAR_HZ_A_MEL = 200 / 3  # Slaney (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above
_BREAK_HZ, _BREAK_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return hz / _LINEAR_HZ_A_MEL if hz < _BREAK_HZ else _BREAK_MEL + float(np.log(hz / _BREAK_HZ)) / _LOG_STEP


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_A_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)))
