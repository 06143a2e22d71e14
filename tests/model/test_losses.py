"""The losses: a function of batch and generator, blind to padding, the same whole and in parts."""

import dataclasses

import pytest
import torch

from model.batch import Batch, Part
from model.losses import DropRates, Mean, losses, masked_mean_square, shown_conditions
from model.prosody import Prosody
from model.tts import Tts
from tests.model.tiny_model import batch_of

HALF, NOTHING_HIDDEN = DropRates(0.5, 0.5, 0.5), DropRates(0.0, 0.0, 0.0)


def losses_of(model: Tts, batch: Batch, window_frames: int, drop: DropRates, seed: int = 4) -> dict[str, Mean]:
    return losses(model, batch, window_frames, drop, torch.Generator().manual_seed(seed))


def values(losses: dict[str, Mean]) -> dict[str, torch.Tensor]:
    return {name: mean.value for name, mean in losses.items()}


def test_each_condition_is_hidden_at_its_own_rate() -> None:
    shown = shown_conditions(Part(0, 1, 4000), DropRates(0.0, 0.3, 1.0), torch.Generator().manual_seed(0), torch.device("cpu"))
    assert bool(shown.speaker.all())
    assert not bool(shown.prosody.any())
    assert float(shown.emotion.float().mean()) == pytest.approx(0.7, abs=0.03)


def test_losses_are_a_function_of_batch_and_generator(model: Tts) -> None:
    first, second = (values(losses_of(model, batch_of([0, 1]), 8, HALF)) for _ in range(2))
    assert set(first) == {"prior", "diffusion", "duration", "pitch", "voiced", "energy"}
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_poisoned_padding_does_not_reach_the_losses(model: Tts) -> None:
    batch = batch_of([0, 1])
    dirty = batch.mel_ln.clone()
    dirty[1, 9:] = 1e6
    clean, poisoned = (
        values(losses_of(model, dataclasses.replace(batch, mel_ln=mel), 12, NOTHING_HIDDEN)) for mel in (batch.mel_ln, dirty)
    )
    for name, value in clean.items():
        torch.testing.assert_close(poisoned[name], value, msg=name)


def test_parts_of_a_batch_add_up_to_the_losses_of_the_whole(model: Tts) -> None:
    whole = batch_of([0, 1])

    def part(row: int) -> Batch:  # frames padded to the whole batch's
        alone, n_frames = batch_of([row]), whole.mel_ln.shape[1]
        pad = n_frames - alone.mel_ln.shape[1]
        prosody = Prosody(
            *(torch.nn.functional.pad(x, (0, pad)) for x in (alone.prosody.log_f0_z, alone.prosody.voiced, alone.prosody.energy_z))
        )
        mel = torch.nn.functional.pad(alone.mel_ln, (0, 0, 0, pad))
        return dataclasses.replace(alone, prosody=prosody, mel_ln=mel, part=Part(row, 2, 2))

    expected, *parts = (losses_of(model, batch, 8, HALF) for batch in (whole, part(0), part(1)))
    for name, mean in expected.items():
        together = Mean(parts[0][name].total + parts[1][name].total, parts[0][name].weight + parts[1][name].weight)
        torch.testing.assert_close(together.value, mean.value, msg=name)


def test_every_parameter_learns(model: Tts) -> None:
    model.train()
    sum(values(losses_of(model, batch_of([0, 1]), 12, HALF)).values(), torch.zeros(())).backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert idle == []


def test_masked_mean_leaves_padding_out() -> None:
    difference, mask = torch.ones(1, 4, 3), torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 4, 1)
    difference[:, 2:] = 100.0
    assert float(masked_mean_square(difference, mask).value) == 1.0
