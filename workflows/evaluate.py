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
from schemas.tables.evaluation import EVALUATION, KINDS, MEASURES
from schemas.tables.synthesis import synthesis_contract
from workflows import measures

ROWS_A_TASK = 8


class EvaluateStageParams(Section):
    """What evaluate reads of `params.yaml`."""

    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams
    evaluate: EvaluateParams


@dataclass(frozen=True)
class Pair:
    """A synthesised utterance and where the real one's features lie."""

    synthesis: dict[str, Any]
    shard: Path


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
    shards.write_table(out / "evaluation.parquet", EVALUATION.table(rows), EVALUATION)
    frame = EVALUATION.table(rows).to_pandas()
    write_json(metrics, summarise(frame, params.evaluate.bootstrap_samples))
    _write_plots(frame, plots)


def summarise(frame: pd.DataFrame, bootstrap_samples: int) -> dict[str, Any]:
    """Means a kind, over all (with 95 % bootstrap interval) and an emotion; undefined measures are left out."""
    summary: dict[str, Any] = {}
    for kind, of_kind in frame.groupby("kind"):
        measured = [name for name in MEASURES if of_kind[name].notna().any()]
        overall = {name: _interval(of_kind[name].to_numpy(), bootstrap_samples) for name in measured}
        by_emotion = {
            str(emotion): {name: _rounded(group[name].mean()) for name in measured if group[name].notna().any()}
            for emotion, group in of_kind.groupby("emotion")
        }
        summary[str(kind)] = {"n_utterances": len(of_kind), "overall": overall, "by_emotion": by_emotion}
    return summary


def measure(row: dict[str, Any], real: dict[str, Any], rendered: tracks.Tracks) -> dict[str, float]:
    """Every measure of one rendered recording against the real features.

    Parameters
    ----------
    row
        Its row of the synthesis table; `duration_frames` says how to bring its frames onto the real ones.
    real
        The utterance's row of the feature shards.
    rendered
        The recording's tracks.
    """
    real_durations = np.asarray(real["duration_frames"], np.int32)
    onto_real = measures.warp(np.asarray(row["duration_frames"], np.int32), real_durations)
    real_f0, f0 = np.asarray(real["f0_hz"], np.float32), rendered.f0_hz[onto_real]
    speech = np.repeat(np.asarray(real["phones"]) != SILENCE, real_durations)
    real_db, energy_db = np.asarray(real["energy_db"], np.float32)[speech], rendered.energy_db[onto_real][speech]
    return {
        "log_mel_distance_db": measures.log_mel_distance_db(np.asarray(real["mel_ln"], np.float32), rendered.mel_ln[onto_real]),
        "f0_rmse_cents": measures.f0_rmse_cents(real_f0, f0),
        "f0_correlation": measures.f0_correlation(real_f0, f0),
        "f0_gross_error": measures.f0_gross_error(real_f0, f0),
        "voicing_error": measures.voicing_error(real_f0, f0),
        "energy_rmse_db": measures.rmse(real_db, energy_db),
        "energy_correlation": measures.correlation(real_db, energy_db),
    }


def _pair_up(features: Path, synthesis: Path, n_mels: int) -> list[Pair]:
    columns = [name for name in synthesis_contract(n_mels).arrow.names if name != "mel_ln"]
    table = shards.read_table(synthesis / "synthesis.parquet", synthesis_contract(n_mels), columns)
    rows = [row for row in table.to_pylist() if row["utterance_id"] is not None]
    paths = shards.corpora_shards(features, sorted({row["utterance_id"].partition("/")[0] for row in rows}))
    shard_of = {row["utterance_id"]: path for path in paths for row in shards.iter_rows([path], ["utterance_id"])}
    missing = [row["utterance_id"] for row in rows if row["utterance_id"] not in shard_of]
    if missing or not rows:
        raise TableError(
            f"{len(missing)} of {len(rows)} synthesised utterances have no features ({missing[:3]}); run `dvc repro synthesize`"
        )
    return sorted((Pair(row, shard_of[row["utterance_id"]]) for row in rows), key=lambda pair: (pair.shard, pair.synthesis["utterance_id"]))


def _measure_batch(pairs: list[Pair], folder: Path, params: EvaluateStageParams) -> list[dict[str, object]]:
    wanted = {pair.synthesis["utterance_id"]: pair.synthesis for pair in pairs}
    rows: list[dict[str, object]] = []
    for real in shards.iter_rows(sorted({pair.shard for pair in pairs})):
        row = wanted.get(real["utterance_id"])
        if row is not None:
            rows += [_measured_row(kind, row, real, folder, params) for kind in KINDS]
    return rows


def _measured_row(kind: str, row: dict[str, Any], real: dict[str, Any], folder: Path, params: EvaluateStageParams) -> dict[str, object]:
    grid = params.frames.grid()
    samples = audio.load(folder / row[f"{kind}_wav"], grid.sample_rate_hz)
    limits = {"floor_hz": real["f0_floor_hz"], "ceiling_hz": real["f0_ceiling_hz"]}
    rendered = tracks.analyse(samples, grid, params.mel, params.pitch, params.energy, **limits)
    as_rendered = row if kind == "model" else {**row, "duration_frames": real["duration_frames"]}
    identity = {
        "key": f"{kind}|{row['utterance_id']}",
        "kind": kind,
        **{name: row[name] for name in ("utterance_id", "speaker", "emotion")},
    }
    return {**identity, **measure(as_rendered, real, rendered), **_duration_errors(kind, row, real, grid.hop_s)}


def _duration_errors(kind: str, row: dict[str, Any], real: dict[str, Any], hop_s: float) -> dict[str, float]:
    """How far the duration predictor is from the real phone lengths; undefined for copy-synthesis."""
    if kind == "copy":
        return {"predicted_duration_mae_ms": float("nan"), "predicted_length_error": float("nan")}
    predicted: NDArray[np.float64] = np.asarray(row["predicted_duration_frames"], np.float64)
    true: NDArray[np.float64] = np.asarray(real["duration_frames"], np.float64)
    return {
        "predicted_duration_mae_ms": float(np.mean(np.abs(predicted - true)) * hop_s * 1000),
        "predicted_length_error": float(predicted.sum() / true.sum() - 1),
    }


def _interval(values: NDArray[np.float64], bootstrap_samples: int) -> dict[str, float]:
    mean, low, high = measures.bootstrap_interval(values, bootstrap_samples)
    return {"mean": _rounded(mean), "low": _rounded(low), "high": _rounded(high)}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _write_plots(frame: pd.DataFrame, plots: Path) -> None:
    """One CSV for `dvc plots`: mean log-mel distance and F0 error by emotion and kind."""
    plots.mkdir(parents=True, exist_ok=True)
    means = frame.groupby(["kind", "emotion"], as_index=False)[["log_mel_distance_db", "f0_rmse_cents", "voicing_error"]].mean()
    means.round(4).to_csv(plots / "by_emotion.csv", index=False)


if __name__ == "__main__":
    run_main("workflows.evaluate")
