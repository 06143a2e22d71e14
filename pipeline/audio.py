"""Probing and loading of recordings. Files are foreign: what a header claims is bounded before memory is taken.

One rule for what a readable file is holds for both: `probe` (what ingest keeps) and `load` (what later stages analyse).
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import log10
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from pipeline.mp3 import untagged_samples
from schemas.errors import RowError
from schemas.reasons import Reason

MIN_SAMPLE_RATE_HZ = 4_000
MAX_SAMPLE_RATE_HZ = 384_000
MAX_CHANNELS = 64
MAX_DURATION_S = 600.0  # the highest that `ingest.max_duration_s` may be
SILENCE_PEAK_DB = -200.0  # stands for minus infinity, which JSON and plots cannot hold

_BLOCK_SAMPLES = 1 << 18  # of all channels together: 1 MiB of float32
_SHORTFALL = re.compile(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAMED_BYTES = 0x7FFFF000  # sizes from here up are placeholders of programs that wrote to a pipe
_HEADER_SLIP_BYTES = 64  # writers that count the header as data promise up to this much too much
_MP3_SLIP_SAMPLES = 2304  # two frames: the first may lack what it borrows from one before it, the last be cut
_OGG_DAMAGE = ("Corrupted bitstream", "reports a hole", "Junk after the last page", "File ended unexpectedly")  # in libsndfile's log


@dataclass(frozen=True)
class AudioProbe:
    """What is known of a recording without keeping its samples.

    Parameters
    ----------
    sample_rate_hz
        Of the file.
    n_samples
        A channel, as decoded (not as the header claims), > 0.
    n_channels
        In [1, 64].
    duration_s
        ``n_samples / sample_rate_hz``.
    peak_db
        Loudest sample of all channels, dB re full scale; `SILENCE_PEAK_DB` at the least. Float files may be above 0.
    swing_db
        Half the way from the lowest to the highest sample of the channels' mean, dB re full scale: what is left of `peak_db` without a
        constant offset and without what the channels cancel of each other; `SILENCE_PEAK_DB` at the least.
    sha256
        Of the file's bytes, hex.
    """

    sample_rate_hz: int
    n_samples: int
    n_channels: int
    duration_s: float
    peak_db: float
    swing_db: float
    sha256: str


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex, read in pieces.

    Raises
    ------
    RowError
        AUDIO_MISSING, or AUDIO_UNREADABLE if it is no regular file or may not be read.
    """
    _require_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RowError(Reason.AUDIO_UNREADABLE, f"{path.name}: {error.strerror}; look at its disk") from None


def probe(path: Path, max_duration_s: float) -> AudioProbe:
    """Decode a recording once, block by block, and say what it is. Memory is bounded by the block, not by the file.

    Parameters
    ----------
    path
        Any format that libsndfile decodes: WAV, FLAC, OGG (Vorbis, Opus), MP3, AIFF, ...
    max_duration_s
        A header that claims more seconds is rejected before a sample is decoded.

    Raises
    ------
    RowError
        AUDIO_MISSING, AUDIO_UNREADABLE (also: truncated), AUDIO_EMPTY, AUDIO_TOO_LONG or AUDIO_NOT_FINITE.
    """
    with _opened(path, max_duration_s) as (file, counted):
        peak, low, high, n_samples = 0.0, np.inf, -np.inf, 0
        for block in _blocks(file, counted, path):
            mono = _mono(block)
            peak = max(peak, float(np.abs(block).max()))
            low, high = min(low, float(mono.min())), max(high, float(mono.max()))
            n_samples += len(block)
        return AudioProbe(
            sample_rate_hz=file.samplerate,
            n_samples=n_samples,
            n_channels=file.channels,
            duration_s=n_samples / file.samplerate,
            peak_db=_db(peak),
            swing_db=_db((high - low) / 2),
            sha256=file_sha256(path),
        )


def load(path: Path, sample_rate_hz: int) -> NDArray[np.float32]:
    """A recording as one channel at the wanted rate.

    Channels are averaged. Where the file's rate differs, soxr resamples at its "VHQ" quality (linear phase, no delay), and the
    length is `resampled_length` exactly.

    Parameters
    ----------
    path
        As for `probe`.
    sample_rate_hz
        Of the result.

    Returns
    -------
    NDArray[np.float32]
        Shape (n,), n > 0; full scale is 1, float files and resampling may pass it. What an encoder put before the first sample is
        gone (OGG, Opus, MP3 with a LAME tag), but not from an MP3 without that tag: LAME's is then late by 1105 samples.

    Raises
    ------
    RowError
        As `probe`, with a limit of `MAX_DURATION_S`; AUDIO_EMPTY also where resampling leaves no sample.
    """
    with _opened(path, MAX_DURATION_S) as (file, counted):
        mono = np.concatenate([_mono(block) for block in _blocks(file, counted, path)])
        resampled = resample(mono, file.samplerate, sample_rate_hz)
    if not len(resampled):
        raise RowError(Reason.AUDIO_EMPTY, f"{path.name} has {len(mono)} samples, none is left at {sample_rate_hz} Hz", len(mono))
    return resampled


def load_unchanged(path: Path, sha256: str, sample_rate_hz: int) -> NDArray[np.float32]:
    """`load` of the very file that ingest hashed.

    Raises
    ------
    RowError
        As `load`; AUDIO_CHANGED if the file has other bytes, before any of them is decoded.
    """
    if file_sha256(path) != sha256:
        raise RowError(Reason.AUDIO_CHANGED, f"{path.name} has other bytes than ingest hashed; run `dvc repro` from ingest")
    return load(path, sample_rate_hz)


def resample(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """Samples at another rate, float32 of shape (`resampled_length`,); the same array if the rates are equal."""
    if from_hz == to_hz:
        return samples
    resampled: NDArray[np.float32] = np.zeros(resampled_length(len(samples), from_hz, to_hz), dtype=np.float32)
    made = soxr.resample(samples, from_hz, to_hz, quality="VHQ")[: len(resampled)]
    resampled[: len(made)] = made  # soxr follows the same law; the copy makes it a promise
    return resampled


def resampled_length(n_samples: int, from_hz: int, to_hz: int) -> int:
    """Length law of `load`: ``n_samples · to_hz / from_hz`` rounded to the nearest whole number, halves up, in integers."""
    return (2 * n_samples * to_hz + from_hz) // (2 * from_hz)


def _db(amplitude: float) -> float:
    return max(20 * log10(amplitude), SILENCE_PEAK_DB) if amplitude > 0 else SILENCE_PEAK_DB


def _mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    return block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


def _require_file(path: Path) -> None:
    if not path.exists():
        raise RowError(Reason.AUDIO_MISSING, f"{path.name} is not there; restore it or remove its line")
    if not path.is_file():  # opening a pipe or a device would wait for ever
        raise RowError(Reason.AUDIO_UNREADABLE, f"{path.name} is not a regular file; replace it by the recording")
    if not os.access(path, os.R_OK):
        raise RowError(Reason.AUDIO_UNREADABLE, f"{path.name} may not be read; allow reading it")


@contextmanager
def _opened(path: Path, max_duration_s: float) -> Iterator[tuple[sf.SoundFile, int | None]]:
    """The file with a header that keeps the limits, and its samples a channel where the frames of an MP3 had to be counted for them.

    Whatever the decoder raises becomes AUDIO_UNREADABLE.
    """
    _require_file(path)
    try:
        with sf.SoundFile(path) as file:
            counted = untagged_samples(path) if file.format == "MP3" else None
            _check_header(file, counted, path, max_duration_s)
            yield file, counted
    except (sf.SoundFileError, OSError, TypeError) as error:  # TypeError: an extension that means headerless samples
        raise RowError(Reason.AUDIO_UNREADABLE, f"{path.name}: {_cause(error)}; convert or re-copy it") from None


def _cause(error: Exception) -> str:
    """Libsndfile's own words, without the absolute path that would make tables depend on the machine."""
    return getattr(error, "error_string", None) or type(error).__name__


def _check_header(file: sf.SoundFile, counted: int | None, path: Path, max_duration_s: float) -> None:
    rate_hz, n_channels = file.samplerate, file.channels
    if not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        limits = f"{MIN_SAMPLE_RATE_HZ} .. {MAX_SAMPLE_RATE_HZ}"
        raise RowError(Reason.AUDIO_UNREADABLE, f"{path.name} claims {rate_hz} Hz, wants {limits}; convert it", rate_hz)
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise RowError(Reason.AUDIO_UNREADABLE, f"{path.name} claims {n_channels} channels, wants 1 .. {MAX_CHANNELS}", n_channels)
    if not file.frames:
        raise RowError(Reason.AUDIO_EMPTY, f"{path.name} holds no samples", 0)
    claimed_s = (counted or file.frames) / rate_hz
    if claimed_s > max_duration_s:
        raise RowError(Reason.AUDIO_TOO_LONG, f"{path.name} lasts {claimed_s:.3f} s, at most {max_duration_s:g} s", claimed_s)
    _check_not_cut(file, path)


def _check_not_cut(file: sf.SoundFile, path: Path) -> None:
    """A WAV or AIFF cut short opens without complaint: only libsndfile's log tells that the header promised more."""
    for promised, held in _SHORTFALL.findall(file.extra_info):
        shortfall = int(promised) - int(held)
        if int(promised) < _STREAMED_BYTES and shortfall > _HEADER_SLIP_BYTES:
            detail = f"{path.name} is cut: the header promises {promised} bytes of samples, {held} are there; re-copy it"
            raise RowError(Reason.AUDIO_UNREADABLE, detail, shortfall)


def _blocks(file: sf.SoundFile, counted: int | None, path: Path) -> Iterator[NDArray[np.float32]]:
    """Decoded blocks of shape (n, channels), n > 0, all finite, together as many samples as the header claims or were `counted`."""
    n_block, n_read = max(1, _BLOCK_SAMPLES // file.channels), 0
    while n_read < file.frames:
        block = file.read(min(n_block, file.frames - n_read), dtype="float32", always_2d=True)
        if not len(block) and n_read and counted is not None:
            break
        if not len(block):
            detail = f"{path.name} is cut: {n_read} samples of {file.frames} can be decoded; re-copy it"
            raise RowError(Reason.AUDIO_UNREADABLE, detail, n_read)
        if not np.isfinite(block).all():
            raise RowError(Reason.AUDIO_NOT_FINITE, f"{path.name} holds NaN or infinite samples after sample {n_read}", n_read)
        n_read += len(block)
        yield block
    if counted is not None and counted - n_read > _MP3_SLIP_SAMPLES:
        detail = f"{path.name} has no Xing tag and a varying bit rate: {n_read} samples of {counted} can be decoded; convert it to FLAC"
        raise RowError(Reason.AUDIO_UNREADABLE, detail, n_read)
    if damage := next((words for words in _OGG_DAMAGE if words in file.extra_info), None):  # pages are checksummed; bad ones are skipped
        raise RowError(Reason.AUDIO_UNREADABLE, f"{path.name} is damaged: libsndfile says '{damage}'; re-copy it")
