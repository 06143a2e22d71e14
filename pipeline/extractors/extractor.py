"""What an F0 extractor is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.frames import FrameGrid
from schemas.params import PitchParams

Track = NDArray[np.float64]


@dataclass(frozen=True)
class Extractor:
    """A way to find F0.

    Parameters
    ----------
    track
        ``(samples float64 (n,), grid, params, floor_hz, ceiling_hz) -> Hz``, at least ``grid.n_frames(n)`` values at the frame
        centres, 0 where unvoiced.
    package
        Distribution whose version is part of every fingerprint.
    """

    track: Callable[[Track, FrameGrid, PitchParams, float, float], Track]
    package: str
