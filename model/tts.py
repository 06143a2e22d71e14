"""Text, speaker, emotion and prosody to mel: the whole model behind `losses`, `predict` and `synthesise`."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F  # noqa: N812  torch's own habit
from torch import Tensor, nn

from model.conditioning import (
    N_WHO_CHANNELS,
    PSD_CHANNELS,
    Alignment,
    DropRates,
    EmotionMix,
    Prosody,
    Shown,
    Style,
    StyleImage,
    StyleSequence,
    align,
    between_centres,
    pool,
    psd_image,
    ridge,
    spread,
    tracks,
)
from model.diffusion import Mean, NoiseSchedule, diffuse, gaussian_noise_guess, masked_mean_square
from model.estimators.diffusers_unet import DiffusersUNet
from model.estimators.grad_unet import GradUNet
from model.predictors import PhoneProsody, ProsodyPredictor, durations_from_log
from model.samplers import SAMPLERS, FreshNoise, NoisePredictor
from model.speakers import ExternalSpeaker, SpeakerTable
from model.text_encoder import PADDING_PHONE, MuDecoder, TextEncoder
from schemas.errors import ParamsError

UNKNOWN_STYLE = 0  # row of the speaker and emotion tables for an unknown or hidden one
_NETWORKS = (("grad_unet", "linear"), ("grad_unet", "cross"), ("diffusers_unet", "cross"))
_T_MIN = 1e-4  # keeps the noise scale off zero
_SEQUENCE_CHANNELS = 128  # of the style sequence that cross-attention looks at


@dataclass(frozen=True)
class TtsConfig:
    """Sizes and constants of a `Tts`: plain numbers, enough to build it again.

    Those not named here are as in `params.yaml`, section `model`.

    Parameters
    ----------
    n_phones
        Phone ids, `PADDING_PHONE` and `UNKNOWN_PHONE` included.
    n_speakers, n_emotions
        Ids, `UNKNOWN_STYLE` included.
    n_mels
        Mel bands; must divide by ``unet_fold * 2 ** (unet_levels - 1)``.
    mel_centres_hz, mel_widths_hz
        Centre of each band, and standard deviation of its response to a sine; n_mels numbers each.
    mel_mean_ln, mel_std_ln
        Mean and standard deviation of log-mel over the training split; inside, mel is normalised by them.
    residual_spread
        Standard deviation of normalised mel around mu that the untrained score network assumes; None: it assumes nothing.
    voice_channels
        Size of a voice's d-vector; 0 with ``speaker="table"``.

    Raises
    ------
    ParamsError
        If the sizes do not fit each other.
    """

    estimator: str
    attention: str
    psd_image: str
    mu_sees: str
    n_phones: int
    n_speakers: int
    n_emotions: int
    n_mels: int
    unet_channels: int
    unet_levels: int
    unet_fold: int
    encoder_channels: int
    encoder_layers: int
    encoder_heads: int
    predictor_channels: int
    speaker_channels: int
    emotion_channels: int
    dropout: float
    beta_min: float
    beta_max: float
    mel_centres_hz: tuple[float, ...]
    mel_widths_hz: tuple[float, ...]
    mel_mean_ln: float
    mel_std_ln: float
    residual_spread: float | None
    speaker: str = "table"  # models written before there was a choice say nothing of it
    voice_channels: int = 0

    def __post_init__(self) -> None:
        if (self.estimator, self.attention) not in _NETWORKS:
            known = ", ".join(f"{estimator} with {attention}" for estimator, attention in _NETWORKS)
            raise ParamsError(f"no estimator '{self.estimator}' with attention '{self.attention}'; set {known}")
        if self.estimator == "diffusers_unet" and self.unet_channels % 16:
            raise ParamsError(f"model.unet_channels={self.unet_channels} must be a multiple of 16 for diffusers_unet; change it")
        if self.psd_image not in PSD_CHANNELS or self.mu_sees not in ("text", "prosody"):
            raise ParamsError(f"no psd_image '{self.psd_image}' or mu_sees '{self.mu_sees}'; set repeat or ridge, text or prosody")
        if self.speaker not in ("table", "external"):
            raise ParamsError(f"no speaker '{self.speaker}'; set table or external")
        if self.n_mels % (self.unet_fold * 2 ** (self.unet_levels - 1)):
            sizes = f"unet_levels={self.unet_levels} or unet_fold={self.unet_fold}"
            raise ParamsError(f"mel.n_mels={self.n_mels} must divide by unet_fold * 2^(model.unet_levels - 1); lower {sizes}")
        if not len(self.mel_centres_hz) == len(self.mel_widths_hz) == self.n_mels:
            raise ParamsError(f"{len(self.mel_centres_hz)} mel_centres_hz and {len(self.mel_widths_hz)} widths for n_mels={self.n_mels}")
        if self.encoder_channels % (2 * self.encoder_heads):
            raise ParamsError(
                f"model.encoder_channels={self.encoder_channels} must be a multiple of 2 x encoder_heads={self.encoder_heads}; change one"
            )


@dataclass(frozen=True)
class Conditions:
    """What to say, and as whom.

    Parameters
    ----------
    phones
        int64 of shape (B, L); `PADDING_PHONE` fills the end of rows.
    speaker, emotion
        int64 of shape (B,); `UNKNOWN_STYLE` where unknown.
    pitch_scale
        Mean and standard deviation of the speaker's log-F0 (ln Hz), by which its z-scores become Hz, float of shape (B, 2).
    voice
        How the speaker sounds, for a model that takes that: d-vectors, float of shape (B, voice_channels). Zeros, or no channels: as the
        training speaker with that id does.
    """

    phones: Tensor
    speaker: Tensor
    emotion: Tensor
    pitch_scale: Tensor
    voice: Tensor

    def to(self, device: torch.device) -> "Conditions":
        """The same on another device."""
        return Conditions(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Part:
    """Which rows of a batch are at hand, where several processes share it: `first`, `first + step`, and so on of `n_rows`."""

    first: int
    step: int
    n_rows: int

    def of(self, whole: Tensor) -> Tensor:
        """These rows of what was drawn for the whole batch, (n_rows, ...)."""
        return whole[self.first :: self.step]


@dataclass(frozen=True)
class Batch:
    """Utterances to learn from.

    Parameters
    ----------
    utterance_ids
        B ids, for messages.
    conditions
        What is said.
    durations
        Frames a phone, int64 of shape (B, L), 0 at padding.
    prosody
        Frame-level prosody, (B, T).
    mel_ln
        Log-mel (natural log), float of shape (B, T, n_mels); T is that of the whole batch.
    part
        Which rows of the whole batch these B are.
    """

    utterance_ids: tuple[str, ...]
    conditions: Conditions
    durations: Tensor
    prosody: Prosody
    mel_ln: Tensor
    part: Part

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        moved = self.durations.to(device), self.prosody.to(device), self.mel_ln.to(device)
        return Batch(self.utterance_ids, self.conditions.to(device), *moved, self.part)


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


@dataclass(frozen=True)
class _Window:
    """What the score network sees of a batch in training, each (B, W, channels)."""

    mel: Tensor
    mu: Tensor
    mask: Tensor
    tracks: Tensor
    harmonics: Tensor


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

    def losses(self, batch: Batch, window_frames: int, drop: DropRates, generator: torch.Generator) -> dict[str, Mean]:
        """The losses of a batch; the sum of their values is what training lowers.

        Parameters
        ----------
        batch
            Utterances.
        window_frames
            Length of the random window that the score network sees.
        drop
            Shares of rows whose speaker, emotion and prosody, each alone, are hidden from the score network.
        generator
            Draws windows, times, noise and hidden conditions: those of the whole batch, of which the rows at hand take theirs.

        Returns
        -------
        dict
            Means over the rows at hand: `prior` and `diffusion` (squares of normalised mel and of noise), `duration` (of ln(1 + frames)),
            `pitch` and `energy` (of z-scores a phone), `voiced` (cross-entropy a phone).
        """
        hidden, style, present = self._encode(batch.conditions)
        alignment = align(batch.durations, batch.mel_ln.shape[1])
        given, harmonics = self._drawn(batch.conditions, batch.prosody, alignment)
        mu = self.mu_decoder(spread(hidden, alignment), alignment, given, harmonics)
        mel = (batch.mel_ln - self.mel_mean_ln) / self.mel_std_ln * alignment.mask
        window = _window(alignment.mask, window_frames, batch.part, generator)
        cut = _Window(*(_cut(x, window) for x in (mel, mu, alignment.mask, given, harmonics)))
        shown = _shown(batch.part, drop, generator, mel.device)
        return {
            "prior": masked_mean_square(mel - mu, alignment.mask),
            "diffusion": self._diffusion_loss(batch, cut, shown, generator),
            **_phone_losses(self.predictor(hidden, style, present), batch, alignment),
        }

    @torch.no_grad()
    def predict(self, conditions: Conditions, durations: Tensor | None = None, mix: EmotionMix | None = None) -> Prediction:
        """Durations (unless given) and prosody from text, speaker and emotion, or a mix of emotions in its place."""
        said, present = self._said(conditions, mix)
        if durations is None:
            durations = durations_from_log(said.log_frames, present)
        alignment = align(durations, int(durations.sum(-1).max()))
        voiced = spread((said.voiced_logit > 0).float().unsqueeze(-1), alignment).squeeze(-1)
        inside = alignment.mask.squeeze(-1)
        pitch, energy = (between_centres(values, alignment) * inside for values in (said.log_f0_z, said.energy_z))
        return Prediction(durations, Prosody(pitch, voiced, energy))

    @torch.no_grad()
    def synthesise(
        self,
        conditions: Conditions,
        durations: Tensor | None,
        prosody: Prosody | None,
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
            Frames a phone, int64 of shape (B, L); None: predicted.
        prosody
            Frame-level prosody over these durations; None: predicted.
        noise
            Standard normal by number of the draw, the start is draw 0: ``model.samplers.start_noise``; call `predict` first where T is not
            known.
        sampling
            How.
        mix
            Emotions in place of `conditions.emotion`, and their intensity: predictions, mu and noise each go that many times as far from
            what they are without emotion. In predictions and mu a mix is the mean embedding, whatever its space.

        Returns
        -------
        Tensor
            Log-mel (natural log), float32 of shape (B, T, n_mels), T the longest row's frames; meaningless after a row's end.
        """
        if durations is None or prosody is None:
            predicted = self.predict(conditions, durations, mix)
            durations, prosody = predicted.durations, prosody or predicted.prosody
        alignment, given, harmonics, mu = self._laid_out(conditions, durations, prosody, mix)
        predict_noise = self._guided(conditions, alignment, mu, given, harmonics, mix)
        x_1 = (mu + noise(0)[:, : mu.shape[1]].to(mu) / sampling.temperature) * alignment.mask
        x_0 = SAMPLERS[sampling.sampler](predict_noise, x_1, mu, self.schedule, sampling.n_steps, noise)
        mel_ln: Tensor = x_0 * self.mel_std_ln + self.mel_mean_ln
        return mel_ln

    @torch.no_grad()
    def mu(self, conditions: Conditions, durations: Tensor, prosody: Prosody) -> Tensor:
        """Where the diffusion ends, as log-mel (natural log), float32 of shape (B, T, n_mels); meaningless after a row's end."""
        mel_ln: Tensor = self._laid_out(conditions, durations, prosody, None)[-1] * self.mel_std_ln + self.mel_mean_ln
        return mel_ln

    def score(self, x_t: Tensor, t: Tensor, mu: Tensor, mask: Tensor, style: Style) -> Tensor:
        """Noise in x_t, float32 of shape (B, T, n_mels): the Gaussian guess and what the estimator adds to it."""
        noise: Tensor = self.estimator(x_t, t, mu, mask, style).float()
        if self.config.residual_spread is not None:
            guess, scale = gaussian_noise_guess(x_t, mu, t, self.config.residual_spread, self.schedule)
            noise = guess + scale * noise
        return noise * mask

    def _laid_out(
        self, conditions: Conditions, durations: Tensor, prosody: Prosody, mix: EmotionMix | None
    ) -> tuple[Alignment, Tensor, Tensor, Tensor]:
        """Phones over frames, tracks (B, T, N_TRACKS), harmonics and mu (B, T, n_mels)."""
        alignment = align(durations, int(durations.sum(-1).max()))
        given, harmonics = self._drawn(conditions, prosody, alignment)

        def mu(of: EmotionMix | None) -> Tensor:
            out: Tensor = self.mu_decoder(spread(self._encode(conditions, of)[0], alignment), alignment, given, harmonics)
            return out

        asked = mu(mix)
        if mix is not None and mix.scale != 1.0:
            asked = torch.lerp(mu(self._no_emotion(mix)), asked, mix.scale)
        return alignment, given, harmonics, asked

    def _said(self, conditions: Conditions, mix: EmotionMix | None) -> tuple[PhoneProsody, Tensor]:
        """What the predictors say at the mix's intensity, and 1 at phones (B, L, 1)."""
        hidden, style, present = self._encode(conditions, mix)
        said: PhoneProsody = self.predictor(hidden, style, present)
        if mix is None or mix.scale == 1.0:
            return said, present
        plain: PhoneProsody = self.predictor(*self._encode(conditions, self._no_emotion(mix)))
        return PhoneProsody(*(torch.lerp(getattr(plain, f.name), getattr(said, f.name), mix.scale) for f in fields(said))), present

    def _no_emotion(self, mix: EmotionMix) -> EmotionMix:
        """Its emotions in equal shares, where it has any: the encoder, from which training hides no emotion, knows no other middle."""
        unknown = mix.weights[..., UNKNOWN_STYLE, None]  # (B, L, 1)
        shares = ((1.0 - unknown) / (mix.weights.shape[-1] - 1)).expand_as(mix.weights).clone()
        shares[..., UNKNOWN_STYLE] = unknown.squeeze(-1)
        return EmotionMix(shares, "embedding", 1.0)

    def _encode(self, conditions: Conditions, mix: EmotionMix | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden (B, L, C), speaker and emotion (B, 1 or L, S), and 1 at phones (B, L, 1)."""
        emotion = self.emotions(conditions.emotion).unsqueeze(1) if mix is None else mix.weights @ self.emotions.weight
        speaker = self.speakers(conditions.speaker, conditions.voice).unsqueeze(1).expand(-1, emotion.shape[1], -1)
        style = torch.cat([speaker, emotion], dim=-1)
        present = (conditions.phones != PADDING_PHONE).unsqueeze(-1).float()
        return self.encoder(conditions.phones, style), style, present

    def _guided(
        self, conditions: Conditions, alignment: Alignment, mu: Tensor, given: Tensor, harmonics: Tensor, mix: EmotionMix | None
    ) -> NoisePredictor:
        """The score network with its conditions bound: ``hidden + scale sum_i weight_i (emotion_i - hidden)`` (Ho and Salimans 2022)."""
        speaker = self.speakers(conditions.speaker, conditions.voice)
        shown = torch.ones(len(mu), dtype=torch.bool, device=mu.device)

        def style_of(emotion: Tensor) -> Style:
            return self._conditioned(speaker, emotion, given, harmonics, shown)

        if mix is None:
            terms = [(style_of(self.emotions(conditions.emotion).unsqueeze(1)), torch.ones((), device=mu.device))]
        else:
            terms = self._terms(mix, alignment, style_of)

        def predict(x: Tensor, t: Tensor) -> Tensor:
            return torch.stack([weight * self.score(x, t, mu, alignment.mask, style) for style, weight in terms]).sum(0)

        return predict

    def _terms(self, mix: EmotionMix, alignment: Alignment, style_of: Callable[[Tensor], Style]) -> list[tuple[Style, Tensor]]:
        """Styles whose noises are summed, and the weight of each at each frame, broadcast to (B, T, n_mels)."""
        at_frames = spread(mix.weights, alignment)  # (B, T, n_emotions)
        hidden = style_of(self.emotions.weight[UNKNOWN_STYLE].expand(len(at_frames), 1, -1))
        scale = at_frames.new_tensor(mix.scale)
        if mix.space == "embedding":
            terms = [(style_of(at_frames @ self.emotions.weight), scale)]
        else:
            used = [index for index in range(at_frames.shape[-1]) if bool(at_frames[..., index].any())]
            each = [style_of(self.emotions.weight[index].expand(len(at_frames), 1, -1)) for index in used]
            terms = [(style, scale * at_frames[..., index, None]) for style, index in zip(each, used, strict=True)]
        return terms if mix.scale == 1.0 else [(hidden, 1.0 - scale), *terms]

    def _drawn(self, conditions: Conditions, prosody: Prosody, alignment: Alignment) -> tuple[Tensor, Tensor]:
        """Tracks (B, T, N_TRACKS) and harmonics (B, T, n_mels), zero at padding."""
        mean, std = conditions.pitch_scale.unsqueeze(-1).unbind(1)  # each (B, 1)
        harmonics = ridge((prosody.log_f0_z * std + mean).exp(), prosody.voiced, self.mel_centres_hz, self.mel_widths_hz)
        return tracks(prosody, alignment), harmonics * alignment.mask

    def _style(self, conditions: Conditions, prosody_tracks: Tensor, harmonics: Tensor, shown: Shown) -> Style:
        voice = conditions.voice * shown.speaker.unsqueeze(-1)
        speaker = self.speakers(torch.where(shown.speaker, conditions.speaker, UNKNOWN_STYLE), voice)
        emotion = self.emotions(torch.where(shown.emotion, conditions.emotion, UNKNOWN_STYLE)).unsqueeze(1)
        return self._conditioned(speaker, emotion, prosody_tracks, harmonics, shown.prosody)

    def _conditioned(self, speaker: Tensor, emotion: Tensor, prosody_tracks: Tensor, harmonics: Tensor, shown: Tensor) -> Style:
        image = self.style_image(speaker, emotion, psd_image(self.config.psd_image, prosody_tracks, harmonics), shown)
        return Style(image, emotion, None if self.style_sequence is None else self.style_sequence(speaker, emotion, prosody_tracks, shown))

    def _diffusion_loss(self, batch: Batch, cut: "_Window", shown: Shown, generator: torch.Generator) -> Mean:
        x_0, mu, mask, part = cut.mel, cut.mu, cut.mask, batch.part
        # Times spread evenly over the batch from one random start: the same mean as independent ones, less variance.
        start = torch.rand(1, generator=generator, device=generator.device)
        t = part.of((start + torch.arange(part.n_rows) / part.n_rows) % 1.0).clamp(min=_T_MIN).to(x_0.device)
        noise = part.of(torch.randn((part.n_rows, *x_0.shape[1:]), generator=generator, device=generator.device)).to(x_0)
        x_t = diffuse(x_0, mu, noise, t, self.schedule) * mask
        style = self._style(batch.conditions, cut.tracks, cut.harmonics, shown)
        return masked_mean_square(self.score(x_t, t, mu, mask, style) - noise, mask)


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


def parameter_counts(model: Tts) -> dict[str, int]:
    """Trained numbers of each part, and `total`."""
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    return {**counts, "total": sum(counts.values())}


def _phone_losses(said: PhoneProsody, batch: Batch, alignment: Alignment) -> dict[str, Mean]:
    n_phones, present = batch.durations.shape[1], (batch.conditions.phones != PADDING_PHONE).float()
    ones = torch.ones_like(batch.prosody.voiced)
    pitch, voiced_frames = pool(batch.prosody.log_f0_z, batch.prosody.voiced, alignment, n_phones)
    voiced, frames = pool(batch.prosody.voiced, ones, alignment, n_phones)
    energy, _ = pool(batch.prosody.energy_z, ones, alignment, n_phones)
    log_frames = batch.durations.float().log1p()
    sounding = present * (frames > 0)
    cross_entropy = F.binary_cross_entropy_with_logits(said.voiced_logit, voiced.clamp(0, 1), reduction="none")
    return {
        "duration": _mean((said.log_frames - log_frames) ** 2, present),
        "pitch": _mean((said.log_f0_z - pitch) ** 2, present * (voiced_frames > 0)),
        "voiced": _mean(cross_entropy, sounding),
        "energy": _mean((said.energy_z - energy) ** 2, sounding),
    }


def _mean(values: Tensor, weight: Tensor) -> Mean:
    return Mean((values * weight).sum(), weight.sum())


def _window(mask: Tensor, window_frames: int, part: Part, generator: torch.Generator) -> Tensor:
    """Indices of a random window a row, int64 of shape (B, min(window_frames, T)); rows shorter than it start at 0."""
    lengths = mask.sum(dim=(1, 2))  # (B,)
    room = (lengths - window_frames).clamp(min=0)
    draw = part.of(torch.rand(part.n_rows, generator=generator, device=generator.device)).to(mask)
    first = (draw * (room + 1)).long().minimum(room.long())
    width = min(window_frames, mask.shape[1])
    return first.unsqueeze(-1) + torch.arange(width, device=mask.device)


def _cut(x: Tensor, window: Tensor) -> Tensor:
    """(B, T, C) at the window's frames, (B, W, C)."""
    return x.gather(1, window.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def _shown(part: Part, drop: DropRates, generator: torch.Generator, device: torch.device) -> Shown:
    """Hide each condition of each row alone with its own probability."""
    rates = torch.tensor([drop.speaker, drop.emotion, drop.prosody]).unsqueeze(-1)
    speaker, emotion, prosody = (torch.rand(3, part.n_rows, generator=generator, device=generator.device) >= rates).to(device)
    return Shown(part.of(speaker), part.of(emotion), part.of(prosody))
