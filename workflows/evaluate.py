"""Stage evaluate: the synthesised recordings, analysed with the pipeline's own extractors, against the real features."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from pipeline import audio, cluster, shards, tracks
from pipeline.stage import run_main, write_json
from schemas.errors import TableError
from schemas.params import EnergyParams, EvaluateParams, FramesParams, MelParams, PitchParams, Section, load_params
from schemas.tables.alignments import SILENCE
from schemas.tables.evaluation import EVALUATION
from schemas.tables.synthesis import synthesis_contract
from workflows import measures
from workflows.evaluation_summary import summarise

ROWS_A_TASK = 8
_BELOW_ASKED, _ABOVE_ASKED = 0.75, 1.3  # room for what was realised around the F0 that was asked for


class EvaluateStageParams(Section):
    """What evaluate reads of `params.yaml`."""

    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams
    evaluate: EvaluateParams


@dataclass(frozen=True)
class Pair:
    """A row of the synthesis table, without its mel, and the shard with its recording's features; None: it has no recording."""

    request: dict[str, Any]
    shard: Path | None
    f0_limits_hz: tuple[float, float]  # the speaker's


def main(
    features: Annotated[Path, typer.Option(help="Folder of feature shards.")],
    synthesis: Annotated[Path, typer.Option(help="Folder of the synthesize stage.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts and scores.")],
    plots: Annotated[Path, typer.Option(help="Folder of curves.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Measure synthesis against the real recordings."""
    run(load_params(params, EvaluateStageParams), features, synthesis, out, metrics, plots)


def run(params: EvaluateStageParams, features: Path, synthesis: Path, out: Path, metrics: Path, plots: Path) -> None:
    """Write `evaluation.parquet`, the metrics JSON and the plot's CSV.

    Parameters
    ----------
    features
        Folder of feature shards, one sub-folder a corpus.
    synthesis
        Folder of the synthesize stage.
    out, metrics, plots
        Folder of the table, file of the metrics, folder of the plots' data.

    Raises
    ------
    TableError
        If a synthesised utterance has no real features, or nothing was synthesised.
    """
    pairs = _pair_up(features.absolute(), synthesis, params.mel.n_mels)
    task = partial(_measure_batch, folder=synthesis.absolute(), params=params)
    rows = [row for batch in cluster.map_batches(task, cluster.in_batches(pairs, ROWS_A_TASK), "evaluate") for row in batch]
    table = EVALUATION.table(rows)
    shards.write_table(out / "evaluation.parquet", table, EVALUATION)
    frame = table.to_pandas()
    write_json(metrics, {"kinds": summarise(frame, params.evaluate.bootstrap_samples)})
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


def _pair_up(features: Path, synthesis: Path, n_mels: int) -> list[Pair]:
    columns = [name for name in synthesis_contract(n_mels).arrow.names if name != "mel_ln"]
    requests = shards.read_table(synthesis / "synthesis.parquet", synthesis_contract(n_mels), columns).to_pylist()
    paths = shards.corpora_shards(features, sorted({row["speaker"].partition("/")[0] for row in requests}))
    shard_of, limits = _recordings(paths)
    missing = [name for row in requests if (name := row["utterance_id"]) is not None and name not in shard_of]
    if missing or not requests:
        raise TableError(
            f"{len(missing)} of {len(requests)} synthesised utterances have no features ({missing[:3]}); run `dvc repro synthesize`"
        )
    pairs = [Pair(row, shard_of.get(row["utterance_id"]), limits[row["speaker"]]) for row in requests]
    return sorted(pairs, key=lambda pair: (str(pair.shard), pair.request["request_id"]))


def _recordings(paths: list[Path]) -> tuple[dict[str, Path], dict[str, tuple[float, float]]]:
    """Shard of each utterance, and floor and ceiling of each speaker's F0, Hz."""
    shard_of: dict[str, Path] = {}
    limits: dict[str, tuple[float, float]] = {}
    for path in paths:
        for row in shards.iter_rows([path], ["utterance_id", "speaker", "f0_floor_hz", "f0_ceiling_hz"]):
            shard_of[row["utterance_id"]] = path
            floor, ceiling = limits.get(row["speaker"], (np.inf, 0.0))
            limits[row["speaker"]] = min(floor, row["f0_floor_hz"]), max(ceiling, row["f0_ceiling_hz"])
    return shard_of, limits


def wide_enough(limits_hz: tuple[float, float], asked_f0_hz: list[float]) -> tuple[float, float]:
    """A speaker's limits of F0; one that asked F0 passes is moved to leave room around it."""
    floor, ceiling = limits_hz
    asked = np.asarray(asked_f0_hz, np.float64)
    lowest, highest = np.nanmin(asked, initial=np.inf), np.nanmax(asked, initial=0.0)
    return floor if lowest >= floor else lowest * _BELOW_ASKED, ceiling if highest <= ceiling else highest * _ABOVE_ASKED


def _measure_batch(pairs: list[Pair], folder: Path, params: EvaluateStageParams) -> list[dict[str, object]]:
    wanted = {pair.request["utterance_id"] for pair in pairs}
    paths = sorted({pair.shard for pair in pairs if pair.shard is not None})
    real = {row["utterance_id"]: row for row in shards.iter_rows(paths) if row["utterance_id"] in wanted}
    return [row for pair in pairs for row in _measured(pair, real.get(pair.request["utterance_id"]), folder, params)]


def _measured(pair: Pair, real: dict[str, Any] | None, folder: Path, params: EvaluateStageParams) -> list[dict[str, object]]:
    """The rows of one request: its recording's, its copy-synthesis's, and the model's."""
    request = pair.request

    def analysed(wav: str, f0_limits_hz: tuple[float, float]) -> tracks.Tracks:
        grid = params.frames.grid()
        samples = audio.load(folder / wav, grid.sample_rate_hz)
        return tracks.analyse(samples, grid, params.mel, params.pitch, params.energy, *f0_limits_hz)

    rendered = analysed(request["model_wav"], wide_enough(pair.f0_limits_hz, request["asked_f0_hz"]))
    found = {"model": against_request(request, rendered)}
    if real is not None:
        found["model"] |= against_recording(request, real, rendered) | _duration_errors(request, real, params.frames.grid().hop_s)
        found["copy"] = against_recording(real, real, analysed(request["copy_wav"], pair.f0_limits_hz))
        found["real"] = {}
    return [_row(kind, request, real, values) for kind, values in found.items()]


def _row(kind: str, request: dict[str, Any], real: dict[str, Any] | None, values: dict[str, float]) -> dict[str, object]:
    told = {name: request[name] for name in ("request_id", "utterance_id", "set", "speaker", "text")}
    emotion = real["emotion"] if real is not None and kind != "model" else request["emotion"]
    measured = {name: value if np.isfinite(value) else None for name, value in values.items()}
    return {
        "key": f"{kind}|{request['request_id']}",
        "kind": kind,
        **told,
        "split": real["split"] if real is not None else None,
        "emotion": emotion,
        **measured,
    }


def _duration_errors(row: dict[str, Any], real: dict[str, Any], hop_s: float) -> dict[str, float]:
    """How far the duration predictor is from the real phone lengths."""
    predicted: NDArray[np.float64] = np.asarray(row["predicted_duration_frames"], np.float64)
    true: NDArray[np.float64] = np.asarray(real["duration_frames"], np.float64)
    return {
        "predicted_duration_mae_ms": float(np.mean(np.abs(predicted - true)) * hop_s * 1000),
        "predicted_length_error": float(predicted.sum() / true.sum() - 1),
    }


def _write_plots(frame: pd.DataFrame, plots: Path) -> None:
    """One CSV for `dvc plots`: mean log-mel distance and F0 error by emotion and kind."""
    plots.mkdir(parents=True, exist_ok=True)
    shown = ["log_mel_distance_db", "mcd_db", "f0_rmse_cents", "voicing_error"]
    means = frame[frame["kind"] != "real"].groupby(["kind", "emotion"], as_index=False)[shown].mean()
    means.round(4).to_csv(plots / "by_emotion.csv", index=False)


if __name__ == "__main__":
    run_main("workflows.evaluate")
