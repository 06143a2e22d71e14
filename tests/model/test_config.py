"""Configurations that cannot be are named."""

import dataclasses
from typing import Any

import pytest

from schemas.errors import ParamsError
from tests.model.tiny_model import CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_mels": 18}, "n_mels=18 must divide by"),
        ({"encoder_channels": 34}, "encoder_channels=34 must be a multiple"),
        ({"attention": "none"}, "no estimator 'grad_unet' with attention 'none'"),
        ({"estimator": "diffusers_unet"}, "no estimator 'diffusers_unet' with attention 'linear'"),
        ({"estimator": "diffusers_unet", "attention": "cross", "unet_channels": 8}, "must be a multiple of 16"),
        ({"psd_image": "drawn"}, "no psd_image 'drawn'"),
        ({"mel_widths_hz": (1.0,)}, "16 mel_centres_hz and 1 widths for n_mels=16"),
    ],
)
def test_sizes_that_do_not_fit_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        dataclasses.replace(CONFIG, **change)
