"""Stage report: one self-contained HTML page on the data, the training and the speech, which one can filter, hear and compare."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pipeline import audio, shards, storage
from pipeline.stage import run_main
from schemas.errors import RowError
from schemas.params import CorpusParams, Name, QualityParams, ReportParams, SynthesizeParams, load_params
from schemas.tables.evaluation import EVALUATION
from schemas.tables.speakers import PITCH_LIMITS
from schemas.tables.synthesis import SPLIT_SET, synthesis_contract
from workflows import page, page_clips, page_data
from workflows.lineage import dataset_version
from workflows.page_clips import AnalysisParams, Json, Word
from workflows.page_data import Tables

_PHONES = ("utterance_id", "corpus", "text", "phones", "duration_frames")
_DRAWN = (*_PHONES, "f0_hz", "energy_db", "mel_ln", "f0_floor_hz", "f0_ceiling_hz")


class ReportStageParams(AnalysisParams):
    """What report reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    quality: QualityParams
    synthesize: SynthesizeParams
    report: ReportParams


@dataclass(frozen=True)
class Folders:
    """Where the page's matter lies: the project (corpus roots are relative to it), and what the stages wrote."""

    project: Path
    data: Path
    metrics: Path
    plots: Path


@dataclass
class Clips:
    """What can be played and drawn, and the number of each utterance's clip."""

    clips: list[Json] = field(default_factory=list)
    of_utterance: dict[str, int] = field(default_factory=dict)

    def add(self, clip: Json) -> int:
        """Keep a clip and return its number."""
        self.clips.append(clip)
        return len(self.clips) - 1


def main(
    data: Annotated[Path, typer.Option(help="Folder with the stages' outputs.")],
    metrics: Annotated[Path, typer.Option(help="Folder of the stages' metrics.")],
    plots: Annotated[Path, typer.Option(help="Folder of curves.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Write the page."""
    run(load_params(params, ReportStageParams), Folders(params.parent, data, metrics, plots), out)
    print(f"report: open {out / 'index.html'}", file=sys.stderr)


def run(params: ReportStageParams, folders: Folders, out: Path) -> None:
    """Write ``out/index.html``. Sections whose stages have not run say what to run.

    Raises
    ------
    TableError
        If ingest has not run, or a table is of another version of this code.
    """
    corpora, data = sorted(params.corpora), folders.data
    tables = page_data.read_tables(data, corpora, params.frames.grid().hop_s)
    evaluation = page_data.read_optional(data / "evaluate" / "evaluation.parquet", EVALUATION)
    synthesis = _synthesis(data / "synthesize", params)
    odd = page_data.outliers(tables, params.report.outliers)
    again = [row for row in synthesis if row["set"] == SPLIT_SET]
    shown = [row["request_id"] for row in _synthesis(data / "showcase", params)]
    of_table = [row["request_id"] for row in synthesis if row["set"] != SPLIT_SET]
    requests = {"showcase": shown, "synthesize": of_table[: params.report.examples]}
    chosen = choose_examples(again or _recordings(tables), params.report.examples)
    clips = Clips()
    _add_utterances(clips, {*chosen, *(row["utterance_id"] for row in odd)}, set(chosen), tables, folders, params)
    document = {
        "versions": versions(_lineage(synthesis, folders, corpora)),
        "totals": page_data.totals(tables),
        "stages": page_data.stage_counts(folders.metrics, corpora),
        "minutes": page_data.minutes(tables.kept),
        "prosody": page_data.boxes(tables.prosody),
        "quality": page_data.histograms(tables.quality, params.quality),
        "rejects": page_data.rejected(tables),
        "outliers": [{**row, "clip": clips.of_utterance.get(row["utterance_id"])} for row in odd],
        "training": page_data.read_json(folders.metrics / "train.json") or None,
        "curves": page_data.curves(folders.plots / "train"),
        "scores": page_data.scores(folders.metrics),
        "synthesize": params.synthesize.model_dump() if synthesis else None,
        "utterances": page_data.listed(tables, evaluation, clips.of_utterance, params.report.listed),
        "showcase": _renderings(clips, requests, tables, folders, params),
        "requests_unheard": len(of_table) - len(requests["synthesize"]),
        "sounds": [list(clip["sounds"]) for clip in clips.clips],
        "hop_s": params.frames.grid().hop_s,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.html").write_text(page.assemble(document, clips.clips), encoding="utf-8")


def versions(lineage: Json) -> dict[str, str]:
    """What the page was made from, as lines to read: dataset hashes, commit, libraries."""
    git = lineage.get("git", {})
    commit = f"{git.get('commit') or 'none'}{' with local changes' if git.get('dirty') else ''}"
    datasets = {f"dataset {name}": value for name, value in lineage.get("dataset", {}).items()}
    libraries = ", ".join(f"{name} {number}" for name, number in lineage.get("libraries", {}).items())
    lines = {**datasets, "git commit": commit if git else "", "libraries": libraries}
    return {name: line for name, line in lines.items() if line}


def choose_examples(rows: list[Json], n: int) -> list[str]:
    """Ids of at most `n` rows, taken in turn from each (speaker, emotion), so that all are heard."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: str(row["utterance_id"])):
        groups.setdefault((row["speaker"], row["emotion"]), []).append(row["utterance_id"])
    in_turn = sorted((place, key) for key, members in groups.items() for place in range(len(members)))
    return [groups[key][place] for place, key in in_turn[:n]]


def _synthesis(folder: Path, params: ReportStageParams) -> list[Json]:
    """What was synthesised, without tracks and mels; none where the stage has not run."""
    path, contract = folder / "synthesis.parquet", synthesis_contract(params.mel.n_mels)
    columns = ["request_id", "utterance_id", "set", "speaker", "emotion", "lineage"]
    return shards.read_table(path, contract, columns).to_pylist() if path.is_file() else []


def _recordings(tables: Tables) -> list[Json]:
    columns = ["utterance_id", "speaker", "emotion"]
    return [dict(zip(columns, values, strict=True)) for values in tables.kept[columns].itertuples(index=False)]


def _lineage(synthesis: list[Json], folders: Folders, corpora: list[str]) -> Json:
    """The model's lineage; of the dataset alone before there is a model."""
    if synthesis:
        return dict(json.loads(synthesis[0]["lineage"]))
    made = [name for name in corpora if shards.shard_paths(folders.data / "extract" / name)]
    return {"dataset": dataset_version(folders.data / "extract", made, folders.project / "dvc.lock")}


def _add_utterances(clips: Clips, wanted: set[str], spoken: set[str], tables: Tables, folders: Folders, params: ReportStageParams) -> None:
    """A clip for each wanted utterance; those of `spoken` with copy-synthesis and model, where they were made."""
    features = {row["utterance_id"]: row for row in _feature_rows(folders, params, wanted, _DRAWN)}
    words = _words(folders, params, features)
    again = _requested(folders.data / "synthesize", params, spoken)  # a split's requests have the utterances' ids
    model = {row["utterance_id"]: row for row in again if row["set"] == SPLIT_SET}
    recorded = tables.utterances.set_index("utterance_id")
    corpora, paths = recorded["corpus"].to_dict(), recorded["audio_path"].to_dict()
    for utterance_id in sorted(wanted):
        sound = _recording_sound(corpora[utterance_id], paths[utterance_id], folders, params)
        clip: Json = {"sounds": sound, "panels": []}
        if (row := features.get(utterance_id)) is not None:
            clip["panels"].append(page_clips.recording_panel(row, words.get(utterance_id, [])))
        if (made := model.get(utterance_id)) is not None:
            _add_model(clip, made, words.get(utterance_id, []), folders.data / "synthesize", _limits(row), params)
        clips.of_utterance[utterance_id] = clips.add(clip)


def _recording_sound(corpus: str, audio_path: str, folders: Folders, params: ReportStageParams) -> dict[str, str]:
    """The recording as it is played; nothing where it cannot be had any more."""
    rate = params.frames.sample_rate_hz
    try:
        base = params.corpora[corpus].root
        with storage.opened(base, folders.project, folders.data) as root, storage.local_copy(root, audio_path, False) as path:
            return {"real": page_clips.mp3(audio.load(path, rate), rate)}
    except RowError:
        return {}


def _add_model(clip: Json, row: Json, words: list[Word], folder: Path, limits: Json, params: ReportStageParams) -> Json:
    """Add the model's sound and panel, and the copy-synthesis where there is one, to a clip; return what the sound's prosody is."""
    grid = params.frames.grid()
    samples, rendered = page_clips.analyse(folder / row["model_wav"], params, limits)
    clip["sounds"]["model"] = page_clips.mp3(samples, grid.sample_rate_hz)
    if row["copy_wav"] is not None:
        clip["sounds"]["copy"] = page_clips.mp3(audio.load(folder / row["copy_wav"], grid.sample_rate_hz), grid.sample_rate_hz)
    clip["panels"].append(page_clips.model_panel(row, words, rendered))
    durations = np.asarray(row["duration_frames"], np.int32)
    heard = page_clips.summary(rendered.f0_hz, rendered.energy_db, row["phones"], durations, grid.hop_s)
    return {name: page_clips.number(value, 3) for name, value in heard.items()}


def _renderings(clips: Clips, requests: dict[str, list[str]], tables: Tables, folders: Folders, params: ReportStageParams) -> list[Json]:
    """The requests of each stage (ids), each with its clip and what its sound's prosody is."""
    shown: list[Json] = []
    asked = [(folders.data / stage, row) for stage, ids in requests.items() for row in _requested(folders.data / stage, params, set(ids))]
    texts = {row["text"] for _, row in asked}
    ids = set(tables.utterances.loc[tables.utterances["text"].isin(texts), "utterance_id"]) if asked else set()
    recorded = {row["utterance_id"]: row for row in _feature_rows(folders, params, ids, _PHONES)}
    words = _words(folders, params, recorded)
    spans = {(row["text"], tuple(row["phones"])): words[name] for name, row in recorded.items() if name in words}
    limits = _limits_of_speakers(folders.data, sorted(params.corpora))
    for folder, row in asked:
        clip: Json = {"sounds": {}, "panels": []}
        between = limits.get(row["speaker"], {"floor_hz": params.pitch.floor_hz, "ceiling_hz": params.pitch.ceiling_hz})
        heard = _add_model(clip, row, spans.get((row["text"], tuple(row["phones"])), []), folder, between, params)
        named = {name: row[name] for name in ("set", "speaker", "emotion", "intensity", "prosody", "text")}
        shown.append({**named, "duration_s": page_clips.number(row["seconds"], 3), **heard, "clip": clips.add(clip)})
    return shown


def _feature_rows(folders: Folders, params: ReportStageParams, wanted: set[str], columns: Sequence[str]) -> Iterator[Json]:
    """Columns of the wanted utterances' feature rows."""
    paths = [path for name in sorted(params.corpora) for path in shards.shard_paths(folders.data / "extract" / name)]
    return shards.rows_where(paths, "utterance_id", wanted, columns)


def _requested(folder: Path, params: ReportStageParams, ids: set[str]) -> Iterator[Json]:
    """Whole rows of a synthesis table; none where the stage has not run."""
    paths = [path for path in (folder / "synthesis.parquet",) if path.is_file()]
    return shards.rows_where(paths, "request_id", ids, synthesis_contract(params.mel.n_mels).arrow.names)


def _words(folders: Folders, params: ReportStageParams, features: dict[str, Json]) -> dict[str, list[Word]]:
    """The words of each feature row, over its phones."""
    hop_s, found = params.frames.grid().hop_s, {}
    for corpus in sorted({row["corpus"] for row in features.values()}):
        path = folders.data / "align" / corpus / "alignments.parquet"
        for row in shards.rows_where([path] if path.is_file() else [], "utterance_id", set(features), ("utterance_id", "words")):
            durations = np.asarray(features[row["utterance_id"]]["duration_frames"], np.int32)
            found[row["utterance_id"]] = page_clips.words_of(row, durations, hop_s)
    return found


def _limits(row: Any) -> Json:
    return {"floor_hz": row["f0_floor_hz"], "ceiling_hz": row["f0_ceiling_hz"]}


def _limits_of_speakers(data: Path, corpora: list[str]) -> dict[str, Json]:
    paths = [data / "extract" / name / "pitch_limits.parquet" for name in corpora]
    return {row["speaker"]: row for path in paths if path.is_file() for row in shards.read_table(path, PITCH_LIMITS).to_pylist()}


if __name__ == "__main__":
    run_main("workflows.report")
