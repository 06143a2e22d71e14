"""Praat's autocorrelation, by parselmouth."""

from typing import Any

import numpy as np

from pipeline.extractors.extractor import Track
from schemas.frames import FrameGrid
from schemas.params import PitchParams

_PERIODS = 3  # periods of the floor in Praat's autocorrelation window


def praat_ac(samples: Track, grid: FrameGrid, params: PitchParams, floor_hz: float, ceiling_hz: float) -> Track:
    """Praat's autocorrelation (Boersma 1993) with its path search; Hz at frame centres, 0 where unvoiced."""
    f0_hz: Track = praat_pitch(samples, grid, params, floor_hz, ceiling_hz).selected_array["frequency"]
    return f0_hz


def praat_pitch(samples: Track, grid: FrameGrid, params: PitchParams, floor_hz: float, ceiling_hz: float) -> Any:
    """Praat's Pitch object with exactly one frame at each of our centres.

    Praat lays ``1 + floor((duration - window) / hop)`` frames symmetrically about the middle of the sound. Equal zeros on both
    sides of the frames' samples make that ``n_frames + 0.5`` hops less rounding, so the count is ours and the middle stays.
    """
    import parselmouth

    used = samples[: grid.n_used_samples(len(samples))]
    window_samples = _PERIODS / floor_hz * grid.sample_rate_hz
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
