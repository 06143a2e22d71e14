"""Does synthesis do what it is told? ``python -m benchmarks.control --model models/tts.safetensors --features data/extract``.

Test utterances are synthesised from their own prosody with one thing changed at a time, vocoded, and analysed with the pipeline's
own extractors. "copy" is the real mel through the vocoder: what no model can pass. Change of F0 and energy is counted from the
unchanged synthesis.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.spoken import Bench, opened
from pipeline import tracks
from schemas.params import Params, load_params
from schemas.tables.alignments import SILENCE
from workflows import measures
from workflows.pictures import MelPanel, draw_mels
from workflows.prosody import ProsodyEdit, edited
from workflows.vocoders import Vocoder

EDITS = {
    "none": ProsodyEdit(),
    **{f"pitch {s:+d} semitones": ProsodyEdit(pitch_shift_semitones=s) for s in (-4, -2, 2, 4)},
    **{f"energy {e:+d} dB": ProsodyEdit(energy_shift_db=e) for e in (-6, 6)},
    **{f"rate {r:g}": ProsodyEdit(rate=r) for r in (0.8, 1.25)},
}


@dataclass(frozen=True)
class Realised:
    """One recording against what was asked: tracks of the same frames, and the frames of speech."""

    asked: dict[str, Any]
    tracks: tracks.Tracks

    @property
    def f0_hz(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Asked and realised F0 where both are voiced."""
        asked = np.asarray(self.asked["f0_hz"], np.float64)
        both = np.isfinite(asked) & self.tracks.voiced
        return asked[both], self.tracks.f0_hz[both].astype(np.float64)

    @property
    def energy_db(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Asked and realised energy where there is speech."""
        speech = np.repeat(np.asarray(self.asked["phones"]) != SILENCE, self.asked["duration_frames"])
        return np.asarray(self.asked["energy_db"], np.float64)[speech], self.tracks.energy_db[speech].astype(np.float64)


def analysed(mel_ln: NDArray[np.float32], asked: dict[str, Any], vocode: Vocoder, params: Params) -> Realised:
    """A mel through vocoder and extractors, with pitch limits wide enough for what was asked."""
    f0_hz = np.asarray(asked["f0_hz"], np.float64)
    f0_hz = f0_hz[np.isfinite(f0_hz)]
    floor = min(asked["f0_floor_hz"], f0_hz.min(initial=np.inf) * 0.75)
    ceiling = max(asked["f0_ceiling_hz"], f0_hz.max(initial=0.0) * 1.3)
    samples = vocode(np.ascontiguousarray(mel_ln, np.float32))
    return Realised(asked, tracks.analyse(samples, params.frames.grid(), params.mel, params.pitch, params.energy, floor, ceiling))


def changes(realised: list[Realised], unchanged: list[Realised]) -> dict[str, float]:
    """Means over utterances: change of median F0 and of mean energy, correlations with what was asked, and errors."""
    own, base = [r.f0_hz for r in realised], [r.f0_hz for r in unchanged]
    loud, base_loud = [r.energy_db[1].mean() for r in realised], [r.energy_db[1].mean() for r in unchanged]
    asked, heard = (np.concatenate([np.log(pair[side]) for pair in own]) for side in (0, 1))
    voiced = [np.isfinite(np.asarray(r.asked["f0_hz"], np.float64)) for r in realised]
    return {
        "shift_semitones": _mean([12 * np.log2(np.median(a[1]) / np.median(b[1])) for a, b in zip(own, base, strict=True)]),
        "f0_corr": _mean([measures.correlation(np.log(a), np.log(b)) for a, b in own]),
        "f0_corr_pooled": measures.correlation(asked, heard),
        "f0_cents": _mean([measures.f0_rmse_cents(a, b) for a, b in own]),
        "f0_gross_%": 100 * _mean([measures.f0_gross_error(a, b) for a, b in own]),
        "voicing_error_%": 100 * _mean([np.mean(v != r.tracks.voiced) for v, r in zip(voiced, realised, strict=True)]),
        "energy_change_db": _mean([a - b for a, b in zip(loud, base_loud, strict=True)]),
        "energy_corr": _mean([measures.correlation(*r.energy_db) for r in realised]),
        "frames_a_phone_off": _mean(
            [abs(len(r.tracks.voiced) - sum(r.asked["duration_frames"])) / len(r.asked["phones"]) for r in realised]
        ),
    }


def controlled(bench: Bench, only: str) -> Iterator[tuple[str, list[Realised]]]:
    """What each edit (whose name begins with `only`, and `none`) became, `copy` first."""
    yield "copy", [analysed(row["mel_ln"], row, bench.vocode, bench.params) for row in bench.rows]
    for name, edit in EDITS.items():
        if name == "none" or name.startswith(only):
            asked = [edited(row, edit) for row in bench.rows]
            spoken = zip(bench.say(asked), asked, strict=True)
            yield name, [analysed(mel_ln, row, bench.vocode, bench.params) for mel_ln, row in spoken]


def _mean(values: list[float]) -> float:
    return float(np.nanmean(values))


def main(
    model: Annotated[Path, typer.Option(help="models/tts.safetensors")],
    features: Annotated[Path, typer.Option(help="folder of the stage extract")],
    limit: Annotated[int, typer.Option(help="test utterances")] = 10,
    only: Annotated[str, typer.Option(help="edits whose name begins so")] = "",
    picture: Annotated[Path | None, typer.Option(help="PNG of the first utterance's mels")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table."""
    torch.set_num_threads(1)
    given = load_params(params, Params)
    panels, unchanged = [], None
    for name, realised in controlled(opened(model, features, given, limit), only):
        if name == "none":
            unchanged = realised
        row = changes(realised, unchanged or realised)
        if name == "copy":
            print("| asked | " + " | ".join(row) + " |")
            print("|---" * (len(row) + 1) + "|")
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row.values()) + " |", flush=True)
        first = realised[0]
        lengths = np.asarray(first.asked["duration_frames"], np.int32)
        panels.append(
            MelPanel(f"{name}: {first.asked['utterance_id']}", first.tracks.mel_ln, first.tracks.f0_hz, first.asked["phones"], lengths)
        )
    if picture is not None:
        picture.write_bytes(draw_mels(panels, given.frames.grid().hop_s))


if __name__ == "__main__":
    typer.run(main)
