"""A model, its vocoder and some utterances of a split, spoken from their own prosody: what most benchmarks of speech begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.emotions import EmotionMix
from model.tts import Sampling, Tts
from pipeline import shards
from schemas.params import Params
from schemas.tables.features import features_contract
from workflows.checkpoint import TtsMetadata, load_tts
from workflows.dataset import collate, example_from
from workflows.requests import utterance_seed
from workflows.speaking import speak
from workflows.vocoders import Vocoder, load_vocoder

Row = dict[str, Any]
Mel = NDArray[np.float32]


@dataclass(frozen=True)
class Bench:
    """What is at hand; `rows` are whole rows of features."""

    model: Tts
    metadata: TtsMetadata
    vocode: Vocoder
    rows: list[Row]
    params: Params

    @property
    def seconds(self) -> float:
        """Length of all rows."""
        return sum(row["n_frames"] for row in self.rows) * self.params.frames.grid().hop_s

    def say(self, rows: Sequence[Row], sampling: Sampling | None = None, mix: EmotionMix | None = None) -> list[Mel]:
        """Mels of some rows in one batch, each with its own noise; without `sampling` as `synthesize` of the parameters says."""
        given = self.params.synthesize
        batch = collate([example_from(row, self.metadata.vocabulary, self.metadata.statistics) for row in rows])
        chosen = sampling or Sampling(given.sampler, given.n_steps, given.temperature)
        mels = speak(self.model, batch, [utterance_seed(given.seed, row["utterance_id"]) for row in rows], chosen, mix)
        return [np.ascontiguousarray(mel_ln[: row["n_frames"]]) for mel_ln, row in zip(mels, rows, strict=True)]


def opened(model: Path, features: Path, params: Params, limit: int) -> Bench:
    """A model's file, and at most `limit` utterances of `synthesize.split`."""
    tts, metadata = load_tts(model)
    rows = rows_of(features, metadata.vocabulary.corpora, params.synthesize.split, params.mel.n_mels, limit)
    return Bench(tts, metadata, load_vocoder(params.synthesize, params.frames.grid(), params.mel), rows, params)


def rows_of(features: Path, corpora: tuple[str, ...], split: str, n_mels: int, limit: int) -> list[Row]:
    """Every nth utterance of a split, so that all speakers and emotions are there."""
    tables = [shards.read_table(path, features_contract(n_mels)) for path in shards.corpora_shards(features, corpora)]
    rows = [row for table in tables for row in table.to_pylist() if row["split"] == split]
    rows.sort(key=lambda row: (row["speaker"], row["emotion"], row["utterance_id"]))
    return rows[:: max(1, len(rows) // limit)][:limit]
