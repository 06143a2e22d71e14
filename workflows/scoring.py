"""How one rendered request scores: against its recording, against what was asked for, by the classifier of emotions, and by ear."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline import audio, shards, tracks
from schemas.errors import RowError
from schemas.params import EnergyParams, FramesParams, MelParams, PitchParams, Section
from schemas.tables.alignments import SILENCE
from workflows import judges, measures, real_speech
from workflows.emotion_classifier import EmotionClassifier, Vector, describe
from workflows.judges import Voice
from workflows.real_speech import Recording

_ASKED = (
    *("request_id", "utterance_id", "set", "speaker", "emotion", "text", "phones", "duration_frames", "predicted_duration_frames"),
    *("asked_f0_hz", "asked_energy_db", "model_wav", "copy_wav"),
)
_REAL = ("utterance_id", "split", "emotion", "phones", "duration_frames", "f0_hz", "energy_db", "mel_ln")
_BELOW_ASKED, _ABOVE_ASKED = 0.75, 1.3  # room for what was realised around the F0 that was asked for


class ScoringParams(Section):
    """How recordings are analysed."""

    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams


class SpeakerFacts(NamedTuple):
    """A speaker's limits of F0 and language."""

    floor_hz: float
    ceiling_hz: float
    language: str


@dataclass(frozen=True)
class Pair:
    """A row of the synthesis table, by its id, and what it is compared with; None where it has no recording."""

    request_id: str
    utterance_id: str | None
    shard: Path | None  # with the recording's features
    speaker: SpeakerFacts
    recording: Recording | None
    heard: bool  # by the judges


@dataclass(frozen=True)
class Judging:
    """All that is known before the first recording is measured: judges, voices by speaker, and the classifier of emotions."""

    judges: list[str]
    voices: dict[str, Voice]
    emotions: EmotionClassifier | None


def score_batch(pairs: list[Pair], folder: Path, params: ScoringParams, judging: Judging) -> list[dict[str, object]]:
    """Rows of the evaluation table; runs on workers. `folder` is that of the stage synthesize."""
    asked = shards.rows_where([folder / "synthesis.parquet"], "request_id", {pair.request_id for pair in pairs}, _ASKED)
    requests = {row["request_id"]: row for row in asked}
    paths = sorted({pair.shard for pair in pairs if pair.shard is not None})
    recorded = shards.rows_where(paths, "utterance_id", {pair.utterance_id for pair in pairs if pair.utterance_id is not None}, _REAL)
    real = {row["utterance_id"]: row for row in recorded}
    told = ((pair, requests[pair.request_id], real.get(str(pair.utterance_id))) for pair in pairs)
    return [row for pair, request, own in told for row in _scored(pair, request, own, folder, params, judging)]


def against_recording(row: dict[str, Any], real: dict[str, Any], rendered: tracks.Tracks) -> dict[str, float]:
    """Distances of one rendered recording from the real features.

    Parameters
    ----------
    row
        `phones` and `duration_frames` that were rendered; they say how to bring its frames onto the real ones.
    real
        The utterance's row of the feature shards.
    rendered
        The recording's tracks.
    """
    real_durations, durations = np.asarray(real["duration_frames"], np.int32), np.asarray(row["duration_frames"], np.int32)
    onto_real = measures.warp(durations, real_durations)
    real_f0, f0 = np.asarray(real["f0_hz"], np.float32), rendered.f0_hz[onto_real]
    speech = _speech(real["phones"], real_durations)
    real_db, energy_db = np.asarray(real["energy_db"], np.float32)[speech], rendered.energy_db[onto_real][speech]
    real_mel = np.asarray(real["mel_ln"], np.float32)
    return {
        "log_mel_distance_db": measures.log_mel_distance_db(real_mel, rendered.mel_ln[onto_real]),
        "mcd_db": measures.mcd_db(real_mel[speech], rendered.mel_ln[onto_real][speech]),
        "mcd_dtw_db": measures.mcd_dtw_db(real_mel[speech], rendered.mel_ln[_speech(row["phones"], durations)]),
        "f0_rmse_cents": measures.f0_rmse_cents(real_f0, f0),
        "f0_correlation": measures.f0_correlation(real_f0, f0),
        "f0_gross_error": measures.f0_gross_error(real_f0, f0),
        "voicing_error": measures.voicing_error(real_f0, f0),
        "energy_rmse_db": measures.rmse(real_db, energy_db),
        "energy_correlation": measures.correlation(real_db, energy_db),
    }


def against_request(row: dict[str, Any], rendered: tracks.Tracks) -> dict[str, float]:
    """How far the rendered prosody is from the asked one, frame by frame: `control_*`.

    Parameters
    ----------
    row
        Of the synthesis table: `asked_f0_hz`, `asked_energy_db`, `phones`, `duration_frames`.
    rendered
        The recording's tracks, of as many frames.
    """
    asked_f0 = np.asarray(row["asked_f0_hz"], np.float32)
    speech = _speech(row["phones"], np.asarray(row["duration_frames"], np.int32))
    asked_db, energy_db = np.asarray(row["asked_energy_db"], np.float64)[speech], rendered.energy_db[speech]
    return {
        "control_f0_bias_cents": measures.f0_bias_cents(asked_f0, rendered.f0_hz),
        "control_f0_rmse_cents": measures.f0_rmse_cents(asked_f0, rendered.f0_hz),
        "control_f0_correlation": measures.f0_correlation(asked_f0, rendered.f0_hz),
        "control_voicing_error": measures.voicing_error(asked_f0, rendered.f0_hz),
        "control_energy_bias_db": float(np.mean(energy_db - asked_db)) if len(asked_db) else float("nan"),
        "control_energy_rmse_db": measures.rmse(asked_db, energy_db),
    }


def wide_enough(floor: float, ceiling: float, asked_f0_hz: list[float]) -> tuple[float, float]:
    """A speaker's limits of F0, Hz; one that asked F0 passes is moved to leave room around it."""
    asked = np.asarray(asked_f0_hz, np.float64)
    lowest, highest = np.nanmin(asked, initial=np.inf), np.nanmax(asked, initial=0.0)
    return floor if lowest >= floor else lowest * _BELOW_ASKED, ceiling if highest <= ceiling else highest * _ABOVE_ASKED


def _scored(
    pair: Pair, request: dict[str, Any], real: dict[str, Any] | None, folder: Path, params: ScoringParams, judging: Judging
) -> list[dict[str, object]]:
    """The rows of one request: its recording's, its copy-synthesis's, and the model's."""
    speaker, grid = pair.speaker, params.frames.grid()

    def analysed(wav: str, floor_hz: float, ceiling_hz: float) -> tracks.Tracks:
        samples = audio.load(folder / wav, grid.sample_rate_hz)
        return tracks.analyse(samples, grid, params.mel, params.pitch, params.energy, floor_hz, ceiling_hz)

    def felt(rendered: tracks.Tracks) -> Vector:
        return describe(rendered.mel_ln, rendered.f0_hz, rendered.energy_db, grid.hop_s)

    wide = wide_enough(speaker.floor_hz, speaker.ceiling_hz, request["asked_f0_hz"])
    rendered = analysed(request["model_wav"], *wide)
    found = {"model": against_request(request, rendered)}
    statistics = {"model": felt(rendered)}
    if real is not None:
        found["model"] |= against_recording(request, real, rendered) | _duration_errors(request, real, grid.hop_s)
        copied = analysed(request["copy_wav"], speaker.floor_hz, speaker.ceiling_hz)
        found |= {"copy": against_recording(real, real, copied), "real": {}}
        statistics |= {"copy": felt(copied), "real": real_speech.described(real, grid.hop_s)}
    rows = []
    for kind, values in found.items():
        row = _identity(kind, request, real)
        measured = {name: value if np.isfinite(value) else None for name, value in values.items()}
        recognised = _recognised(statistics[kind], row["speaker"], row["emotion"], judging.emotions)
        rows.append({**row, **measured, **recognised, **_heard(kind, pair, request, folder, judging)})
    return rows


def _identity(kind: str, request: dict[str, Any], real: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "key": f"{kind}|{request['request_id']}",
        "kind": kind,
        **{name: request[name] for name in ("request_id", "utterance_id", "set", "speaker", "text")},
        "split": real["split"] if real is not None else None,
        "emotion": real["emotion"] if real is not None and kind != "model" else request["emotion"],
    }


def _recognised(statistics: Vector, speaker: str, emotion: str, classifier: EmotionClassifier | None) -> dict[str, Any]:
    """What the classifier finds, and how likely the emotion asked for is to it where that is one it knows."""
    if classifier is None:
        return {}
    shares = classifier.probabilities(statistics, speaker)
    best = max(shares, key=lambda name: shares[name])
    known = {"emotion_recognised": float(best == emotion), "emotion_probability": round(shares[emotion], 6)} if emotion in shares else {}
    return {"recognised_emotion": best, **known}


def _heard(kind: str, pair: Pair, request: dict[str, Any], folder: Path, judging: Judging) -> dict[str, Any]:
    """What the judges say; nothing of a recording that cannot be had any more."""
    if not judging.judges or not pair.heard:
        return {}
    rate = judges.SAMPLE_RATE_HZ
    if kind == "real":
        try:
            samples = pair.recording.load(rate) if pair.recording is not None else None
        except RowError:
            samples = None
    else:
        samples = audio.load(folder / request[f"{kind}_wav"], rate)
    if samples is None:
        return {}
    voice = judging.voices.get(request["speaker"])
    said = judges.heard(samples, request["text"], pair.speaker.language, judging.judges, voice)
    return {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in said.items()}


def _duration_errors(row: dict[str, Any], real: dict[str, Any], hop_s: float) -> dict[str, float]:
    """How far the duration predictor is from the real phone lengths."""
    predicted: NDArray[np.float64] = np.asarray(row["predicted_duration_frames"], np.float64)
    true: NDArray[np.float64] = np.asarray(real["duration_frames"], np.float64)
    return {
        "predicted_duration_mae_ms": float(np.mean(np.abs(predicted - true)) * hop_s * 1000),
        "predicted_length_error": float(predicted.sum() / true.sum() - 1),
    }


def _speech(phones: list[str], duration_frames: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.repeat(np.asarray(phones) != SILENCE, duration_frames)
