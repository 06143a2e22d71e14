"""Stage train: feature shards to `models/tts.safetensors`, by Lightning; exact to the bit when stopped and started again on a CPU.

All that is random at step k (batch, window, noise, dropout) is drawn from (seed, k), so a checkpoint needs weights, averages and the
optimiser's moments alone. The stage goes on from `models/checkpoints/` when its fingerprint is the run's own.
"""

import copy
import hashlib
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import lightning
import torch
import typer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from model.conditioning import DropRates
from model.diffusion import Mean
from model.speakers import ExternalSpeaker
from model.text_encoder import UNKNOWN_PHONE
from model.tts import Batch, Tts, TtsConfig, parameter_counts
from pipeline.mel import band_shapes_hz
from pipeline.shards import corpora_shards
from pipeline.stage import run_main, write_json
from schemas.errors import CheckpointError, ParamsError, TableError
from schemas.params import FramesParams, MelParams, ModelParams, Section, TrainParams, load_params
from schemas.tables.speakers import CORPUS_ROW
from workflows.batches import Batches, InShards
from workflows.checkpoint import TtsMetadata, read_header, read_tensors, save_tts, write_tensors
from workflows.dataset import (
    NO_VOICES,
    Example,
    Statistics,
    Vocabulary,
    collate,
    read_examples,
    read_statistics,
    read_vocabulary,
    read_voices,
)
from workflows.lineage import lineage
from workflows.processes import ALONE, Place, gathered, strategy, summed, together, wanted_processes
from workflows.training_log import Curve, Progress
from workflows.validation_pictures import Pictures

CODE_VERSION = 2  # raise it when a change to model or training makes old checkpoints wrong to go on from
RESUME_NAME = "resume.safetensors"
CLOCK_NAME = "clock.json"
_CURVE_EVERY_STEPS = 10
_VALIDATION_UTTERANCES = 64
_MOMENTS = ("exp_avg", "exp_avg_sq")


class TrainStageParams(Section):
    """What the stage reads of `params.yaml`."""

    frames: FramesParams
    mel: MelParams
    model: ModelParams
    train: TrainParams


@dataclass(frozen=True)
class Corpus:
    """What is learnt from, and what it is called; the validation split is in memory."""

    training: InShards
    validation: list[Example]
    vocabulary: Vocabulary
    statistics: Statistics


class Learner(lightning.LightningModule):
    """The model in training: loss, learning rate, and the moving average of the weights that synthesis uses."""

    def __init__(self, model: Tts, params: TrainParams, place: Place = ALONE) -> None:
        super().__init__()
        self.model = model
        self.place = place
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.params = params
        self.steps_done = 0
        self.latest: dict[str, Tensor] = {}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW, Loshchilov and Hutter 2019."""
        return torch.optim.AdamW(self.model.parameters(), lr=self.params.learning_rate, weight_decay=self.params.weight_decay)

    def training_step(self, batch: Batch) -> Tensor:
        """Sum of the losses; every random draw of step k comes from (seed, k).

        Of several processes each has its rows' part of the whole batch's means, so that gradients add up to those of one process. Lightning
        averages gradients, hence the factor.
        """
        seed = step_seed(self.params.seed, self.steps_done)
        torch.manual_seed(seed + self.place.rank)  # dropout, the only draw that is each process's own
        generator = torch.Generator().manual_seed(seed)
        means = self.model.losses(batch, self.params.window_frames, drop_rates(self.params), generator)
        here = torch.stack([torch.stack([mean.total.detach().float(), mean.weight.detach().float()]) for mean in means.values()])
        whole = {name: Mean(*sums) for name, sums in zip(means, summed(here), strict=True)}
        self.latest = {name: mean.value for name, mean in whole.items()}
        if not torch.isfinite(torch.stack(list(self.latest.values())).sum()):
            raise _not_finite(batch, self.latest, self.steps_done)
        parts = [Mean(mean.total, whole[name].weight).value for name, mean in means.items()]
        return torch.stack(parts).sum() * self.place.n

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Lightning's own mover refuses frozen dataclasses."""
        return batch.to(device)

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:  # noqa: ARG002
        """Warm up linearly, then hold the rate; step; move the average, which early on forgets faster to lose the random start."""
        for group in optimizer.param_groups:
            group["lr"] = self.params.learning_rate * min(1.0, (self.steps_done + 1) / max(1, self.params.warmup_steps))
        optimizer.step(closure=optimizer_closure)
        self.steps_done += 1
        decay = min(self.params.ema_decay, self.steps_done / (self.steps_done + 9))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1.0 - decay)


class Recorder(lightning.Callback):
    """After each step what is due of: curve, progress line, validation and its pictures, checkpoint."""

    def __init__(
        self, validation: list[Example], pictures: Pictures, checkpoint: Path, fingerprint: str, curve: Curve, minutes_before: float
    ) -> None:
        self.validation = validation
        self.pictures = pictures
        self.checkpoint = checkpoint
        self.fingerprint = fingerprint
        self.curve = curve
        self.minutes_before = minutes_before
        self.progress: Progress | None = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Start the clock at the step that training goes on from."""
        assert isinstance(pl_module, Learner)
        self.progress = Progress(pl_module.steps_done, pl_module.params.max_steps)

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:  # noqa: ARG002
        """Take the bar down, also after an error."""
        if self.progress is not None:
            self.progress.close()

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: object) -> None:
        """Record the step that has just ended."""
        assert isinstance(pl_module, Learner)
        assert self.progress is not None
        learner, step = pl_module, pl_module.steps_done
        losses = {name: float(value.detach()) for name, value in learner.latest.items()}
        self.progress.show(step, losses)
        if step % _CURVE_EVERY_STEPS == 0:
            self.curve.add("train", step, losses)
        if step % learner.params.validate_every_steps == 0:
            self.curve.add("validation", step, validation_losses(learner, self.validation))
            self.pictures.draw(learner.average, step)
        if step % learner.params.checkpoint_every_steps == 0 or step == learner.params.max_steps:
            write_resume(self.checkpoint, learner, trainer.optimizers[0], self.fingerprint, self.curve)
            write_json(self.checkpoint.with_name(CLOCK_NAME), {"minutes": self.minutes})

    @property
    def minutes(self) -> float:
        """Wall time of training, that of the runs that this one goes on from included."""
        return self.minutes_before + (self.progress.minutes if self.progress else 0.0)


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
    learner, batches = _started(tts_config(params, corpus), params.train, corpus.training, Place(0, n_processes))
    sizes = parameter_counts(learner.model)
    print(f"train: {len(corpus.training)} utterances, {len(corpus.validation)} for validation; parameters {sizes}", file=sys.stderr)
    checkpoint, fingerprint = models / "checkpoints" / RESUME_NAME, fingerprint_of(params, origin)
    resume = find_resume(checkpoint, fingerprint, params.train.max_steps)
    curve = Curve(plots, resume["curve"] if resume else {})
    hop_s = params.frames.hop_samples / params.frames.sample_rate_hz
    n_drawn, every, first_step = params.train.picture_utterances, params.train.validate_every_steps, resume["step"] if resume else 0
    pictures = Pictures(curve, corpus.validation, corpus.vocabulary, n_drawn, every, first_step, hop_s)
    recorder = Recorder(corpus.validation, pictures, checkpoint, fingerprint, curve, _minutes_spent(checkpoint) if resume else 0.0)
    start = checkpoint if resume else None
    if resume and resume["step"] == params.train.max_steps:
        read_average(checkpoint, learner)
        learner.steps_done = resume["step"]
    else:
        with together(n_processes, _learn, learner.model.config, params.train, corpus.training, start):
            _fit(learner, batches, start, recorder)
    metadata = TtsMetadata(corpus.vocabulary, corpus.statistics, params.frames.model_dump(), params.mel.model_dump(), origin)
    save_tts(models / "tts.safetensors", learner.model.config, learner.average.state_dict(), metadata)
    pictures.draw(learner.average, learner.steps_done)
    curve.close()
    final = {"train": curve.latest("train"), "validation": validation_losses(learner, corpus.validation)}
    trained = {"steps": learner.steps_done, "minutes": round(recorder.minutes, 2), "device": _device_name(learner), "parameters": sizes}
    write_json(metrics, {**final, **trained})


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


def read_corpus(params: TrainStageParams, features: Path, normalise: Path, voices: Path) -> Corpus:
    """Training split as shards, validation split in memory.

    Raises
    ------
    TableError
        If a table breaks its contract or a split is empty.
    ParamsError
        If voices are wanted and there are none.
    """
    vocabulary, statistics, n_mels = read_vocabulary(normalise), read_statistics(normalise), params.mel.n_mels
    heard = read_voices(voices, vocabulary) if params.model.speaker == "external" else NO_VOICES
    training = InShards(corpora_shards(features, vocabulary.corpora), "train", n_mels, vocabulary, statistics, heard)
    validation = read_examples(features, "validation", n_mels, vocabulary, statistics, heard)
    for split, n_examples in (("train", len(training)), ("validation", len(validation))):
        if not n_examples:
            raise TableError(f"{features} has no utterance in the split {split}; change ingest.split_salt or the shares, or add speech")
    return Corpus(training, validation, vocabulary, statistics)


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


def drop_rates(params: TrainParams) -> DropRates:
    """Rates at which conditions are hidden in training."""
    return DropRates(params.speaker_dropout, params.emotion_dropout, params.prosody_dropout)


def step_seed(seed: int, step: int) -> int:
    """Seed of all draws of a step, 64 bits of a hash, so that neighbouring seeds share no steps."""
    return int.from_bytes(hashlib.sha256(f"{seed} {step}".encode()).digest()[:8], "big") >> 1


def fingerprint_of(params: TrainStageParams, origin: dict[str, Any]) -> str:
    """What must be equal for one run to go on from another's checkpoint: data, parameters that decide weights, and this code's version."""
    settings = params.model_dump()
    del settings["train"]["max_steps"], settings["train"]["picture_utterances"]
    made_from = {name: origin[name] for name in ("dataset", "normalisation", "voices")}
    document = {"code": CODE_VERSION, "params": settings, **made_from}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def find_resume(checkpoint: Path, fingerprint: str, max_steps: int) -> dict[str, Any] | None:
    """Header of the checkpoint to go on from; None, and a line that says why, where training starts anew."""
    if not checkpoint.exists():
        return None
    try:
        header, _ = read_header(checkpoint)
        fits = header.get("fingerprint") == fingerprint
        reason = f"it is at step {header.get('step')}, past max_steps" if fits else "it is of other data, parameters or code"
        if fits and header["step"] <= max_steps:
            print(f"train: goes on from step {header['step']} of {checkpoint}", file=sys.stderr)
            return header
    except (CheckpointError, KeyError) as error:
        reason = str(error)
    print(f"train: starts anew, {checkpoint} is not used: {reason}", file=sys.stderr)
    return None


@torch.no_grad()
def validation_losses(learner: Learner, examples: list[Example]) -> dict[str, float]:
    """Losses of the averaged weights over (at most 64 evenly chosen) utterances, always with the same windows, times and noise."""
    chosen = examples[:: max(1, len(examples) // _VALIDATION_UTTERANCES)][:_VALIDATION_UTTERANCES]
    size, params = learner.params.batch_size, learner.params
    learner.average.eval()
    rows: dict[str, float] = {}
    for start in range(0, len(chosen), size):
        batch = collate(chosen[start : start + size]).to(learner.device)
        generator = torch.Generator().manual_seed(start)
        with torch.autocast(learner.device.type, torch.bfloat16, enabled=params.precision == "bf16"):
            losses = learner.average.losses(batch, params.window_frames, DropRates(0.0, 0.0, 0.0), generator)
        for name, mean in losses.items():
            rows[name] = rows.get(name, 0.0) + float(mean.value) * len(batch.utterance_ids) / len(chosen)
    return rows


def write_resume(path: Path, learner: Learner, optimizer: torch.optim.Optimizer, fingerprint: str, curve: Curve) -> None:
    """Write weights, average and AdamW's moments, each by the parameter's name, over the last checkpoint."""
    tensors = {f"{part}.{name}": value for part in ("model", "average") for name, value in getattr(learner, part).state_dict().items()}
    for name, parameter in learner.model.named_parameters():
        tensors |= {f"{moment}.{name}": optimizer.state[parameter][moment] for moment in _MOMENTS}
    write_tensors(path, tensors, {"fingerprint": fingerprint, "step": learner.steps_done, "curve": curve.points})


def read_resume(path: Path, learner: Learner, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint of `write_resume` back, bit for bit."""
    learner.model.load_state_dict(read_tensors(path, "model."))
    read_average(path, learner)
    moments = {moment: read_tensors(path, f"{moment}.") for moment in _MOMENTS}
    for name, parameter in learner.model.named_parameters():
        state = {moment: moments[moment][name].to(parameter.device) for moment in _MOMENTS}
        optimizer.state[parameter] = {"step": torch.tensor(float(learner.steps_done)), **state}


def read_average(path: Path, learner: Learner) -> None:
    """Put the averaged weights of a checkpoint back."""
    learner.average.load_state_dict(read_tensors(path, "average."))


class _Resume(lightning.Callback):
    """Lays a checkpoint under the optimiser, which Lightning makes only inside `fit`."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        read_resume(self.checkpoint, pl_module, trainer.optimizers[0])


@dataclass(frozen=True)
class _FromStep:
    """Batches from a step on, without end."""

    batches: Batches
    first_step: int

    def __iter__(self) -> Iterator[Batch]:
        return (self.batches.at(step) for step in count(self.first_step))


def _started(config: TtsConfig, params: TrainParams, training: InShards, place: Place) -> tuple[Learner, Batches]:
    """An untrained model, and this process's part of the batches."""
    torch.manual_seed(params.seed)
    model = Tts(config)
    if isinstance(model.speakers, ExternalSpeaker):
        model.speakers.set_means(torch.from_numpy(training.voices.means))
    learner = Learner(model, params, place)
    return learner, Batches(training, params.batch_size, params.shuffle_utterances, params.seed, (place.rank, place.n))


def _learn(place: Place, config: TtsConfig, params: TrainParams, training: InShards, resume: Path | None) -> None:
    """What each training process but the first does; it records nothing."""
    _fit(*_started(config, params, training, place), resume)


def _fit(learner: Learner, batches: Batches, resume: Path | None, *recorders: Recorder) -> None:
    """Train to `max_steps`."""
    params, place = learner.params, learner.place
    learner.steps_done = first_step = int(read_header(resume)[0]["step"]) if resume else 0
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # it advertises
    trainer = lightning.Trainer(
        accelerator="auto" if place.n == 1 or torch.cuda.is_available() else "cpu",
        devices=place.n,
        strategy=strategy(place),
        max_steps=params.max_steps - first_step,
        precision="bf16-mixed" if params.precision == "bf16" else "32-true",
        gradient_clip_val=params.gradient_clip,
        callbacks=[*([_Resume(resume)] if resume else []), *recorders],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)  # lightning 2.6 on torch 2.13
        trainer.fit(learner, _FromStep(batches, first_step))


def _minutes_spent(checkpoint: Path) -> float:
    """Wall time behind a checkpoint; it stands beside it, not in it, so that equal runs give equal checkpoints."""
    try:
        return float(json.loads(checkpoint.with_name(CLOCK_NAME).read_text(encoding="utf-8"))["minutes"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _device_name(learner: Learner) -> str:
    if learner.device.type == "cuda":
        return torch.cuda.get_device_name(learner.device)
    return f"{learner.device.type.upper()} with {torch.get_num_threads()} threads"


def _not_finite(batch: Batch, losses: dict[str, Tensor], step: int) -> TableError | ParamsError:
    """The same error in all processes, whichever of them holds the fault."""
    shown = {name: float(value.detach()) for name, value in losses.items()}
    features = (batch.mel_ln.sum(-1), batch.prosody.log_f0_z, batch.prosody.voiced, batch.prosody.energy_z)
    sound = torch.stack([torch.isfinite(feature).all(-1) for feature in features]).all(0)
    rows = [row for part in gathered(list(zip(batch.utterance_ids, sound.tolist(), strict=True))) for row in part]
    bad = [name for name, fine in rows if not fine]
    if bad:
        return TableError(
            f"step {step}: features of {', '.join(bad)} are not finite (losses {shown}); rerun extract for them, or remove them"
        )
    names = ", ".join(name for name, _ in rows)
    return ParamsError(f"step {step}: the loss is not finite ({shown}) on {names}; lower train.learning_rate or train.gradient_clip")


if __name__ == "__main__":
    run_main("workflows.train")
