"""The model in training: losses to gradients, the learning rate, and the moving average of the weights that synthesis uses.

All that is random at step k (window, noise, dropout) is drawn from (seed, k).
"""

import copy
import hashlib
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from model.batch import Batch
from model.losses import DropRates, Mean, losses
from model.tts import Tts
from schemas.errors import ParamsError, TableError
from schemas.params import TrainParams
from workflows.dataset import Example, collate
from workflows.processes import ALONE, Place, gathered, summed

_NOTHING_HIDDEN = DropRates(0.0, 0.0, 0.0)


class Learner(lightning.LightningModule):
    """What Lightning trains."""

    def __init__(self, model: Tts, params: TrainParams, place: Place = ALONE) -> None:
        super().__init__()
        self.model = model
        self.place = place
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.params = params
        self.drop = DropRates(params.speaker_dropout, params.emotion_dropout, params.prosody_dropout)
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
        means = losses(self.model, batch, self.params.window_frames, self.drop, generator)
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


def step_seed(seed: int, step: int) -> int:
    """Seed of all draws of a step, 64 bits of a hash, so that neighbouring seeds share no steps."""
    return int.from_bytes(hashlib.sha256(f"{seed} {step}".encode()).digest()[:8], "big") >> 1


@torch.no_grad()
def validation_losses(learner: Learner, examples: list[Example]) -> dict[str, float]:
    """Losses of the averaged weights over some utterances, always with the same windows, times and noise."""
    size, params = learner.params.batch_size, learner.params
    learner.average.eval()
    rows: dict[str, float] = {}
    for start in range(0, len(examples), size):
        batch = collate(examples[start : start + size]).to(learner.device)
        generator = torch.Generator().manual_seed(start)
        with torch.autocast(learner.device.type, torch.bfloat16, enabled=params.precision == "bf16"):
            found = losses(learner.average, batch, params.window_frames, _NOTHING_HIDDEN, generator)
        for name, mean in found.items():
            rows[name] = rows.get(name, 0.0) + float(mean.value) * len(batch.utterance_ids) / len(examples)
    return rows


def _not_finite(batch: Batch, latest: dict[str, Tensor], step: int) -> TableError | ParamsError:
    """The same error in all processes, whichever of them holds the fault."""
    shown = {name: float(value.detach()) for name, value in latest.items()}
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
