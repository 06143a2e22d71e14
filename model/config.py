"""What a model is built from: plain numbers, checked against each other, that stand in its checkpoint."""

from dataclasses import dataclass

from model.prosody import PSD_CHANNELS
from schemas.errors import ParamsError

_NETWORKS = (("grad_unet", "linear"), ("grad_unet", "cross"), ("diffusers_unet", "cross"))


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
