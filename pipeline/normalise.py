"""Stage normalise: what the training split says about pitch, energy and mel, a speaker and the whole, and its vocabulary.

The statistics are applied when features are read, never written back into them.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer
from numpy.typing import NDArray

from pipeline import shards
from pipeline.stage import run_main, write_json
from schemas.errors import TableError
from schemas.params import CorpusParams, MelParams, Name, Section, load_params
from schemas.tables.alignments import SILENCE
from schemas.tables.features import features_contract
from schemas.tables.speakers import CORPUS_ROW, STATISTICS

_COLUMNS = ("speaker", "emotion", "split", "phones", "duration_frames", "f0_hz", "energy_db", "mel_ln")


class NormaliseStageParams(Section):
    """What this stage reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    mel: MelParams


@dataclass
class Moments:
    """Count, mean and sum of squared deviations of a stream, float64; joined by Chan, Golub & LeVeque (1979)."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Take in a block of values, float64 of any shape."""
        if values.size == 0:
            return
        block_mean = float(values.mean())
        block_squares = float(((values - block_mean) ** 2).sum())
        total, apart = self.n + values.size, block_mean - self.mean
        self.squares += block_squares + apart**2 * self.n * values.size / total
        self.mean += apart * values.size / total
        self.n = total

    @property
    def std(self) -> float:
        """Standard deviation of the population; 0 below two values."""
        return sqrt(self.squares / self.n) if self.n else 0.0


@dataclass
class SpeakerMoments:
    """Moments of a speaker's training rows."""

    n_utterances: int = 0
    log_f0: Moments = field(default_factory=Moments)
    energy_db: Moments = field(default_factory=Moments)
    mel_ln: Moments = field(default_factory=Moments)
    n_frames: int = 0


def run(params: NormaliseStageParams, features: Path, out: Path) -> None:
    """Write `statistics.parquet` and `vocabulary.json` of the rows of split ``train`` of the corpora in `params`.

    The vocabulary names the corpora too: training reads those, not whatever folders lie in `features`.

    Parameters
    ----------
    features
        Folder with one folder of shards a corpus.
    out
        Folder to write into.

    Raises
    ------
    TableError
        If a shard breaks its contract, or nothing is left to take statistics of.
    """
    paths = shards.corpora_shards(features, sorted(params.corpora))
    for path in paths:
        shards.read_table(path, features_contract(params.mel.n_mels), columns=[])
    moments: dict[str, SpeakerMoments] = defaultdict(SpeakerMoments)
    words: dict[str, set[str]] = {"phones": set(), "speakers": set(), "emotions": set()}
    for row in _training_rows(paths):
        speaker = row["speaker"].as_py()
        _add(row, moments[speaker], moments[CORPUS_ROW])
        words["phones"].update(row["phones"].as_py())
        words["speakers"].add(speaker)
        words["emotions"].add(row["emotion"].as_py())
    rows = [_statistics_row(speaker, found) for speaker, found in sorted(moments.items()) if _is_usable(speaker, found)]
    if not rows or rows[0]["speaker"] != CORPUS_ROW:
        raise TableError(
            f"{features}: no voiced frames in split `train`, so there is nothing to normalise by; "
            "look at extract's rejects and ingest's split"
        )
    shards.write_table(out / "statistics.parquet", STATISTICS.table(rows), STATISTICS)
    vocabulary = {name: sorted(known) for name, known in words.items()}
    write_json(out / "vocabulary.json", {"corpora": sorted(params.corpora), **vocabulary})


def _training_rows(paths: list[Path]) -> Iterator[dict[str, pa.Scalar]]:
    for batch in shards.iter_batches(paths, _COLUMNS):
        train = batch.filter(pc.equal(batch.column("split"), "train"))
        for at in range(train.num_rows):
            yield {name: train.column(name)[at] for name in _COLUMNS}


def _add(row: dict[str, pa.Scalar], *into: SpeakerMoments) -> None:
    f0_hz, energy_db, durations = (row[name].values.to_numpy() for name in ("f0_hz", "energy_db", "duration_frames"))
    speech = np.repeat(pc.not_equal(row["phones"].values, SILENCE).to_numpy(zero_copy_only=False), durations)
    log_f0 = np.log(f0_hz[np.isfinite(f0_hz)].astype(np.float64))
    mel_ln = row["mel_ln"].values.flatten().to_numpy().astype(np.float64)
    for speaker in into:
        speaker.n_utterances += 1
        speaker.n_frames += len(f0_hz)
        speaker.log_f0.add(log_f0)
        speaker.energy_db.add(energy_db[speech].astype(np.float64))
        speaker.mel_ln.add(mel_ln)


def _is_usable(speaker: str, found: SpeakerMoments) -> bool:
    """Whether there is a spread to divide by; a speaker without falls back to the corpus row, and is named."""
    flat = [name for name in ("log_f0", "energy_db", "mel_ln") if getattr(found, name).std == 0]
    if flat:
        print(f"normalise: {speaker} has no spread of {', '.join(flat)} in split train; it will be read by `{CORPUS_ROW}`", file=sys.stderr)
    return not flat


def _statistics_row(speaker: str, found: SpeakerMoments) -> dict[str, object]:
    return {
        "speaker": speaker,
        "n_utterances": found.n_utterances,
        "n_frames": found.n_frames,
        "n_voiced_frames": found.log_f0.n,
        "log_f0_mean": found.log_f0.mean,
        "log_f0_std": found.log_f0.std,
        "energy_mean_db": found.energy_db.mean,
        "energy_std_db": found.energy_db.std,
        "mel_mean_ln": found.mel_ln.mean,
        "mel_std_ln": found.mel_ln.std,
    }


def main(
    features: Annotated[Path, typer.Option(help="folder with one folder of shards a corpus")],
    out: Annotated[Path, typer.Option(help="folder of statistics and vocabulary")],
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Take statistics and vocabulary from the training split."""
    run(load_params(params, NormaliseStageParams), features, out)


if __name__ == "__main__":
    run_main("pipeline.normalise")
