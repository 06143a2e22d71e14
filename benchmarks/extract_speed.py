"""Speed of extract: ``OMP_NUM_THREADS=1 python -m benchmarks.extract_speed --project . --corpus demo``, after ``dvc repro align``.

Audio seconds a CPU second, one thread, in one process without dask, on the same files:

whole stage      both passes: read, hash, decode, features, quality, validate, write
its kernels      decoding, resampling, mel, energy, F0 of both passes, each alone over all files
DiffSinger's     what DiffSinger's binariser calls for mel and F0: librosa.load, librosa's STFT and filters, Praat's autocorrelation
praat, librosa   those two kernels alone

Rounds go over all of these by turns, and the medians of the rounds are told: a machine with other work on it slows all alike.
"""

import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import librosa
import numpy as np
import parselmouth
import typer

from benchmarks.in_process import tasks_in_process
from pipeline import audio, extract, shards
from pipeline.energy import frame_energy_db
from pipeline.mel import log_mel
from pipeline.pitch import extract_f0
from schemas.params import corpus_params, load_params
from schemas.tables.speakers import PITCH_LIMITS
from schemas.tables.utterances import UTTERANCES

Samples = np.ndarray[tuple[int], np.dtype[np.float32]]


class Files:
    """The recordings of one corpus and what the stage needs to extract them."""

    def __init__(self, project: Path, corpus: str) -> None:
        self.corpus, self.params = corpus, load_params(project / "params.yaml", extract.ExtractStageParams)
        self.root = project / corpus_params(self.params.corpora, corpus).root
        self.utterances = project / "data/ingest" / corpus / "utterances.parquet"
        self.alignments = project / "data/align" / corpus / "alignments.parquet"
        rows = shards.read_table(self.utterances, UTTERANCES, ["audio_path", "speaker", "duration_s"]).to_pylist()
        self.paths, self.speakers = [self.root / row["audio_path"] for row in rows], [row["speaker"] for row in rows]
        self.seconds = sum(row["duration_s"] for row in rows)
        self.limits: dict[str, tuple[float, float]] = {}

    def stage(self) -> None:
        """The whole stage, its tasks one after the other in this process."""
        with tempfile.TemporaryDirectory() as folder, tasks_in_process():
            out = Path(folder)
            extract.run(self.corpus, self.params, self.root, self.utterances, self.alignments, out / "out", out / "metrics.json")
            table = shards.read_table(out / "out/pitch_limits.parquet", PITCH_LIMITS)
        self.limits = {row["speaker"]: (row["floor_hz"], row["ceiling_hz"]) for row in table.to_pylist()}


def kernels(files: Files) -> dict[str, float]:
    """CPU seconds of each kernel over all files."""
    params, grid = files.params, files.params.frames.grid()
    spent: dict[str, float] = {}

    def timed(name: str, task: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        started = time.process_time()
        done = [task(item) for item in items]
        spent[name] = time.process_time() - started
        return done

    mel, energy = params.mel.model_dump(), params.energy.floor_db
    native = timed("decode", _decoded, files.paths)
    sounds = timed("resample", lambda one: audio.resample(*one, grid.sample_rate_hz), native)
    timed("mel", lambda sound: log_mel(sound, grid, **mel), sounds)
    timed("energy", lambda sound: frame_energy_db(sound, grid, floor_db=energy), sounds)
    limits = [files.limits[speaker] for speaker in files.speakers]
    timed(
        "F0",
        lambda one: extract_f0(one[0], grid, params.pitch, floor_hz=one[1][0], ceiling_hz=one[1][1]),
        list(zip(sounds, limits, strict=True)),
    )
    if params.pitch.adaptive:
        first: dict[str, list[Samples]] = defaultdict(list)
        for speaker, sound in zip(files.speakers, sounds, strict=True):
            first[speaker] += [sound] if len(first[speaker]) < params.pitch.sample_utterances else []
        wide = {"floor_hz": params.pitch.floor_hz, "ceiling_hz": params.pitch.ceiling_hz}
        sampled = [sound for kept in first.values() for sound in kept]
        timed("F0, first pass", lambda sound: extract_f0(sound, grid, params.pitch, **wide), sampled)
    return spent


def _decoded(path: Path) -> tuple[Samples, int]:
    import soundfile as sf

    samples, rate_hz = sf.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples.mean(axis=1)) if samples.shape[1] > 1 else samples[:, 0], rate_hz


def diffsinger(path: Path, rate_hz: int = 22050, hop: int = 256) -> None:
    """Mel and F0 by the calls that DiffSinger's binariser makes (its steps told by its source; nothing of it is copied)."""
    sound, _ = librosa.load(path, sr=rate_hz)
    praat(sound, rate_hz, hop, 80.0, 750.0)
    librosa_mel(sound, rate_hz, hop)


def praat(sound: Samples, rate_hz: int = 22050, hop: int = 256, floor_hz: float = 75.0, ceiling_hz: float = 600.0) -> None:
    """Praat's autocorrelation."""
    parselmouth.Sound(sound.astype(np.float64), rate_hz).to_pitch_ac(
        time_step=hop / rate_hz, pitch_floor=floor_hz, pitch_ceiling=ceiling_hz
    )


def librosa_mel(sound: Samples, rate_hz: int = 22050, hop: int = 256) -> None:
    """A log-mel as most recipes make it."""
    magnitudes = np.abs(librosa.stft(sound, n_fft=1024, hop_length=hop, win_length=1024, pad_mode="constant"))
    bank = librosa.filters.mel(sr=rate_hz, n_fft=1024, n_mels=80, fmin=0, fmax=8000)
    np.log10(np.maximum(1e-5, bank @ magnitudes))


def main(
    project: Annotated[Path, typer.Option(help="folder of params.yaml and data/")],
    corpus: Annotated[str, typer.Option(help="a corpus that is ingested and aligned there")],
    rounds: Annotated[int, typer.Option(help="times that all is measured")] = 5,
) -> None:
    """Print a Markdown table."""
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise typer.BadParameter("numpy and librosa would use several threads: set OMP_NUM_THREADS=1 before the command")
    files = Files(project.resolve(), corpus)
    sounds = [librosa.load(path, sr=22050)[0] for path in files.paths]
    found: dict[str, list[float]] = defaultdict(list)
    files.stage()
    for _ in range(rounds):
        found["**whole stage**"].append(_cpu_s(files.stage))
        for name, cpu_s in (spent := kernels(files)).items():
            found[f"kernel: {name}"].append(cpu_s)
        found["its kernels"].append(sum(spent.values()))
        found["DiffSinger's calls"].append(_cpu_s(lambda: [diffsinger(path) for path in files.paths]))
        found["praat, 75-600 Hz"].append(_cpu_s(lambda: [praat(sound) for sound in sounds]))
        found["librosa's mel"].append(_cpu_s(lambda: [librosa_mel(sound) for sound in sounds]))
    packages = ("numpy", "scipy", "librosa", "praat-parselmouth", "soxr", "pyarrow")
    print(
        f"{len(files.paths)} files, {files.seconds:.0f} s; {platform.machine()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
    )
    print(f"load of the machine at the end {os.getloadavg()[0]:.1f}; {files.params.pitch.extractor}; medians of {rounds} rounds\n")
    print("| | CPU-ms a second | seconds a CPU second | times the whole stage's |\n|---|---|---|---|")
    whole = np.array(found["**whole stage**"])
    for name, values in found.items():
        cpu_s = float(np.median(values))
        print(f"| {name} | {1000 * cpu_s / files.seconds:.3f} | {files.seconds / cpu_s:.0f} | {np.median(np.array(values) / whole):.2f} |")


def _cpu_s(task: Callable[[], Any]) -> float:
    started = time.process_time()
    task()
    return time.process_time() - started


if __name__ == "__main__":
    typer.run(main)
