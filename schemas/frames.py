"""The one law of frames that mel, pitch, energy and durations all obey."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ParamsError


@dataclass(frozen=True)
class FrameGrid:
    """Frame t covers samples [t·hop, (t+1)·hop); its centre is (t + 0.5)·hop.

    A signal of n samples has ``n // hop`` frames: the tail that does not fill a hop has no frame. The analysis window of
    frame t is centred on the frame's centre, which is what HiFi-GAN's recipe gives (reflect pad of ``(n_fft - hop) / 2``,
    ``center=False``).

    Parameters
    ----------
    sample_rate_hz
        Samples per second, > 0.
    hop_samples
        Distance between frame centres in samples, > 0.
    window_samples
        Length of the analysis window in samples, in [hop_samples, n_fft].
    n_fft
        Length of the Fourier transform in samples, with ``n_fft - hop_samples`` even so that windows centre exactly.

    Raises
    ------
    ParamsError
        If the numbers do not fit each other.
    """

    sample_rate_hz: int
    hop_samples: int
    window_samples: int
    n_fft: int

    def __post_init__(self) -> None:
        if not 0 < self.hop_samples <= self.window_samples <= self.n_fft:
            raise ParamsError(
                f"frames need 0 < hop_samples <= window_samples <= n_fft, got hop_samples={self.hop_samples}, "
                f"window_samples={self.window_samples}, n_fft={self.n_fft}; raise n_fft to {max(self.n_fft, self.window_samples)} "
                f"or lower hop_samples to {min(self.hop_samples, self.window_samples)}"
            )
        if (self.n_fft - self.hop_samples) % 2:
            raise ParamsError(
                f"frames need n_fft - hop_samples even, got {self.n_fft} - {self.hop_samples}; "
                f"set hop_samples to {self.hop_samples - 1} or {self.hop_samples + 1}"
            )
        if self.sample_rate_hz <= 0:
            raise ParamsError(f"frames need sample_rate_hz > 0, got {self.sample_rate_hz}; set the corpus's or vocoder's rate")

    @property
    def pad_samples(self) -> int:
        """Samples to reflect at each end so that frame t's window centres on (t + 0.5)·hop."""
        return (self.n_fft - self.hop_samples) // 2

    @property
    def hop_s(self) -> float:
        """Seconds between frame centres."""
        return self.hop_samples / self.sample_rate_hz

    def n_frames(self, n_samples: int) -> int:
        """Frames of a signal of `n_samples` samples."""
        return n_samples // self.hop_samples

    def n_used_samples(self, n_samples: int) -> int:
        """Samples that frames cover: `n_samples` less the tail that does not fill a hop."""
        return self.n_frames(n_samples) * self.hop_samples

    def centres_s(self, n_frames: int) -> NDArray[np.float64]:
        """Centre of each frame, seconds, float64 of shape (n_frames,)."""
        return (np.arange(n_frames, dtype=np.float64) + 0.5) * self.hop_samples / self.sample_rate_hz

    def frame_boundary(self, time_s: float) -> int:
        """Number of frames whose centre lies before `time_s`: the frame index at which an interval starting there begins."""
        return max(0, ceil(time_s * self.sample_rate_hz / self.hop_samples - 0.5))
