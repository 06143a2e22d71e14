"""Boersma's autocorrelation for F0, a learned network for voicing: the default extractor."""

from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.special import logit

from pipeline.extractors import voicing
from pipeline.extractors.autocorrelation import Costs, search
from pipeline.extractors.extractor import Track
from schemas.frames import FrameGrid
from schemas.params import PitchParams

_SEARCH_STEP_S = 0.01  # F0 moves slowly; voicing is decided every 5 ms
_SEARCH_RATE_HZ = 4000  # periodicity of voice is all below 2 kHz: as exact as at 16 kHz, at less than half the cost
_LENIENT_VOICING, _LENIENT_SILENCE = 0.2, 0.003  # of the search, which gives F0 to frames that other evidence calls voiced


class Evidence(NamedTuple):
    """What voicing is decided by, every 5 ms: times in seconds, ln F0 (interpolated where the search found none), `voicing.measures`."""

    at_s: Track
    log_f0: Track
    measures: NDArray[np.float64]


def ac_voiced(samples: Track, grid: FrameGrid, params: PitchParams, floor_hz: float, ceiling_hz: float) -> Track:
    """F0 from a lenient search, kept where `pipeline.extractors.voicing` trusts it; Hz at frame centres, 0 elsewhere.

    The search runs at 4 kHz every 10 ms; log-F0 and log-odds are interpolated at the frame centres.
    """
    centres_s = grid.centres_s(grid.n_frames(len(samples)))
    found = evidence(samples, grid.sample_rate_hz, params, floor_hz, ceiling_hz)
    if found is None:
        return np.zeros(len(centres_s))
    return decided(found, voicing.learned(), params.min_confidence, centres_s)


def decided(found: Evidence, network: voicing.Network, min_confidence: float, centres_s: Track) -> Track:
    """F0 at `centres_s`, Hz, 0 where the network's probability of a voiced frame with the right F0 is below `min_confidence`."""
    trusted = np.interp(centres_s, found.at_s, network.log_odds(found.measures)) >= logit(min_confidence)
    f0_hz: Track = np.where(trusted, np.exp(np.interp(centres_s, found.at_s, found.log_f0)), 0.0)
    return f0_hz


def evidence(samples: Track, sample_rate_hz: int, params: PitchParams, floor_hz: float, ceiling_hz: float) -> Evidence | None:
    """The search and the measures at its F0; None where nothing is periodic or the sound is shorter than 10 ms."""
    n_steps = int(len(samples) / sample_rate_hz / voicing.STEP_S)
    n_fast = round(n_steps * voicing.STEP_S * voicing.RATE_HZ)
    fast = _resampled(samples.astype(np.float32), sample_rate_hz, voicing.RATE_HZ, n_fast)
    slow = _resampled(fast, voicing.RATE_HZ, _SEARCH_RATE_HZ, n_fast * _SEARCH_RATE_HZ // voicing.RATE_HZ)
    costs = Costs(_LENIENT_VOICING, _LENIENT_SILENCE, params.octave_cost, params.octave_jump_cost, params.voiced_unvoiced_cost)
    found = search(slow, _SEARCH_RATE_HZ, _SEARCH_STEP_S, floor_hz, ceiling_hz, costs)
    late_s = 0.5 / _SEARCH_RATE_HZ - 0.5 / voicing.RATE_HZ  # resampling keeps the first sample's place
    found = found._replace(at_s=found.at_s - late_s)
    voiced = found.f0_hz > 0
    if not voiced.any():
        return None
    at_s = voicing.times_s(n_steps)
    log_f0 = np.interp(at_s, found.at_s[voiced], np.log(found.f0_hz[voiced]))
    return Evidence(at_s - 0.5 / voicing.RATE_HZ + 0.5 / sample_rate_hz, log_f0, voicing.measures(fast, log_f0, found))


def _resampled(samples: NDArray[np.float32], rate_hz: int, wanted_hz: int, n: int) -> NDArray[np.float32]:
    """The first `n` samples at another rate."""
    moved: NDArray[np.float32] = soxr.resample(samples, rate_hz, wanted_hz)[:n]
    return np.pad(moved, (0, n - len(moved)))
