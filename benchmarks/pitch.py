"""F0 extractors against a laryngograph: ``python -m benchmarks.pitch --egg ../shared/data/emodb_dev/egg``.

Files hold the microphone in channel 0 and the laryngograph in channel 1; `benchmarks.laryngograph` says how its two references come
about and which frames neither decides: those are left out, except in "both, all". Frames are 5 ms apart. Scores, by each reference:

gross      share of frames voiced in both whose F0 differs by more than 20 %
cents      mean absolute difference of the other frames voiced in both
voicing    share of frames whose voicing differs
both       share of frames with a voicing error or a gross error
both, all  the same with the undecided frames
CPU        seconds of CPU a second of audio, a speaker's first pass included

`ac_voiced` was learned from such recordings: each speaker is scored by weights learned from the other speakers.
"""

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.laryngograph import CONDITIONS, Clip, Mask, Track, adaptive, fixed, read_clips, speakers_limits
from benchmarks.voicing import BenchmarkParams, frames, learn
from pipeline.extractors.ac_voiced import decided, evidence
from pipeline.extractors.voicing import Network
from schemas.params import PitchParams, load_params

GROSS = 0.2
FIXED_HZ = (75.0, 600.0)
PACKAGES = ("praat-parselmouth", "pyworld", "swift-f0", "soxr", "numpy")


class Scores(NamedTuple):
    """Shares and cents over all frames of some clips, by one reference."""

    gross: float
    cents: float
    voicing: float
    both: float
    both_all: float

    def row(self) -> str:
        """As cells of a table."""
        shares = f"{100 * self.gross:.2f} | {self.cents:.1f} | {100 * self.voicing:.1f}"
        return f"{shares} | {100 * self.both:.1f} | {100 * self.both_all:.1f}"


Tracker = Callable[[list[Clip]], list[Track]]


def score(references: list[Track], undecided: list[Mask], tracks: list[Track]) -> Scores:
    """Scores of one extractor's tracks, frames of all clips pooled."""
    reference = np.concatenate(references).astype(np.float64)
    found, known = np.concatenate(tracks).astype(np.float64), ~np.concatenate(undecided)
    ratio = found / reference
    common = np.isfinite(ratio)
    gross = common & (np.abs(ratio - 1) > GROSS)
    voicing = np.isfinite(found) != np.isfinite(reference)
    cents = 1200 * np.log2(ratio[common & ~gross])
    wrong = gross | voicing
    return Scores(gross.sum() / common.sum(), float(np.abs(cents).mean()), voicing[known].mean(), wrong[known].mean(), wrong.mean())


def scored(clips: list[Clip], tracks: list[Track]) -> str:
    """Cells of a table: scores by the cycles, then by autocorrelation."""
    undecided = [clip.undecided for clip in clips]
    by_cycles = score([clip.cycles_hz for clip in clips], undecided, tracks)
    by_autocorrelation = score([clip.autocorrelation_hz for clip in clips], undecided, tracks)
    return f"{by_cycles.row()} | {by_autocorrelation.row()}"


def left_out(clips: list[Clip], params: PitchParams, networks: dict[str, Network]) -> list[Track]:
    """Tracks of `ac_voiced`, each speaker's by a network that never heard it."""
    limits = speakers_limits(clips, params)
    return [_by_network(clip, params, limits[clip.speaker], networks[clip.speaker]) for clip in clips]


def _by_network(clip: Clip, params: PitchParams, limits: tuple[float, float], network: Network) -> Track:
    found = evidence(clip.samples.astype(np.float64), clip.grid.sample_rate_hz, params, *limits)
    centres_s = clip.grid.centres_s(len(clip.cycles_hz))
    if found is None:
        return np.full(len(centres_s), np.nan, np.float32)
    f0_hz: NDArray[np.float64] = decided(found, network, params.min_confidence, centres_s)
    return np.where(f0_hz > 0, f0_hz, np.nan).astype(np.float32)


def contestants(params: PitchParams, networks: dict[str, Network]) -> dict[str, Tracker]:
    """Name in the table -> clips to tracks."""
    names = ("ac_voiced", "praat_ac", "dio", "harvest", "swift_f0")
    voiced, praat, dio, harvest, swift = (params.model_copy(update={"extractor": name}) for name in names)
    return {
        "**ac_voiced**, adaptive": lambda clips: left_out(clips, voiced, networks),
        "praat_ac, 75-600 Hz": lambda clips: fixed(clips, praat, *FIXED_HZ),
        "praat_ac, adaptive": lambda clips: adaptive(clips, praat),
        "dio + stonemask, 75-600 Hz": lambda clips: fixed(clips, dio, *FIXED_HZ),
        "dio + stonemask, adaptive": lambda clips: adaptive(clips, dio),
        "harvest, 75-600 Hz": lambda clips: fixed(clips, harvest, *FIXED_HZ),
        "swift_f0, 75-600 Hz": lambda clips: fixed(clips, swift, *FIXED_HZ),
        "swift_f0, adaptive": lambda clips: adaptive(clips, swift),
    }


def table(title: str, rows: dict[str, str]) -> None:
    """Print Markdown."""
    columns = "gross % | cents | voicing % | both % | both, all %"
    print(f"\n| {title} | {columns} | *by autocorrelation:* {columns} |\n|" + "---|" * 11)
    for name, cells in rows.items():
        print(f"| {name} | {cells} |", flush=True)


def main(
    egg: Annotated[Path, typer.Option(help="folder of two-channel recordings: microphone, laryngograph")],
    limit: Annotated[int | None, typer.Option(help="files to take, evenly over their names")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print Markdown tables of scores: all, under conditions, by speaker, by emotion, by confidence."""
    pitch = load_params(params, BenchmarkParams).pitch
    clips = read_clips(egg, limit, pitch)
    seconds = sum(clip.duration_s for clip in clips)
    share = 100 * np.mean(np.concatenate([clip.undecided for clip in clips]))
    print(f"{len(clips)} clips, {seconds:.0f} s, {share:.1f} % of frames undecided")
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES) + f", {platform.machine()}")
    data = frames(clips, pitch)
    networks = {speaker: learn(data, without=speaker) for speaker in {clip.speaker for clip in clips}}
    trackers, found = contestants(pitch, networks), {}
    print("\n| extractor | CPU-s a s |\n|---|---|")
    for name, tracker in trackers.items():
        started = time.process_time()
        found[name] = tracker(clips)
        print(f"| {name} | {(time.process_time() - started) / seconds:.4f} |", flush=True)
    table("extractor", {name: scored(clips, tracks) for name, tracks in found.items()})
    finalists = ("**ac_voiced**, adaptive", "praat_ac, adaptive", "swift_f0, adaptive")
    for condition, spoil in list(CONDITIONS.items())[1:]:
        spoiled = [spoil(clip) for clip in clips]
        table(condition, {name: scored(spoiled, trackers[name](spoiled)) for name in finalists})
    for attribute in ("speaker", "emotion"):
        table(attribute, _by(clips, {name: found[name] for name in finalists}, attribute))
    levels = {level: pitch.model_copy(update={"min_confidence": level}) for level in (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 0.9)}
    table("min_confidence", {f"{level}": scored(clips, left_out(clips, given, networks)) for level, given in levels.items()})


def _by(clips: list[Clip], found: dict[str, list[Track]], attribute: str) -> dict[str, str]:
    rows = {}
    for value in sorted({getattr(clip, attribute) for clip in clips}):
        among = [at for at, clip in enumerate(clips) if getattr(clip, attribute) == value]
        for name, tracks in found.items():
            rows[f"{value}, {name}"] = scored([clips[at] for at in among], [tracks[at] for at in among])
    return rows


if __name__ == "__main__":
    typer.run(main)
