"""Boundaries moved to where a model learned on the corpus itself, from a first alignment, sees them.

Each phone has four states, silence one. A state is a Gaussian over cepstra and levels of a frame and its neighbours; all states share one
covariance, so that whitening by it leaves Euclidean distances. The first and last state of a phone know the broad class of the neighbour
there; where they were heard seldom, their means are drawn to the phone's own. `learn` makes a model from statistics, `segment` finds the
best path through an utterance's states (Viterbi, no skips) near its first alignment, `statistics` sums up what paths hold, for the next
round of `learn`.

Frames are rounded to 1/256, so that their sums and the sums of their squares are exact in float64: the order of adding them, and with
it the number of workers, cannot change a model. Pure functions on arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft
from scipy.linalg import cholesky, inv

from pipeline.text.phone_map import broad_class
from schemas.tables.alignments import SILENCE, Interval

SAMPLE_RATE_HZ = 16000
STEP_S = 0.005
ROUNDS = 4  # of learning; the first two without neighbours' classes, else the first alignment's faults are learned with them

_ROUNDS_ALONE = 2
_STEP_SAMPLES = round(STEP_S * SAMPLE_RATE_HZ)
_WINDOW_SAMPLES, _N_FFT = 256, 512  # 16 ms
_MEL_BANDS, _MEL_RANGE_HZ = 26, (60.0, 7600.0)
_CEPSTRA = 13
_SHORT_WINDOW_SAMPLES = 96  # 6 ms
_SHORT_BANDS = (slice(2, 32), slice(96, 240))  # bins of 31 Hz: 60 Hz to 1 kHz, 3 to 7.5 kHz
_SHORT_WEIGHT = 3.0  # against rounding; the covariance decides what they count
_RANGE_NEPERS = 13.8  # of power: bands 60 dB below the loud ones are cut off, where rooms differ
_NEIGHBOURS = (-3, -1, 0, 1, 3)  # steps
_GRAIN = 256  # frames are rounded to its inverse
_PARTS = 4
_PRIOR_FRAMES = 30.0  # a state with a neighbour's class is trusted as its count is to this, else the phone's own state
_PRIOR_FRAMES_PHONE = 5.0  # the same, of the phone's own state against all frames
_RIDGE = 0.01  # of the mean variance, added to the covariance
_OUTSIDE_COST = 0.5  # log-likelihood a step that a phone is sounded outside its first interval
_BEYOND_REACH = 1e4
_INTO_PAUSE_S = 0.5  # a phone may go on so far into a pause after it, at no cost: first passes take quiet tails for silence

Frames = NDArray[np.float64]
Vector = NDArray[np.float64]
State = tuple[str, int, str]  # phone, part, class of the neighbour ("" inside the phone)


@dataclass(frozen=True)
class Statistics:
    """Counts and sums of frames by state, and the sum of outer products of all frames, shape (d, d)."""

    counts: dict[State, int]
    sums: dict[State, Vector]
    products: NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """Whitened means by state ("" as the class: the phone's own, used where a state was never heard), and the whitening matrix (d, d)."""

    means: dict[State, Vector]
    mean: Vector
    whitening: NDArray[np.float64]


def frames(samples: NDArray[np.float32]) -> Frames:
    """Cepstra with their neighbours every 5 ms; frame t is centred on (t + 0.5) steps.

    Parameters
    ----------
    samples
        float32 of shape (n,) at `SAMPLE_RATE_HZ`.

    Returns
    -------
    NDArray[np.float64]
        Shape (n // 80, 75): 13 cepstra of 16 ms windows and levels of low and high bands of 6 ms windows (bursts), each of mean 0 over
        the utterance, at 5 steps; multiples of 1/256.
    """
    n_frames = len(samples) // _STEP_SAMPLES
    mel_ln = np.log(_power(samples, _WINDOW_SAMPLES, n_frames) @ _filters().T + 1e-7)
    cepstra = dct(_cut(mel_ln, float(np.percentile(mel_ln.max(axis=1), 95))), axis=1, norm="ortho")[:, :_CEPSTRA]
    short = _power(samples, _SHORT_WINDOW_SAMPLES, n_frames)
    levels_ln = np.log(np.stack([short[:, band].sum(axis=1) for band in _SHORT_BANDS], axis=1) + 1)
    tracks = np.concatenate([cepstra, _SHORT_WEIGHT * _cut(levels_ln, np.percentile(levels_ln, 95, axis=0))], axis=1)
    tracks -= tracks.mean(axis=0)
    at = np.clip(np.arange(n_frames)[:, None] + np.array(_NEIGHBOURS), 0, n_frames - 1)
    joined: Frames = np.rint(tracks * _GRAIN)[at].reshape(n_frames, -1) / _GRAIN
    return joined


def states_of(phones: Sequence[Interval]) -> tuple[list[State], NDArray[np.int64]]:
    """States of an utterance in order, and the index of the phone of each."""
    classes = [broad_class(phone.label) for phone in phones]
    states: list[State] = []
    owners: list[int] = []
    for at, phone in enumerate(phones):
        before, after = classes[at - 1] if at else "", classes[at + 1] if at + 1 < len(phones) else ""
        own = [(phone.label, part, "") for part in range(_PARTS)]
        own[0], own[-1] = (phone.label, 0, before), (phone.label, _PARTS - 1, after)
        states += [(SILENCE, 0, "")] if phone.label == SILENCE else own
        owners += [at] * (1 if phone.label == SILENCE else _PARTS)
    return states, np.array(owners)


def even_path(phones: Sequence[Interval], n_frames: int) -> NDArray[np.int64]:
    """The state of each frame where every phone is cut into equal parts, shape (n_frames,)."""
    edges: list[float] = []
    for phone in phones:
        n_parts = 1 if phone.label == SILENCE else _PARTS
        edges += [phone.start_s + (phone.end_s - phone.start_s) * part / n_parts for part in range(n_parts)]
    centres_s = (np.arange(n_frames) + 0.5) * STEP_S
    return np.maximum(np.searchsorted(edges, centres_s, side="right") - 1, 0)


def statistics(parts: Sequence[tuple[Frames, list[State], NDArray[np.int64]]]) -> Statistics:
    """Statistics of some utterances: frames, states in order, and the state of each frame."""
    counts: dict[State, int] = {}
    sums: dict[State, Vector] = {}
    products = np.zeros((0, 0))
    for values, states, path in parts:
        products = values.T @ values + (products if products.size else 0.0)
        edges = np.searchsorted(path, np.arange(len(states) + 1))
        for state, start, end in zip(states, edges[:-1], edges[1:], strict=True):
            if end > start:
                counts[state] = counts.get(state, 0) + int(end - start)
                sums[state] = sums.get(state, 0.0) + values[start:end].sum(axis=0)
    return Statistics(counts, sums, products)


def joined(parts: Sequence[Statistics]) -> Statistics:
    """The sum of statistics; exact, so in any order the same."""
    counts: dict[State, int] = {}
    sums: dict[State, Vector] = {}
    for part in parts:
        for state, count in part.counts.items():
            counts[state] = counts.get(state, 0) + count
            sums[state] = sums.get(state, 0.0) + part.sums[state]
    return Statistics(counts, sums, np.sum([part.products for part in parts if part.products.size], axis=0))


def learn(found: Statistics, round_number: int) -> Model:
    """The model of a round, from 0."""
    states = sorted(found.counts)  # the order of summing is fixed by it
    n_frames = sum(found.counts.values())
    mean = np.sum([found.sums[state] for state in states], axis=0) / n_frames
    alone = _own_means(found, states, mean)
    means: dict[State, Vector] = {}
    for state in states:
        own, count = alone[state[:2]], found.counts[state]
        near = (found.sums[state] + _PRIOR_FRAMES * own) / (count + _PRIOR_FRAMES)
        means[state] = own if round_number < _ROUNDS_ALONE else near
    # sum of (x - m)(x - m)' over the frames of each state, from the sums alone
    crossed = np.sum([np.outer(found.sums[state], means[state]) for state in states], axis=0)
    squares = np.sum([found.counts[state] * np.outer(means[state], means[state]) for state in states], axis=0)
    scatter = (found.products - crossed - crossed.T + squares) / n_frames
    covariance = scatter + _RIDGE * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    whitening = cholesky(inv(covariance))
    inside = {(phone, part, ""): own for (phone, part), own in alone.items()} | means
    return Model({state: whitening @ value for state, value in inside.items()}, whitening @ mean, whitening)


def segment(values: Frames, phones: Sequence[Interval], model: Model, reach_s: float) -> NDArray[np.int64]:
    """The state of each frame on the best path, shape (n_frames,); every state has at least one frame.

    Parameters
    ----------
    values
        `frames` of the utterance.
    phones
        Its first alignment.
    model
        Learned on the corpus.
    reach_s
        How far a phone may be moved out of its first interval, seconds; the last before a pause may go on into it for 0.5 s.

    Notes
    -----
    An utterance with fewer frames than states keeps `even_path`.
    """
    states, owners = states_of(phones)
    if len(values) < len(states):
        return even_path(phones, len(values))
    fit = _likelihoods(values @ model.whitening.T, _means_of(states, model))
    centres_s = ((np.arange(len(values)) + 0.5) * STEP_S)[:, None]
    starts_s, ends_s = np.array([[phone.start_s, phone.end_s] for phone in phones])[owners].T
    before_pause = np.array([*(phone.label == SILENCE for phone in phones[1:]), False])[owners]
    early_s, late_s = np.maximum(starts_s - centres_s, 0.0), np.maximum(centres_s - ends_s, 0.0)
    beyond = (early_s > reach_s) | (late_s > np.where(before_pause, _INTO_PAUSE_S, reach_s))
    outside_s = early_s + np.where(before_pause, 0.0, late_s)
    return _best_path(fit - _OUTSIDE_COST / STEP_S * outside_s - _BEYOND_REACH * beyond)


def fit_of(values: Frames, phones: Sequence[Interval], path: NDArray[np.int64], model: Model) -> float:
    """How well speech fits its phones: log-likelihood of the path's state less that of the best phone, mean over frames outside silence.

    0 where no phone of the corpus would fit better; right texts lie above -4, wrong ones below -5 (docs/experiments.md); -inf where
    all is silence.
    """
    states, owners = states_of(phones)
    spoken = np.array([phone.label != SILENCE for phone in phones])[owners[path]]
    if not spoken.any():
        return float("-inf")
    white = values[spoken] @ model.whitening.T
    own = _likelihoods(white, _means_of(states, model))[np.arange(len(white)), path[spoken]]
    phones_alone = np.stack([mean for state, mean in sorted(model.means.items()) if state[2] == ""])
    return float(np.mean(own - _likelihoods(white, phones_alone).max(axis=1)))


def moved(phones: Sequence[Interval], path: NDArray[np.int64]) -> list[Interval]:
    """Phones with the boundaries of a path; the first starts and the last ends where they did.

    They stay as they are where one of them has no frame on the path (see the note of `segment`).
    """
    owners = states_of(phones)[1][path]
    if len(np.unique(owners)) < len(phones):
        return list(phones)
    starts_s = [phones[0].start_s, *(np.searchsorted(owners, np.arange(1, len(phones))) * STEP_S).tolist()]
    ends_s = [*starts_s[1:], phones[-1].end_s]
    return [Interval(phone.label, start, end) for phone, start, end in zip(phones, starts_s, ends_s, strict=True)]


def _means_of(states: Sequence[State], model: Model) -> NDArray[np.float64]:
    return np.stack([model.means.get(state, model.means.get((*state[:2], ""), model.mean)) for state in states])


def _likelihoods(white: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihoods of whitened frames less a term of the frame alone, shape (frames, states)."""
    likelihoods: NDArray[np.float64] = white @ means.T - 0.5 * (means**2).sum(axis=1)
    return likelihoods


def _power(samples: NDArray[np.float32], window_samples: int, n_frames: int) -> NDArray[np.float64]:
    """Power spectra of pre-emphasised windows centred on the frames, shape (n_frames, 257)."""
    before = (window_samples - _STEP_SAMPLES) // 2
    padded = np.concatenate([np.zeros(before + 1), samples.astype(np.float64) * 32768, np.zeros(window_samples)])
    sharp = padded[1:] - 0.97 * padded[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(sharp, window_samples)[::_STEP_SAMPLES][:n_frames]
    power: NDArray[np.float64] = np.abs(rfft(windows * np.hanning(window_samples + 1)[:-1], _N_FFT)) ** 2
    return power


def _cut(levels_ln: NDArray[np.float64], loud_ln: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Log powers no lower than 60 dB below the loud ones."""
    return np.maximum(levels_ln, loud_ln - _RANGE_NEPERS)


def _own_means(found: Statistics, states: Sequence[State], mean: Vector) -> dict[tuple[str, int], Vector]:
    """Mean of each part of each phone whatever its neighbours, drawn to the mean of all."""
    counts: dict[tuple[str, int], int] = {}
    sums: dict[tuple[str, int], Vector] = {}
    for state in states:
        counts[state[:2]] = counts.get(state[:2], 0) + found.counts[state]
        sums[state[:2]] = sums.get(state[:2], 0.0) + found.sums[state]
    return {own: (sums[own] + _PRIOR_FRAMES_PHONE * mean) / (count + _PRIOR_FRAMES_PHONE) for own, count in counts.items()}


def _best_path(fit: NDArray[np.float64]) -> NDArray[np.int64]:
    """The state of each frame where they come in order, each at least once, with the largest sum of `fit`, shape (frames, states)."""
    n_frames, n_states = fit.shape
    best = np.full(n_states, -np.inf)
    best[0] = fit[0, 0]
    entered = np.zeros((n_frames, n_states), dtype=np.bool_)
    from_before = np.full(n_states, -np.inf)
    for frame in range(1, n_frames):
        from_before[1:] = best[:-1]
        np.greater(from_before, best, out=entered[frame])
        best = np.maximum(from_before, best) + fit[frame]
    path = np.empty(n_frames, dtype=np.int64)
    state = n_states - 1
    for frame in range(n_frames - 1, -1, -1):
        path[frame] = state
        state -= int(entered[frame, state])
    return path


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles of the mel scale, shape (bands, bins)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in _MEL_RANGE_HZ)
    edges_hz = 700 * (10 ** (np.linspace(low, high, _MEL_BANDS + 2) / 2595) - 1)
    bins_hz = np.arange(_N_FFT // 2 + 1) * SAMPLE_RATE_HZ / _N_FFT
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return triangles
