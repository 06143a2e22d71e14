"""A model of a few channels, and made-up batches for it."""

import torch

from model.batch import Batch, Conditions, Part
from model.config import TtsConfig
from model.prosody import Prosody
from model.samplers import FreshNoise, start_noise
from model.tts import Sampling, Tts

N_MELS = 16
CONFIG = TtsConfig(
    estimator="grad_unet",
    attention="linear",
    psd_image="ridge",
    mu_sees="prosody",
    n_phones=9,
    n_speakers=3,
    n_emotions=3,
    n_mels=N_MELS,
    unet_channels=8,
    unet_levels=3,
    unet_fold=1,
    encoder_channels=32,
    encoder_layers=1,
    encoder_heads=2,
    predictor_channels=32,
    speaker_channels=4,
    emotion_channels=4,
    dropout=0.1,
    beta_min=0.05,
    beta_max=20.0,
    mel_centres_hz=tuple(100.0 * (band + 1) for band in range(N_MELS)),
    mel_widths_hz=(40.0,) * N_MELS,
    mel_mean_ln=-5.0,
    mel_std_ln=2.0,
    residual_spread=0.5,
)
DURATIONS = torch.tensor([[3, 5, 2, 4], [6, 3, 0, 0]])

NETWORKS = {
    "linear": {},
    "cross": {"attention": "cross"},
    "folded": {"attention": "cross", "unet_fold": 2},
    "diffusers": {"estimator": "diffusers_unet", "attention": "cross", "unet_channels": 16, "unet_levels": 2},
}


def awake(config: TtsConfig) -> Tts:
    """An untrained model whose last layer and attention gates, which start at zero, are not zero."""
    torch.manual_seed(0)
    tts = Tts(config)
    for parameter in tts.estimator.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return tts.eval()


def noise(seeds: list[int], n_frames: list[int]) -> FreshNoise:
    return lambda draw: start_noise([100 * seed + draw for seed in seeds], n_frames, N_MELS)


def sampling(n_steps: int, sampler: str = "ode2") -> Sampling:
    return Sampling(sampler, n_steps, 1.5)


def batch_of(rows: list[int]) -> Batch:
    durations = DURATIONS[rows]
    n_frames, n_phones = int(durations.sum(-1).max()), int((durations > 0).sum(-1).max())
    generator = torch.Generator().manual_seed(2)
    mel, tracks = torch.randn(2, 14, N_MELS, generator=generator) - 5.0, torch.randn(3, 2, 14, generator=generator)
    inside = torch.arange(n_frames) < durations.sum(-1, keepdim=True)
    pitch, voiced, energy = tracks[:, rows, :n_frames] * inside
    phones = torch.tensor([[2, 3, 4, 5], [6, 7, 0, 0]])[rows, :n_phones]
    conditions = Conditions(
        phones,
        torch.tensor([1, 2])[rows],
        torch.tensor([2, 1])[rows],
        torch.tensor([[5.0, 0.2], [5.4, 0.1]])[rows],
        torch.zeros(len(rows), 0),
    )
    mel = mel[rows, :n_frames] * inside.unsqueeze(-1)
    prosody, part = Prosody(pitch, (voiced > 0).float(), energy), Part(0, 1, len(rows))
    return Batch(tuple(str(r) for r in rows), conditions, durations[:, :n_phones], prosody, mel, part)
