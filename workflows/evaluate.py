"""Stage evaluate: the synthesised recordings, analysed with the pipeline's own extractors, against the real features."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from pipeline import cluster, shards, storage
from pipeline.stage import run_main, write_json
from schemas.errors import TableError
from schemas.params import CorpusParams, EvaluateParams, Name, load_params
from schemas.tables.evaluation import EVALUATION
from schemas.tables.synthesis import synthesis_contract
from workflows import judges, real_speech
from workflows.evaluation_summary import summarise
from workflows.real_speech import Recording
from workflows.scoring import Judging, Pair, ScoringParams, SpeakerFacts, score_batch

ROWS_A_TASK = 8


class EvaluateStageParams(ScoringParams):
    """What evaluate reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    evaluate: EvaluateParams


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
        task = partial(score_batch, folder=synthesis.absolute(), params=params, judging=Judging(names, voices, emotions))
        rows = [row for batch in cluster.map_batches(task, cluster.in_batches(pairs, ROWS_A_TASK), "evaluate") for row in batch]
    table = EVALUATION.table(rows)
    shards.write_table(out / "evaluation.parquet", table, EVALUATION)
    frame = table.to_pandas()
    told = {"n_clips": emotions.n_clips, "held_out_accuracy": round(emotions.held_out_accuracy, 4)} if emotions is not None else None
    kinds = summarise(frame, params.evaluate.bootstrap_samples)
    write_json(metrics, {"kinds": kinds, "judges": {name: name in names for name in judges.JUDGES}, "emotion_classifier": told})
    _write_plots(frame, plots)


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
