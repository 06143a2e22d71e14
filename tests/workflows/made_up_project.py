"""What the stages leave for the page, made up through the tables' own contracts: quick to make, of any size, with hostile texts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import yaml

from pipeline.shards import shard_name, write_rejects, write_table
from pipeline.stage import write_json
from schemas.params import FramesParams
from schemas.reasons import Reason
from schemas.tables.alignments import ALIGNMENTS
from schemas.tables.evaluation import EVALUATION, KINDS, MEASURES
from schemas.tables.features import features_contract
from schemas.tables.quality import QUALITY
from schemas.tables.speakers import PITCH_LIMITS
from schemas.tables.synthesis import synthesis_contract
from schemas.tables.utterances import UTTERANCES
from tests.conftest import PROJECT
from tests.workflows.synthetic_features import N_MELS, SPEAKERS, feature_row
from workflows.evaluation_summary import summarise
from workflows.report import Folders, ReportStageParams

RATE_HZ, HOP = 22050, 256
TEXTS = (
    "</script><script>document.title = 'broken into'</script>",
    "<img src=x onerror=\"document.title = 'broken into'\"> & \"quoted\" 'text'",
    "شكرا جزيلا على كل شيء",
    "Party 🎉 at {{vega}} `o'clock` \u2028 <!-- <script>",
    "Plain words, once more",
)
GRID_EMOTIONS = ("angry", "neutral")
MIXES = ("angry:0.6,neutral:0.4", "neutral > angry")
N_RECORDINGS = 20

Row = dict[str, Any]


def write_project(root: Path, n: int = 60, spoken: bool = True, rejected: int = 5) -> Folders:
    """A project's data, metrics and plots after `dvc repro`; `spoken` false leaves it as it is before training."""
    splits = ["test" if index % 3 == 0 else "train" for index in range(n)]
    rows = [{**feature_row(index, split), "text": f"{TEXTS[index % len(TEXTS)]} {index // 5}"} for index, split in enumerate(splits)]
    _write_recordings(root / "corpus", rows)
    _write_data(root, rows, rejected)
    if spoken:
        _write_speech(root, [row for row in rows if row["split"] == "test"][:40])
    return Folders(root, root / "data", root / "metrics", root / "plots")


def page_params(**report: int) -> ReportStageParams:
    """The parameters of git with a corpus of this kind."""
    document = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    corpus = {**document["corpora"]["demo"], "adapter": "folder", "root": "corpus"}
    sections = {name: document[name] for name in ("frames", "pitch", "energy", "quality", "synthesize")}
    return ReportStageParams.model_validate(
        {**sections, "corpora": {"toy": corpus}, "mel": {**document["mel"], "n_mels": N_MELS}, "report": {**document["report"], **report}}
    )


def _tone(n_frames: int, f0_hz: float) -> np.ndarray:
    seconds = np.arange(n_frames * HOP) / RATE_HZ
    return (0.2 * sum(np.sin(2 * np.pi * f0_hz * k * seconds) / k for k in range(1, 8))).astype(np.float32)


def _write_recordings(folder: Path, rows: list[Row]) -> None:
    folder.mkdir(parents=True)
    for index, row in enumerate(rows[:N_RECORDINGS]):
        soundfile.write(folder / f"{index}.wav", _tone(row["n_frames"], 120 + 10 * index), RATE_HZ)


def _write_data(root: Path, rows: list[Row], rejected: int) -> None:
    data, contract = root / "data", features_contract(N_MELS)
    write_table(data / "ingest/toy/utterances.parquet", UTTERANCES.table([_utterance(i, row) for i, row in enumerate(rows)]), UTTERANCES)
    write_table(data / "align/toy/alignments.parquet", ALIGNMENTS.table([_alignment(row) for row in rows]), ALIGNMENTS)
    for shard in range(2):
        write_table(data / "extract/toy" / shard_name(shard, 2), contract.table(rows[shard::2]), contract)
    write_table(data / "extract/toy/quality-0000-of-0001.parquet", QUALITY.table([_quality(i, row) for i, row in enumerate(rows)]), QUALITY)
    limits = [{"speaker": name, "floor_hz": 75.0, "ceiling_hz": 500.0, "n_utterances": 9} for name in SPEAKERS]
    write_table(data / "extract/toy/pitch_limits.parquet", PITCH_LIMITS.table(limits), PITCH_LIMITS)
    reasons = (Reason.AUDIO_EMPTY, Reason.TEXT_MISSING, Reason.ALIGNMENT_LOW_SCORE)
    for stage, reason in zip(("ingest", "align", "extract"), reasons, strict=True):
        of_stage = [_reject(number, stage, reason) for number in range(rejected)]
        write_rejects(data / stage / "toy/rejects.parquet", of_stage)
        write_json(root / f"metrics/{stage}/toy.json", {"rows_in": len(rows) + rejected, "rows_out": len(rows), "rejected": rejected})


def _utterance(index: int, row: Row) -> Row:
    named = {name: row[name] for name in ("utterance_id", "corpus", "speaker", "emotion", "intensity", "language", "text", "split")}
    n_samples = row["n_frames"] * HOP
    audio = {"audio_path": f"{index % N_RECORDINGS}.wav", "audio_sha256": "0" * 64, "sample_rate_hz": RATE_HZ, "n_channels": 1}
    audio |= {"n_samples": n_samples, "duration_s": n_samples / RATE_HZ, "peak_db": -3.0}
    return {**named, **audio, "emotion_label": row["emotion"], "gender": "female"}


def _alignment(row: Row) -> Row:
    hop_s = FramesParams(sample_rate_hz=RATE_HZ, hop_samples=HOP, window_samples=1024, n_fft=1024).grid().hop_s
    ends = (np.cumsum(row["duration_frames"]) * hop_s).tolist()
    phones = [
        {"label": label, "start_s": start, "end_s": end} for label, start, end in zip(row["phones"], [0.0, *ends[:-1]], ends, strict=True)
    ]
    words = [{"label": "first", "start_s": 0.0, "end_s": ends[1]}, {"label": "<b>second</b>", "start_s": ends[1], "end_s": ends[-1]}]
    rest = {"duration_s": ends[-1], "score": -7.5, "text_read": "", "aligner": "made up"}
    return {"utterance_id": row["utterance_id"], "words": words, "phones": phones, **rest}


def _quality(index: int, row: Row) -> Row:
    random = np.random.default_rng(index)
    shares = {"duration_outlier_share": 0.0, "clipping_share": 0.0, "voiced_share": float(random.uniform(0.4, 0.9))}
    silences = {"leading_silence_s": 0.1, "trailing_silence_s": 0.1, "longest_pause_s": float(random.exponential(0.1))}
    levels = {"snr_db": float(random.normal(30, 4)), "edge_level_db": -30.0, "phone_rate_hz": float(random.normal(12, 1))}
    score = None if index % 7 == 0 else float(random.normal(-15, 3))
    named = {"utterance_id": row["utterance_id"], "alignment_score": score, "rejected_for": "", "fingerprint": ""}
    return {**named, **shares, **silences, **levels}


def _reject(number: int, stage: str, reason: Reason) -> Row:
    detail = f"{TEXTS[number % len(TEXTS)]} of {stage}"
    named = {"utterance_id": f"toy/s1/{stage}{number:04d}", "stage": stage, "reason": str(reason)}
    return {**named, "detail": detail, "value": None, "fingerprint": None}


def _write_speech(root: Path, rows: list[Row]) -> None:
    contract = synthesis_contract(N_MELS)
    again = [_spoken(root / "data/synthesize", row, {"request_id": row["utterance_id"]}) for row in rows]
    write_table(root / "data/synthesize/synthesis.parquet", contract.table(again), contract)
    write_table(root / "data/showcase/synthesis.parquet", contract.table(_showcase(root, rows)), contract)
    scores = [_score(index, kind, row) for index, row in enumerate(rows) for kind in KINDS]
    write_table(root / "data/evaluate/evaluation.parquet", EVALUATION.table(scores), EVALUATION)
    write_json(root / "metrics/evaluate.json", summarise(EVALUATION.table(scores).to_pandas(), 100))
    write_json(root / "metrics/train.json", {"steps": 1200, "minutes": 7.5, "device": "cpu", "parameters": {"total": 2_600_000}})
    write_json(root / "metrics/synthesize.json", {"rows_in": len(rows), "rows_out": len(rows), "rejected": 0})
    for split, every in (("train", 10), ("validation", 200)):
        for loss in ("total", "prior", "diffusion"):
            steps = np.arange(every, 1201, every)
            path = root / f"plots/train/plots/metrics/{split}/{loss}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame({"step": steps, loss: 5 / steps**0.4}).to_csv(path, sep="\t", index=False)


def _spoken(folder: Path, row: Row, changes: Row) -> Row:
    """A row of the synthesis table, and its sounds."""
    made = {
        **{name: row[name] for name in ("utterance_id", "speaker", "emotion", "text", "phones", "duration_frames", "n_frames", "mel_ln")},
        "set": "split", "intensity": 1.0, "prosody": "reference", "predicted_duration_frames": row["duration_frames"],
        "asked_f0_hz": row["f0_hz"], "asked_energy_db": row["energy_db"], "seed": 1, "seconds": row["n_frames"] * HOP / RATE_HZ,
        "lineage": json.dumps({"dataset": {"toy": "md5:12.dir"}, "git": {"commit": "abc", "dirty": True}}), "copy_wav": "copy.wav",
        **changes,
    }  # fmt: skip
    path = folder / "wavs" / f"{made['request_id']}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, _tone(row["n_frames"], 150 + 60 * made["intensity"]), RATE_HZ)
    if made["copy_wav"] is not None:
        made["copy_wav"] = str(path.relative_to(folder))
    return {**made, "model_wav": str(path.relative_to(folder))}


def _showcase(root: Path, rows: list[Row]) -> list[Row]:
    alone = {"utterance_id": None, "copy_wav": None}
    asked = [{"request_id": f"grid/{at}-{name}", "set": "grid", "emotion": name} for at in range(2) for name in GRID_EMOTIONS]
    asked += [{"request_id": f"ladder/{scale}", "set": "ladder", "emotion": "angry", "intensity": scale} for scale in (0.0, 0.5, 1.0, 2.0)]
    asked += [{"request_id": f"mix/{at}", "set": "mix", "emotion": mix} for at, mix in enumerate(MIXES)]
    return [_spoken(root / "data/showcase", rows[int(ask["request_id"].startswith("grid/1"))], {**alone, **ask}) for ask in asked]


def _score(index: int, kind: str, row: Row) -> Row:
    random = np.random.default_rng(index)
    worth = {name: float(random.uniform(0.05, 0.3)) for name in MEASURES}
    worth |= {"log_mel_distance_db": float(random.normal(5, 0.4)), "predicted_mos": 3.5}
    named = {name: row[name] for name in ("utterance_id", "speaker", "emotion", "text", "split")}
    named |= {"request_id": row["utterance_id"], "set": "split"}
    return {"key": f"{kind}|{row['utterance_id']}", "kind": kind, **named, **worth}
