"""Distances between two recordings of the same words, on the pipeline's own tracks. Pure functions on arrays.

All take frame-aligned tracks (see `warp`), use only frames where the measure is defined, and give NaN where none is.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.spatial.distance import cdist

Floats = NDArray[np.float32] | NDArray[np.float64]

DB_PER_LN = 20.0 / np.log(10.0)
GROSS_ERROR_RATIO = 0.2
MCD_ORDER = 24


def warp(from_frames: NDArray[np.int32], to_frames: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each frame of the target, the frame of the source at the same place inside the same phone.

    Parameters
    ----------
    from_frames, to_frames
        Durations of the same phones in frames, int32 of shape (n_phones,); a phone of 0 source frames takes the frame before it.

    Returns
    -------
    index
        int64 of shape (sum(to_frames),), in [0, sum(from_frames)); the identity when both are equal.
    """
    starts = np.concatenate([[0], np.cumsum(from_frames)[:-1]])
    inside = np.arange(int(to_frames.sum())) - np.repeat(np.cumsum(to_frames) - to_frames, to_frames)
    scale = np.repeat(from_frames / np.maximum(to_frames, 1), to_frames)
    index = np.repeat(starts, to_frames) + np.floor((inside + 0.5) * scale).astype(np.int64)
    clipped: NDArray[np.int64] = np.clip(index, 0, max(int(from_frames.sum()) - 1, 0))
    return clipped


def log_mel_distance_db(real_ln: Floats, other_ln: Floats) -> float:
    """Root mean square difference of log-mel magnitudes, dB; arrays (n_frames, n_mels) in ln."""
    return float(np.sqrt(np.mean((np.asarray(other_ln, np.float64) - real_ln) ** 2)) * DB_PER_LN)


def mel_cepstrum(mel_ln: Floats, order: int = MCD_ORDER) -> NDArray[np.float64]:
    """Coefficients 1 .. `order` of the cosine series of each frame's log-mel magnitudes over the mel axis; the level, c0, is left out.

    ``mel_ln[k] = c0 + sum over m of c_m cos(pi m (k + 0.5) / n_mels)``: the convention of SPTK's mel-cepstra, on the mel bands themselves.

    Parameters
    ----------
    mel_ln
        Shape (n_frames, n_mels), natural log.
    order
        Number of coefficients, < n_mels.

    Returns
    -------
    cepstrum
        float64 of shape (n_frames, order).
    """
    mel_ln = np.asarray(mel_ln, np.float64)
    cepstrum: NDArray[np.float64] = dct(mel_ln, type=2, axis=-1)[:, 1 : order + 1] / mel_ln.shape[-1]
    return cepstrum


def mcd_db(real_ln: Floats, other_ln: Floats) -> float:
    """Mel-cepstral distortion of frames that belong together, dB: the mean of ``10 / ln 10 * sqrt(2 * sum over m of (c_m - c'_m)^2)``.

    Of one frame that is the root mean square difference in dB over mel bands, smoothed to `MCD_ORDER` coefficients and without the
    difference in level; so it is never above the frame's `log_mel_distance_db`. Kubichek 1993; arrays (n_frames, n_mels) in ln.
    """
    if not len(real_ln):
        return float("nan")
    difference = mel_cepstrum(real_ln) - mel_cepstrum(other_ln)
    return float(np.mean(np.sqrt(2.0 * np.sum(difference**2, axis=-1))) * DB_PER_LN / 2.0)


def mcd_dtw_db(real_ln: Floats, other_ln: Floats) -> float:
    """`mcd_db` of frames that dynamic time warping brings together: the mean over the path with the least sum of distances.

    Parameters
    ----------
    real_ln, other_ln
        Shapes (n, n_mels) and (m, n_mels), ln; n and m may differ.
    """
    if not len(real_ln) or not len(other_ln):
        return float("nan")
    from librosa.sequence import dtw  # 2 s to import: only where it is used

    distance = cdist(mel_cepstrum(real_ln), mel_cepstrum(other_ln)) * np.sqrt(2.0) * DB_PER_LN / 2.0
    _, path = dtw(C=distance)
    return float(distance[path[:, 0], path[:, 1]].mean())


def f0_bias_cents(asked_hz: Floats, realised_hz: Floats) -> float:
    """Median of realised minus asked F0 in cents over frames voiced in both: a shift, that octave errors do not move."""
    asked, realised = _voiced_in_both(asked_hz, realised_hz)
    return float(np.median(1200.0 * np.log2(realised / asked))) if len(asked) else float("nan")


def f0_rmse_cents(real_hz: Floats, other_hz: Floats) -> float:
    """Root mean square difference of F0 in cents over frames voiced (not NaN) in both."""
    real, other = _voiced_in_both(real_hz, other_hz)
    cents = 1200.0 * np.log2(other / real)
    return float(np.sqrt(np.mean(cents**2))) if len(cents) else float("nan")


def f0_gross_error(real_hz: Floats, other_hz: Floats) -> float:
    """Share of frames voiced in both whose F0 differs by more than 20 % of the real one (0 .. 1)."""
    real, other = _voiced_in_both(real_hz, other_hz)
    return float(np.mean(np.abs(other / real - 1.0) > GROSS_ERROR_RATIO)) if len(real) else float("nan")


def f0_correlation(real_hz: Floats, other_hz: Floats) -> float:
    """Pearson correlation of ln F0 over frames voiced in both."""
    real, other = _voiced_in_both(real_hz, other_hz)
    return correlation(np.log(real), np.log(other))


def voicing_error(real_hz: Floats, other_hz: Floats) -> float:
    """Share of frames that are voiced in one and not in the other (0 .. 1)."""
    return float(np.mean(np.isnan(real_hz) != np.isnan(other_hz))) if len(real_hz) else float("nan")


def rmse(real: Floats, other: Floats) -> float:
    """Root mean square difference."""
    return float(np.sqrt(np.mean((np.asarray(other, np.float64) - real) ** 2))) if len(real) else float("nan")


def correlation(real: Floats, other: Floats) -> float:
    """Pearson correlation; NaN below 3 values or where one side is constant."""
    if len(real) < 3 or np.ptp(real) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(np.asarray(real, np.float64), np.asarray(other, np.float64))[0, 1])


def bootstrap_interval(values: Floats, n_samples: int, seed: int = 0) -> tuple[float, float, float]:
    """Mean of the finite values and its 95 % percentile bootstrap interval: (mean, low, high)."""
    finite = np.asarray(values, np.float64)[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan"), float("nan")
    draws = np.random.default_rng(seed).integers(0, len(finite), (n_samples, len(finite)))
    low, high = np.percentile(finite[draws].mean(axis=1), [2.5, 97.5])
    return float(finite.mean()), float(low), float(high)


def _voiced_in_both(first_hz: Floats, second_hz: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    both = ~(np.isnan(first_hz) | np.isnan(second_hz))
    return np.asarray(first_hz, np.float64)[both], np.asarray(second_hz, np.float64)[both]
