"""Recordings with a laryngograph as truth for F0 and voicing: two references, what neither can say, and spoiled copies.

A reference decides a score, so there are two, built from the laryngograph alone:

cycles            closures of the folds, cycle by cycle: exact at onsets, strict in creak and where the folds do not close
autocorrelation   Praat's autocorrelation, with the speaker's limits, on the differentiated laryngograph: what most papers do; smooth

They differ on 6 % of EmoDB's frames, about evenly: no score below some 3 % on both can mean anything. In a few places the laryngograph
lost contact with the skin while the voice went on; see `undecided`.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, maximum_filter1d, uniform_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt

from pipeline.pitch import extract_f0, limits_from_quartiles, log_f0_histogram, quartiles_hz
from schemas.frames import FrameGrid
from schemas.params import PitchParams

HOP_S = 0.005
LOWEST_HZ, HIGHEST_HZ = 50.0, 600.0  # of a cycle of the reference
BAND_HZ = (40.0, 1000.0)  # below: the larynx moves; above: noise of breathy cycles splits the closure's peak
LOCAL_S = 0.025  # a closure is compared with the strongest one this near
LOCAL_SHARE = 0.35  # of that one, which a closure reaches
CLIP_SHARE = 0.06  # of the clip's strong closures (95th percentile of local maxima), below which there is no contact of the folds
STEADY = 1.3  # neighbouring cycles differ by less than this factor
LOUD_DB = -12.0  # re the clip's 95th percentile of energy from 50 to 1000 Hz: no voiceless sound is that loud there for 25 ms
TELEPHONE_HZ = (300.0, 3400.0)

Track = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Clip:
    """One file: microphone, and on `grid` the references (Hz, NaN where unvoiced) and the frames that neither can decide.

    EmoDB's names hold the speaker in characters 0 and 1, the emotion in character 5.
    """

    name: str
    samples: NDArray[np.float32]
    grid: FrameGrid
    cycles_hz: Track
    autocorrelation_hz: Track
    undecided: Mask

    @property
    def speaker(self) -> str:
        """Of the name."""
        return self.name[:2]

    @property
    def emotion(self) -> str:
        """Of the name, one letter."""
        return self.name[5]

    @property
    def duration_s(self) -> float:
        """Length of the recording, seconds."""
        return len(self.samples) / self.grid.sample_rate_hz


def read_clips(folder: Path, limit: int | None, params: PitchParams) -> list[Clip]:
    """At most `limit` of the folder's two-channel files, evenly over their names, so that all speakers and emotions stay."""
    paths = sorted(folder.glob("*.flac"))
    if limit is not None and limit < len(paths):
        paths = [paths[at * len(paths) // limit] for at in range(limit)]
    clips, contacts = zip(*(_read(path) for path in paths), strict=True)
    praat = params.model_copy(update={"extractor": "praat_ac"})
    tracks = adaptive([replace(clip, samples=contact) for clip, contact in zip(clips, contacts, strict=True)], praat)
    return [_whole(clip, track) for clip, track in zip(clips, tracks, strict=True)]


def _read(path: Path) -> tuple[Clip, NDArray[np.float32]]:
    """A clip with its cycles, and the differentiated laryngograph."""
    channels, rate_hz = sf.read(path, dtype="float32", always_2d=True)
    hop = round(HOP_S * rate_hz)
    grid = FrameGrid(rate_hz, hop, 4 * hop, 4 * hop)
    band = sosfiltfilt(butter(2, BAND_HZ, "bandpass", fs=rate_hz, output="sos"), channels[:, 1].astype(np.float64))
    contact = np.diff(band, prepend=band[0])
    cycles = cycles_f0(contact, rate_hz, grid.centres_s(grid.n_frames(len(channels))))
    clip = Clip(path.stem, np.ascontiguousarray(channels[:, 0]), grid, cycles, cycles, np.zeros(len(cycles), bool))
    return clip, contact.astype(np.float32)


def _whole(clip: Clip, autocorrelation_hz: Track) -> Clip:
    silent = ~np.isfinite(clip.cycles_hz) & ~np.isfinite(autocorrelation_hz)
    return replace(clip, autocorrelation_hz=autocorrelation_hz, undecided=undecided(clip.samples, clip.grid, silent))


def undecided(samples: NDArray[np.float32], grid: FrameGrid, silent: Mask) -> Mask:
    """Frames on which the laryngograph says nothing for 25 ms or more while the voice is loud: its contact was lost, seen in pictures."""
    low = sosfiltfilt(butter(2, (50.0, 1000.0), "bandpass", fs=grid.sample_rate_hz, output="sos"), samples.astype(np.float64))
    power = uniform_filter1d(low**2, 4 * grid.hop_samples, mode="constant")[grid.hop_samples // 2 :: grid.hop_samples][: len(silent)]
    level_db = 10 * np.log10(power + 1e-12)
    mask: Mask = binary_opening(silent & (level_db > np.percentile(level_db, 95) + LOUD_DB), np.ones(5))
    return mask


def cycles_f0(contact: NDArray[np.float64], rate_hz: int, centres_s: NDArray[np.float64]) -> Track:
    """F0 at `centres_s` from the differentiated laryngograph (contact of the folds upwards), Hz, NaN where unvoiced.

    1. Folds closing give sharp positive peaks. A closure is a peak of at least 0.35 of the strongest within 25 ms and 0.06 of the
       clip's strong ones.
    2. A cycle runs from closure to closure; it counts if it lasts 1/600 to 1/50 s and differs from a neighbour cycle by less than
       a factor of 1.3.
    3. A frame is voiced if its centre lies in such a cycle; its F0 is interpolated in log between the cycles' middles.

    What this is not: in creak and at weak offsets the folds move without full contact, and there the acoustic signal is periodic
    for up to some 30 ms more than this says. The sound's way to the microphone (1 ms at most) is not undone.
    """
    closing = np.maximum(contact, 0)
    local = maximum_filter1d(closing, 2 * round(LOCAL_S * rate_hz) + 1)
    least = np.maximum(LOCAL_SHARE * local, CLIP_SHARE * np.percentile(local, 95))
    peaks, _ = find_peaks(closing, height=least, distance=max(1, int(rate_hz / HIGHEST_HZ)))
    if len(peaks) < 3:
        return np.full(len(centres_s), np.nan, np.float32)
    closures_s = (peaks + _vertex(closing, peaks)) / rate_hz
    return _between_closures(closures_s, centres_s)


def _vertex(values: NDArray[np.float64], peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Offset of each peak's parabola from its sample, -0.5 .. 0.5."""
    left, middle, right = values[peaks - 1], values[peaks], values[peaks + 1]
    offsets: NDArray[np.float64] = 0.5 * (left - right) / (left - 2 * middle + right)
    return offsets.clip(-0.5, 0.5)


def _between_closures(closures_s: NDArray[np.float64], centres_s: NDArray[np.float64]) -> Track:
    periods_s = np.diff(closures_s)
    steady = np.maximum(periods_s[1:] / periods_s[:-1], periods_s[:-1] / periods_s[1:]) < STEADY
    near_steady = np.concatenate([steady, [False]]) | np.concatenate([[False], steady])
    counts = near_steady & (periods_s > 1 / HIGHEST_HZ) & (periods_s < 1 / LOWEST_HZ)
    cycle = np.searchsorted(closures_s, centres_s) - 1
    inside = (cycle >= 0) & (cycle < len(periods_s))
    voiced = inside & counts[cycle.clip(0, len(periods_s) - 1)]
    if not counts.any():
        return np.full(len(centres_s), np.nan, np.float32)
    middles_s = (closures_s[:-1] + closures_s[1:])[counts] / 2
    f0_hz = np.exp(np.interp(centres_s, middles_s, -np.log(periods_s[counts])))
    return np.where(voiced, f0_hz, np.nan).astype(np.float32)


def fixed(clips: list[Clip], params: PitchParams, floor_hz: float, ceiling_hz: float) -> list[Track]:
    """Tracks with the same limits for all speakers."""
    return [extract_f0(clip.samples, clip.grid, params, floor_hz=floor_hz, ceiling_hz=ceiling_hz) for clip in clips]


def adaptive(clips: list[Clip], params: PitchParams) -> list[Track]:
    """Tracks with each speaker's limits."""
    limits = speakers_limits(clips, params)
    return [track for clip in clips for track in fixed([clip], params, *limits[clip.speaker])]


def speakers_limits(clips: list[Clip], params: PitchParams) -> dict[str, tuple[float, float]]:
    """Speaker -> floor and ceiling, which the clips' first `sample_utterances` give by a search between the widest."""
    first_pass: dict[str, list[Track]] = defaultdict(list)
    for clip in clips:
        if len(first_pass[clip.speaker]) < params.sample_utterances:
            first_pass[clip.speaker] += fixed([clip], params, params.floor_hz, params.ceiling_hz)
    histograms = {speaker: log_f0_histogram(np.concatenate(tracks)) for speaker, tracks in first_pass.items()}
    return {speaker: limits_from_quartiles(quartiles_hz(found), params) for speaker, found in histograms.items()}


def noisy(clip: Clip, snr_db: float, slope: float) -> Clip:
    """The clip with noise whose power falls with frequency to the `slope` (0 white, 1 pink), the same at every call."""
    random = np.random.default_rng([*clip.name.encode(), round(snr_db), round(slope)])
    spectrum = np.fft.rfft(random.standard_normal(len(clip.samples)))
    noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** (slope / 2), len(clip.samples))
    wanted = np.sqrt(np.mean(clip.samples.astype(np.float64) ** 2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return replace(clip, samples=(clip.samples + wanted * noise).astype(np.float32))


def telephone(clip: Clip) -> Clip:
    """The clip within a telephone's band, 300 to 3400 Hz."""
    sos = butter(4, TELEPHONE_HZ, "bandpass", fs=clip.grid.sample_rate_hz, output="sos")
    return replace(clip, samples=sosfiltfilt(sos, clip.samples.astype(np.float64)).astype(np.float32))


CONDITIONS: dict[str, Callable[[Clip], Clip]] = {
    "clean": lambda clip: clip,
    "pink noise, 20 dB": lambda clip: noisy(clip, 20.0, 1.0),
    "pink noise, 10 dB": lambda clip: noisy(clip, 10.0, 1.0),
    "white noise, 20 dB": lambda clip: noisy(clip, 20.0, 0.0),
    "telephone band": telephone,
}
