"""Which frames are voiced, from evidence beside autocorrelation: a logistic model of five measures, at the frame and around it.

Praat's window of three periods of the floor smears onsets and offsets, and its silence threshold, a share of the clip's peak, loses
soft voice. Here five measures are taken every 5 ms whatever the rate and hop, each also 5, 10 and 20 ms before and after, and
a logistic model decides. The weights were learned on laryngograph recordings by ``python -m benchmarks.voicing`` (five actors, seven
emotions; scores there are of speakers left out). Pure functions on arrays.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

STEP_S = 0.005  # between measures
CONTEXT = (-4, -2, -1, 0, 1, 2, 4)  # steps
MEASURES = ("strength", "likeness", "low_db", "high_db", "above_noise_db")

_LOW_HZ = (50.0, 1500.0)  # where voicing has its energy
_HIGH_HZ = (2500.0, 6000.0)  # where frication has its
_LAGS = np.linspace(0.9, 1.1, 9)  # of a period
_POINTS = 48  # a period is resampled to
_SILENT_DB = -120.0
_LEAST_RANGE_DB = 40.0  # a clip cut so close that it has no quiet frames is still taken to be this far above its noise


def measures(
    samples: NDArray[np.float64], sample_rate_hz: int, at_s: NDArray[np.float64], f0_hz: NDArray[np.float64], strength: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The five measures at given times.

    Parameters
    ----------
    samples
        float64 of shape (n,).
    at_s
        Where to measure, seconds, shape (n_times,).
    f0_hz
        A guess of F0 there, > 0 everywhere, shape (n_times,).
    strength
        Autocorrelation at the best candidate, 0 .. 1, shape (n_times,).

    Returns
    -------
    NDArray[np.float64]
        Shape (n_times, 5): `strength`; `likeness`, the correlation of the period before with the period after (-1 .. 1); energy
        below 1.5 kHz and above 2.5 kHz re the clip's loud frames (95th percentile of the low band), dB; low energy above the clip's
        quiet frames (5th percentile, at least 40 dB below the loud ones), dB.
    """
    low = _band(samples, sample_rate_hz, _LOW_HZ)
    low_db = _level_db(low, sample_rate_hz, at_s)
    high_db = _level_db(_band(samples, sample_rate_hz, _HIGH_HZ), sample_rate_hz, at_s)
    quiet_db, loud_db = (float(level) for level in np.percentile(low_db, [5, 95]))
    quiet_db = min(quiet_db, loud_db - _LEAST_RANGE_DB)
    likeness = period_likeness(low, at_s * sample_rate_hz, sample_rate_hz / f0_hz)
    return np.stack([strength, likeness, low_db - loud_db, high_db - loud_db, low_db - quiet_db], axis=1)


def period_likeness(signal: NDArray[np.float64], centres: NDArray[np.float64], periods: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of the period before each centre with the period after it, the best of lags 10 % around.

    Parameters
    ----------
    signal
        float64 of shape (n,).
    centres, periods
        In samples, float64 of shape (n_times,).
    """
    inside = (np.arange(_POINTS) + 0.5) / _POINTS
    best = np.full(len(centres), -1.0)
    for lag in _LAGS:
        length = (lag * periods)[:, None]
        before = _at(signal, centres[:, None] - length * (1 - inside))
        after = _at(signal, centres[:, None] + length * inside)
        power = (before**2).sum(1) * (after**2).sum(1)
        best = np.maximum(best, (before * after).sum(1) / np.sqrt(power + 1e-18))
    return best


def with_context(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row with its neighbours at `CONTEXT`: (n_times, 5) -> (n_times, 35); ends repeat."""
    at = np.clip(np.arange(len(values))[:, None] + np.array(CONTEXT), 0, len(values) - 1)
    joined: NDArray[np.float64] = values[at].reshape(len(values), -1)
    return joined


def log_odds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of voicing from `measures`, shape (n_times,)."""
    odds: NDArray[np.float64] = with_context(values) @ np.asarray(WEIGHTS).ravel() + BIAS
    return odds


def _band(samples: NDArray[np.float64], sample_rate_hz: int, edges_hz: tuple[float, float]) -> NDArray[np.float64]:
    """Second-order Butterworth band-pass, zero phase; the upper edge stays below half the rate."""
    low, high = edges_hz[0], min(edges_hz[1], 0.45 * sample_rate_hz)
    padding = min(len(samples) - 1, sample_rate_hz // 20)
    band: NDArray[np.float64] = sosfiltfilt(butter(2, (low, high), "bandpass", fs=sample_rate_hz, output="sos"), samples, padlen=padding)
    return band


def _level_db(band: NDArray[np.float64], sample_rate_hz: int, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square over 2 steps about each time, dB."""
    power = uniform_filter1d(band**2, 2 * round(STEP_S * sample_rate_hz), mode="constant")
    level_db: NDArray[np.float64] = 10 * np.log10(np.maximum(_at(power, at_s * sample_rate_hz), 10 ** (_SILENT_DB / 10)))
    return level_db


def _at(signal: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The signal between its samples (linear; sample i lies at i + 0.5), zero outside."""
    shifted = places - 0.5
    left = np.floor(shifted).astype(np.int64)
    part = shifted - left
    padded = np.concatenate([signal, [0.0, 0.0]])  # index -1 and n: the zeros
    left_in, right_in = _inside(left, len(signal)), _inside(left + 1, len(signal))
    value: NDArray[np.float64] = padded[left_in] * (1 - part) + padded[right_in] * part
    return value


def _inside(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.where((index >= 0) & (index < n), index, n)


# Learned by `python -m benchmarks.voicing`; one row a step of CONTEXT, one column a measure of MEASURES.
WEIGHTS: tuple[tuple[float, ...], ...] = (
    (0.24113, 0.52351, -0.01404, 0.01331, -0.00596),
    (0.27388, 0.38952, 0.006, -2e-05, 0.01257),
    (0.1015, 0.48715, 0.03455, -0.00791, 0.039),
    (0.49993, 0.7383, 0.00183, 0.00379, 0.00871),
    (0.44332, 0.58513, -0.00604, 0.00761, 0.00143),
    (0.5747, 0.23026, 0.00832, -0.00396, 0.01473),
    (0.43712, 0.32903, 0.00434, -0.00437, 0.01103),
)
BIAS = -5.75033
