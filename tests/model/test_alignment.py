"""Length regulation, pooling, and contours between phones."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.alignment import align, between_centres, pool, spread


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any), st.integers(0, 5))
def test_each_phone_gets_its_frames_in_order_and_padding_none(durations: list[int], spare: int) -> None:
    alignment = align(torch.tensor([durations]), sum(durations) + spare)
    expected = [phone for phone, n_frames in enumerate(durations) for _ in range(n_frames)]
    assert alignment.phone_of_frame[0, : sum(durations)].tolist() == expected
    assert alignment.mask.sum() == sum(durations)
    assert not alignment.mask[0, sum(durations) :].any()


def test_position_runs_through_the_centres_of_a_phones_frames() -> None:
    alignment = align(torch.tensor([[2, 0, 4]]), 6)
    torch.testing.assert_close(alignment.position[0], torch.tensor([0.25, 0.75, 0.125, 0.375, 0.625, 0.875]))
    torch.testing.assert_close(alignment.log_duration[0].exp(), torch.tensor([2.0, 2.0, 4.0, 4.0, 4.0, 4.0]))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_pooling_undoes_spreading(durations: list[int]) -> None:
    alignment = align(torch.tensor([durations]), sum(durations) + 3)
    values = torch.arange(1.0, len(durations) + 1).view(1, -1, 1)
    at_frames = spread(values, alignment).squeeze(-1)
    means, weights = pool(at_frames, torch.ones_like(at_frames), alignment, len(durations))
    torch.testing.assert_close(means, values.squeeze(-1))
    assert weights.sum() == sum(durations)


def test_pool_of_a_phone_without_weight_is_zero_with_weight_zero() -> None:
    alignment = align(torch.tensor([[2, 2]]), 4)
    means, weights = pool(torch.tensor([[1.0, 3.0, 5.0, 7.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]]), alignment, 2)
    assert means.tolist() == [[2.0, 0.0]]
    assert weights.tolist() == [[2.0, 0.0]]


def test_contour_between_equal_phones_is_a_straight_line() -> None:
    alignment = align(torch.tensor([[4, 4, 4]]), 14)
    contour = between_centres(torch.tensor([[0.0, 4.0, 8.0]]), alignment)[0]
    torch.testing.assert_close(contour[2:10], torch.arange(0.5, 8.5))
    torch.testing.assert_close(contour[[0, 11]], torch.tensor([0.0, 8.0]))
