"""What the page can play and draw of one utterance: sounds as MP3, mels as grey pictures, tracks and words as numbers."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from pipeline import audio, tracks
from schemas.params import EnergyParams, FramesParams, MelParams, PitchParams, Section
from schemas.tables.alignments import SILENCE
from workflows import measures

MEL_STEP_LN = 0.1  # a grey level, 0.87 dB: half the bytes of the 256 levels between the extremes, and no edge that an eye sees
_MP3 = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": 0.7, "bitrate_mode": "VARIABLE"}  # 43 .. 46 kbit/s of speech

Json = dict[str, Any]
Floats = NDArray[np.float32]


class AnalysisParams(Section):
    """How sound is analysed, for the pictures."""

    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams


@dataclass(frozen=True)
class Word:
    """A word and the phones that it covers: `n_phones` of them from `first_phone` on."""

    label: str
    first_phone: int
    n_phones: int


def recording_panel(row: Json, words: Sequence[Word]) -> Json:
    """A recording's mel with its own tracks; `row` is of the feature shards."""
    return _panel("recording", row, words, row["f0_hz"], row["energy_db"])


def model_panel(row: Json, words: Sequence[Word], rendered: tracks.Tracks) -> Json:
    """The model's mel, the tracks that it was asked for, and those found again in its sound.

    Parameters
    ----------
    row
        Of the synthesis table.
    rendered
        Tracks of ``row["model_wav"]``.
    """
    n = min(row["n_frames"], len(rendered.f0_hz))
    asked_f0, asked_db = (np.asarray(row[name], np.float32)[:n] for name in ("asked_f0_hz", "asked_energy_db"))
    f0_hz, energy_db = rendered.f0_hz[:n], rendered.energy_db[:n]
    gap = {
        "f0_rmse_cents": measures.f0_rmse_cents(asked_f0, f0_hz),
        "f0_correlation": measures.f0_correlation(asked_f0, f0_hz),
        "voicing_error": measures.voicing_error(asked_f0, f0_hz),
        "energy_rmse_db": measures.rmse(asked_db, energy_db),
    }
    panel = _panel("model", row, words, f0_hz, energy_db)
    asked = {"asked_f0_hz": _numbers(asked_f0, 0), "asked_energy_db": _numbers(asked_db, 1)}
    return {**panel, **asked, "gap": {name: number(value, 3) for name, value in gap.items()}}


def words_of(alignment: Json, durations: NDArray[np.int32], hop_s: float) -> list[Word]:
    """The words of an alignment over the phones of a feature row: a word covers the phones whose middle lies in it."""
    ends_s = np.cumsum(durations) * hop_s
    middles_s = ends_s - durations * hop_s / 2
    words = []
    for word in alignment["words"]:
        inside = np.flatnonzero((middles_s >= word["start_s"]) & (middles_s < word["end_s"]))
        if len(inside):
            words.append(Word(word["label"], int(inside[0]), len(inside)))
    return words


def summary(f0_hz: Floats, energy_db: Floats, phones: Sequence[str], durations: NDArray[np.int32], hop_s: float) -> Json:
    """Scalars of an utterance's prosody: median F0, its spread, mean energy of speech, phones a second of speech; NaN where undefined."""
    spoken = np.asarray(phones) != SILENCE
    speech = np.repeat(spoken, durations)[: len(energy_db)]
    voiced = f0_hz[~np.isnan(f0_hz)]
    seconds = float(durations[spoken].sum()) * hop_s
    return {
        "f0_median_hz": float(np.median(voiced)) if len(voiced) else float("nan"),
        "f0_spread_semitones": float(12 * np.log2(voiced).std()) if len(voiced) else float("nan"),
        "energy_db": float(energy_db[speech].mean()) if speech.any() else float("nan"),
        "phone_rate_hz": float(spoken.sum() / seconds) if seconds else float("nan"),
    }


def analyse(path: Path, params: AnalysisParams, limits: Json) -> tuple[Floats, tracks.Tracks]:
    """A file's samples at the pipeline's rate, and its tracks, with F0 between `limits`' ``floor_hz`` and ``ceiling_hz``."""
    grid = params.frames.grid()
    samples = audio.load(path, grid.sample_rate_hz)
    between = {name: limits[name] for name in ("floor_hz", "ceiling_hz")}
    return samples, tracks.analyse(samples, grid, params.mel, params.pitch, params.energy, **between)


def mp3(samples: Floats, sample_rate_hz: int) -> str:
    """Samples as an MP3 in base64: every browser plays it, a sixth of the WAV's size."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), sample_rate_hz, **_MP3)
    return base64.b64encode(buffer.getvalue()).decode()


def mel_png(mel_ln: Floats) -> Json:
    """A mel as a grey PNG in base64, low bands at the bottom, with the value of black and of one grey level, ln."""
    black_ln = float(np.floor(mel_ln.min()))
    levels = np.clip(np.round((mel_ln - black_ln) / MEL_STEP_LN), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(levels.T[::-1])).save(buffer, "PNG", optimize=True)
    return {"png": base64.b64encode(buffer.getvalue()).decode(), "black_ln": black_ln, "step_ln": MEL_STEP_LN}


def number(value: float | None, digits: int) -> float | None:
    """A finite value to so many significant digits, or None, as JSON has no NaN."""
    return float(f"{value:.{digits}g}") if value is not None and np.isfinite(value) else None


def _panel(title: str, row: Json, words: Sequence[Word], f0_hz: Any, energy_db: Any) -> Json:
    return {
        "title": title,
        "mel": mel_png(np.asarray(row["mel_ln"], np.float32)),
        "phones": list(row["phones"]),
        "duration_frames": [int(frames) for frames in row["duration_frames"]],
        "words": [[word.label, word.first_phone, word.n_phones] for word in words],
        "f0_hz": _numbers(f0_hz, 0),
        "energy_db": _numbers(energy_db, 1),
    }


def _numbers(values: Any, decimals: int) -> list[float | int | None]:
    rounded = np.round(np.asarray(values, np.float64), decimals).tolist()
    whole = decimals == 0
    return [None if value != value else int(value) if whole else value for value in rounded]
