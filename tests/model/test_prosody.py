"""Harmonics drawn over mel bands, and the PSD image."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.prosody import N_TRACKS, psd_image, ridge

CENTRES_HZ, WIDTHS_HZ = torch.arange(10.0, 4000.0, 10.0), torch.full((399,), 20.0)


def test_more_energy_makes_the_harmonics_brighter() -> None:
    tracks, harmonics = torch.zeros(1, 3, N_TRACKS), torch.randn(1, 3, 16)
    louder = tracks.clone()
    louder[..., 2] = 1.0
    torch.testing.assert_close(psd_image("ridge", louder, harmonics)[:, -1], psd_image("ridge", tracks, harmonics)[:, -1] + 1.0)


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
