"""Does synthesis sound like the emotion asked for? ``python -m benchmarks.emotion --model models/tts.safetensors --features data/extract``.

Test utterances are synthesised with their own emotion at several guidance scales, with the recording's prosody (which carries its
emotion into any model that follows it) and with predicted prosody (where only the label tells), vocoded, and heard by evaluate's
classifier, which has learned on the real training split. Real test features are the ceiling.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.control import rows_of
from model.tts import Sampling
from pipeline import audio, shards, tracks
from schemas.params import Params, load_params
from workflows import emotion_classifier, measures
from workflows.checkpoint import TtsMetadata, load_tts
from workflows.dataset import collate, example_from
from workflows.emotion_classifier import Clip, EmotionClassifier, Vector, describe
from workflows.emotion_mix import mix_of, parse_mix
from workflows.evaluate import wide_enough
from workflows.real_speech import described
from workflows.recognisers import SAMPLE_RATE_HZ, error_rate, hama, phones_of
from workflows.requests import utterance_seed
from workflows.speaking import speak, with_predicted
from workflows.vocoders import Vocoder, load_vocoder

SCALES = (0.0, 1.0, 2.0)


def classifier_of(features: Path, corpora: tuple[str, ...], hop_s: float) -> EmotionClassifier:
    """Evaluate's classifier, learned on the training split."""
    rows = (row for row in shards.iter_rows(shards.corpora_shards(features, corpora)) if row["split"] == "train")
    found = emotion_classifier.learn([Clip(row["emotion"], row["speaker"], row["text"], described(row, hop_s)) for row in rows])
    if found is None:
        raise SystemExit("the training split has fewer than two emotions with five utterances; choose another corpus")
    return found


def synthesised(row: dict[str, Any], prosody: str, scale: float, model: torch.nn.Module, metadata: TtsMetadata, params: Params) -> Any:
    """The row as asked for (with predicted tracks where `prosody` says so) and the model's mel of it."""
    example = collate([example_from(row, metadata.vocabulary, metadata.statistics)])
    mix = None if scale == 1.0 else mix_of(parse_mix(row["emotion"], metadata.vocabulary), [len(row["phones"])], "embedding", scale)
    if prosody == "predicted":
        row = with_predicted(row, 0, model.predict(example.conditions, mix=mix), metadata.statistics[row["speaker"]])
        example = collate([example_from(row, metadata.vocabulary, metadata.statistics)])
    given = params.synthesize
    seeds = [utterance_seed(given.seed, row["utterance_id"])]
    spoken = speak(model, example, seeds, Sampling(given.sampler, given.n_steps, given.temperature), mix)
    return row, np.ascontiguousarray(spoken.mel_ln[0, : row["n_frames"]])


def heard(asked: dict[str, Any], mel_ln: Any, vocode: Vocoder, params: Params) -> tuple[Vector, list[str]]:
    """Statistics of the vocoded mel, and the phones that hama hears in it."""
    samples = vocode(np.asarray(mel_ln, np.float32))
    grid = params.frames.grid()
    limits = wide_enough(asked["f0_floor_hz"], asked["f0_ceiling_hz"], list(asked["f0_hz"]))
    found = tracks.analyse(samples, grid, params.mel, params.pitch, params.energy, *limits)
    phones = hama()(audio.resample(samples, grid.sample_rate_hz, SAMPLE_RATE_HZ)).split()
    return describe(found.mel_ln, found.f0_hz, found.energy_db, grid.hop_s), phones


def judged(
    model_path: Path, features: Path, params: Params, limit: int
) -> Iterator[tuple[str, str, list[float], list[float], list[float]]]:
    """Name and scale of each condition with, a clip, whether the emotion was recognised, its probability, and the phone error."""
    model, metadata = load_tts(model_path)
    rows = rows_of(features, metadata.vocabulary.corpora, "test", params.mel.n_mels, limit)
    classifier = classifier_of(features, metadata.vocabulary.corpora, params.frames.grid().hop_s)
    print(f"classifier: {classifier.n_clips} clips, {classifier.held_out_accuracy:.3f} of held-out training sentences", flush=True)
    vocode = load_vocoder(params.synthesize, params.frames.grid(), params.mel)

    def told(row: dict[str, Any], statistics: Vector, phones: list[str] | None) -> tuple[float, float, float]:
        shares = classifier.probabilities(statistics, row["speaker"])
        right = float(max(shares, key=lambda name: shares[name]) == row["emotion"])
        error = error_rate(phones_of(row["text"], row["language"]), phones) if phones is not None else float("nan")
        return right, shares[row["emotion"]], error

    def of_all(clips: list[tuple[float, float, float]]) -> tuple[list[float], list[float], list[float]]:
        right, probability, error = zip(*clips, strict=True)
        return list(right), list(probability), list(error)

    yield "real features", "", *of_all([told(row, described(row, params.frames.grid().hop_s), None) for row in rows])
    yield "copy-synthesis", "", *of_all([told(row, *heard(row, row["mel_ln"], vocode, params)) for row in rows])
    for prosody in ("reference", "predicted"):
        for scale in SCALES:
            made = [synthesised(row, prosody, scale, model, metadata, params) for row in rows]
            yield (
                f"{prosody} prosody",
                f"{scale:g}",
                *of_all([told(row, *heard(asked, mel, vocode, params)) for row, (asked, mel) in zip(rows, made, strict=True)]),
            )


def main(
    model: Annotated[Path, typer.Option(help="models/tts.safetensors")],
    features: Annotated[Path, typer.Option(help="folder of the stage extract")],
    limit: Annotated[int, typer.Option(help="test utterances")] = 20,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table: means with 95 % bootstrap intervals."""
    torch.set_num_threads(1)
    print("| | guidance | accuracy | probability of the emotion asked for | phone error, hama |\n|---|---|---|---|---|")
    for name, scale, right, probability, error in judged(model, features, load_params(params, Params), limit):
        cells = [
            f"{mean:.3f} ({low:.3f} … {high:.3f})"
            for mean, low, high in (measures.bootstrap_interval(np.array(v), 2000) for v in (right, probability, error))
        ]
        print(f"| {name} | {scale} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    typer.run(main)
