"""How good an utterance is: measures of its audio and its alignment, and the limits that reject it. Pure functions on arrays.

Measures of the audio depend on the utterance alone. How many of its phones have an unusual length depends on the whole corpus, so
that is found anew in each run, from `PhoneLengths`, and is no part of any fingerprint.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.errors import RowError
from schemas.params import QualityParams
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, Interval

MEASURES_VERSION = 1  # raise it when a change of code changes `AudioMeasures`: they are then measured again

_NOISE_FRAME_S = 0.02
_NOISE_PERCENTILE = 5.0
_DIGITAL_SILENCE_POWER = 10**-9.5  # -95 dB re full scale: below what 16 bits hold
_SNR_RANGE_DB = (-20.0, 100.0)
_EDGE_S = 0.02
_CLIP_LEVEL = 0.98  # of the recording's peak
_CLIP_RUN = 3  # samples in a row; two at the top of a wave are common

_BINS_A_DOUBLING = 24
_SHORTEST_S, _BINS = 0.001, 14 * _BINS_A_DOUBLING  # 1 ms .. 16 s
_LEAST_PHONES = 30  # of one label, to know its typical length
_LEAST_SPOKEN = 10  # one odd phone of three is no sign of a bad alignment
_LEAST_SPREAD = 0.2  # of the natural logarithm: aligners count in steps of 10 ms, and half the phones may have one length


@dataclass(frozen=True)
class AudioMeasures:
    """What the samples and the pitch say.

    Parameters
    ----------
    voiced_share
        Voiced frames among those of phones that are not silence, 0 .. 1.
    clipping_share
        Samples on flat tops among all, 0 .. 1: at least three in a row within 2 % of the recording's peak, nearly equal.
    snr_db
        Mean power of speech over the level that a twentieth of all 20 ms frames keep below, -20 .. 100 dB. Where a recording holds no
        pause, its soft sounds stand for noise, and this is a lower bound; where a twentieth is digital silence, noise is not seen.
    edge_level_db
        Level of the first or last 20 ms, whichever is louder, relative to speech: near 0 dB where the recording cuts into a word.
    """

    voiced_share: float
    clipping_share: float
    snr_db: float
    edge_level_db: float


@dataclass(frozen=True)
class PhoneMeasures:
    """What the alignment says.

    Parameters
    ----------
    phone_rate_hz
        Phones a second of speech, silences not counted.
    leading_silence_s, trailing_silence_s
        Before the first and after the last phone, seconds.
    longest_pause_s
        Longest silence between phones, seconds; 0 without any.
    duration_outlier_share
        Phones whose length is far from what is typical for them in this corpus, among all (ten at least), 0 .. 1.
    """

    phone_rate_hz: float
    leading_silence_s: float
    trailing_silence_s: float
    longest_pause_s: float
    duration_outlier_share: float


@dataclass
class PhoneLengths:
    """Histograms of log-lengths by phone, whose sum over batches in any order is the same; silence is not counted."""

    counts: dict[str, NDArray[np.int64]] = field(default_factory=lambda: defaultdict(_no_counts))

    def add(self, labels: Sequence[str], lengths_s: NDArray[np.float64]) -> None:
        """Count phones by label; `lengths_s` is float64 of the labels' number, seconds."""
        known, which = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        found = np.zeros((len(known), _BINS), dtype=np.int64)
        np.add.at(found, (which, _bin(lengths_s)), 1)
        for label, counts in zip(known.tolist(), found, strict=True):
            if label != SILENCE:
                self.counts[label] += counts

    def typical(self) -> dict[str, tuple[float, float]]:
        """Median and robust spread (1.4826 median absolute deviations, at least 0.2) of ln(seconds) by label, and of all as ``""``.

        Labels with fewer than 30 phones are left out: those of all phones stand for them.
        """
        if not self.counts:
            return {}
        whole = {"": np.sum(list(self.counts.values()), axis=0)}
        known = {label: count for label, count in sorted(self.counts.items()) if count.sum() >= _LEAST_PHONES}
        return {label: _median_and_spread(count) for label, count in (whole | known).items()}


def audio_measures(
    native: NDArray[np.float32], native_rate_hz: int, phones: Sequence[Interval], voiced: NDArray[np.bool_], hop_s: float
) -> AudioMeasures:
    """Measures of one recording.

    Parameters
    ----------
    native
        float32 of shape (n,), n > 0, as recorded, before any resampling, which rounds flat tops; full scale is 1.
    native_rate_hz
        Its rate.
    phones
        Intervals that tile it.
    voiced
        bool of shape (n_frames,).
    hop_s
        Distance between frames, seconds; the first centre is at half of it.
    """
    at_frames = _is_speech(phones, (np.arange(len(voiced)) + 0.5) * hop_s)
    n_frame = min(round(_NOISE_FRAME_S * native_rate_hz), len(native))
    n_frames = len(native) // n_frame
    power = (native[: n_frames * n_frame].astype(np.float64) ** 2).reshape(n_frames, n_frame).mean(axis=1)
    in_speech = _is_speech(phones, (np.arange(n_frames) + 0.5) * (n_frame / native_rate_hz))
    speech = float(power[in_speech].mean()) if in_speech.any() else float(power.mean())
    n_edge = max(1, round(_EDGE_S * native_rate_hz))
    edge = max(_power(native[:n_edge]), _power(native[-n_edge:]))
    return AudioMeasures(
        voiced_share=float(voiced[at_frames].mean()) if at_frames.any() else 0.0,
        clipping_share=clipping_share(native),
        snr_db=_snr_db(power, speech),
        edge_level_db=_ratio_db(edge, speech),
    )


def clipping_share(samples: NDArray[np.float32]) -> float:
    """Share of samples on flat tops: three or more in a row of one sign within 2 % of the peak that hardly differ.

    What was clipped and then resampled or coded with loss has rounded tops, and is not found.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if peak == 0.0:
        return 0.0
    top = np.flatnonzero(np.abs(samples) >= _CLIP_LEVEL * peak)
    flat = (np.diff(top) == 1) & (np.abs(np.diff(samples[top])) <= 2**-14 * peak)  # from each to the next
    change = np.diff(flat.astype(np.int8), prepend=0, append=0)
    lengths = np.flatnonzero(change == -1) - np.flatnonzero(change == 1) + 1  # of runs, in samples
    return float(lengths[lengths >= _CLIP_RUN].sum() / len(samples))


def phone_measures(phones: Sequence[Interval], typical: Mapping[str, tuple[float, float]], outlier_z: float) -> PhoneMeasures:
    """Measures of one alignment against the corpus's typical lengths, from `PhoneLengths.typical`.

    Parameters
    ----------
    phones
        Intervals that tile the recording, at least one of them speech.
    outlier_z
        Robust standard deviations of the log-length from which on a phone is an outlier.
    """
    spoken = [at for at, phone in enumerate(phones) if phone.label != SILENCE]
    first, last = spoken[0], spoken[-1]
    lengths_s = np.array([phones[at].end_s - phones[at].start_s for at in spoken])
    inner = [phone.end_s - phone.start_s for phone in phones[first:last] if phone.label == SILENCE]
    scale = np.array([typical.get(phones[at].label) or typical[""] for at in spoken])
    z = (np.log(lengths_s) - scale[:, 0]) / scale[:, 1]
    return PhoneMeasures(
        phone_rate_hz=float(len(spoken) / lengths_s.sum()),
        leading_silence_s=phones[first].start_s - phones[0].start_s,
        trailing_silence_s=phones[-1].end_s - phones[last].end_s,
        longest_pause_s=max(inner, default=0.0),
        duration_outlier_share=float((np.abs(z) > outlier_z).sum() / max(len(spoken), _LEAST_SPOKEN)),
    )


def failure(values: Mapping[str, float | None], limits: QualityParams) -> RowError | None:
    """The first limit that an utterance breaks, as the reason to reject it; None where it keeps all.

    Parameters
    ----------
    values
        Measures by name: those of `AudioMeasures` and `PhoneMeasures`, and ``alignment_score``. None is not judged.
    limits
        `quality`; a limit that is null judges nothing.
    """
    for name, side, reason in _LIMITS:
        value, limit = values[name], getattr(limits, f"{side}_{name}")
        if value is None or limit is None:
            continue
        if (value < limit) if side == "min" else (value > limit):
            wanted = f"at {'least' if side == 'min' else 'most'} {limit:g} (quality.{side}_{name})"
            return RowError(reason, f"{name} is {value:.4g}, wanted {wanted}", value)
    return None


_LIMITS = (
    ("alignment_score", "min", Reason.QUALITY_ALIGNMENT_SCORE),
    ("phone_rate_hz", "min", Reason.QUALITY_PHONE_RATE),
    ("phone_rate_hz", "max", Reason.QUALITY_PHONE_RATE),
    ("duration_outlier_share", "max", Reason.QUALITY_DURATIONS),
    ("clipping_share", "max", Reason.QUALITY_CLIPPING),
    ("snr_db", "min", Reason.QUALITY_SNR),
    ("voiced_share", "min", Reason.QUALITY_VOICED_SHARE),
    ("edge_level_db", "max", Reason.QUALITY_CUT),
    ("leading_silence_s", "max", Reason.QUALITY_SILENCE),
    ("trailing_silence_s", "max", Reason.QUALITY_SILENCE),
    ("longest_pause_s", "max", Reason.QUALITY_PAUSE),
)


def _is_speech(phones: Sequence[Interval], times_s: NDArray[np.floating]) -> NDArray[np.bool_]:
    starts_s = np.array([phone.start_s for phone in phones])
    spoken = np.array([phone.label != SILENCE for phone in phones])
    inside: NDArray[np.bool_] = spoken[np.searchsorted(starts_s, times_s, side="right").clip(1) - 1]
    return inside


def _power(samples: NDArray[np.float32]) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


def _snr_db(power: NDArray[np.float64], speech: float) -> float:
    noise = max(float(np.percentile(power, _NOISE_PERCENTILE)), _DIGITAL_SILENCE_POWER)
    low, high = _SNR_RANGE_DB
    return min(max(_ratio_db(max(speech - noise, 0.0), noise), low), high)


def _ratio_db(power: float, reference: float) -> float:
    return float(10 * np.log10(max(power, _DIGITAL_SILENCE_POWER) / max(reference, _DIGITAL_SILENCE_POWER)))


def _no_counts() -> NDArray[np.int64]:
    return np.zeros(_BINS, dtype=np.int64)


def _bin(lengths_s: NDArray[np.float64]) -> NDArray[np.int64]:
    bins = np.floor(np.log2(np.maximum(lengths_s, _SHORTEST_S) / _SHORTEST_S) * _BINS_A_DOUBLING).astype(np.int64)
    clipped: NDArray[np.int64] = bins.clip(0, _BINS - 1)
    return clipped


def _median_and_spread(counts: NDArray[np.int64]) -> tuple[float, float]:
    centres = np.log(_SHORTEST_S) + (np.arange(len(counts)) + 0.5) * np.log(2) / _BINS_A_DOUBLING
    median = _weighted_median(centres, counts)
    return median, max(1.4826 * _weighted_median(np.abs(centres - median), counts), _LEAST_SPREAD)


def _weighted_median(values: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(counts[order])
    return float(values[order][np.searchsorted(cumulative, (cumulative[-1] + 1) // 2)])
