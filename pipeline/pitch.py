"""Fundamental frequency on the frames of `FrameGrid`, and a speaker's limits for it. Pure functions on arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import voicing
from schemas.frames import FrameGrid
from schemas.params import ExtractorName, PitchParams

_HISTOGRAM_BASE_HZ = 20.0
_BINS_AN_OCTAVE = 100
_HISTOGRAM_BINS = 7 * _BINS_AN_OCTAVE  # 20 .. 2560 Hz
_FLOOR_STEP_HZ = 5.0
_CEILING_STEP_HZ = 25.0
_LOWEST_CEILING_HZ = 100.0  # a voice so low that a ceiling below this would fit has creak alone; the table's contract stops here too
_PRAAT_PERIODS = 3  # periods of the floor in praat's autocorrelation window
_HARVEST_STEP_MS = 1.0
_LENIENT_VOICING, _LENIENT_SILENCE = 0.2, 0.003  # of the search that gives F0 to frames that other evidence calls voiced


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
    f0_hz = EXTRACTORS[params.extractor](samples.astype(np.float64), grid, params, floor_hz, ceiling_hz)[:n_frames]
    return np.where(f0_hz > 0, f0_hz, np.nan).astype(np.float32)


def praat_ac(samples: NDArray[np.float64], grid: FrameGrid, params: PitchParams, floor_hz: float, ceiling_hz: float) -> NDArray[np.float64]:
    """Praat's autocorrelation (Boersma 1993) with its path search; Hz at frame centres, 0 where unvoiced."""
    f0_hz: NDArray[np.float64] = _praat_pitch(samples, grid, params, floor_hz, ceiling_hz).selected_array["frequency"]
    return f0_hz


def dio(samples: NDArray[np.float64], grid: FrameGrid, _params: PitchParams, floor_hz: float, ceiling_hz: float) -> NDArray[np.float64]:
    """WORLD's DIO (Morise et al. 2009) refined by StoneMask; Hz at frame centres, 0 where unvoiced.

    WORLD's frames stand at multiples of its period from time 0. At half our hop every second of them, from the first, is a
    frame centre, for odd hops too.
    """
    import pyworld

    rough_hz, times_s = pyworld.dio(samples, grid.sample_rate_hz, f0_floor=floor_hz, f0_ceil=ceiling_hz, frame_period=500 * grid.hop_s)
    rough_hz, times_s = np.ascontiguousarray(rough_hz[1::2]), np.ascontiguousarray(times_s[1::2])
    f0_hz: NDArray[np.float64] = pyworld.stonemask(samples, rough_hz, times_s, grid.sample_rate_hz)
    return f0_hz


def harvest(samples: NDArray[np.float64], grid: FrameGrid, _params: PitchParams, floor_hz: float, ceiling_hz: float) -> NDArray[np.float64]:
    """WORLD's Harvest (Morise 2017); Hz at frame centres, 0 where unvoiced.

    Harvest works at 1 ms and rounds any other period to that, so it runs at 1 ms and log-F0 is interpolated at the centres;
    the nearer millisecond decides on voicing.
    """
    import pyworld

    fine_hz, _ = pyworld.harvest(samples, grid.sample_rate_hz, f0_floor=floor_hz, f0_ceil=ceiling_hz, frame_period=_HARVEST_STEP_MS)
    at = np.minimum(grid.centres_s(grid.n_frames(len(samples))) * 1000 / _HARVEST_STEP_MS, len(fine_hz) - 1)
    left = at.astype(np.int64)
    right = np.minimum(left + 1, len(fine_hz) - 1)
    nearest_hz = fine_hz[np.rint(at).astype(np.int64)]
    log_hz = np.log(np.where(fine_hz > 0, fine_hz, 1.0))
    between_hz = np.exp(log_hz[left] + (at - left) * (log_hz[right] - log_hz[left]))
    f0_hz: NDArray[np.float64] = np.where((fine_hz[left] > 0) & (fine_hz[right] > 0), between_hz, nearest_hz)
    return f0_hz


@dataclass(frozen=True)
class VoicingEvidence:
    """A lenient search's F0 (Hz, 0 where it found none) and `pipeline.voicing.measures`, about every 5 ms, at `at_s`."""

    at_s: NDArray[np.float64]

    f0_hz: NDArray[np.float64]
    measures: NDArray[np.float64]


def voicing_evidence(
    samples: NDArray[np.float64], sample_rate_hz: int, params: PitchParams, floor_hz: float, ceiling_hz: float
) -> VoicingEvidence:
    """What `praat_voiced` decides by: praat with thresholds that let nearly everything through, and the measures at its F0."""
    step = FrameGrid(sample_rate_hz, hop := round(voicing.STEP_S * sample_rate_hz), hop, hop)
    lenient = params.model_copy(update={"voicing_threshold": _LENIENT_VOICING, "silence_threshold": _LENIENT_SILENCE})
    candidates = _praat_pitch(samples, step, lenient, floor_hz, ceiling_hz).selected_array
    at_s = step.centres_s(len(candidates))
    guess_hz = np.exp(_between(at_s, at_s, candidates["frequency"], np.sqrt(floor_hz * ceiling_hz)))
    measures = voicing.measures(samples, sample_rate_hz, at_s, guess_hz, candidates["strength"])
    return VoicingEvidence(at_s, candidates["frequency"], measures)


def praat_voiced(
    samples: NDArray[np.float64], grid: FrameGrid, params: PitchParams, floor_hz: float, ceiling_hz: float
) -> NDArray[np.float64]:
    """Praat's autocorrelation for F0, `pipeline.voicing` for voicing; Hz at frame centres, 0 where unvoiced.

    F0 is interpolated in log between the 5 ms of the search; where voicing is found beyond it, the nearest F0 goes on.
    """
    centres_s = grid.centres_s(grid.n_frames(len(samples)))
    if len(samples) < voicing.STEP_S * grid.sample_rate_hz + 1:
        return np.zeros(len(centres_s))
    found = voicing_evidence(samples, grid.sample_rate_hz, params, floor_hz, ceiling_hz)
    if not (found.f0_hz > 0).any():
        return np.zeros(len(centres_s))
    voiced = np.interp(centres_s, found.at_s, voicing.log_odds(found.measures)) > 0
    f0_hz: NDArray[np.float64] = np.where(voiced, np.exp(_between(centres_s, found.at_s, found.f0_hz, floor_hz)), 0.0)
    return f0_hz


def _between(
    centres_s: NDArray[np.float64], at_s: NDArray[np.float64], f0_hz: NDArray[np.float64], otherwise_hz: float
) -> NDArray[np.float64]:
    """Ln F0 at `centres_s`, interpolated between the times whose F0 is above 0; `otherwise_hz` where there are none."""
    known = f0_hz > 0
    if not known.any():
        return np.full(len(centres_s), np.log(otherwise_hz))
    log_hz: NDArray[np.float64] = np.interp(centres_s, at_s[known], np.log(f0_hz[known]))
    return log_hz


Extractor = Callable[[NDArray[np.float64], FrameGrid, PitchParams, float, float], NDArray[np.float64]]
EXTRACTORS: dict[ExtractorName, Extractor] = {"praat_ac": praat_ac, "praat_voiced": praat_voiced, "dio": dio, "harvest": harvest}
PACKAGES: dict[ExtractorName, str] = {
    "praat_ac": "praat-parselmouth",
    "praat_voiced": "praat-parselmouth",
    "dio": "pyworld",
    "harvest": "pyworld",
}


def speaker_limits(f0_hz: NDArray[np.float32], params: PitchParams) -> tuple[float, float]:
    """Floor and ceiling of a speaker, Hz, from the F0 that a search with wide limits gave; NaN counts as unvoiced.

    De Looze & Hirst (2008): a factor below the first and one above the third quartile. See `limits_from_quartiles`.
    """
    return limits_from_quartiles(quartiles_hz(log_f0_histogram(f0_hz)), params)


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
    """Floor and ceiling, Hz, from a speaker's quartiles of F0; the wide limits where there are none.

    Rounded outwards to multiples of 5 and 25 Hz, so that a few more utterances of a speaker seldom change the limits and with
    them every fingerprint; then clamped into ``[params.floor_hz, params.ceiling_hz]``.
    """
    if quartiles is None:
        return params.floor_hz, params.ceiling_hz
    floor_hz = np.floor(params.floor_factor * quartiles[0] / _FLOOR_STEP_HZ) * _FLOOR_STEP_HZ
    ceiling_hz = np.ceil(params.ceiling_factor * quartiles[1] / _CEILING_STEP_HZ) * _CEILING_STEP_HZ
    ceiling_hz = max(float(ceiling_hz), _LOWEST_CEILING_HZ)
    return max(float(floor_hz), params.floor_hz), min(ceiling_hz, params.ceiling_hz)


def _praat_pitch(samples: NDArray[np.float64], grid: FrameGrid, params: PitchParams, floor_hz: float, ceiling_hz: float) -> Any:
    """Praat's Pitch object with exactly one frame at each of our centres.

    Praat lays ``1 + floor((duration - window) / hop)`` frames symmetrically about the middle of the sound. Equal zeros on both
    sides of the frames' samples make that ``n_frames + 0.5`` hops less rounding, so the count is ours and the middle stays.
    """
    import parselmouth

    used = samples[: grid.n_used_samples(len(samples))]
    window_samples = _PRAAT_PERIODS / floor_hz * grid.sample_rate_hz
    pad = max(0, round((window_samples - grid.hop_samples / 2) / 2))
    sound = parselmouth.Sound(np.pad(used, pad), grid.sample_rate_hz, start_time=-pad / grid.sample_rate_hz)
    return sound.to_pitch_ac(
        time_step=grid.hop_s,
        pitch_floor=floor_hz,
        very_accurate=False,
        silence_threshold=params.silence_threshold,
        voicing_threshold=params.voicing_threshold,
        octave_cost=params.octave_cost,
        octave_jump_cost=params.octave_jump_cost,
        voiced_unvoiced_cost=params.voiced_unvoiced_cost,
        pitch_ceiling=ceiling_hz,
    )
