"""Does synthesis sound like the emotion asked for? ``python -m benchmarks.emotion --model models/tts.safetensors --features data/extract``.

Test utterances are synthesised with their own emotion at several guidance scales, with the recording's prosody (which carries its
emotion into any model that follows it) and with predicted prosody (where only the label tells), vocoded, and heard by evaluate's
classifier, which has learned on the real training split. Real test features are the ceiling. Intensity is `guidance` (as
`synthesize.emotion_scale`: of predictions, mu and score network, in what they give) or, with `--how embedding`, the emotion's embedding
moved away from the mean of all emotions' in every part of the model: 0 the mean, 1 as learnt, 2 as far again.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.spoken import Bench, opened
from model.emotions import EmotionMix
from pipeline import audio, shards, tracks
from schemas.params import Params, load_params
from workflows import emotion_classifier, measures
from workflows.checkpoint import TtsMetadata
from workflows.dataset import collate, example_from
from workflows.emotion_classifier import Clip, EmotionClassifier, Vector, describe
from workflows.emotion_mix import mix_of, parse_mix
from workflows.real_speech import described
from workflows.recognisers import SAMPLE_RATE_HZ, error_rate, hama, phones_of
from workflows.scoring import wide_enough
from workflows.speaking import with_predicted

SCALES = (0.0, 1.0, 2.0)


class Judged(NamedTuple):
    """Of one clip: whether the emotion was recognised, its probability, and the phone error."""

    right: float
    probability: float
    phone_error: float


def classifier_of(features: Path, corpora: tuple[str, ...], hop_s: float) -> EmotionClassifier:
    """Evaluate's classifier, learned on the training split."""
    rows = (row for row in shards.iter_rows(shards.corpora_shards(features, corpora)) if row["split"] == "train")
    found = emotion_classifier.learn([Clip(row["emotion"], row["speaker"], row["text"], described(row, hop_s)) for row in rows])
    if found is None:
        raise SystemExit("the training split has fewer than two emotions with five utterances; choose another corpus")
    return found


def intensified(row: dict[str, Any], how: str, scale: float, metadata: TtsMetadata) -> EmotionMix | None:
    """The row's emotion at an intensity; None: as learnt."""
    if scale == 1.0:
        return None
    shares = parse_mix(row["emotion"], metadata.vocabulary)
    if how == "guidance":
        return mix_of(shares, [len(row["phones"])], "embedding", scale)
    mean = np.full_like(shares, 1 / (shares.shape[1] - 1))
    mean[:, 0] = 0.0  # the unknown emotion
    return mix_of(mean + scale * (shares - mean), [len(row["phones"])], "embedding", 1.0)


def synthesised(row: dict[str, Any], prosody: str, mix: EmotionMix | None, bench: Bench) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """The row as asked for (with predicted tracks where `prosody` says so) and the model's mel of it."""
    metadata = bench.metadata
    if prosody == "predicted":
        conditions = collate([example_from(row, metadata.vocabulary, metadata.statistics)]).conditions
        row = with_predicted(row, 0, bench.model.predict(conditions, mix), metadata.statistics[row["speaker"]])
    return row, bench.say([row], mix=mix)[0]


def heard(asked: dict[str, Any], mel_ln: Any, bench: Bench) -> tuple[Vector, list[str]]:
    """Statistics of the vocoded mel, and the phones that hama hears in it."""
    params, samples = bench.params, bench.vocode(np.asarray(mel_ln, np.float32))
    grid = params.frames.grid()
    limits = wide_enough(asked["f0_floor_hz"], asked["f0_ceiling_hz"], list(asked["f0_hz"]))
    found = tracks.analyse(samples, grid, params.mel, params.pitch, params.energy, *limits)
    phones = hama()(audio.resample(samples, grid.sample_rate_hz, SAMPLE_RATE_HZ)).split()
    return describe(found.mel_ln, found.f0_hz, found.energy_db, grid.hop_s), phones


def judged(bench: Bench, features: Path, how: str) -> Iterator[tuple[str, str, list[Judged]]]:
    """Name and intensity of each condition, and what was found in each clip."""
    hop_s = bench.params.frames.grid().hop_s
    classifier = classifier_of(features, bench.metadata.vocabulary.corpora, hop_s)
    print(f"classifier: {classifier.n_clips} clips, {classifier.held_out_accuracy:.3f} of held-out training sentences", flush=True)

    def told(row: dict[str, Any], statistics: Vector, phones: list[str] | None) -> Judged:
        shares = classifier.probabilities(statistics, row["speaker"])
        right = float(max(shares, key=lambda name: shares[name]) == row["emotion"])
        error = error_rate(phones_of(row["text"], row["language"]), phones) if phones is not None else float("nan")
        return Judged(right, shares[row["emotion"]], error)

    yield "real features", "", [told(row, described(row, hop_s), None) for row in bench.rows]
    yield "copy-synthesis", "", [told(row, *heard(row, row["mel_ln"], bench)) for row in bench.rows]
    for prosody, scale in product(("predicted", "reference"), SCALES):
        made = [synthesised(row, prosody, intensified(row, how, scale, bench.metadata), bench) for row in bench.rows]
        found = [told(row, *heard(asked, mel_ln, bench)) for row, (asked, mel_ln) in zip(bench.rows, made, strict=True)]
        yield f"{prosody} prosody", f"{scale:g}", found


def main(
    model: Annotated[Path, typer.Option(help="models/tts.safetensors")],
    features: Annotated[Path, typer.Option(help="folder of the stage extract")],
    limit: Annotated[int, typer.Option(help="test utterances")] = 20,
    how: Annotated[str, typer.Option(help="guidance | embedding")] = "guidance",
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table: means with 95 % bootstrap intervals."""
    torch.set_num_threads(1)
    given = load_params(params, Params)
    given = given.model_copy(update={"synthesize": given.synthesize.model_copy(update={"split": "test"})})
    print("| | intensity | accuracy | probability of the emotion asked for | phone error, hama |\n|---|---|---|---|---|")
    for name, scale, clips in judged(opened(model, features, given, limit), features, how):
        means = [measures.bootstrap_interval(np.array(values), 2000) for values in zip(*clips, strict=True)]
        print(f"| {name} | {scale} | " + " | ".join(f"{mean:.3f} ({low:.3f} … {high:.3f})" for mean, low, high in means) + " |", flush=True)


if __name__ == "__main__":
    typer.run(main)
