"""Stage showcase: the same sentences in every emotion, in rising intensity and in mixes, for listening and comparing.

The requests are made from the model's vocabulary and the test split; they are a table like a user's, and spoken like one. All have
predicted prosody and one seed, so that what differs between two of them is what was asked.
"""

from collections.abc import Collection
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import shards
from pipeline.stage import run_main
from schemas.errors import TableError
from schemas.params import ShowcaseParams, load_params
from schemas.tables.requests import REQUESTS
from schemas.tables.speakers import CORPUS_ROW
from workflows.batch_synthesis import SynthesisParams, places, synthesise
from workflows.checkpoint import load_tts
from workflows.dataset import Vocabulary
from workflows.requests import Requests, completed, read_requests

NEUTRAL = "neutral"
_SPLITS = ("test", "validation", "train")
_COLUMNS = ["utterance_id", "split", "text", "phones", "language"]


class ShowcaseStageParams(SynthesisParams):
    """What showcase reads of `params.yaml`."""

    showcase: ShowcaseParams


def main(
    features: Annotated[Path, typer.Option(help="Folder of feature shards.")],
    model: Annotated[Path, typer.Option(help="Checkpoint, tts.safetensors.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Speak what shows emotions, intensities and mixes."""
    run(load_params(params, ShowcaseStageParams), features, model, out, metrics)


def run(params: ShowcaseStageParams, features: Path, model: Path, out: Path, metrics: Path) -> None:
    """Write ``requests.parquet``, and what synthesize writes.

    Raises
    ------
    TableError
        If there is no sentence that the model's phones can say.
    CheckpointError
        If the model or vocoder does not fit.
    """
    _, metadata = load_tts(model)
    recorded = places(features, metadata.vocabulary.corpora, params.mel.n_mels)
    paths = shards.corpora_shards(features, metadata.vocabulary.corpora)
    said = sentences(list(shards.iter_rows(paths, _COLUMNS)), metadata.vocabulary.phones, params.showcase.sentences)
    rows = [completed(raw, params.synthesize, "", "") for raw in requests(said, metadata.vocabulary, params.showcase)]
    rows = [{**row, "seed": params.synthesize.seed} for row in rows]
    shards.write_table(out / "requests.parquet", REQUESTS.table(rows), REQUESTS)
    wanted: Requests = read_requests(out / "requests.parquet", params.synthesize)
    synthesise("showcase", wanted, recorded, model, params, out, metrics)


def sentences(rows: list[dict[str, Any]], phones: Collection[str], n: int) -> list[dict[str, Any]]:
    """One row of each of `n` texts that the model's phones can say: of the test split, and of the others where that has too few.

    The shortest come first: clips are for quick listening.
    """
    sayable = [row for row in rows if set(row["phones"]) <= set(phones)]
    ordered = sorted(sayable, key=lambda row: (_SPLITS.index(row["split"]), len(row["phones"]), row["utterance_id"]))
    of_text: dict[str, dict[str, Any]] = {}
    for row in ordered:
        of_text.setdefault(row["text"], row)
    if not of_text:
        raise TableError(
            "no utterance has only phones that the model knows, so that there is nothing to show; train on these features again"
        )
    return list(of_text.values())[:n]


def requests(said: list[dict[str, Any]], vocabulary: Vocabulary, params: ShowcaseParams) -> list[dict[str, object]]:
    """Rows of a request table in three sets: grid, ladder, mix. Sentences take turns, and so do speakers."""
    speakers = [name for name in vocabulary.speakers if name != CORPUS_ROW]
    coloured = [name for name in vocabulary.emotions if name != NEUTRAL] or list(vocabulary.emotions)
    made: list[dict[str, object]] = []

    def wish(name: str, number: int, sentence: int, emotion: str, intensity: float) -> None:
        row = said[sentence % len(said)]
        made.append(
            {
                "request_id": f"{name}/{number:03d}",
                "set": name,
                **{key: row[key] for key in ("text", "phones", "language")},
                "speaker": speakers[sentence % len(speakers)],
                "emotion": emotion,
                "intensity": intensity,
                "prosody": "predicted",
            }
        )

    for number, (sentence, emotion) in enumerate((s, e) for s in range(len(said)) for e in vocabulary.emotions):
        wish("grid", number, sentence, emotion, 1.0)
    steps = [(at, emotion, scale) for at, emotion in enumerate(coloured[: params.ladder_emotions]) for scale in params.intensities]
    for number, (sentence, emotion, intensity) in enumerate(steps):
        wish("ladder", number, sentence, emotion, intensity)
    for number, mix in enumerate(_mixes(vocabulary.emotions, params.mixes)):
        wish("mix", number, number // 2, mix, 1.0)
    return made


def _mixes(emotions: tuple[str, ...], n: int) -> list[str]:
    """Halves of two emotions, and one that turns into the other, in turn."""
    pairs = [pair for pair in combinations(emotions, 2) if NEUTRAL not in pair] or list(combinations(emotions, 2))
    return [mix for a, b in pairs for mix in (f"{a}:0.5,{b}:0.5", f"{a} > {b}")][:n]


if __name__ == "__main__":
    run_main("workflows.showcase")
