"""Stage train: feature shards to `models/tts.safetensors`, by Lightning; exact to the bit when stopped and started again on a CPU.

All that is random at step k (batch, window, noise, dropout) is drawn from (seed, k), so a checkpoint needs weights, averages and the
optimiser's moments alone. The stage goes on from `models/checkpoints/` when its fingerprint is the run's own.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from model.batch import UNKNOWN_PHONE
from model.config import TtsConfig
from model.tts import parameter_counts
from pipeline.mel import band_shapes_hz
from pipeline.shards import corpora_shards
from pipeline.stage import run_main, write_json
from schemas.errors import TableError
from schemas.params import FramesParams, MelParams, ModelParams, Section, SplitName, TrainParams, load_params
from schemas.tables.speakers import CORPUS_ROW
from workflows.batches import InShards
from workflows.checkpoint import TtsMetadata, save_tts
from workflows.dataset import (
    NO_VOICES,
    Example,
    Statistics,
    Vocabulary,
    read_statistics,
    read_vocabulary,
    read_voices,
)
from workflows.learner import Learner, validation_losses
from workflows.lineage import lineage
from workflows.processes import Place, together, wanted_processes
from workflows.resume import RESUME_NAME, find_resume, fingerprint_of, minutes_spent, read_average
from workflows.training_log import Curve
from workflows.training_loop import Recorder, fit, learn, started
from workflows.validation_pictures import Pictures

_VALIDATION_UTTERANCES = 64


class TrainStageParams(Section):
    """What the stage reads of `params.yaml`."""

    frames: FramesParams
    mel: MelParams
    model: ModelParams
    train: TrainParams


@dataclass(frozen=True)
class Corpus:
    """What is learnt from, what it is called, and utterances of the validation split."""

    training: InShards
    validation: list[Example]
    vocabulary: Vocabulary
    statistics: Statistics


def main(
    features: Annotated[Path, typer.Option(help="Folder of the stage extract.")],
    normalise: Annotated[Path, typer.Option(help="Folder of the stage normalise.")],
    voices: Annotated[Path, typer.Option(help="Folder of the stage voices.")],
    models: Annotated[Path, typer.Option(help="Folder for the model and its checkpoints.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the final losses.")],
    plots: Annotated[Path, typer.Option(help="Folder for the loss curves.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Train the model, or go on from the last checkpoint."""
    run(load_params(params, TrainStageParams), features, normalise, voices, models, metrics, plots)


def run(params: TrainStageParams, features: Path, normalise: Path, voices: Path, models: Path, metrics: Path, plots: Path) -> None:
    """Train, or go on training, and write the model.

    Parameters
    ----------
    features, normalise, voices
        Folders of the stages of these names (extract for features); voices is not read unless `model.speaker` is ``external``.
    models
        Gets ``tts.safetensors`` (averaged weights) and ``checkpoints/`` (to go on from).
    metrics
        JSON file: final losses, steps, minutes of this run, parameter counts.
    plots
        Folder of loss curves as TSV, and of pictures.

    Raises
    ------
    TableError
        If the tables break their contracts, a split is empty, or a row holds numbers that are not finite.
    ParamsError
        If sizes do not fit each other, or the loss grows past all numbers.
    ClusterError
        If one of several training processes ends too early.
    """
    n_processes = wanted_processes()
    corpus = read_corpus(params, features, normalise, voices)
    heard = voices if params.model.speaker == "external" else None
    origin = lineage(features, corpus.vocabulary.corpora, normalise, heard, params.model_dump())
    learner, batches = started(tts_config(params, corpus), params.train, corpus.training, Place(0, n_processes))
    sizes = parameter_counts(learner.model)
    print(f"train: {len(corpus.training)} utterances, {len(corpus.validation)} for validation; parameters {sizes}", file=sys.stderr)
    checkpoint, fingerprint = models / "checkpoints" / RESUME_NAME, fingerprint_of(params.model_dump(), origin)
    resume = find_resume(checkpoint, fingerprint, params.train.max_steps)
    curve = Curve(plots, resume["curve"] if resume else {})
    hop_s = params.frames.hop_samples / params.frames.sample_rate_hz
    n_drawn, every, first_step = params.train.picture_utterances, params.train.validate_every_steps, resume["step"] if resume else 0
    pictures = Pictures(curve, corpus.validation, corpus.vocabulary, n_drawn, every, first_step, hop_s)
    recorder = Recorder(corpus.validation, pictures, checkpoint, fingerprint, curve, minutes_spent(checkpoint) if resume else 0.0)
    start = checkpoint if resume else None
    if resume and resume["step"] == params.train.max_steps:
        read_average(checkpoint, learner)
        learner.steps_done = resume["step"]
    else:
        with together(n_processes, learn, learner.model.config, params.train, corpus.training, start):
            fit(learner, batches, start, recorder)
    metadata = TtsMetadata(corpus.vocabulary, corpus.statistics, params.frames.model_dump(), params.mel.model_dump(), origin)
    save_tts(models / "tts.safetensors", learner.model.config, learner.average.state_dict(), metadata)
    pictures.draw(learner.average, learner.steps_done)
    curve.close()
    final = {"train": curve.latest("train"), "validation": validation_losses(learner, corpus.validation)}
    trained = {"steps": learner.steps_done, "minutes": round(recorder.minutes, 2), "device": _device_name(learner), "parameters": sizes}
    write_json(metrics, {**final, **trained})


def read_corpus(params: TrainStageParams, features: Path, normalise: Path, voices: Path) -> Corpus:
    """Training split as shards, and at most 64 evenly chosen utterances of the validation split in memory.

    Raises
    ------
    TableError
        If a table breaks its contract or a split is empty.
    ParamsError
        If voices are wanted and there are none.
    """
    vocabulary, statistics, n_mels = read_vocabulary(normalise), read_statistics(normalise), params.mel.n_mels
    heard = read_voices(voices, vocabulary) if params.model.speaker == "external" else NO_VOICES
    splits: tuple[SplitName, ...] = ("train", "validation")
    found = {
        split: InShards(corpora_shards(features, vocabulary.corpora), split, n_mels, vocabulary, statistics, heard) for split in splits
    }
    for split, examples in found.items():
        if not len(examples):
            raise TableError(f"{features} has no utterance in the split {split}; change ingest.split_salt or the shares, or add speech")
    n_held_out = len(found["validation"])
    chosen = np.arange(n_held_out)[:: max(1, n_held_out // _VALIDATION_UTTERANCES)][:_VALIDATION_UTTERANCES]
    return Corpus(found["train"], found["validation"].read(chosen), vocabulary, statistics)


def tts_config(params: TrainStageParams, corpus: Corpus) -> TtsConfig:
    """The model's configuration: `model` of `params.yaml`, and the sizes and statistics of the corpus."""
    names, norm, mel = corpus.vocabulary, corpus.statistics[CORPUS_ROW], params.mel
    centres_hz, widths_hz = band_shapes_hz(params.frames.grid(), n_mels=mel.n_mels, f_min_hz=mel.f_min_hz, f_max_hz=mel.f_max_hz)
    return TtsConfig(
        **params.model.model_dump(),
        n_phones=len(names.phones) + UNKNOWN_PHONE + 1,
        n_speakers=len(names.speakers) + 1,
        n_emotions=len(names.emotions) + 1,
        n_mels=mel.n_mels,
        mel_centres_hz=tuple(centres_hz.tolist()),
        mel_widths_hz=tuple(widths_hz.tolist()),
        mel_mean_ln=norm["mel_mean_ln"],
        mel_std_ln=norm["mel_std_ln"],
        voice_channels=corpus.training.voices.means.shape[1],
    )


def _device_name(learner: Learner) -> str:
    if learner.device.type == "cuda":
        return torch.cuda.get_device_name(learner.device)
    return f"{learner.device.type.upper()} with {torch.get_num_threads()} threads"


if __name__ == "__main__":
    run_main("workflows.train")
