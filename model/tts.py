"""Text, speaker, emotion and prosody to mel: the networks put together, behind `predict` and `synthesise`."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.alignment import Alignment, align, between_centres, spread
from model.batch import Conditions
from model.config import TtsConfig
from model.diffusion import NoiseSchedule, gaussian_noise_guess
from model.emotions import EmotionMix, at_intensity, guidance
from model.estimators.diffusers_unet import DiffusersUNet
from model.estimators.grad_unet import GradUNet
from model.predictors import PhoneProsody, ProsodyPredictor, durations_from_log
from model.prosody import PSD_CHANNELS, Drawn, Prosody, psd_image, ridge, tracks
from model.samplers import SAMPLERS, FreshNoise, NoisePredictor
from model.speakers import ExternalSpeaker, SpeakerTable
from model.style import N_WHO_CHANNELS, Style, StyleImage, StyleSequence
from model.text_encoder import MuDecoder, TextEncoder

_SEQUENCE_CHANNELS = 128  # of the style sequence that cross-attention looks at


@dataclass(frozen=True)
class Sampling:
    """How noise becomes mel.

    Parameters
    ----------
    sampler
        A name in `model.samplers.SAMPLERS`.
    n_steps
        Steps, each one network evaluation (more for mixes in noise space and scales other than 1), >= 1.
    temperature
        Divides the start noise's standard deviation, >= 1.
    """

    sampler: str
    n_steps: int
    temperature: float


@dataclass(frozen=True)
class Prediction:
    """Durations, int64 of shape (B, L), and the frame-level prosody over them, (B, T)."""

    durations: Tensor
    prosody: Prosody


class Encoded(NamedTuple):
    """Text as the encoder hears it, float of shape (B, L, C), and speaker and emotion, float of shape (B, 1 or L, S)."""

    hidden: Tensor
    style: Tensor


class Tts(nn.Module):
    """The model: encoder, predictors, mu, and the score network with its conditions."""

    mel_centres_hz: Tensor
    mel_widths_hz: Tensor
    mel_mean_ln: Tensor
    mel_std_ln: Tensor

    def __init__(self, config: TtsConfig) -> None:
        super().__init__()
        style_channels = config.speaker_channels + config.emotion_channels
        self.config = config
        self.schedule = NoiseSchedule(config.beta_min, config.beta_max)
        self.speakers = _speakers(config)
        self.emotions = nn.Embedding(config.n_emotions, config.emotion_channels)
        self.encoder = TextEncoder(
            config.n_phones, config.encoder_channels, style_channels, config.encoder_layers, config.encoder_heads, config.dropout
        )
        self.mu_decoder = MuDecoder(config.encoder_channels, config.n_mels, config.mu_sees == "prosody", config.dropout)
        self.predictor = ProsodyPredictor(config.encoder_channels, style_channels, config.predictor_channels, config.dropout)
        self.style_image = StyleImage(config.speaker_channels, config.emotion_channels, config.n_mels, PSD_CHANNELS[config.psd_image])
        self.style_sequence: StyleSequence | None = None
        if config.attention == "cross":
            self.style_sequence = StyleSequence(config.speaker_channels, config.emotion_channels, _SEQUENCE_CHANNELS)
        self.estimator = _estimator(config)
        for name in ("mel_centres_hz", "mel_widths_hz", "mel_mean_ln", "mel_std_ln"):
            self.register_buffer(name, torch.tensor(getattr(config, name)), persistent=False)

    @torch.no_grad()
    def predict(self, conditions: Conditions, mix: EmotionMix | None = None) -> Prediction:
        """Durations and prosody from text, speaker and emotion, or a mix of emotions in its place."""
        said = self.phone_prosody(conditions, mix)
        durations = durations_from_log(said.log_frames, conditions.present)
        alignment = align(durations, int(durations.sum(-1).max()))
        voiced = spread((said.voiced_logit > 0).float().unsqueeze(-1), alignment).squeeze(-1)
        inside = alignment.mask.squeeze(-1)
        pitch, energy = (between_centres(values, alignment) * inside for values in (said.log_f0_z, said.energy_z))
        return Prediction(durations, Prosody(pitch, voiced, energy))

    @torch.no_grad()
    def synthesise(
        self,
        conditions: Conditions,
        durations: Tensor,
        prosody: Prosody,
        noise: FreshNoise,
        sampling: Sampling,
        mix: EmotionMix | None = None,
    ) -> Tensor:
        """Mel of a batch.

        Parameters
        ----------
        conditions
            What is said.
        durations
            Frames a phone, int64 of shape (B, L).
        prosody
            Frame-level prosody over these durations.
        noise
            Standard normal by number of the draw, the start is draw 0: ``model.samplers.start_noise``.
        sampling
            How.
        mix
            Emotions in place of `conditions.emotion`, and their intensity.

        Returns
        -------
        Tensor
            Log-mel (natural log), float32 of shape (B, T, n_mels), T the longest row's frames; meaningless after a row's end.
        """
        alignment, drawn, mu = self._laid_out(conditions, durations, prosody, mix)
        predict_noise = self._guided(conditions, alignment, drawn, mu, mix)
        x_1 = (mu + noise(0)[:, : mu.shape[1]].to(mu) / sampling.temperature) * alignment.mask
        x_0 = SAMPLERS[sampling.sampler](predict_noise, x_1, mu, self.schedule, sampling.n_steps, noise)
        return self._as_mel(x_0)

    @torch.no_grad()
    def mu(self, conditions: Conditions, durations: Tensor, prosody: Prosody) -> Tensor:
        """Where the diffusion ends, as log-mel (natural log), float32 of shape (B, T, n_mels); meaningless after a row's end."""
        return self._as_mel(self._laid_out(conditions, durations, prosody, None)[-1])

    def encode(self, conditions: Conditions, mix: EmotionMix | None = None) -> Encoded:
        """Text, speaker and emotion, or a mix in its place, to what predictors and mu are made from."""
        emotion = self.emotions(conditions.emotion).unsqueeze(1) if mix is None else mix.weights @ self.emotions.weight
        speaker = self.speakers(conditions.speaker, conditions.voice).unsqueeze(1).expand(-1, emotion.shape[1], -1)
        style = torch.cat([speaker, emotion], dim=-1)
        return Encoded(self.encoder(conditions.phones, style), style)

    def phone_prosody(self, conditions: Conditions, mix: EmotionMix | None = None) -> PhoneProsody:
        """What the predictors say, at the mix's intensity."""

        def said(of: EmotionMix | None) -> list[Tensor]:
            return list(self.predictor(*self.encode(conditions, of), conditions.present))

        return PhoneProsody(*at_intensity(said, mix))

    def draw(self, conditions: Conditions, prosody: Prosody, alignment: Alignment) -> Drawn:
        """Prosody as the networks see it."""
        mean, std = conditions.pitch_scale.unsqueeze(-1).unbind(1)  # each (B, 1)
        harmonics = ridge((prosody.log_f0_z * std + mean).exp(), prosody.voiced, self.mel_centres_hz, self.mel_widths_hz)
        return Drawn(tracks(prosody, alignment), harmonics * alignment.mask)

    def style(self, speaker: Tensor, emotion: Tensor, drawn: Drawn, prosody_shown: Tensor) -> Style:
        """The score network's conditions.

        Parameters
        ----------
        speaker, emotion
            Embeddings, float of shape (B, speaker_channels) and (B, 1 or T, emotion_channels), nulls put in already.
        drawn
            Prosody.
        prosody_shown
            bool of shape (B,): rows whose prosody is shown.
        """
        image = self.style_image(speaker, emotion, psd_image(self.config.psd_image, *drawn), prosody_shown)
        sequence = None if self.style_sequence is None else self.style_sequence(speaker, emotion, drawn.tracks, prosody_shown)
        return Style(image, emotion, sequence)

    def score(self, x_t: Tensor, t: Tensor, mu: Tensor, mask: Tensor, style: Style) -> Tensor:
        """Noise in x_t, float32 of shape (B, T, n_mels): the Gaussian guess and what the estimator adds to it."""
        noise: Tensor = self.estimator(x_t, t, mu, mask, style).float()
        if self.config.residual_spread is not None:
            guess, scale = gaussian_noise_guess(x_t, mu, t, self.config.residual_spread, self.schedule)
            noise = guess + scale * noise
        return noise * mask

    def _laid_out(
        self, conditions: Conditions, durations: Tensor, prosody: Prosody, mix: EmotionMix | None
    ) -> tuple[Alignment, Drawn, Tensor]:
        """Phones over frames, prosody over them, and mu, float of shape (B, T, n_mels)."""
        alignment = align(durations, int(durations.sum(-1).max()))
        drawn = self.draw(conditions, prosody, alignment)

        def mu(of: EmotionMix | None) -> list[Tensor]:
            return [self.mu_decoder(spread(self.encode(conditions, of).hidden, alignment), alignment, *drawn)]

        return alignment, drawn, at_intensity(mu, mix)[0]

    def _guided(self, conditions: Conditions, alignment: Alignment, drawn: Drawn, mu: Tensor, mix: EmotionMix | None) -> NoisePredictor:
        """The score network with its conditions bound."""
        speaker = self.speakers(conditions.speaker, conditions.voice)
        shown = torch.ones(len(mu), dtype=torch.bool, device=mu.device)
        if mix is None:
            emotions = [(self.emotions(conditions.emotion).unsqueeze(1), torch.ones((), device=mu.device))]
        else:
            emotions = guidance(mix, alignment, self.emotions.weight)
        terms = [(self.style(speaker, emotion, drawn, shown), weight) for emotion, weight in emotions]

        def predict(x: Tensor, t: Tensor) -> Tensor:
            return torch.stack([weight * self.score(x, t, mu, alignment.mask, style) for style, weight in terms]).sum(0)

        return predict

    def _as_mel(self, normalised: Tensor) -> Tensor:
        return normalised * self.mel_std_ln + self.mel_mean_ln


def parameter_counts(model: Tts) -> dict[str, int]:
    """Trained numbers of each part, and `total`."""
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    return {**counts, "total": sum(counts.values())}


def _speakers(config: TtsConfig) -> SpeakerTable | ExternalSpeaker:
    if config.speaker == "external":
        return ExternalSpeaker(config.n_speakers, config.voice_channels, config.speaker_channels)
    return SpeakerTable(config.n_speakers, config.speaker_channels)


def _estimator(config: TtsConfig) -> nn.Module:
    style_channels = N_WHO_CHANNELS + PSD_CHANNELS[config.psd_image]
    sizes = config.unet_channels, config.unet_levels, config.unet_fold, style_channels
    if config.estimator == "diffusers_unet":
        return DiffusersUNet(*sizes, _SEQUENCE_CHANNELS, config.emotion_channels)
    return GradUNet(*sizes, _SEQUENCE_CHANNELS if config.attention == "cross" else None)
