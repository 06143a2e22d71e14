"""Stage evaluate: the synthesised recordings, analysed with the pipeline's own extractors, against the real features."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from pipeline import audio, cluster, shards, storage, tracks
from pipeline.stage import run_main, write_json
from schemas.errors import RowError, TableError
from schemas.params import CorpusParams, EnergyParams, EvaluateParams, FramesParams, MelParams, Name, PitchParams, Section, load_params
from schemas.tables.alignments import SILENCE
from schemas.tables.evaluation import EVALUATION
from schemas.tables.synthesis import synthesis_contract
from workflows import judges, measures, real_speech
from workflows.emotion_classifier import EmotionClassifier, Vector, describe
from workflows.evaluation_summary import summarise
from workflows.judges import Voice
from workflows.real_speech import Recording

ROWS_A_TASK = 8
_ASKED = (
    *("request_id", "utterance_id", "set", "speaker", "emotion", "text", "phones", "duration_frames", "predicted_duration_frames"),
    *("asked_f0_hz", "asked_energy_db", "model_wav", "copy_wav"),
)
_REAL = ("utterance_id", "split", "emotion", "phones", "duration_frames", "f0_hz", "energy_db", "mel_ln")
_BELOW_ASKED, _ABOVE_ASKED = 0.75, 1.3  # room for what was realised around the F0 that was asked for


class EvaluateStageParams(Section):
    """What evaluate reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams
    evaluate: EvaluateParams


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


def main(
    features: Annotated[Path, typer.Option(help="Folder of feature shards.")],
    ingest: Annotated[Path, typer.Option(help="Folder of the ingest stage.")],
    synthesis: Annotated[Path, typer.Option(help="Folder of the synthesize stage.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts and scores.")],
    plots: Annotated[Path, typer.Option(help="Folder of curves.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Measure synthesis against the real recordings."""
    run(load_params(params, EvaluateStageParams), params.parent, features, ingest, synthesis, out, metrics, plots)


def run(
    params: EvaluateStageParams, project: Path, features: Path, ingest: Path, synthesis: Path, out: Path, metrics: Path, plots: Path
) -> None:
    """Write `evaluation.parquet`, the metrics JSON and the plots' CSVs.

    Parameters
    ----------
    project
        Folder that corpus roots are relative to.
    features, ingest
        Folders of feature shards and of tables of utterances, one sub-folder a corpus.
    synthesis
        Folder of the synthesize stage.
    out, metrics, plots
        Folder of the table, file of the metrics, folder of the plots' data.

    Raises
    ------
    TableError
        If a synthesised utterance has no real features, or nothing was synthesised.
    """
    requests = _requests(synthesis, params.mel.n_mels)
    corpora = sorted({row["speaker"].partition("/")[0] for row in requests})
    paths = shards.corpora_shards(features.absolute(), corpora)
    shard_of, speakers = _facts(paths, requests)
    names = judges.at_hand(judges.asked(params.evaluate))
    with ExitStack() as stack, cluster.one_cluster():
        roots = {name: storage.absolute(stack.enter_context(storage.opened(params.corpora[name].root, project, out))) for name in corpora}
        recordings = real_speech.recordings(ingest, roots) if names else {}
        voices = real_speech.learn_voices({row["speaker"] for row in requests}, recordings) if "speaker_similarity" in names else {}
        emotions = real_speech.learn_emotions(paths, params.evaluate.emotion_clips, params.frames.grid().hop_s)
        heard = frozenset(real_speech.by_hash([row["request_id"] for row in requests], params.evaluate.heard_requests))
        pairs = [_pair(row, shard_of, speakers, recordings, row["request_id"] in heard) for row in requests]
        pairs.sort(key=lambda pair: (str(pair.shard), pair.request_id))
        task = partial(_measure_batch, folder=synthesis.absolute(), params=params, judging=Judging(names, voices, emotions))
        rows = [row for batch in cluster.map_batches(task, cluster.in_batches(pairs, ROWS_A_TASK), "evaluate") for row in batch]
    table = EVALUATION.table(rows)
    shards.write_table(out / "evaluation.parquet", table, EVALUATION)
    frame = table.to_pandas()
    told = {"n_clips": emotions.n_clips, "held_out_accuracy": round(emotions.held_out_accuracy, 4)} if emotions is not None else None
    kinds = summarise(frame, params.evaluate.bootstrap_samples)
    write_json(metrics, {"kinds": kinds, "judges": {name: name in names for name in judges.JUDGES}, "emotion_classifier": told})
    _write_plots(frame, plots)


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


def _speech(phones: list[str], duration_frames: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.repeat(np.asarray(phones) != SILENCE, duration_frames)


def _requests(synthesis: Path, n_mels: int) -> list[dict[str, Any]]:
    """Who speaks in each row of the synthesis table; workers read the rest of it."""
    columns = ["request_id", "utterance_id", "speaker"]
    requests: list[dict[str, Any]] = shards.read_table(synthesis / "synthesis.parquet", synthesis_contract(n_mels), columns).to_pylist()
    if not requests:
        raise TableError(f"{synthesis / 'synthesis.parquet'} is empty: nothing was synthesised; read the rejects beside it")
    return requests


def _pair(
    row: dict[str, Any], shard_of: dict[str, Path], speakers: dict[str, SpeakerFacts], recordings: dict[str, Recording], heard: bool
) -> Pair:
    name = row["utterance_id"]
    return Pair(row["request_id"], name, shard_of.get(name), speakers[row["speaker"]], recordings.get(name), heard)


def _facts(paths: list[Path], requests: list[dict[str, Any]]) -> tuple[dict[str, Path], dict[str, SpeakerFacts]]:
    """Shard of each utterance, and the facts of each speaker; none that a request needs is missing."""
    shard_of: dict[str, Path] = {}
    speakers: dict[str, SpeakerFacts] = {}
    for path in paths:
        for row in shards.iter_rows([path], ["utterance_id", "speaker", "language", "f0_floor_hz", "f0_ceiling_hz"]):
            shard_of[row["utterance_id"]] = path
            before = speakers.get(row["speaker"], SpeakerFacts(np.inf, 0.0, row["language"]))
            floor, ceiling = min(before.floor_hz, row["f0_floor_hz"]), max(before.ceiling_hz, row["f0_ceiling_hz"])
            speakers[row["speaker"]] = SpeakerFacts(floor, ceiling, before.language)
    missing = [name for row in requests if (name := row["utterance_id"]) is not None and name not in shard_of]
    missing += [row["speaker"] for row in requests if row["speaker"] not in speakers]
    if missing:
        raise TableError(f"{len(missing)} of what was synthesised has no features ({missing[:3]}); run `dvc repro synthesize`")
    return shard_of, speakers


def wide_enough(floor: float, ceiling: float, asked_f0_hz: list[float]) -> tuple[float, float]:
    """A speaker's limits of F0, Hz; one that asked F0 passes is moved to leave room around it."""
    asked = np.asarray(asked_f0_hz, np.float64)
    lowest, highest = np.nanmin(asked, initial=np.inf), np.nanmax(asked, initial=0.0)
    return floor if lowest >= floor else lowest * _BELOW_ASKED, ceiling if highest <= ceiling else highest * _ABOVE_ASKED


def _measure_batch(pairs: list[Pair], folder: Path, params: EvaluateStageParams, judging: Judging) -> list[dict[str, object]]:
    asked = shards.rows_where([folder / "synthesis.parquet"], "request_id", {pair.request_id for pair in pairs}, _ASKED)
    requests = {row["request_id"]: row for row in asked}
    paths = sorted({pair.shard for pair in pairs if pair.shard is not None})
    recorded = shards.rows_where(paths, "utterance_id", {pair.utterance_id for pair in pairs if pair.utterance_id is not None}, _REAL)
    real = {row["utterance_id"]: row for row in recorded}
    told = ((pair, requests[pair.request_id], real.get(str(pair.utterance_id))) for pair in pairs)
    return [row for pair, request, own in told for row in _measured(pair, request, own, folder, params, judging)]


def _measured(
    pair: Pair, request: dict[str, Any], real: dict[str, Any] | None, folder: Path, params: EvaluateStageParams, judging: Judging
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


def _write_plots(frame: pd.DataFrame, plots: Path) -> None:
    """CSVs for `dvc plots`: means by emotion and kind, and the model's emotions as asked and as recognised."""
    plots.mkdir(parents=True, exist_ok=True)
    recognised = frame[(frame["kind"] == "model") & frame["recognised_emotion"].notna()]
    recognised[["emotion", "recognised_emotion"]].to_csv(plots / "emotions.csv", index=False)
    shown = ["log_mel_distance_db", "mcd_db", "f0_rmse_cents", "voicing_error"]
    means = frame[frame["kind"] != "real"].groupby(["kind", "emotion"], as_index=False)[shown].mean()
    means.round(4).to_csv(plots / "by_emotion.csv", index=False)


if __name__ == "__main__":
    run_main("workflows.evaluate")
