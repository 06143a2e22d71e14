"""Prosody that was asked for: an utterance's tracks shifted, scaled, made louder or faster, also phone by phone. Pure, on rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflows.measures import warp

SEMITONES_AN_OCTAVE = 12.0


@dataclass(frozen=True)
class ProsodyEdit:
    """What is changed of an utterance's prosody; the defaults change nothing.

    Parameters
    ----------
    pitch_shift_semitones
        Added to F0 everywhere.
    pitch_range_scale
        Multiplies the distance of log-F0 from the utterance's own mean, >= 0; 0 is monotone.
    energy_shift_db
        Added to energy everywhere.
    rate
        Speed, > 0; 2 halves every duration.
    """

    pitch_shift_semitones: float = 0.0
    pitch_range_scale: float = 1.0
    energy_shift_db: float = 0.0
    rate: float = 1.0


@dataclass(frozen=True)
class PhoneCurves:
    """Changes of single phones, on top of an edit; each has a number a phone.

    Parameters
    ----------
    pitch_shift_semitones, energy_shift_db
        Values at phone centres; frames between them get what lies between.
    rate
        Speed of each phone, > 0.
    """

    pitch_shift_semitones: Sequence[float]
    energy_shift_db: Sequence[float]
    rate: Sequence[float]


def edited(row: dict[str, Any], edit: ProsodyEdit, curves: PhoneCurves | None = None) -> dict[str, Any]:
    """A feature row with other durations, F0 and energy; its mel stays as it was and no longer fits them.

    Parameters
    ----------
    row
        With `phones`, `duration_frames`, `f0_hz` (NaN where unvoiced) and `energy_db`.

    Raises
    ------
    ValueError
        If a rate is not above 0, or curves have another length than the phones.
    """
    durations = np.asarray(row["duration_frames"], np.int32)
    rates = np.full(len(durations), edit.rate) * (1.0 if curves is None else np.asarray(curves.rate, np.float64))
    if not (rates > 0).all():
        raise ValueError(f"rates must be above 0, got {rates.min()}")
    lengths = scaled_durations(durations, rates)
    from_frame = warp(durations, lengths)
    f0_hz, energy_db = np.asarray(row["f0_hz"], np.float64)[from_frame], np.asarray(row["energy_db"], np.float64)[from_frame]
    semitones, gain_db = np.full(len(f0_hz), edit.pitch_shift_semitones), np.full(len(f0_hz), edit.energy_shift_db)
    if curves is not None:
        semitones += at_frames(curves.pitch_shift_semitones, lengths)
        gain_db += at_frames(curves.energy_shift_db, lengths)
    f0_hz = scaled_range(f0_hz, edit.pitch_range_scale) * 2.0 ** (semitones / SEMITONES_AN_OCTAVE)
    return {**row, "duration_frames": lengths, "n_frames": int(lengths.sum()), "f0_hz": f0_hz, "energy_db": energy_db + gain_db}


def scaled_durations(durations: NDArray[np.int32], rates: NDArray[np.float64]) -> NDArray[np.int32]:
    """Durations over rates, boundaries rounded and not lengths; a phone that had a frame keeps one. int32 of shape (n_phones,)."""
    ends = np.rint(np.cumsum(durations / rates))
    lengths = np.diff(ends, prepend=0.0).astype(np.int32)
    return np.maximum(lengths, (durations > 0).astype(np.int32))


def scaled_range(f0_hz: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """F0 whose log is `scale` times as far from its mean; NaN stays NaN."""
    if np.isnan(f0_hz).all():
        return f0_hz
    log_f0 = np.log(f0_hz)
    mean = np.nanmean(log_f0)
    widened: NDArray[np.float64] = np.exp(mean + scale * (log_f0 - mean))
    return widened


def at_frames(values: Sequence[float], durations: NDArray[np.int32]) -> NDArray[np.float64]:
    """Phone values at frames, linear between phone centres, constant outside them; float64 of shape (sum(durations),)."""
    if len(values) != len(durations):
        raise ValueError(f"{len(values)} values for {len(durations)} phones")
    centres = np.cumsum(durations) - durations / 2
    between: NDArray[np.float64] = np.interp(np.arange(int(durations.sum())) + 0.5, centres, np.asarray(values, np.float64))
    return between
