"""Predicted durations."""

import torch

from model.predictors import durations_from_log


def test_predicted_durations_round_boundaries_and_give_every_phone_a_frame() -> None:
    log_frames, mask = torch.log1p(torch.tensor([[2.4, 2.4, 2.4, 0.1, 9.0]])), torch.tensor([1.0, 1, 1, 1, 0]).view(1, 5, 1)
    assert durations_from_log(log_frames, mask).tolist() == [[2, 3, 2, 1, 0]]
