"""Length regulation, pooling, contours between phones, and masks of the networks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.conditioning import N_TRACKS, N_WHO_CHANNELS, PSD_CHANNELS, StyleImage, align, between_centres, pool, psd_image, ridge, spread
from model.estimators.grad_unet import group_norm
from model.layers import rotate
from model.predictors import durations_from_log
from model.text_encoder import TextEncoder


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


def test_predicted_durations_round_boundaries_and_give_every_phone_a_frame() -> None:
    log_frames, mask = torch.log1p(torch.tensor([[2.4, 2.4, 2.4, 0.1, 9.0]])), torch.tensor([1.0, 1, 1, 1, 0]).view(1, 5, 1)
    assert durations_from_log(log_frames, mask).tolist() == [[2, 3, 2, 1, 0]]


def test_masked_group_norm_equals_torchs_on_the_valid_part() -> None:
    norm = torch.nn.GroupNorm(8, 16)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, 16, 10, 4)
    mask = torch.zeros(2, 1, 10, 1)
    mask[:, :, :7] = 1.0
    torch.testing.assert_close(group_norm(x, mask, norm)[:, :, :7], norm(x[:, :, :7]), atol=1e-5, rtol=1e-5)


def test_rotary_products_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 8).double().expand(2, 20, 8)
    places = torch.arange(20.0)
    products = rotate(q, places) @ rotate(k, places).T
    torch.testing.assert_close(products[3, 5], products[10, 12], atol=1e-5, rtol=1e-5)


def test_padding_phones_change_nothing_of_the_others() -> None:
    encoder = TextEncoder(12, 32, 6, 2, 2, 0.1).eval()
    phones, style = torch.randint(1, 12, (2, 9)), torch.randn(2, 1, 6)
    longer = torch.nn.functional.pad(phones, (0, 5))
    torch.testing.assert_close(encoder(longer, style)[:, :9], encoder(phones, style), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["repeat", "ridge"])
def test_style_image_has_channels_for_speaker_emotion_and_prosody_and_hides_prosody(kind: str) -> None:
    image = StyleImage(4, 4, 16, PSD_CHANNELS[kind])
    torch.nn.init.constant_(image.null_psd, 9.0)
    tracks, harmonics = torch.randn(2, 5, N_TRACKS), torch.randn(2, 5, 16)
    psd = psd_image(kind, tracks, harmonics)
    drawn = image(torch.randn(2, 4), torch.randn(2, 1, 4), psd, torch.tensor([True, False]))
    assert drawn.shape == (2, N_WHO_CHANNELS + PSD_CHANNELS[kind], 5, 16)
    torch.testing.assert_close(drawn[0, N_WHO_CHANNELS : N_WHO_CHANNELS + N_TRACKS, :, 3], tracks[0].T)
    assert (drawn[1, N_WHO_CHANNELS:] == 9.0).all()


def test_more_energy_makes_the_harmonics_brighter() -> None:
    tracks, harmonics = torch.zeros(1, 3, N_TRACKS), torch.randn(1, 3, 16)
    louder = tracks.clone()
    louder[..., 2] = 1.0
    torch.testing.assert_close(psd_image("ridge", louder, harmonics)[:, -1], psd_image("ridge", tracks, harmonics)[:, -1] + 1.0)


CENTRES_HZ, WIDTHS_HZ = torch.arange(10.0, 4000.0, 10.0), torch.full((399,), 20.0)


@given(st.floats(90.0, 500.0))
def test_harmonics_peak_at_multiples_of_f0_and_nowhere_below_it(f0_hz: float) -> None:
    drawn = ridge(torch.tensor([[f0_hz]]), torch.ones(1, 1), CENTRES_HZ, WIDTHS_HZ)[0, 0]
    peaks = CENTRES_HZ[1:-1][(drawn[1:-1] > drawn[:-2]) & (drawn[1:-1] >= drawn[2:])]
    numbers = peaks / f0_hz
    assert len(peaks) == int((CENTRES_HZ[-2] + 5.0) / f0_hz) or len(peaks) == int(CENTRES_HZ[-2] / f0_hz)
    assert ((numbers - numbers.round()).abs() * f0_hz <= 5.1).all()
    assert numbers.round()[0] == 1


def test_bands_wider_than_the_distance_of_harmonics_show_none_and_unvoiced_frames_neither() -> None:
    wide = ridge(torch.full((1, 1), 100.0), torch.ones(1, 1), CENTRES_HZ[50:], torch.full((349,), 200.0))
    assert float(wide.std()) < 0.02
    assert not ridge(torch.full((1, 2), 100.0), torch.zeros(1, 2), CENTRES_HZ, WIDTHS_HZ).any()
