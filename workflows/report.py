"""Stage report: one self-contained HTML page on the data, the training, and the speech, with players and pictures."""

import base64
import io
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import soundfile
import typer
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from pipeline import audio, shards, storage
from pipeline.stage import run_main
from schemas.params import CorpusParams, FramesParams, MelParams, Name, ReportParams, Section, SynthesizeParams, load_params
from schemas.reasons import DESCRIPTIONS, Reason
from schemas.tables.alignments import SILENCE
from schemas.tables.evaluation import EVALUATION, MEASURES
from schemas.tables.rejects import REJECTS
from schemas.tables.synthesis import synthesis_contract
from schemas.tables.utterances import UTTERANCES
from workflows import measures, pictures

REJECT_STAGES = ("ingest", "align", "extract", "synthesize")
MAX_REJECTS_SHOWN = 2000
DISTRIBUTIONS = {"f0_median_hz": "median F0, Hz", "energy_db": "mean energy of speech, dB", "phones_a_second": "phones a second"}


class ReportStageParams(Section):
    """What report reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    frames: FramesParams
    mel: MelParams
    synthesize: SynthesizeParams
    report: ReportParams


def main(
    data: Annotated[Path, typer.Option(help="Folder with the stages' outputs.")],
    metrics: Annotated[Path, typer.Option(help="Folder of the stages' metrics.")],
    plots: Annotated[Path, typer.Option(help="Folder of curves.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Write the page."""
    run(load_params(params, ReportStageParams), params.parent, data, metrics, plots, out)


def run(params: ReportStageParams, project: Path, data: Path, metrics: Path, plots: Path, out: Path) -> None:
    """Write ``out/index.html``.

    Parameters
    ----------
    project
        Folder that corpus roots are relative to.
    data
        Folder with the stages' outputs (``ingest/``, ``align/`` …).
    metrics, plots
        Folders that the stages wrote their JSON and TSV files to.
    out
        Folder of the page.
    """
    utterances = _utterances(data, params)
    synthesis = shards.read_table(data / "synthesize" / "synthesis.parquet", synthesis_contract(params.mel.n_mels)).to_pylist()
    evaluation = shards.read_table(data / "evaluate" / "evaluation.parquet", EVALUATION).to_pandas()
    paths = shards.corpora_shards(data / "extract", sorted(params.corpora))
    features = _feature_summary(paths, params.frames.grid().hop_s)
    page = _template().render(
        versions=versions(json.loads(synthesis[0]["lineage"])) if synthesis else {},
        stages=_stage_counts(metrics, params),
        hours=_hours(utterances),
        totals=_totals(utterances),
        distributions=_data_uri("image/png", pictures.draw_distributions(features, DISTRIBUTIONS)),
        rejects=_rejects(data, params),
        training=_read_json(metrics / "train.json"),
        curves=_curves(plots / "train"),
        scores=_read_json(metrics / "evaluate.json"),
        measures=MEASURES,
        synthesize=params.synthesize,
        examples=_examples(params, project, data, paths, utterances, synthesis, evaluation),
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.html").write_text(page, encoding="utf-8")


def versions(lineage: dict[str, Any]) -> dict[str, str]:
    """What the page was made from, as lines to read: dataset hashes, commit, libraries."""
    git = lineage.get("git", {})
    commit = f"{git.get('commit') or 'none'}{' with local changes' if git.get('dirty') else ''}"
    datasets = {f"dataset {name}".rstrip(". "): value for name, value in lineage.get("dataset", {}).items()}
    libraries = ", ".join(f"{name} {number}" for name, number in lineage.get("libraries", {}).items())
    return {**datasets, "git commit": commit, "libraries": libraries}


def _template() -> Any:
    environment = Environment(loader=PackageLoader("workflows", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["short"] = lambda value: f"{value:.3g}"
    environment.filters["number"] = lambda value, digits=2: "–" if value is None or not np.isfinite(value) else f"{value:,.{digits}f}"
    return environment.get_template("report.html")


def _utterances(data: Path, params: ReportStageParams) -> pd.DataFrame:
    tables = [shards.read_table(data / "ingest" / name / "utterances.parquet", UTTERANCES).to_pandas() for name in sorted(params.corpora)]
    utterances: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return utterances


def _feature_summary(paths: list[Path], hop_s: float) -> pd.DataFrame:
    """One row an utterance: speaker, emotion, and the scalars that the distributions show."""
    columns = ["utterance_id", "speaker", "emotion", "phones", "duration_frames", "f0_hz", "energy_db"]
    return pd.DataFrame([_summarised(row, hop_s) for row in shards.iter_rows(paths, columns)])


def _summarised(row: dict[str, Any], hop_s: float) -> dict[str, object]:
    spoken = np.asarray(row["phones"]) != SILENCE
    durations = np.asarray(row["duration_frames"], np.int32)
    speech = np.repeat(spoken, durations)
    f0_hz, energy_db = np.asarray(row["f0_hz"], np.float32), np.asarray(row["energy_db"], np.float32)
    voiced = f0_hz[~np.isnan(f0_hz)]
    return {
        "speaker": row["speaker"],
        "emotion": row["emotion"],
        "f0_median_hz": float(np.median(voiced)) if len(voiced) else float("nan"),
        "energy_db": float(energy_db[speech].mean()) if speech.any() else float("nan"),
        "phones_a_second": float(spoken.sum() / (speech.sum() * hop_s)) if speech.any() else float("nan"),
    }


def _stage_counts(metrics: Path, params: ReportStageParams) -> list[dict[str, Any]]:
    names = [(stage, corpus) for stage in ("ingest", "align", "extract") for corpus in sorted(params.corpora)]
    return [{"stage": stage, "corpus": corpus, **_read_json(metrics / stage / f"{corpus}.json")} for stage, corpus in names]


def _hours(utterances: pd.DataFrame) -> dict[str, Any]:
    """Minutes by speaker (rows) and emotion (columns)."""
    minutes = utterances.pivot_table(index="speaker", columns="emotion", values="duration_s", aggfunc="sum", fill_value=0) / 60
    rows = [{"speaker": speaker, "minutes": list(row)} for speaker, row in zip(minutes.index, minutes.to_numpy().tolist(), strict=True)]
    return {"emotions": list(minutes.columns), "rows": rows}


def _totals(utterances: pd.DataFrame) -> dict[str, Any]:
    splits = utterances["split"].value_counts()
    return {
        "utterances": len(utterances),
        "minutes": utterances["duration_s"].sum() / 60,
        "speakers": utterances["speaker"].nunique(),
        "emotions": utterances["emotion"].nunique(),
        "splits": {name: int(splits.get(name, 0)) for name in ("train", "validation", "test")},
        "shared_texts": len(_texts_in_several_splits(utterances)),
    }


def _texts_in_several_splits(utterances: pd.DataFrame) -> list[str]:
    n_splits = utterances.groupby("text")["split"].nunique()
    return [str(text) for text in n_splits[n_splits > 1].index]


def _rejects(data: Path, params: ReportStageParams) -> dict[str, Any]:
    """Rejected rows of all stages: counts by reason, and the rows themselves up to a bound."""
    per_corpus = [data / stage / corpus / "rejects.parquet" for stage in REJECT_STAGES[:3] for corpus in sorted(params.corpora)]
    paths = [*per_corpus, data / "synthesize" / "rejects.parquet"]
    rows = [row for path in paths for row in shards.read_table(path, REJECTS).to_pylist()]
    counts = pd.Series([row["reason"] for row in rows], dtype=object).value_counts()
    reasons = [{"reason": reason, "count": int(n), "description": DESCRIPTIONS[Reason(str(reason))]} for reason, n in counts.items()]
    return {"total": len(rows), "reasons": reasons, "rows": rows[:MAX_REJECTS_SHOWN], "hidden": max(0, len(rows) - MAX_REJECTS_SHOWN)}


def _curves(folder: Path) -> str | None:
    """Training curves as one picture, training and validation together; None after a training too short for a line."""
    by_loss: dict[str, dict[str, pd.DataFrame]] = {}
    for file in sorted(folder.glob("**/*.tsv")):
        table = pd.read_csv(file, sep="\t")
        curve = table.rename(columns={table.columns[-1]: "value"})
        by_loss.setdefault(file.stem, {})[file.parent.name] = curve
    shown = {name: curves for name, curves in by_loss.items() if len(next(iter(curves.values()))) > 1}
    return _data_uri("image/png", pictures.draw_curves(shown)) if shown else None


def _examples(
    params: ReportStageParams,
    project: Path,
    data: Path,
    feature_paths: list[Path],
    utterances: pd.DataFrame,
    synthesis: list[dict[str, Any]],
    evaluation: pd.DataFrame,
) -> list[dict[str, Any]]:
    recorded_rows = [row for row in synthesis if row["utterance_id"] is not None]
    chosen = {row["utterance_id"]: row for row in choose_examples(recorded_rows, params.report.examples)}
    real = {row["utterance_id"]: row for row in shards.iter_rows(feature_paths) if row["utterance_id"] in chosen}
    recorded = utterances.set_index("utterance_id")[["corpus", "audio_path"]]
    scores = evaluation.set_index("key")
    examples = []
    for utterance_id, row in chosen.items():
        corpus, audio_path = recorded.loc[utterance_id]
        with storage.opened(params.corpora[corpus].root, project, data) as root, storage.local_copy(root, audio_path, False) as recording:
            examples.append(_example(row, real[utterance_id], recording, data / "synthesize", scores, params))
    return examples


def choose_examples(rows: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """At most `n` rows, taken in turn from each (speaker, emotion), so that all are heard; in order of id."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: str(row["utterance_id"])):
        groups.setdefault((row["speaker"], row["emotion"]), []).append(row)
    in_turn = sorted((place, key) for key, members in groups.items() for place in range(len(members)))
    chosen = [groups[key][place] for place, key in in_turn[:n]]
    return sorted(chosen, key=lambda row: (row["text"], row["speaker"], row["emotion"]))


def _example(
    row: dict[str, Any], real: dict[str, Any], recording: Path, folder: Path, scores: pd.DataFrame, params: ReportStageParams
) -> dict[str, Any]:
    rate = params.frames.sample_rate_hz
    clips = {"real": recording, "copy": folder / row["copy_wav"], "model": folder / row["model_wav"]}
    return {
        **{name: row[name] for name in ("utterance_id", "speaker", "emotion", "text")},
        "audio": {kind: _player(audio.load(path, rate), rate) for kind, path in clips.items()},
        "picture": _data_uri("image/png", _mel_picture(row, real, params)),
        "scores": {kind: _scores(scores, f"{kind}|{row['utterance_id']}") for kind in ("copy", "model")},
    }


def _scores(scores: pd.DataFrame, key: str) -> dict[str, float]:
    return {name: float(scores[name].to_dict()[key]) for name in ("log_mel_distance_db", "f0_rmse_cents", "voicing_error")}


def _mel_picture(row: dict[str, Any], real: dict[str, Any], params: ReportStageParams) -> bytes:
    """The real mel and the model's, the asked-for pitch drawn over both."""
    f0_hz = np.asarray(real["f0_hz"], np.float32)
    durations = np.asarray(row["duration_frames"], np.int32)
    real_durations = np.asarray(real["duration_frames"], np.int32)
    asked_f0 = f0_hz[measures.warp(real_durations, durations)]
    panels = [
        pictures.MelPanel("recording", np.asarray(real["mel_ln"], np.float32), f0_hz, real["phones"], real_durations),
        pictures.MelPanel("model", np.asarray(row["mel_ln"], np.float32), asked_f0, row["phones"], durations),
    ]
    return pictures.draw_mels(panels, params.frames.grid().hop_s)


def _player(samples: NDArray[np.float32], sample_rate_hz: int) -> str:
    """A recording as an MP3 data URI: every browser plays it, a tenth of the WAV's size."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), sample_rate_hz, format="MP3", subtype="MPEG_LAYER_III")
    return _data_uri("audio/mpeg", buffer.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    run_main("workflows.report")
