"""Utterances of a dataset version as pictures: mel, pitch, phones and words, the way to judge alignment and pitch by eye."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import TableError
from schemas.names import unknown
from workflows.dataset_summary import STAGES, hop_s, reasons, recipe
from workflows.dataset_version import DATA, Version
from workflows.pictures import MelPanel, draw_mels

MAX_SHOWN = 40  # more would not fit a picture
_FEATURES = ["utterance_id", "emotion", "text", "phones", "duration_frames", "mel_ln", "f0_hz"]


def choose(version: Version, wanted: Sequence[str], n_random: int, seed: int) -> list[str]:
    """Ids to draw: those wanted, then `n_random` others, the same ones for the same seed and dataset.

    Raises
    ------
    TableError
        If an id has no features (with the reason, where it was rejected), or fewer than 1 or more than `MAX_SHOWN` are asked for.
    """
    kept = {utterance_id for corpus in version.corpora for utterance_id in _ids(version, corpus)}
    for utterance_id in wanted:
        if utterance_id not in kept:
            raise TableError(_missing(version, utterance_id, sorted(kept)))
    others = sorted(kept - set(wanted))
    chosen = [*wanted, *random.Random(seed).sample(others, min(n_random, len(others)))]
    if not 0 < len(chosen) <= MAX_SHOWN:
        raise TableError(f"{len(chosen)} utterances to draw; name 1 to {MAX_SHOWN}, or ask for some with --random 10")
    return chosen


def draw(version: Version, utterance_ids: Sequence[str]) -> bytes:
    """PNG of the utterances under each other: mel with F0 over it, words in it, phones under it."""
    panels: dict[str, MelPanel] = {}
    for corpus in version.corpora:
        wanted = pa.array(sorted(set(utterance_ids) & set(_ids(version, corpus))), pa.string())
        if len(wanted):
            features = version.tables(f"{DATA}/extract/{corpus}", "features", _FEATURES)
            alignments = version.table(f"{DATA}/align/{corpus}/alignments.parquet", ["utterance_id", "words", "score"])
            aligned = {row["utterance_id"]: row for row in _rows(alignments, wanted)}
            panels |= {row["utterance_id"]: _panel(row, aligned[row["utterance_id"]]) for row in _rows(features, wanted)}
    return draw_mels([panels[utterance_id] for utterance_id in utterance_ids], hop_s(recipe(version, version.corpora[0])))


def _panel(row: dict[str, Any], alignment: dict[str, Any]) -> MelPanel:
    score = "" if alignment["score"] is None else f" · score {alignment['score']:.1f}"
    return MelPanel(
        title=f"{row['utterance_id']} · {row['emotion']}{score} · {row['text']}",
        mel_ln=np.asarray(row["mel_ln"], np.float32),
        f0_hz=np.asarray(row["f0_hz"], np.float32),
        phones=row["phones"],
        duration_frames=np.asarray(row["duration_frames"], np.int32),
        words=[(word["label"], word["start_s"], word["end_s"]) for word in alignment["words"]],
    )


def _ids(version: Version, corpus: str) -> list[str]:
    found: list[str] = version.tables(f"{DATA}/extract/{corpus}", "features", ["utterance_id"]).column(0).to_pylist()
    return found


def _rows(table: pa.Table, wanted: pa.Array) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.filter(pc.is_in(table.column("utterance_id"), wanted)).to_pylist()
    return found


def _missing(version: Version, utterance_id: str, kept: Sequence[str]) -> str:
    for corpus in version.corpora:
        for stage in STAGES:
            if reason := reasons(version, corpus, stage).get(utterance_id):
                return f"{utterance_id} has no features in {version.name}: {stage} rejected it as {reason}; see docs/reasons.md"
    return f"{unknown('utterance', utterance_id, kept)}; give one of these, or --random 10"
