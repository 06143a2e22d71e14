"""The frame tracks of one recording, one by one as extract computes them, and together as evaluate measures synthesised audio. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.energy import frame_energy_db
from pipeline.mel import log_mel
from pipeline.pitch import extract_f0
from schemas.frames import FrameGrid
from schemas.params import EnergyParams, MelParams, PitchParams


@dataclass(frozen=True)
class Tracks:
    """Tracks of n_frames frames that share one grid.

    Parameters
    ----------
    mel_ln
        float32 of shape (n_frames, n_mels), natural logarithm.
    f0_hz
        float32 of shape (n_frames,), NaN where unvoiced.
    voiced
        bool of shape (n_frames,), true exactly where `f0_hz` is not NaN.
    energy_db
        float32 of shape (n_frames,), dB re full scale.
    """

    mel_ln: NDArray[np.float32]
    f0_hz: NDArray[np.float32]
    voiced: NDArray[np.bool_]
    energy_db: NDArray[np.float32]


def analyse(
    samples: NDArray[np.float32],
    grid: FrameGrid,
    mel: MelParams,
    pitch: PitchParams,
    energy: EnergyParams,
    floor_hz: float,
    ceiling_hz: float,
) -> Tracks:
    """All tracks of a recording, with F0 searched between the speaker's `floor_hz` and `ceiling_hz`.

    Parameters
    ----------
    samples
        float32 of shape (n,) at the grid's rate, full scale is 1.

    Raises
    ------
    ParamsError
        If the mel bands do not fit the grid.
    """
    f0_hz = extract_f0(samples, grid, pitch, floor_hz=floor_hz, ceiling_hz=ceiling_hz)
    return Tracks(
        mel_ln=mel_track(samples, grid, mel),
        f0_hz=f0_hz,
        voiced=np.isfinite(f0_hz),
        energy_db=frame_energy_db(samples, grid, floor_db=energy.floor_db),
    )


def mel_track(samples: NDArray[np.float32], grid: FrameGrid, mel: MelParams) -> NDArray[np.float32]:
    """`log_mel` by parameters."""
    return log_mel(samples, grid, n_mels=mel.n_mels, f_min_hz=mel.f_min_hz, f_max_hz=mel.f_max_hz, amplitude_floor=mel.amplitude_floor)
