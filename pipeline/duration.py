"""Durations of phones in frames, and pools of the frame tracks over phones. Pure functions on arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.errors import RowError
from schemas.frames import FrameGrid
from schemas.reasons import Reason
from schemas.tables.alignments import Interval


def frames_between(
    phones: Sequence[Interval], grid: FrameGrid, n_frames: int, policy: Literal["borrow", "keep", "reject"]
) -> NDArray[np.int32]:
    """Frames of each phone, by rounding boundaries and never lengths, so the sum is exactly `n_frames`.

    A frame belongs to the phone that its centre lies in. The first phone starts at frame 0 and the last ends at `n_frames`,
    whatever a sample more or less at the recording's end says.

    Parameters
    ----------
    phones
        Intervals that tile the recording, at least one.
    grid
        The frame grid.
    n_frames
        Frames of the recording, >= 1.
    policy
        For a phone without a frame centre: ``borrow`` one frame from the longer neighbour, ``keep`` its 0, or ``reject`` the row.

    Returns
    -------
    NDArray[np.int32]
        Shape (n_phones,).

    Raises
    ------
    RowError
        `ZERO_FRAME_PHONE` by policy ``reject``, or when no neighbour has two frames to lend one from.
    """
    starts = [0, *(min(grid.frame_boundary(phone.start_s), n_frames) for phone in phones[1:]), n_frames]
    durations = np.diff(starts).astype(np.int32)
    if policy != "keep":
        for index in np.flatnonzero(durations == 0):
            _lend(durations, int(index), phones, policy)
    return durations


def _lend(durations: NDArray[np.int32], index: int, phones: Sequence[Interval], policy: str) -> None:
    """Move one frame into phone `index`, in place, from its longer neighbour (the left one of equals)."""
    neighbours = [at for at in (index - 1, index + 1) if 0 <= at < len(durations)]
    lender = max(neighbours, key=lambda at: durations[at], default=index)
    if policy == "reject" or durations[lender] < 2:
        phone, length_s = phones[index], phones[index].end_s - phones[index].start_s
        why = "zero_frame_phones is `reject`" if policy == "reject" else "no neighbour has two frames"
        raise RowError(
            Reason.ZERO_FRAME_PHONE,
            f"phone {index} `{phone.label}` at {phone.start_s:.3f} s lasts {1000 * length_s:.1f} ms and holds no frame centre; {why}",
            length_s,
        )
    durations[lender] -= 1
    durations[index] += 1


@dataclass(frozen=True)
class PhonePools:
    """Tracks pooled over phones, each float32 of shape (n_phones,).

    Parameters
    ----------
    log_f0
        Mean ln(Hz) over the phone's voiced frames; NaN where none is voiced.
    log_f0_slope
        Least-squares slope of ln(Hz) over the voiced frames, per second; NaN below two voiced frames.
    energy_db
        Mean of the frames' dB; NaN for a phone of 0 frames.
    """

    log_f0: NDArray[np.float32]
    log_f0_slope: NDArray[np.float32]
    energy_db: NDArray[np.float32]


def phone_pools(f0_hz: NDArray[np.float32], energy_db: NDArray[np.float32], duration_frames: NDArray[np.int32], hop_s: float) -> PhonePools:
    """Pool F0 (Hz, NaN where unvoiced) and energy (dB), both of shape (n_frames,), over phones; the inputs stay as they are.

    ``duration_frames`` of shape (n_phones,) sums to n_frames; phones of 0 frames are allowed.
    """
    n_phones = len(duration_frames)
    phone = np.repeat(np.arange(n_phones), duration_frames)
    voiced = np.isfinite(f0_hz)
    time_s, log_f0 = np.flatnonzero(voiced) * hop_s, np.log(f0_hz[voiced].astype(np.float64))
    at = phone[voiced]
    mean_log_f0 = _means(log_f0, at, n_phones)
    time_off_s = time_s - _means(time_s, at, n_phones)[at]
    spread = np.bincount(at, time_off_s**2, n_phones)
    rise = np.bincount(at, time_off_s * (log_f0 - mean_log_f0[at]), n_phones)
    enough = np.bincount(at, minlength=n_phones) >= 2
    slope = np.divide(rise, spread, out=np.full(n_phones, np.nan), where=enough)
    energy = _means(energy_db.astype(np.float64), phone, n_phones)
    return PhonePools(mean_log_f0.astype(np.float32), slope.astype(np.float32), energy.astype(np.float32))


def _means(values: NDArray[np.floating], groups: NDArray[np.int64], n_groups: int) -> NDArray[np.float64]:
    """Mean of the values of each group, NaN for a group without any."""
    counts = np.bincount(groups, minlength=n_groups)
    means: NDArray[np.float64] = np.divide(np.bincount(groups, values, n_groups), counts, out=np.full(n_groups, np.nan), where=counts > 0)
    return means
