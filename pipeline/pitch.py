"""Fundamental frequency on the frames of `FrameGrid`, and a speaker's limits for it. Pure functions on arrays."""

import numpy as np
from numpy.typing import NDArray

from pipeline.extractors.registry import EXTRACTORS
from schemas.frames import FrameGrid
from schemas.params import PitchParams

_HISTOGRAM_BASE_HZ = 20.0
_BINS_AN_OCTAVE = 100
_HISTOGRAM_BINS = 7 * _BINS_AN_OCTAVE  # 20 .. 2560 Hz
_FLOOR_STEP_HZ = 5.0
_CEILING_STEP_HZ = 25.0
_LOWEST_CEILING_HZ = 100.0  # a voice so low that a ceiling below this would fit has creak alone; the table's contract stops here too


def extract_f0(
    samples: NDArray[np.float32], grid: FrameGrid, params: PitchParams, *, floor_hz: float, ceiling_hz: float
) -> NDArray[np.float32]:
    """F0 at the frame centres ``(t + 0.5)·hop``, by the extractor that `params` names.

    Parameters
    ----------
    samples
        float32 of shape (n,), full scale is 1; n may be 0.
    grid
        The frame grid.
    params
        Extractor and its thresholds; `floor_hz` and `ceiling_hz` are not read from here.
    floor_hz, ceiling_hz
        Limits of the search, 0 < floor < ceiling.

    Returns
    -------
    NDArray[np.float32]
        Hz, shape ``(grid.n_frames(n),)``, NaN where unvoiced.
    """
    n_frames = grid.n_frames(len(samples))
    if n_frames == 0:
        return np.empty(0, dtype=np.float32)
    f0_hz = EXTRACTORS[params.extractor].track(samples.astype(np.float64), grid, params, floor_hz, ceiling_hz)[:n_frames]
    return np.where(f0_hz > 0, f0_hz, np.nan).astype(np.float32)


def log_f0_histogram(f0_hz: NDArray[np.float32]) -> NDArray[np.int64]:
    """Counts of voiced frames in bins of 1/100 octave from 20 Hz, int64 of shape (700,): small enough to travel and to add."""
    voiced_hz = f0_hz[np.isfinite(f0_hz)].astype(np.float64)
    bins = np.floor(_BINS_AN_OCTAVE * np.log2(voiced_hz / _HISTOGRAM_BASE_HZ)).astype(np.int64)
    return np.bincount(bins.clip(0, _HISTOGRAM_BINS - 1), minlength=_HISTOGRAM_BINS)


def quartiles_hz(histogram: NDArray[np.int64]) -> tuple[float, float] | None:
    """First and third quartile of a `log_f0_histogram`, Hz, within 1/100 octave; None where nothing is voiced."""
    if histogram.sum() == 0:
        return None
    below = np.concatenate([[0], np.cumsum(histogram)])
    first, third = np.interp([0.25 * below[-1], 0.75 * below[-1]], below, np.arange(_HISTOGRAM_BINS + 1) / _BINS_AN_OCTAVE)
    return float(_HISTOGRAM_BASE_HZ * 2**first), float(_HISTOGRAM_BASE_HZ * 2**third)


def limits_from_quartiles(quartiles: tuple[float, float] | None, params: PitchParams) -> tuple[float, float]:
    """Floor and ceiling, Hz, from a speaker's quartiles of F0 in a search between the wide limits; those where there are none.

    De Looze & Hirst (2008): a factor below the first and one above the third quartile.
    Rounded outwards to multiples of 5 and 25 Hz, so that a few more utterances of a speaker seldom change the limits and with
    them every fingerprint; then clamped into ``[params.floor_hz, params.ceiling_hz]``.
    """
    if quartiles is None:
        return params.floor_hz, params.ceiling_hz
    floor_hz = np.floor(params.floor_factor * quartiles[0] / _FLOOR_STEP_HZ) * _FLOOR_STEP_HZ
    ceiling_hz = np.ceil(params.ceiling_factor * quartiles[1] / _CEILING_STEP_HZ) * _CEILING_STEP_HZ
    ceiling_hz = max(float(ceiling_hz), _LOWEST_CEILING_HZ)
    return max(float(floor_hz), params.floor_hz), min(ceiling_hz, params.ceiling_hz)
