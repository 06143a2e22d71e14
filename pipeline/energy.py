"""Frame energy in dB re full scale. Pure functions on arrays."""

import numpy as np
from numpy.typing import NDArray

from pipeline.mel import framed, hann
from schemas.frames import FrameGrid


def frame_energy_db(samples: NDArray[np.float32], grid: FrameGrid, *, floor_db: float) -> NDArray[np.float32]:
    """Level of each frame: ``10·log10(Σ w²·x² / Σ w²)`` with w the mel's own Hann window, at the mel's own place.

    The level of the recording is kept, nothing is normalised per file. A full-scale sine reads -3.01 dB, a full-scale square
    wave 0 dB, at any rate, hop and window.

    Parameters
    ----------
    samples
        float32 of shape (n,), full scale is 1; n may be 0.
    grid
        The frame grid.
    floor_db
        Lowest value, dB re full scale; digital silence reads this.

    Returns
    -------
    NDArray[np.float32]
        Shape ``(grid.n_frames(n),)``, dB, at least `floor_db`.
    """
    weights = hann(grid.window_samples) ** 2
    power = framed(samples.astype(np.float64) ** 2, grid)  # the reflection of squares is the square of the reflection
    mean_power = np.einsum("tn,n->t", power, weights / weights.sum(), optimize=False)  # no BLAS: its bytes change with its threads
    level_db: NDArray[np.float32] = (10 * np.log10(np.maximum(mean_power, 10 ** (floor_db / 10)))).astype(np.float32)
    return level_db
