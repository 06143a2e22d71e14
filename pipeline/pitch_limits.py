"""First pass of extract: each speaker's floor and ceiling for F0, from a search between the widest limits in some of their recordings."""

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import shards
from pipeline.cluster import in_batches, map_batches
from pipeline.digests import lowest_hashed
from pipeline.features import load_hashed
from pipeline.fingerprints import FeatureParams, recipe, sample_fingerprint
from pipeline.pitch import extract_f0, limits_from_quartiles, log_f0_histogram, quartiles_hz
from pipeline.storage import Root
from pipeline.stored import stored_samples
from schemas.errors import StorageError
from schemas.params import PitchParams
from schemas.tables.speakers import PITCH_LIMITS, PITCH_SAMPLES
from schemas.tables.utterances import UTTERANCES

_SAMPLE_BATCH = 16  # utterances a task
_COLUMNS = ("utterance_id", "speaker", "audio_path", "audio_sha256", "sample_rate_hz")

Limits = dict[str, tuple[float, float]]  # speaker -> floor and ceiling, Hz


def find_limits(corpus: str, params: FeatureParams, root: Root, utterances: Path, out: Path, at: NDArray[np.int64]) -> Limits:
    """Write `pitch_limits.parquet` and `pitch_samples.parquet`, and return the limits.

    Parameters
    ----------
    corpus
        Its name, for messages.
    root
        The corpus.
    utterances
        The table of ingest.
    out
        Folder of both tables; samples already there are used again.
    at
        Row numbers of the aligned utterances in the table, int64.
    """
    speakers = shards.read_table(utterances, UTTERANCES, ["utterance_id", "speaker", "audio_sha256"])
    names = speakers.column("speaker").to_pylist()
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for row in at:
        by_speaker[names[row]].append(int(row))
    samples: list[dict[str, Any]] = []
    if params.pitch.adaptive:
        known, unknown = _split(params, stored_samples(out / "pitch_samples.parquet"), speakers, by_speaker)
        task, batches = partial(sample_f0, root, utterances, params), in_batches(unknown, _SAMPLE_BATCH)
        found = map_batches(task, batches, f"extract {corpus}: pitch limits", lambda *_: [])
        samples = known + [sample for part in found for sample in part]
    shards.write_table(out / "pitch_samples.parquet", PITCH_SAMPLES.table(samples), PITCH_SAMPLES)
    histograms: dict[str, list[NDArray[np.int64]]] = {name: [] for name in by_speaker}
    for sample in samples:
        histograms[sample["speaker"]].append(np.array(sample["histogram"], dtype=np.int64))
    table = PITCH_LIMITS.table([_limits_row(name, found, params.pitch) for name, found in histograms.items()])
    shards.write_table(out / "pitch_limits.parquet", table, PITCH_LIMITS)
    return {row["speaker"]: (row["floor_hz"], row["ceiling_hz"]) for row in table.to_pylist()}


def _split(
    params: FeatureParams, stored: dict[str, dict[str, Any]], speakers: pa.Table, by_speaker: dict[str, list[int]]
) -> tuple[list[dict[str, Any]], list[int]]:
    """Rows of `PITCH_SAMPLES` of an earlier run that are still true, and row numbers of recordings that must be searched."""
    ids, hashes = speakers.column("utterance_id").to_pylist(), speakers.column("audio_sha256").to_pylist()
    made_by, known, unknown = recipe(params), [], []
    for speaker, rows in sorted(by_speaker.items()):
        for row in sorted(lowest_hashed(rows, params.pitch.sample_utterances, ids.__getitem__)):
            fingerprint = sample_fingerprint(made_by, hashes[row], params.pitch)
            if fingerprint in stored:
                known.append({**stored[fingerprint], "utterance_id": ids[row], "speaker": speaker})
            else:
                unknown.append(row)
    return known, unknown


def sample_f0(root: Root, utterances: Path, params: FeatureParams, rows: list[int]) -> list[dict[str, Any]]:
    """Task: F0 histograms of these utterances, searched between the widest limits, as rows of `PITCH_SAMPLES`."""
    table = shards.read_rows(utterances, np.sort(np.array(rows, dtype=np.int64)), _COLUMNS)
    grid, wide = params.frames.grid(), {"floor_hz": params.pitch.floor_hz, "ceiling_hz": params.pitch.ceiling_hz}
    made_by, found = recipe(params), []
    for utterance in table.to_pylist():
        try:
            samples = load_hashed(utterance, root, grid.sample_rate_hz, again=True)
            histogram = log_f0_histogram(extract_f0(samples, grid, params.pitch, **wide))
        except StorageError:
            raise
        except Exception:  # the second pass meets the same fault, or death, and rejects the row with its reason
            continue
        fingerprint = sample_fingerprint(made_by, utterance["audio_sha256"], params.pitch)
        named = {"utterance_id": utterance["utterance_id"], "speaker": utterance["speaker"]}
        found.append({**named, "histogram": histogram, "fingerprint": fingerprint})
    return found


def _limits_row(speaker: str, histograms: list[NDArray[np.int64]], pitch: PitchParams) -> dict[str, object]:
    quartiles = quartiles_hz(np.sum(histograms, axis=0)) if histograms else None
    floor_hz, ceiling_hz = limits_from_quartiles(quartiles, pitch)
    first, third = quartiles or (None, None)
    return {
        "speaker": speaker,
        "floor_hz": floor_hz,
        "ceiling_hz": ceiling_hz,
        "quartile_1_hz": first,
        "quartile_3_hz": third,
        "n_utterances": len(histograms),
    }
