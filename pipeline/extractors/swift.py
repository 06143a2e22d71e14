"""SwiftF0 (Nieradzik 2025): a small network on the spectrogram, whose weights are in its wheel."""

from functools import cache
from typing import Any

import numpy as np
import soxr

from pipeline.extractors.extractor import Track
from schemas.frames import FrameGrid
from schemas.params import PitchParams

_RATE_HZ = 16000
_VOICED = 0.5  # confidence, as its authors calibrated it


def swift_f0(samples: Track, grid: FrameGrid, _params: PitchParams, floor_hz: float, ceiling_hz: float) -> Track:
    """Log-F0 interpolated from its 16 ms frames, which stand at multiples of 16 ms; voiced where its confidence reaches 0.5.

    Its arithmetic is float32 and may differ in the last bits from one kind of processor to another. The package is an extra:
    ``pip install espressivo[swift]``.
    """
    at_16k = soxr.resample(samples, grid.sample_rate_hz, _RATE_HZ).astype(np.float32)
    found = _detector().detect(at_16k, _RATE_HZ, fmin=floor_hz, fmax=ceiling_hz)
    centres_s = grid.centres_s(grid.n_frames(len(samples)))
    confidence = np.interp(centres_s, found.timestamps, found.confidence)
    f0_hz: Track = np.exp(np.interp(centres_s, found.timestamps, np.log(found.pitch_hz)))
    return np.where(confidence >= _VOICED, f0_hz, 0.0)


@cache
def _detector() -> Any:
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)
