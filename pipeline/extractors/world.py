"""WORLD's F0 extractors, by pyworld."""

import numpy as np

from pipeline.extractors.extractor import Track
from schemas.frames import FrameGrid
from schemas.params import PitchParams

_HARVEST_STEP_MS = 1.0


def dio(samples: Track, grid: FrameGrid, _params: PitchParams, floor_hz: float, ceiling_hz: float) -> Track:
    """WORLD's DIO (Morise et al. 2009) refined by StoneMask; Hz at frame centres, 0 where unvoiced.

    WORLD's frames stand at multiples of its period from time 0. At half our hop every second of them, from the first, is a
    frame centre, for odd hops too.
    """
    import pyworld

    rough_hz, times_s = pyworld.dio(samples, grid.sample_rate_hz, f0_floor=floor_hz, f0_ceil=ceiling_hz, frame_period=500 * grid.hop_s)
    rough_hz, times_s = np.ascontiguousarray(rough_hz[1::2]), np.ascontiguousarray(times_s[1::2])
    f0_hz: Track = pyworld.stonemask(samples, rough_hz, times_s, grid.sample_rate_hz)
    return f0_hz


def harvest(samples: Track, grid: FrameGrid, _params: PitchParams, floor_hz: float, ceiling_hz: float) -> Track:
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
    f0_hz: Track = np.where((fine_hz[left] > 0) & (fine_hz[right] > 0), between_hz, nearest_hz)
    return f0_hz
