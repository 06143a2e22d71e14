"""F0 candidates and their best path by autocorrelation (Boersma 1993), over all frames of a recording at once. Pure functions on arrays.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound", 1993: the
autocorrelation of a windowed frame over that of the window. Praat is the reference; here the frames are transformed together and the
path is found block by block, which costs a quarter, starts no threads, and leaves Python's lock to others.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]

_PERIODS = 3  # of the floor, in a window
_FINER = 4  # the autocorrelation is interpolated to as many times the rate, before parabolas
_CANDIDATES = 6  # of a frame, at most
_WEAKEST = 0.5  # of the voicing threshold: weaker maxima are no candidates
_COST_STEP_S = 0.01  # costs of changes are meant for this step
_BLOCK_FRAMES = 64  # transformed at once: small arrays stay in the cache
_NEVER = -1e9


class Costs(NamedTuple):
    """What guides the path, as in Praat's "To Pitch (ac)": see `pitch` in params.yaml."""

    voicing_threshold: float
    silence_threshold: float
    octave_cost: float
    octave_jump_cost: float
    voiced_unvoiced_cost: float


class Search(NamedTuple):
    """What was found on n_frames frames.

    Attributes
    ----------
    at_s
        Their centres, seconds, ascending, shape (n_frames,).
    f0_hz, strength
        Of the best path, shape (n_frames,); 0 Hz and strength 0 where it is unvoiced, strength 0 .. 1.
    rivals_hz, rival_strengths
        Of all candidates, shape (n_frames, n_candidates); 0 Hz and strength 0 where there is none.
    """

    at_s: Array
    f0_hz: Array
    strength: Array
    rivals_hz: Array
    rival_strengths: Array


def search(samples: NDArray[np.float32], rate_hz: int, step_s: float, floor_hz: float, ceiling_hz: float, costs: Costs) -> Search:
    """Candidates between floor and ceiling, and the best path through them.

    Parameters
    ----------
    samples
        float32 of shape (n,) at `rate_hz`, twice the ceiling at the least.
    step_s
        Between frames, a multiple of ``2 / rate_hz``; frame t has its centre at ``(t + 0.5) * step_s`` and covers three periods of the
        floor. There are ``n // (step_s * rate_hz)`` frames.
    """
    hop = round(step_s * rate_hz)
    n_frames = len(samples) // hop
    if n_frames == 0:
        nothing = np.empty((0, _CANDIDATES))
        return Search(nothing[:, 0], nothing[:, 0], nothing[:, 0], nothing, nothing)
    frames = _frames(samples, n_frames, hop, 2 * round(_PERIODS * rate_hz / floor_hz / 2))
    hz, strengths = _candidates(frames, rate_hz, floor_hz, ceiling_hz, costs)
    loudness = np.abs(frames).max(axis=1) / max(float(np.abs(samples).max(initial=0.0)), 1e-12)
    chosen = _best_path(hz, strengths, loudness.astype(np.float64), ceiling_hz, costs, _COST_STEP_S / step_s)
    at, voiced = np.arange(n_frames), chosen >= 0
    f0_hz, strength = (np.where(voiced, values[at, chosen], 0.0) for values in (hz, strengths))
    return Search(((at + 0.5) * step_s).astype(np.float64), f0_hz, strength, hz, strengths)


def _frames(samples: NDArray[np.float32], n_frames: int, hop: int, window: int) -> NDArray[np.float32]:
    """Frames around their centres, each less its mean, (n_frames, window)."""
    half = window // 2
    padded = np.pad(samples, (half, half))
    frames = sliding_window_view(padded, window)[hop // 2 :: hop][:n_frames]
    centred: NDArray[np.float32] = frames - frames.mean(axis=1, keepdims=True)
    return centred


@cache
def _window(window: int, n_fft: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hann's window, and its autocorrelation at `_FINER` times the rate, 1 at lag 0."""
    taper = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(window) + 0.5) / window)).astype(np.float32)
    own = _autocorrelation(taper[None], n_fft)[0]
    return taper, own / own[0]


def _autocorrelation(frames: NDArray[np.float32], n_fft: int) -> NDArray[np.float32]:
    spectrum = fft.rfft(frames, n_fft)
    power = spectrum.real**2 + spectrum.imag**2
    found: NDArray[np.float32] = fft.irfft(power, _FINER * n_fft)
    return found


def _candidates(frames: NDArray[np.float32], rate_hz: int, floor_hz: float, ceiling_hz: float, costs: Costs) -> tuple[Array, Array]:
    """Frequency and strength of each frame's strongest maxima, (n_frames, `_CANDIDATES`); 0 where there are fewer."""
    fine_hz = _FINER * rate_hz
    first, last = max(1, int(fine_hz / ceiling_hz)), int(np.ceil(fine_hz / floor_hz))
    n_fft = fft.next_fast_len(frames.shape[1] + last // _FINER + 2, real=True)
    taper, own = _window(frames.shape[1], n_fft)
    own = own[: last + 2]
    least = max(_WEAKEST * costs.voicing_threshold, 1e-6)
    found = []
    for start in range(0, len(frames), _BLOCK_FRAMES):
        raw = _autocorrelation(frames[start : start + _BLOCK_FRAMES] * taper, n_fft)[:, : last + 2]
        row, lag, strength = _maxima(raw, own, first, least)
        found.append((row + start, fine_hz / lag, strength))
    row, hz, strength = (np.concatenate(parts) for parts in zip(*found, strict=True))
    inside = (hz >= floor_hz) & (hz <= ceiling_hz)
    return _strongest(row[inside], hz[inside], strength[inside], len(frames), ceiling_hz, costs)


def _maxima(raw: NDArray[np.float32], own: NDArray[np.float32], first: int, least: float) -> tuple[NDArray[np.int64], Array, Array]:
    """Row, place and height (1 at most) of the maxima from column `first` on that pass `least`, by parabolas on autocorrelations.

    Those of the frames, `raw`, are taken re their first column and the window's `own`.
    """
    r = (raw / (np.maximum(raw[:, :1], np.float32(1e-20)) * own)).astype(np.float32, copy=False)
    middle = r[:, first:-1]
    row, column = np.nonzero((middle > r[:, first - 1 : -2]) & (middle >= r[:, first + 1 :]) & (middle > least))
    lag = column + first
    left, centre, right = (r[row, lag + side].astype(np.float64) for side in (-1, 0, 1))
    shift = 0.5 * (left - right) / (left - 2 * centre + right)
    return row, lag + shift, np.minimum(centre - 0.25 * (left - right) * shift, 1.0)


def _strongest(row: NDArray[np.int64], hz: Array, strength: Array, n_frames: int, ceiling_hz: float, costs: Costs) -> tuple[Array, Array]:
    order = np.lexsort((-(strength - costs.octave_cost * np.log2(ceiling_hz / hz)), row))
    row, hz, strength = row[order], hz[order], strength[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    keep = rank < _CANDIDATES
    table_hz, table_strength = np.zeros((2, n_frames, _CANDIDATES))
    table_hz[row[keep], rank[keep]] = hz[keep]
    table_strength[row[keep], rank[keep]] = strength[keep]
    return table_hz, table_strength


def _best_path(hz: Array, strengths: Array, loudness: Array, ceiling_hz: float, costs: Costs, per_step: float) -> NDArray[np.int64]:
    """Number of the candidate of each frame on the path of the largest strength less costs; -1 for unvoiced."""
    exists = hz > 0
    octaves = np.log2(np.where(exists, hz, 1.0))
    voiced = np.where(exists, strengths - costs.octave_cost * (np.log2(ceiling_hz) - octaves), _NEVER)
    silence = np.maximum(0.0, 2 - loudness * (1 + costs.voicing_threshold) / max(costs.silence_threshold, 1e-9))
    local = np.concatenate([costs.voicing_threshold + silence[:, None], voiced], axis=1)  # state 0 is unvoiced
    moves = np.full((len(hz) - 1, *2 * (local.shape[1],)), per_step * costs.voiced_unvoiced_cost)
    moves[:, 0, 0] = 0.0
    moves[:, 1:, 1:] = per_step * costs.octave_jump_cost * np.abs(octaves[:-1, :, None] - octaves[1:, None, :])
    return best_states(local, moves) - 1


def best_states(local: Array, moves: Array) -> NDArray[np.int64]:
    """The states whose sum of `local` less `moves` is largest (Viterbi), the lowest ones among equals.

    Steps are cut into as many blocks as a block has steps; all blocks go on side by side, first from every state, then from the best.

    Parameters
    ----------
    local
        Of shape (n, n_states), n > 0.
    moves
        Cost of the step from state i at t to j at t + 1, shape (n - 1, n_states, n_states).
    """
    n, n_states = local.shape
    length = int(np.ceil(np.sqrt(max(n - 1, 1))))
    n_blocks = -(-(n - 1) // length)
    gains = np.full((n_blocks * length, n_states, n_states), _NEVER * n)
    gains[:, range(n_states), range(n_states)] = 0.0  # steps beyond the end stay where they are
    gains[: n - 1] = local[1:, None, :] - moves
    steps = np.ascontiguousarray(gains.reshape(n_blocks, length, n_states, n_states).transpose(1, 2, 0, 3))  # step, from, block, to
    whole = steps[0].swapaxes(0, 1)  # block, from, to
    for step in steps[1:]:
        whole = (whole.transpose(2, 0, 1)[:, :, :, None] + step[:, :, None, :]).max(axis=0)
    at_start = np.empty((n_blocks + 1, n_states))
    at_start[0] = local[0]
    for block in range(n_blocks):
        at_start[block + 1] = (at_start[block][:, None] + whole[block]).max(axis=0)
    best, came_from = at_start[:-1], np.empty((length, n_blocks, n_states), dtype=np.int8)
    for at, step in enumerate(steps):
        sums = best.T[:, :, None] + step
        came_from[at] = sums.argmax(axis=0)
        best = sums.max(axis=0)
    back = came_from.swapaxes(0, 1).reshape(n_blocks * length, n_states).tolist()
    states = [int(at_start[-1].argmax())]
    for step in reversed(back):
        states.append(step[states[-1]])
    return np.array(states[::-1][:n])
