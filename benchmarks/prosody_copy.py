"""Is prosody copied by phone nearer to the truth than stretched? A table.

``python -m benchmarks.prosody_copy --model models/tts.safetensors --features data/extract``

Pairs of utterances whose truth is known: the prosody of a source is laid on the phones of a target that was really spoken, and
compared with how it was spoken. `same words`: the target's sentence in its emotion by the other speaker. `other words`: another
sentence in the target's emotion by its speaker. Ways: `predicted` (nothing is copied), `stretched` (length and contour over the
whole utterance, as until November 2026), `by phone` (`workflows.prosody_copy`, for each shortest run). `onto neutral`: the model is
told neutral, so that what makes the emotion heard must come from the copy. Only predictors run: no sampling, no vocoder.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.spoken import rows_of
from schemas.params import Params, load_params
from schemas.tables.alignments import SILENCE
from workflows import measures
from workflows.prosody import scaled_durations
from workflows.prosody_copy import copied
from workflows.speaking import Row, Voice, conditions_of, in_range_of, load_voice, scale_of, with_predicted

RUNS = (1, 2, 3, 5, 1000)  # the last copies no phone, only the manner


def pairs(rows: list[Row], limit: int) -> Iterator[tuple[str, Row, Row]]:
    """(kind, target, source); at most `limit` of a kind, spread over the rows."""
    found: dict[str, list[tuple[Row, Row]]] = {"same words": [], "other words": []}
    for at, target in enumerate(rows):
        alike = [row for row in rows if row["emotion"] == target["emotion"] and row is not target]
        same = [row for row in alike if row["text"] == target["text"] and row["speaker"] != target["speaker"]]
        other = [row for row in alike if row["text"] != target["text"] and row["speaker"] == target["speaker"]]
        for kind, sources in (("same words", same), ("other words", other)):
            if sources and target["emotion"] != "neutral":
                found[kind].append((target, sources[at % len(sources)]))
    for kind, of_kind in found.items():
        for target, source in of_kind[:: max(1, len(of_kind) // limit)][:limit]:
            yield kind, target, source


def stretched(onto: Row, source: Row) -> Row:
    """The way before: all of the source's contour over all of the target, whatever the phones."""
    if list(onto["phones"]) == list(source["phones"]):
        return copied(onto, source, source)
    own, theirs = np.asarray(onto["duration_frames"], np.int32), np.asarray(source["duration_frames"], np.int32)
    lengths = scaled_durations(own, np.full(len(own), own.sum() / theirs.sum()))
    from_own = measures.warp(own, lengths)
    at_source = (np.arange(int(lengths.sum())) + 0.5) / lengths.sum() * theirs.sum() - 0.5
    f0_hz, own_f0 = np.asarray(source["f0_hz"], np.float64), np.asarray(onto["f0_hz"], np.float64)[from_own]
    voiced = np.flatnonzero(np.isfinite(f0_hz))
    contour = np.exp(np.interp(at_source, voiced, np.log(f0_hz[voiced]))) if len(voiced) else own_f0
    own_db, source_db = np.asarray(onto["energy_db"], np.float64)[from_own], np.asarray(source["energy_db"], np.float64)
    energy_db = source_db.mean() + (own_db - own_db.mean()) * source_db.std() / max(own_db.std(), 1e-6)
    moved = {"f0_hz": np.where(np.isfinite(own_f0), contour, np.nan), "energy_db": energy_db}
    return {**onto, "duration_frames": lengths, "n_frames": int(lengths.sum()), **moved}


def ways(target: Row, source: Row, voice: Voice) -> dict[str, Row]:
    """The target's prosody by each way."""
    statistics = voice.metadata.statistics
    told, neutral = (_predicted({**target, "emotion": emotion}, voice) for emotion in (target["emotion"], "neutral"))
    theirs, theirs_predicted, as_neutral = (
        in_range_of(row, target["speaker"], statistics)
        for row in (source, _predicted(source, voice), _predicted({**source, "emotion": "neutral"}, voice))
    )
    return {
        "predicted, emotion told": told,
        "predicted as neutral": neutral,
        "stretched": stretched(told, theirs),
        "stretched onto neutral": stretched(neutral, theirs),
        **{f"by phone, runs of {n}": copied(told, theirs, theirs_predicted, n) for n in RUNS},
        **{f"by phone onto neutral, runs of {n}": copied(neutral, theirs, as_neutral, n) for n in RUNS},
    }


def errors(row: Row, truth: Row) -> dict[str, float]:
    """How far a prosody is from how the words were spoken."""
    lengths, true_lengths = (np.asarray(one["duration_frames"], np.int32) for one in (row, truth))
    speech = np.array([phone != SILENCE for phone in truth["phones"]])
    onto = measures.warp(lengths, true_lengths)
    f0_hz, true_f0 = np.asarray(row["f0_hz"], np.float64)[onto], np.asarray(truth["f0_hz"], np.float64)
    inside = np.repeat(speech, true_lengths)
    energy, true_energy = np.asarray(row["energy_db"], np.float64)[onto][inside], np.asarray(truth["energy_db"], np.float64)[inside]
    return {
        "duration_mae_frames": float(np.abs(lengths - true_lengths)[speech].mean()),
        "length_error_%": 100 * abs(float(lengths.sum() / true_lengths.sum()) - 1),
        "f0_cents": measures.f0_rmse_cents(true_f0, f0_hz),
        "f0_corr": measures.f0_correlation(true_f0, f0_hz),
        "voicing_error_%": 100 * measures.voicing_error(true_f0, f0_hz),
        "energy_rmse_db": measures.rmse(true_energy, energy),
    }


def _predicted(row: Row, voice: Voice) -> Row:
    return with_predicted(row, 0, voice.model.predict(conditions_of(row, voice)), scale_of(row, voice))


def main(
    model: Annotated[Path, typer.Option(help="models/tts.safetensors")],
    features: Annotated[Path, typer.Option(help="folder of the stage extract")],
    limit: Annotated[int, typer.Option(help="pairs of a kind")] = 40,
    split: Annotated[str, typer.Option(help="train | validation | test")] = "test",
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table."""
    torch.set_num_threads(1)
    given = load_params(params, Params)
    voice = load_voice(model, given.synthesize.model_copy(update={"vocoder": "griffin_lim"}), given.frames, given.mel)
    rows = rows_of(features, voice.metadata.vocabulary.corpora, split, given.mel.n_mels, 10**9)
    measured: dict[tuple[str, str], list[dict[str, float]]] = {}
    for kind, target, source in pairs(rows, limit):
        for way, row in ways(target, source, voice).items():
            measured.setdefault((kind, way), []).append(errors(row, target))
    names: Any = next(iter(measured.values()))[0]
    print("| pairs | way | n | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 3) + "|")
    for (kind, way), found in measured.items():
        means = [float(np.nanmean([one[name] for one in found])) for name in names]
        print(f"| {kind} | {way} | {len(found)} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")


if __name__ == "__main__":
    typer.run(main)
