"""The style image."""

import pytest
import torch

from model.prosody import N_TRACKS, PSD_CHANNELS, psd_image
from model.style import N_WHO_CHANNELS, StyleImage


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
