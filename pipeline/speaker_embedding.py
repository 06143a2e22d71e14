"""How a voice sounds, as a d-vector by Resemblyzer (Wan et al. 2018, generalised end-to-end loss): its weights come inside its wheel."""

import warnings
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import DependencyError, RowError
from schemas.reasons import Reason

SAMPLE_RATE_HZ = 16000
CODE_VERSION = 1  # raise it when a change here changes vectors
_LOUDNESS_DB = -30.0  # [dB re full scale] quiet recordings are raised to this before speech is looked for, as Resemblyzer does
_PACKAGES = ("Resemblyzer", "webrtcvad", "librosa", "numpy", "torch")


def made_by() -> str:
    """All that a vector depends on beside the recording.

    Raises
    ------
    DependencyError
        If Resemblyzer is not installed.
    """
    try:
        return ", ".join([*(f"{package} {version(package)}" for package in _PACKAGES), f"code {CODE_VERSION}"])
    except PackageNotFoundError as error:
        raise DependencyError(f"{error}; run `pip install '.[speaker]'`, or set voices.embedding: none") from None


def voice_of(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The d-vector of a recording: speech alone, windows of 1.6 s, their mean.

    Parameters
    ----------
    samples
        At `SAMPLE_RATE_HZ`, float32 of shape (n,).

    Returns
    -------
    NDArray
        float32 of shape (VOICE_CHANNELS,), >= 0, norm 1.

    Raises
    ------
    RowError
        VOICE_UNHEARD if no speech is found.
    """
    library, encoder = _encoder()
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    if not level > 0:
        raise RowError(Reason.VOICE_UNHEARD, "the recording is silent")
    raised = np.clip(library.audio.normalize_volume(samples, _LOUDNESS_DB, increase_only=True), -1.0, 1.0)  # its 16 bits would wrap around
    speech = library.audio.trim_long_silences(raised)
    if not len(speech):
        raise RowError(Reason.VOICE_UNHEARD, f"no speech in {len(samples) / SAMPLE_RATE_HZ:.2f} s")
    voice: NDArray[np.float32] = encoder.embed_utterance(speech).astype(np.float32)
    if not np.isfinite(voice).all():
        raise RowError(Reason.VOICE_UNHEARD, f"the vector of {len(speech) / SAMPLE_RATE_HZ:.2f} s of speech is not finite")
    return voice


def mean_voice(voices: NDArray[np.float32]) -> NDArray[np.float32]:
    """One vector for several recordings of a speaker, (n, VOICE_CHANNELS) -> (VOICE_CHANNELS,): their mean, at norm 1."""
    mean = voices.mean(axis=0, dtype=np.float64)
    unit: NDArray[np.float32] = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


@lru_cache(maxsize=1)
def _encoder() -> tuple[Any, Any]:
    made_by()
    with warnings.catch_warnings():  # an import path that scipy has moved, and pkg_resources
        warnings.simplefilter("ignore")
        import resemblyzer
    return resemblyzer, resemblyzer.VoiceEncoder("cpu", verbose=False)
