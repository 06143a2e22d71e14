"""F0 extractors against a laryngograph: ``python -m benchmarks.pitch --egg ../shared/data/emodb_dev/egg --limit 120``.

Files hold the microphone in channel 0 and the laryngograph in channel 1. The reference is built from the laryngograph alone and
shares no code with the extractors: see `reference_f0`. Frames are 5 ms apart. Scores:

gross    share of frames voiced in both whose F0 differs by more than 20 %
cents    mean absolute difference of the other frames voiced in both
voicing  share of all frames whose voicing differs
both     share of all frames with a voicing error or a gross error
CPU      seconds of CPU a second of audio, all passes included
"""

import platform
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile as sf
import typer
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt

from pipeline.pitch import extract_f0, speaker_limits
from schemas.frames import FrameGrid
from schemas.params import PitchParams, Section, load_params

HOP_S = 0.005
GROSS = 0.2
LOWEST_HZ, HIGHEST_HZ = 50.0, 600.0  # of a cycle of the reference
BAND_HZ = (40.0, 1000.0)  # below: the larynx moves; above: noise of breathy cycles splits the closure's peak
LOCAL_S = 0.025  # a closure is compared with the strongest one this near
LOCAL_SHARE = 0.35  # of that one, which a closure reaches
CLIP_SHARE = 0.06  # of the clip's strong closures (95th percentile of local maxima), below which there is no contact of the folds
STEADY = 1.3  # neighbouring cycles differ by less than this factor

Track = NDArray[np.float32]


class BenchmarkParams(Section):
    """What is read of `params.yaml`."""

    pitch: PitchParams


@dataclass(frozen=True)
class Clip:
    """One file: microphone, reference F0 on `grid`, and the speaker (EmoDB's first two characters)."""

    name: str
    speaker: str
    samples: NDArray[np.float32]
    grid: FrameGrid
    reference_hz: Track

    @property
    def duration_s(self) -> float:
        """Length of the recording, seconds."""
        return len(self.samples) / self.grid.sample_rate_hz


@dataclass(frozen=True)
class Scores:
    """Shares and cents over all frames of all clips."""

    gross: float
    cents: float
    voicing: float
    both: float


def reference_f0(egg: NDArray[np.float64], rate_hz: int, centres_s: NDArray[np.float64]) -> Track:
    """F0 at `centres_s` from a laryngograph signal (contact of the folds upwards), Hz, NaN where unvoiced.

    1. Band-pass 40 to 1000 Hz with zero phase, differentiate: folds closing give sharp positive peaks.
    2. A closure is a peak of at least 0.35 of the strongest within 25 ms and 0.06 of the clip's strong ones.
    3. A cycle runs from closure to closure; it counts if it lasts 1/600 to 1/50 s and differs from a neighbour cycle by less than
       a factor of 1.3.
    4. A frame is voiced if its centre lies in such a cycle; its F0 is interpolated in log between the cycles' middles.

    What this is not: in creak and at weak offsets the folds move without full contact, and there the acoustic signal is periodic
    for up to some 30 ms more than this says. The sound's way to the microphone (1 ms at most) is not undone.
    """
    band = sosfiltfilt(butter(2, BAND_HZ, "bandpass", fs=rate_hz, output="sos"), egg)
    closing = np.maximum(np.diff(band, prepend=band[0]), 0)
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


def read_clip(path: Path) -> Clip:
    """A file's microphone and reference."""
    channels, rate_hz = sf.read(path, dtype="float32", always_2d=True)
    hop = round(HOP_S * rate_hz)
    grid = FrameGrid(rate_hz, hop, 4 * hop, 4 * hop)
    centres_s = grid.centres_s(grid.n_frames(len(channels)))
    reference = reference_f0(channels[:, 1].astype(np.float64), rate_hz, centres_s)
    return Clip(path.stem, path.stem[:2], np.ascontiguousarray(channels[:, 0]), grid, reference)


def score(clips: list[Clip], tracks: list[Track]) -> Scores:
    """Scores of one extractor's tracks, frames of all clips pooled."""
    reference = np.concatenate([clip.reference_hz for clip in clips]).astype(np.float64)
    found = np.concatenate(tracks).astype(np.float64)
    ratio = found / reference
    common = np.isfinite(ratio)
    gross = common & (np.abs(ratio - 1) > GROSS)
    voicing = np.isfinite(found) != np.isfinite(reference)
    cents = 1200 * np.log2(ratio[common & ~gross])
    return Scores(gross.sum() / common.sum(), float(np.abs(cents).mean()), voicing.mean(), (gross | voicing).mean())


def fixed(clips: list[Clip], params: PitchParams, floor_hz: float, ceiling_hz: float) -> list[Track]:
    """Tracks with the same limits for all speakers."""
    return [extract_f0(clip.samples, clip.grid, params, floor_hz=floor_hz, ceiling_hz=ceiling_hz) for clip in clips]


def adaptive(clips: list[Clip], params: PitchParams) -> list[Track]:
    """Tracks with each speaker's limits, which the clips' first `sample_utterances` give by a search between the widest."""
    first_pass: dict[str, list[Track]] = defaultdict(list)
    for clip in clips:
        if len(first_pass[clip.speaker]) < params.sample_utterances:
            first_pass[clip.speaker] += fixed([clip], params, params.floor_hz, params.ceiling_hz)
    limits = {speaker: speaker_limits(np.concatenate(tracks), params) for speaker, tracks in first_pass.items()}
    return [track for clip in clips for track in fixed([clip], params, *limits[clip.speaker])]


def contestants(params: PitchParams) -> dict[str, Callable[[list[Clip]], list[Track]]]:
    """Name in the table -> clips to tracks."""
    names = ("praat_ac", "praat_voiced", "dio", "harvest")
    praat, voiced, dio, harvest = (params.model_copy(update={"extractor": name}) for name in names)
    return {
        "praat_ac, 75-600 Hz": lambda clips: fixed(clips, praat, 75.0, 600.0),
        "praat_ac, adaptive": lambda clips: adaptive(clips, praat),
        "praat_voiced, adaptive (voicing learned on these speakers)": lambda clips: adaptive(clips, voiced),
        "dio + stonemask, 75-600 Hz": lambda clips: fixed(clips, dio, 75.0, 600.0),
        "dio + stonemask, adaptive": lambda clips: adaptive(clips, dio),
        "harvest, 75-600 Hz": lambda clips: fixed(clips, harvest, 75.0, 600.0),
    }


def spread(paths: list[Path], limit: int | None) -> list[Path]:
    """At most `limit` of the paths, evenly over their order, so that all speakers and emotions stay."""
    if limit is None or limit >= len(paths):
        return paths
    return [paths[at * len(paths) // limit] for at in range(limit)]


def main(
    egg: Annotated[Path, typer.Option(help="folder of two-channel recordings: microphone, laryngograph")],
    limit: Annotated[int | None, typer.Option(help="files to take, evenly over their names")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a Markdown table of scores."""
    clips = [read_clip(path) for path in spread(sorted(egg.glob("*.flac")), limit)]
    seconds = sum(clip.duration_s for clip in clips)
    voiced = np.mean(np.isfinite(np.concatenate([clip.reference_hz for clip in clips])))
    tools = ", ".join(f"{name} {version(name)}" for name in ("praat-parselmouth", "pyworld", "numpy"))
    print(f"{len(clips)} clips, {seconds:.0f} s, {100 * voiced:.1f} % of frames voiced by the laryngograph")
    print(f"{tools}, {platform.machine()}\n")
    print("| extractor | gross % | cents | voicing % | both % | CPU-s per s |\n|---|---|---|---|---|---|")
    for name, track in contestants(load_params(params, BenchmarkParams).pitch).items():
        started = time.process_time()
        tracks = track(clips)
        cpu = (time.process_time() - started) / seconds
        found = score(clips, tracks)
        shares = f"{100 * found.gross:.2f} | {found.cents:.1f} | {100 * found.voicing:.1f} | {100 * found.both:.1f}"
        print(f"| {name} | {shares} | {cpu:.4f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
