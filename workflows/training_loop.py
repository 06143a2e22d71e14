"""The training loop on Lightning: a learner and its batches put together, what is recorded after each step, and going on from a step."""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import lightning
import torch

from model.batch import Batch
from model.config import TtsConfig
from model.speakers import ExternalSpeaker
from model.tts import Tts
from schemas.params import TrainParams
from workflows.batches import Batches, InShards
from workflows.checkpoint import read_header
from workflows.dataset import Example
from workflows.learner import Learner, validation_losses
from workflows.processes import Place, strategy
from workflows.resume import read_resume, write_minutes, write_resume
from workflows.training_log import Curve, Progress
from workflows.validation_pictures import Pictures

_CURVE_EVERY_STEPS = 10


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
            write_minutes(self.checkpoint, self.minutes)

    @property
    def minutes(self) -> float:
        """Wall time of training, that of the runs that this one goes on from included."""
        return self.minutes_before + (self.progress.minutes if self.progress else 0.0)


def started(config: TtsConfig, params: TrainParams, training: InShards, place: Place) -> tuple[Learner, Batches]:
    """An untrained model, and this process's part of the batches."""
    torch.manual_seed(params.seed)
    model = Tts(config)
    if isinstance(model.speakers, ExternalSpeaker):
        model.speakers.set_means(torch.from_numpy(training.voices.means))
    learner = Learner(model, params, place)
    return learner, Batches(training, params.batch_size, params.shuffle_utterances, params.seed, (place.rank, place.n))


def learn(place: Place, config: TtsConfig, params: TrainParams, training: InShards, resume: Path | None) -> None:
    """What each training process but the first does; it records nothing."""
    fit(*started(config, params, training, place), resume)


def fit(learner: Learner, batches: Batches, resume: Path | None, *recorders: Recorder) -> None:
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
