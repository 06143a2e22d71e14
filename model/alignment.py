"""Phones over frames (length regulation): which frame belongs to which phone, and values taken from the one to the other."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Alignment:
    """Which frame belongs to which phone.

    Parameters
    ----------
    phone_of_frame
        Index of each frame's phone, int64 of shape (B, T).
    position
        Place of the frame's centre inside its phone, float of shape (B, T), 0 .. 1.
    log_duration
        ln of the frames of its phone, float of shape (B, T).
    mask
        1 at frames, 0 at padding, float of shape (B, T, 1).
    """

    phone_of_frame: Tensor
    position: Tensor
    log_duration: Tensor
    mask: Tensor


def align(durations: Tensor, n_frames: int) -> Alignment:
    """Lay phones over frames.

    Parameters
    ----------
    durations
        Frames a phone, int64 of shape (B, L), >= 0. A phone of no frame is passed over.
    n_frames
        T, at least the longest row's sum.
    """
    ends = durations.cumsum(-1)  # (B, L)
    frame = torch.arange(n_frames, device=durations.device).expand(len(durations), -1).contiguous()  # (B, T)
    phone = torch.searchsorted(ends, frame, right=True).clamp(max=durations.shape[1] - 1)
    length = durations.gather(1, phone).clamp(min=1).float()
    inside = frame - (ends - durations).gather(1, phone) + 0.5
    mask = (frame < ends[:, -1:]).unsqueeze(-1).float()
    return Alignment(phone, (inside / length).clamp(0.0, 1.0), length.log(), mask)


def spread(values: Tensor, alignment: Alignment) -> Tensor:
    """Values of phones, (B, L, C), at each frame, (B, T, C); zero at padding."""
    index = alignment.phone_of_frame.unsqueeze(-1).expand(-1, -1, values.shape[-1])
    return values.gather(1, index) * alignment.mask.to(values.dtype)


def pool(track: Tensor, weight: Tensor, alignment: Alignment, n_phones: int) -> tuple[Tensor, Tensor]:
    """Weighted mean of a frame track over each phone.

    Parameters
    ----------
    track, weight
        Float of shape (B, T); weights are >= 0.
    n_phones
        L.

    Returns
    -------
    tuple of Tensor
        Means, float of shape (B, L), 0 where the weights sum to 0; and the sums of weights, same shape.
    """
    weight = weight * alignment.mask.squeeze(-1)
    zeros = torch.zeros(len(track), n_phones, dtype=track.dtype, device=track.device)
    total = zeros.scatter_add(1, alignment.phone_of_frame, track * weight)
    weights = zeros.scatter_add(1, alignment.phone_of_frame, weight)
    return total / weights.clamp(min=1e-6), weights


def between_centres(values: Tensor, alignment: Alignment) -> Tensor:
    """Phone values at frames, linear between phone centres, so that a predicted contour has no steps.

    Parameters
    ----------
    values
        Float of shape (B, L).

    Returns
    -------
    Tensor
        Float of shape (B, T); constant before the first and after the last phone's centre.
    """
    phone, position = alignment.phone_of_frame, alignment.position
    last = (phone * alignment.mask.squeeze(-1).long()).amax(dim=-1, keepdim=True)
    other = torch.where(position < 0.5, phone - 1, phone + 1).clamp(min=0).minimum(last)
    share = (position - 0.5).abs()
    return values.gather(1, phone) * (1 - share) + values.gather(1, other) * share
