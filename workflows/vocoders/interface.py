"""What every vocoder is: a function of a mel, and of F0 for those that need it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Vocoder(Protocol):
    """A function that renders a mel."""

    def __call__(self, mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Render.

        Parameters
        ----------
        mel_ln
            Log-mel (natural log), float32 of shape (T, n_mels).
        f0_hz
            float64 of shape (T,), NaN where unvoiced; read by vocoders that build on it.

        Returns
        -------
        NDArray[np.float32]
            Samples in [-1, 1], shape (T * hop,).
        """
