"""Stage synthesize: a table of requests spoken, or a split again from its own features; the real mels through the vocoder beside it."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.stage import run_main
from schemas.errors import ParamsError, TableError
from schemas.names import unknown
from schemas.params import load_params
from workflows.batch_synthesis import Place, SynthesisParams, places, synthesise
from workflows.checkpoint import load_tts
from workflows.emotion_mix import parse_mix
from workflows.requests import Requests, read_requests, request_of_utterance


class SynthesizeStageParams(SynthesisParams):
    """What synthesize reads of `params.yaml`."""


def main(
    features: Annotated[Path, typer.Option(help="Folder of feature shards.")],
    voices: Annotated[Path, typer.Option(help="Folder of the stage voices.")],
    model: Annotated[Path, typer.Option(help="Checkpoint, tts.safetensors.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts and scores.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Synthesise requests, or a split."""
    run(load_params(params, SynthesizeStageParams), params.parent, features, voices, model, out, metrics)


def run(params: SynthesizeStageParams, project: Path, features: Path, voices: Path, model: Path, out: Path, metrics: Path) -> None:
    """Write ``synthesis.parquet``, ``rejects.parquet`` and the recordings under ``wavs/``.

    Parameters
    ----------
    project
        Folder that `synthesize.requests` is relative to.
    features
        Folder of feature shards, one sub-folder a corpus.
    voices
        Folder of the stage voices: speakers never seen in training, for a model with `speaker: external`.
    model
        ``tts.safetensors``.
    out, metrics
        Folder of the stage, file of its counts.

    Raises
    ------
    TableError
        If the split is empty, or the request table cannot be read.
    CheckpointError
        If the model or vocoder does not fit.
    ParamsError
        If `synthesize.emotion` or `prosody_from` names what does not exist.
    """
    _, metadata = load_tts(model)
    recorded = places(features, metadata.vocabulary.corpora, params.mel.n_mels)
    table, source = params.synthesize.requests, params.synthesize.prosody_from
    if params.synthesize.emotion is not None:
        parse_mix(params.synthesize.emotion, metadata.vocabulary)  # of all rows: told once, and not as the fault of each
    if source is not None and source not in recorded:
        raise ParamsError(f"synthesize.prosody_from: {unknown('utterance', source, sorted(recorded))}; name one of them, or null")
    wanted = _of_split(recorded, params) if table is None else read_requests(project / table, params.synthesize)
    synthesise("synthesize", wanted, recorded, model, params, out, metrics, voices)


def _of_split(recorded: dict[str, Place], params: SynthesizeStageParams) -> Requests:
    split = params.synthesize.split
    ids = sorted(name for name, place in recorded.items() if place.split == split)
    if not ids:
        raise TableError(f"no utterance in split '{split}'; raise ingest.{split}_share or choose another split")
    return Requests([request_of_utterance(name, params.synthesize) for name in ids], [])


if __name__ == "__main__":
    run_main("workflows.synthesize")
