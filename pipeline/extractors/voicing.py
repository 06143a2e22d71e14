"""Which frames are voiced and have a pitch that can be trusted: a small learned network on twelve measures, at the frame and around it.

The search's window of three periods of the floor smears onsets and offsets, a silence threshold, a share of the clip's peak, loses soft
voice, and in creak it is sure of wrong octaves. So measures are taken every 5 ms from the sound at 8 kHz, whatever its own rate and
hop, each also 10 and 20 ms before and after, and a network with one hidden layer decides. Its weights (`voicing_weights`) were
learned from laryngograph recordings by ``python -m benchmarks.voicing``. All measures are relative to the clip, so level does not
matter. Pure functions on arrays.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from pipeline.extractors.autocorrelation import Search
from pipeline.extractors.voicing_weights import WEIGHTS

RATE_HZ = 8000
STEP_S = 0.005  # between measures
CONTEXT = (-4, -2, 0, 2, 4)  # steps
MEASURES = (
    "likeness", "low_db", "high_db", "above_noise_db",
    "strength", "rival_above", "rival_below", "deviation", "abs_deviation", "jump", "found", "height",
)  # fmt: skip

_LOW_HZ = (50.0, 1500.0)  # where voicing has its energy
_HIGH_HZ = (2000.0, 3600.0)  # where frication has some of its, within a telephone's band
_BAND_BLOCK = 4000  # transforms are this long, or twice, thrice, ...: few lengths, whose filters are kept
_LAGS = (0.94, 1.0, 1.06)  # of a period
_POINTS = 16  # a period is resampled to
_LEVEL_S = 0.02  # over which energy is taken
_SILENT_DB = -120.0
_SPEECH_RANGE_DB = 30.0  # frames this far below the loudest are not counted as speech when the clip's level is sought
_LEAST_RANGE_DB = 40.0  # a clip cut so close that it has no quiet frames is still taken to be this far above its noise
_RIVAL = 0.2  # of ln F0: a candidate this far away says something else
_AROUND = 10  # of the search's frames each way, of the running median of F0
_LARGEST_JUMP = 0.5  # of ln F0
_SURE = 0.7  # strength of the frames whose median is the clip's own F0


def measures(samples: NDArray[np.float32], log_f0: NDArray[np.float64], search: Search) -> NDArray[np.float64]:
    """The twelve measures at `times_s`.

    Parameters
    ----------
    samples
        float32 of shape (n,) at `RATE_HZ`.
    log_f0
        Ln F0 there, interpolated where the search found none, shape (n_times,).
    search
        What the search found there.

    Returns
    -------
    NDArray[np.float64]
        Shape (n_times, 12), columns as in `MEASURES`: `likeness`, the correlation of the period before with the period after
        (-1 .. 1); energy below 1.5 kHz and from 2 to 3.6 kHz re the clip's loud frames (90th percentile of the low band among frames
        within 30 dB of the loudest), dB; low energy above the clip's quiet frames (5th percentile, at least 40 dB below the loud ones),
        dB; strength of the candidate chosen and of the strongest ones above and below it (0 .. 1); ln F0 re its running median and
        the size of that; the jump of ln F0 to both neighbours, at most 0.5; 1 where the search found F0; ln F0 re the clip's median.
    """
    at_s = times_s(len(log_f0))
    low, high = _bands(samples)
    low_db, high_db = _level_db(low, len(at_s)), _level_db(high, len(at_s))
    loud_db = float(np.percentile(low_db[low_db >= low_db.max() - _SPEECH_RANGE_DB], 90))
    quiet_db = min(float(np.percentile(low_db, 5)), loud_db - _LEAST_RANGE_DB)
    likeness = period_likeness(low, at_s * RATE_HZ, RATE_HZ * np.exp(-log_f0))
    by_level = np.stack([likeness, low_db - loud_db, high_db - loud_db, low_db - quiet_db], axis=1)
    of_path = [np.interp(at_s, search.at_s, values) for values in _of_path(search)]
    return np.concatenate([by_level, np.stack(of_path, axis=1)], axis=1)


def times_s(n_times: int) -> NDArray[np.float64]:
    """Where `measures` are taken, seconds from the start of the samples, shape (n_times,)."""
    return (np.arange(n_times, dtype=np.float64) + 0.5) * STEP_S


def _of_path(search: Search) -> list[NDArray[np.float64]]:
    found = search.f0_hz > 0
    log_f0 = np.interp(search.at_s, search.at_s[found], np.log(search.f0_hz[found]))
    exists = search.rivals_hz > 0
    away = np.log(np.where(exists, search.rivals_hz, 1.0)) - log_f0[:, None]
    above = np.where(exists & (away > _RIVAL), search.rival_strengths, 0.0).max(axis=1)
    below = np.where(exists & (away < -_RIVAL), search.rival_strengths, 0.0).max(axis=1)
    deviation = log_f0 - running_median(log_f0, np.where(found, np.maximum(search.strength, 0.01) ** 2, 0.0) + 1e-6)
    steps = np.abs(np.diff(log_f0))
    jump = np.minimum(np.append(steps, 0.0) + np.append(0.0, steps), _LARGEST_JUMP)
    sure = found & (search.strength > _SURE)
    height = log_f0 - (np.median(log_f0[sure]) if sure.any() else log_f0.mean())
    return [search.strength, above, below, deviation, np.abs(deviation), jump, found.astype(np.float64), height]


def running_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted median over 20 steps each way, shape (n_times,); beyond the ends there is no weight."""
    near = sliding_window_view(np.pad(values, _AROUND), 2 * _AROUND + 1)
    mass = sliding_window_view(np.pad(weights, _AROUND), 2 * _AROUND + 1)
    order = np.argsort(near, axis=1, kind="stable")
    total = np.cumsum(np.take_along_axis(mass, order, axis=1), axis=1)
    half = (total >= total[:, -1:] / 2).argmax(axis=1)
    rows = np.arange(len(values))
    medians: NDArray[np.float64] = near[rows, order[rows, half]]
    return medians


def period_likeness(signal: NDArray[np.float32], centres: NDArray[np.float64], periods: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of the period before each centre with the period after it, the best of lags 6 % around.

    Parameters
    ----------
    signal
        float32 of shape (n,), taken to be zero beyond its ends.
    centres, periods
        In samples, float64 of shape (n_times,); sample i lies at i + 0.5.
    """
    reach = int(np.ceil(_LAGS[-1] * periods.max())) + 1
    padded = np.pad(signal, (reach, reach + 1))
    start = (centres + (reach - 0.5))[:, None]
    inside = (np.arange(_POINTS) + 0.5) / _POINTS
    best = np.full(len(centres), -1.0)
    for lag in _LAGS:
        length = (lag * periods)[:, None]
        before, after = (_between(padded, start + length * part) for part in (inside - 1, inside))
        power = (before**2).sum(axis=1) * (after**2).sum(axis=1)
        best = np.maximum(best, (before * after).sum(axis=1) / np.sqrt(power + 1e-18))
    return best


def _between(signal: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation at places between the first and the last sample, of which sample i lies at i."""
    left = places.astype(np.int64)
    return (signal[left] + (places - left) * (signal[left + 1] - signal[left])).astype(np.float64, copy=False)


def with_context(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row with its neighbours at `CONTEXT`: (n_times, 12) -> (n_times, 60); ends repeat."""
    at = np.clip(np.arange(len(values))[:, None] + np.array(CONTEXT), 0, len(values) - 1)
    joined: NDArray[np.float64] = values[at].reshape(len(values), -1)
    return joined


class Network(NamedTuple):
    """One hidden layer of rectifiers on measures with their context: weights (60, n), biases (n,), weights of the sum (n,), its bias."""

    hidden_weights: NDArray[np.float64]
    hidden_biases: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float

    def log_odds(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds, from `measures`, that a frame is voiced and its F0 right; shape (n_times,)."""
        hidden = np.maximum(with_context(values) @ self.hidden_weights + self.hidden_biases, 0.0)
        odds: NDArray[np.float64] = hidden @ self.weights + self.bias
        return odds


@cache
def learned() -> Network:
    """The network of `voicing_weights`: lines of the hidden layer's weights, then its biases, then the weights and bias of the sum."""
    *hidden, biases, output = (np.array(line.split(), dtype=np.float64) for line in WEIGHTS.strip().splitlines())
    return Network(np.stack(hidden), biases, output[:-1], float(output[-1]))


def _bands(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The low and the high band: Butterworth's band-pass of second order, there and back (zero phase); silence around the ends."""
    n_fft = -(-(len(samples) + RATE_HZ // 20) // _BAND_BLOCK) * _BAND_BLOCK
    spectrum = fft.rfft(samples, n_fft)
    low, high = (fft.irfft(spectrum * _response(n_fft, edges_hz), n_fft)[: len(samples)] for edges_hz in (_LOW_HZ, _HIGH_HZ))
    return low, high


@lru_cache(maxsize=128)
def _response(n_fft: int, edges_hz: tuple[float, float]) -> NDArray[np.float32]:
    """Power of the filter at the transform's bins, by the bilinear transform."""
    lower, upper = (np.tan(np.pi * edge_hz / RATE_HZ) for edge_hz in edges_hz)
    warped = np.tan(np.pi * np.arange(n_fft // 2 + 1) / n_fft)
    with np.errstate(divide="ignore"):
        away = (warped - lower * upper / warped) / (upper - lower)
    response: NDArray[np.float32] = (1 / (1 + np.square(np.square(away)))).astype(np.float32)
    return response


def _level_db(band: NDArray[np.float32], n_times: int) -> NDArray[np.float64]:
    """Mean square over `_LEVEL_S` about each of `times_s`, dB; silence around the ends."""
    half, step = (round(seconds * RATE_HZ) for seconds in (_LEVEL_S / 2, STEP_S))
    below = np.concatenate([[0.0], np.cumsum(band.astype(np.float64) ** 2)])
    centres = np.arange(n_times) * step + step // 2
    power = (below[np.minimum(centres + half, len(band))] - below[np.maximum(centres - half, 0)]) / (2 * half)
    level_db: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (_SILENT_DB / 10)))
    return level_db
